"""Logits by torch, on the device of the model: as it is, or with a compiled encoder.

In bfloat16 the model runs under autocast, whose probabilities stay nearer to those of float32 than a model that is
bfloat16 throughout. Autocast would cast every weight anew for every batch; the copy scored here holds the matrices in
bfloat16 already, which gives the same numbers to the last bit.

Shapes: B reviews, T word pieces, W windows, L word pieces a window, D encoder width, C classes.
"""

import copy
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import ModelOutput

from ..hardware.rates import is_bfloat16_faster
from .workers import map_side_by_side


def build(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase | None = None,
    *,
    precision: str = "auto",
    folder: Path | None = None,
    compiled: bool = False,
) -> "TorchBackend":
    """Return a backend that scores where the model stands.

    Args:
        model: In float32. It is not changed; its weights are copied.
        tokenizer: Not needed here.
        precision: `float32`, `bfloat16`, or `auto`: bfloat16 where it was measured to be faster.
        folder: Not needed here.
        compiled: Compile the encoder now, for any number of reviews and any length; takes up to minutes.
    """
    if precision == "auto":
        precision = "bfloat16" if is_bfloat16_faster(model.device) else "float32"
    backend = TorchBackend(model, precision, is_compiled=compiled)
    if compiled:
        backend.warm_up()
    return backend


class TorchBackend:
    """A copy of a model for scoring, see `build`, with the weights of the moment."""

    def __init__(self, model: PreTrainedModel, precision: str, is_compiled: bool = False):
        self.name = "torch_compiled" if is_compiled else "torch"
        self.precision = precision
        self.num_workers = torch.get_num_threads() if model.device.type == "cpu" else 1
        self.min_batches = 2 * self.num_workers  # fewer would leave cores idle
        self.model = copy.deepcopy(model).eval()
        if precision == "bfloat16":
            _hold_matrices_in_bfloat16(self.model)
        if is_compiled:
            self.model.encoder = _CompiledEncoder(self.model.encoder)

    def compute_logits(self, input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        """Score a padded batch: int64 (B, T), (B, T) -> float32 (B, C)."""
        device = self.model.device
        batch = {
            "input_ids": torch.from_numpy(input_ids).to(device),
            "attention_mask": torch.from_numpy(attention_mask).to(device),
        }
        is_bfloat16 = self.precision == "bfloat16"
        autocast = torch.autocast(device.type, torch.bfloat16, enabled=is_bfloat16)
        with torch.inference_mode(), autocast:
            return self.model(**batch).logits.float().cpu().numpy()

    def warm_up(self) -> None:
        """Compile for any size: for a batch that has all cores, and for a worker's batch, which has its part."""
        window_length = self.model.config.window_length
        for shape in ((2, min(48, window_length)), (3, 2 * window_length + 1)):
            batch = np.ones(shape, dtype=np.int64)
            self.compute_logits(batch, batch)
            list(map_side_by_side(lambda b: self.compute_logits(b, b), [batch], self.num_workers, min_items=1))


class _CompiledEncoder(nn.Module):
    """An encoder with one program for all sizes, the weights its constants, packed once for the kernels' needs.

    A program holds for the number of threads that it was compiled with: there is one for each. A size of 1 is a
    constant to the compiler: a single window would have to wait for a program of its own, and goes through the
    encoder as it is.
    """

    def __init__(self, encoder: nn.Module):
        super().__init__()
        self.encoder = encoder
        self.programs: dict[int, Callable[..., ModelOutput]] = {}  # by number of threads

    def forward(self, attention_mask: torch.Tensor, **inputs: torch.Tensor) -> ModelOutput:
        """Word pieces of windows of shape (W, L) -> states of shape (W, L, D)."""
        if 1 in attention_mask.shape:
            return self.encoder(attention_mask=attention_mask, **inputs)
        num_threads = torch.get_num_threads()
        program = self.programs.get(num_threads) or self.programs.setdefault(num_threads, _build_program())
        return program(self.encoder, attention_mask=attention_mask, **inputs)


def _run_encoder(encoder: nn.Module, **inputs: torch.Tensor) -> ModelOutput:
    return encoder(**inputs)


def _build_program() -> Callable[..., ModelOutput]:
    """Return a compiled function that shares its code object, and so the compiler's list of programs, with no other.

    In a list of several the compiler moves the one that it found to the front; another thread that is looking
    meanwhile may miss its own (torch 2.13) and compile anew what is there. A list has a limit, too.
    """
    own = types.FunctionType(_run_encoder.__code__.replace(), _run_encoder.__globals__)
    return torch.compile(own, dynamic=True, options={"freezing": True})


def share_model(model: PreTrainedModel) -> PreTrainedModel:
    """Return a copy in evaluation mode that shares the weights, so that nothing done to it shows in the original."""
    shared = {id(parameter): parameter for parameter in model.parameters()}
    return copy.deepcopy(model, shared).eval()


def _hold_matrices_in_bfloat16(model: PreTrainedModel) -> None:
    """Replace the matrices that autocast would cast; embeddings, norms and the LSTM are left to it."""
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            for name, parameter in layer.named_parameters(recurse=False):
                setattr(layer, name, nn.Parameter(parameter.detach().bfloat16(), requires_grad=False))
