"""Runtimes that can score a batch, behind one name each: built, checked against torch, and chosen by time.

Shapes: B reviews, T word pieces, C classes.
"""

import copy
import importlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import torch
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from .batches import pad_batch
from .workers import map_side_by_side


logger = logging.getLogger(__name__)
Batch = TypeVar("Batch")

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

# How far a probability may be from that of torch in float32 before the backend is taken to be broken. In int8 single
# reviews may be far off while nearly all labels stay, so that there the mean over the reviews counts.
_MAX_DIFFERENCE = 0.02
MAX_MEAN_INT8_DIFFERENCE = 0.05

_TIMED_ROUNDS = 2


class BackendError(RuntimeError):
    """A backend cannot be used: its answers are not those of the model, or none could be built."""


class Backend(Protocol):
    """What scores a padded batch.

    Attributes:
        name: One of `BACKENDS`.
        precision: What it computes in: `float32`, `bfloat16` or `int8`.
        num_workers: How many batches it is best given at once, from as many threads.
        min_batches: From how many batches on; fewer are best given one after the other.
    """

    name: str
    precision: str
    num_workers: int
    min_batches: int

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
            level = logging.INFO if isinstance(error, ImportError) else logging.WARNING
            logger.log(level, "Backend %r is left out: %s", name, error)
            continue
        logger.info("Backend %r in %s takes %.3f s for the sample.", name, backend.precision, seconds)
        if seconds < least_seconds:
            fastest, least_seconds = backend, seconds
    if fastest is None:
        raise BackendError(f"No backend could be built. {'; '.join(failures)}")
    logger.info("Backend %r is the fastest.", fastest.name)
    return fastest


def map_batches(
    backend: Backend, build_batch: Callable[[Batch], tuple[np.ndarray, np.ndarray]], batches: Sequence[Batch]
) -> Iterator[np.ndarray]:
    """Yield the logits of each batch in their order, as many at once as the backend likes; close it to stop early."""

    def compute_logits(batch: Batch) -> np.ndarray:
        return backend.compute_logits(*build_batch(batch))

    return map_side_by_side(compute_logits, batches, backend.num_workers, backend.min_batches)


def time_backend(backend: Backend, sample: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """Return the seconds that the batches take, in the best of some rounds after one that does not count."""
    seconds = []
    for _ in range(1 + _TIMED_ROUNDS):
        started = time.perf_counter()
        list(map_batches(backend, lambda batch: batch, sample))
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


def compute_differences(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return the largest difference of each review, relative to numbers above 1: (B, C), (B, C) -> (B,)."""
    return (np.abs(found - expected) / np.maximum(1, np.abs(expected))).max(axis=1)


def check_backend(backend: Backend, model: PreTrainedModel) -> None:
    """Compare a backend with torch in float32 on padded batches, reviews of one window and of several among them.

    Raises:
        BackendError: A probability (for regression: a number, relative to its size where that is above 1) is farther
            off than rounding explains.
    """
    reference = importlib.import_module(".torch_backend", __package__).build(model, precision="float32")
    problem_type = model.config.problem_type
    differences = []
    for input_ids, attention_mask in _build_check_batches(model.config):
        expected = compute_probabilities(reference.compute_logits(input_ids, attention_mask), problem_type)
        found = compute_probabilities(backend.compute_logits(input_ids, attention_mask), problem_type)
        shape = input_ids.shape
        if found.shape != expected.shape:
            raise BackendError(
                f"Backend {backend.name!r} gives an answer of shape {found.shape} to a batch of shape {shape}, "
                f"expected {expected.shape}."
            )
        differences.append(compute_differences(found, expected))
    is_int8 = backend.name.endswith("_int8")
    found, limit = (np.mean, MAX_MEAN_INT8_DIFFERENCE) if is_int8 else (np.max, _MAX_DIFFERENCE)
    difference = float(found(np.concatenate(differences)))
    if not difference <= limit:  # not a number is too far as well
        raise BackendError(
            f"Backend {backend.name!r} in {backend.precision} differs from torch in float32 by {difference:.4f} "
            f"{'in the mean' if is_int8 else 'at most'} on {sum(map(len, differences))} reviews; up to {limit} is "
            "rounding. Take another `backend` or `precision`."
        )


def _build_check_batches(config: PreTrainedConfig) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Random word pieces, the same in each run: one review alone, some of one window, some of several."""
    generator = np.random.default_rng(0)
    window = config.window_length
    pad_token_id = getattr(config.encoder_config, "pad_token_id", None) or 0
    words = np.setdiff1d(np.arange(config.encoder_config.vocab_size), [pad_token_id])
    for lengths in ([window // 2 + 1], [window, 3, window // 2 + 1], [2 * window + 7, window + 1, 5]):
        yield pad_batch([generator.choice(words, length) for length in lengths], pad_token_id)
