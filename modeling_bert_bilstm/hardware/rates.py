"""How fast a device multiplies matrices, which bounds what any model can reach on it."""

import time
from functools import lru_cache

import torch


# Word pieces, width and inner width of a small encoder's layer.
_LAYER_SHAPE = (512, 384, 1536)
_MIN_SPEEDUP = 1.2  # below that, bfloat16 costs accuracy for nothing
_NUM_ROUNDS = 5
# A product takes microseconds on an accelerator, so that one alone would measure its start.
_PRODUCTS_A_ROUND = 20


def measure_matrix_rate(
    dtype: torch.dtype, device: str | torch.device = "cpu", size: int = 2048, num_rounds: int = _NUM_ROUNDS
) -> float:
    """Return the rate of square matrix products, the best of some rounds, in floating point operations a second.

    Args:
        dtype: Precision of the matrices.
        device: Where to multiply.
        size: Rows and columns.
        num_rounds: Rounds, after one that does not count.
    """
    device = torch.device(device)
    left, right = (torch.full((size, size), 0.5, dtype=dtype, device=device) for _ in range(2))
    num_products = 1 if device.type == "cpu" else _PRODUCTS_A_ROUND
    seconds = min([_time_products(left, right, num_products) for _ in range(num_rounds + 1)][1:])
    return 2 * size**3 * num_products / seconds


def is_bfloat16_faster(device: str | torch.device = "cpu") -> bool:
    """Return whether a layer of an encoder is faster in bfloat16 than in float32 here.

    On a CPU this is measured, once a process: a processor without instructions for bfloat16 is many times slower in
    it. On a CUDA GPU it is so where the hardware has it; of other accelerators nothing is known, and it is not.
    """
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and _measure_speedup() >= _MIN_SPEEDUP


@lru_cache(maxsize=1)
def _measure_speedup() -> float:
    """Seconds of a layer's product in float32 over those in bfloat16, each the best of rounds taken in turn."""
    num_word_pieces, width, inner_width = _LAYER_SHAPE
    states, weight = torch.full((num_word_pieces, width), 0.5), torch.full((inner_width, width), 0.5)
    pairs = [(states.to(dtype), weight.to(dtype).t()) for dtype in (torch.float32, torch.bfloat16)]
    rounds = [[_time_products(left, right) for left, right in pairs] for _ in range(_NUM_ROUNDS + 1)][1:]
    single, half = (min(column) for column in zip(*rounds, strict=True))
    return single / half


def _time_products(left: torch.Tensor, right: torch.Tensor, num_products: int = 1) -> float:
    with torch.inference_mode():
        _wait(left.device)
        start = time.perf_counter()
        for _ in range(num_products):
            torch.mm(left, right)
        _wait(left.device)
        return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
