"""Runtimes that can score a batch, behind one name each: built, checked against torch, and chosen by time.

Shapes: B reviews, T word pieces, C classes.
"""

import copy
import importlib
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from .batches import pad_batch
from .workers import map_side_by_side


logger = logging.getLogger(__name__)

# The module that builds each backend, and what it is told; a module is imported only when it is asked for.
_BUILDERS = {
    "torch": ("torch_backend", {"compiled": False}),
    "torch_compiled": ("torch_backend", {"compiled": True}),
    "onnx": ("onnx_backend", {"int8": False}),
    "onnx_int8": ("onnx_backend", {"int8": True}),
    "openvino": ("openvino_backend", {"int8": False}),
    "openvino_int8": ("openvino_backend", {"int8": True}),
}
BACKENDS = tuple(_BUILDERS)
PRECISIONS = ("auto", "float32", "bfloat16")

# What "auto" tries. Whole numbers of 8 bits change answers more than a user who did not ask for them may expect, and
# only torch computes on a GPU.
_CPU_CANDIDATES = ("torch", "torch_compiled", "onnx", "openvino")
GPU_BACKENDS = ("torch", "torch_compiled")

# How far a probability may be from that of torch in float32 before the backend is taken to be broken.
_MAX_DIFFERENCE = 0.02
_MAX_INT8_DIFFERENCE = 0.1

_TIMED_ROUNDS = 2


class BackendError(RuntimeError):
    """A backend cannot be used: its answers are not those of the model, or none could be built."""


class Backend(Protocol):
    """What scores a padded batch.

    Attributes:
        name: One of `BACKENDS`.
        precision: What it computes in: `float32`, `bfloat16` or `int8`.
        num_workers: How many batches it is best given at once, from as many threads.
    """

    name: str
    precision: str
    num_workers: int

    def compute_logits(self, input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        """Score a padded batch: int64 (B, T), (B, T) -> float32 (B, C)."""


# ---------------------------------------------------------------------------------------------------------------------
# Building


def check_names(backend: str, precision: str) -> None:
    """Make sure that there is such a backend, `auto` among them, and such a precision.

    Raises:
        ValueError: There is not; the message lists those that exist.
    """
    if backend != "auto" and backend not in BACKENDS:
        raise ValueError(f"`backend` must be 'auto' or one of {BACKENDS}, got {backend!r}.")
    if precision not in PRECISIONS:
        raise ValueError(f"`precision` must be one of {PRECISIONS}, got {precision!r}.")


def build_backend(
    name: str,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    precision: str = "auto",
    folder: Path | None = None,
) -> Backend:
    """Return a backend that gives the answers of the model, which is not changed.

    Args:
        name: One of `BACKENDS`.
        model: In float32, on any device; backends other than torch compute on the CPU.
        tokenizer: The model's.
        precision: One of `PRECISIONS`; `auto` is bfloat16 where it was measured to be faster.
        folder: Where the model was loaded from; may hold files of other runtimes.

    Raises:
        ValueError: There is no such backend or precision.
        ImportError: The backend's package is not installed; the message says how to install it.
        BackendError: Its answers are not those of the model.
    """
    check_names(name, precision)
    if name == "auto":
        raise ValueError("'auto' is chosen by time, on reviews: use `choose_backend`.")
    module_name, options = _BUILDERS[name]
    if module_name != "torch_backend" and model.device.type != "cpu":
        model = copy.deepcopy(model).cpu()
    module = importlib.import_module(f".{module_name}", __package__)
    torch_module = importlib.import_module(".torch_backend", __package__)
    backend = module.build(torch_module.share_model(model), tokenizer, precision=precision, folder=folder, **options)
    if (backend.name, backend.precision) != ("torch", "float32"):
        check_backend(backend, model)
    return backend


def choose_backend(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sample: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    precision: str = "auto",
    folder: Path | None = None,
) -> Backend:
    """Build each backend that is installed and can compute where the model stands, and return the fastest.

    Args:
        model: As for `build_backend`.
        tokenizer: As for `build_backend`.
        sample: Padded batches to time it on: `input_ids` and `attention_mask` of shape (B, T) each.
        precision: As for `build_backend`.
        folder: As for `build_backend`.

    Raises:
        BackendError: None could be built; the message holds the reason of each.
    """
    fastest, least_seconds, failures = None, float("inf"), []
    for name in _CPU_CANDIDATES if model.device.type == "cpu" else GPU_BACKENDS:
        try:
            backend = build_backend(name, model, tokenizer, precision=precision, folder=folder)
            seconds = time_backend(backend, sample)
        except Exception as error:  # runtimes fail in ways of their own, and another one may do
            failures.append(f"{name}: {error}")
            logger.warning("Backend %r is left out: %s", name, error)
            continue
        logger.info("Backend %r in %s takes %.3f s for the sample.", name, backend.precision, seconds)
        if seconds < least_seconds:
            fastest, least_seconds = backend, seconds
    if fastest is None:
        raise BackendError(f"No backend could be built. {'; '.join(failures)}")
    logger.info("Backend %r is the fastest.", fastest.name)
    return fastest


def time_backend(backend: Backend, sample: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """Return the seconds that the batches take, in the best of some rounds after one that does not count."""
    seconds = []
    for _ in range(1 + _TIMED_ROUNDS):
        started = time.perf_counter()
        list(map_side_by_side(lambda batch: backend.compute_logits(*batch), sample, backend.num_workers))
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:])


