"""The precision of attention in training on a CPU."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode


def choose_attention_precision(
    device: torch.device, *, is_compiled: bool = False, is_recomputed: bool = False
) -> AbstractContextManager:
    """Return the context of a training step: `Float32Attention` on a CPU, nothing elsewhere.

    Args:
        device: Where the model is trained.
        is_compiled: Whether torch.compile makes a program of it, which has kernels of its own.
        is_recomputed: Whether the backward pass computes the forward pass anew (gradient checkpointing), which the
            context does not reach.
    """
    is_wanted = device.type == "cpu" and not (is_compiled or is_recomputed)
    return Float32Attention() if is_wanted else nullcontext()


class Float32Attention(TorchFunctionMode):
    """Within it, fused attention that a CPU would compute in bfloat16 is computed in float32.

    The backward pass of the kernel multiplies many small blocks. In bfloat16 each of them is a call of oneDNN, which
    takes longer to prepare than to compute: for windows of 150 word pieces that made the backward pass four times as
    slow as in float32 (docs/log.md). The forward pass, which has fewer calls, is faster in bfloat16.

    Attention with dropout is not fused, and stays as it is, like all on other devices.
    """

    def __torch_function__(
        self, function: Callable, types: tuple[type, ...], args: tuple = (), kwargs: dict | None = None
    ) -> torch.Tensor:
        """Call a function of torch, attention in float32."""
        kwargs = kwargs or {}
        if function is not scaled_dot_product_attention or not _is_slow(*args, **kwargs):
            return function(*args, **kwargs)
        args, kwargs = ([_widen(x) for x in args], {name: _widen(x) for name, x in kwargs.items()})
        with torch.autocast("cpu", enabled=False):
            return function(*args, **kwargs).bfloat16()


def _is_slow(query: torch.Tensor, *args, dropout_p: float = 0.0, **kwargs) -> bool:
    return query.device.type == "cpu" and query.dtype == torch.bfloat16 and not dropout_p


def _widen(value: object) -> object:
    return value.float() if torch.is_tensor(value) and value.is_floating_point() else value