# ---------------------------------------------------------------------------------------------------------------------
# Checking


def compute_probabilities(logits: np.ndarray, problem_type: str) -> np.ndarray:
    """Return what the logits say: float32 (B, C) -> float32 (B, C).

    Probabilities that sum to 1 over the classes; for several labels a review a probability each; for regression the
    numbers themselves.
    """
    scores = torch.from_numpy(np.array(logits, dtype=np.float64))
    if problem_type == "multi_label_classification":
        scores = scores.sigmoid()
    elif problem_type != "regression":
        scores = scores.softmax(dim=1)
    return scores.float().numpy()


def check_backend(backend: Backend, model: PreTrainedModel) -> None:
    """Compare a backend with torch in float32 on padded batches, reviews of one window and of several among them.

    Raises:
        BackendError: A probability (for regression: a number, relative to its size where that is above 1) is farther
            off than rounding explains.
    """
    reference = importlib.import_module(".torch_backend", __package__).build(model, precision="float32")
    max_difference = _MAX_INT8_DIFFERENCE if backend.name.endswith("_int8") else _MAX_DIFFERENCE
    problem_type = model.config.problem_type
    for input_ids, attention_mask in _build_check_batches(model.config):
        expected = compute_probabilities(reference.compute_logits(input_ids, attention_mask), problem_type)
        found = compute_probabilities(backend.compute_logits(input_ids, attention_mask), problem_type)
        shape = input_ids.shape
        if found.shape != expected.shape:
            raise BackendError(
                f"Backend {backend.name!r} gives an answer of shape {found.shape} to a batch of shape {shape}, "
                f"expected {expected.shape}."
            )
        difference = float(np.max(np.abs(found - expected) / np.maximum(1, np.abs(expected))))
        if not difference <= max_difference:  # not a number is too far as well
            raise BackendError(
                f"Backend {backend.name!r} in {backend.precision} differs from torch in float32 by {difference:.4f} "
                f"on a batch of shape {shape}; at most {max_difference} is rounding. Take another `backend` or "
                "`precision`."
            )


def _build_check_batches(config: PreTrainedConfig) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Random word pieces, the same in each run: one review alone, some of one window, some of several."""
    generator = np.random.default_rng(0)
    window = config.window_length
    pad_token_id = getattr(config.encoder_config, "pad_token_id", None) or 0
    words = np.setdiff1d(np.arange(config.encoder_config.vocab_size), [pad_token_id])
    for lengths in ([window // 2 + 1], [window, 3, window // 2 + 1], [2 * window + 7, window + 1, 5]):
        yield pad_batch([generator.choice(words, length) for length in lengths], pad_token_id)
