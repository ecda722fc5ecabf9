"""What scores the shards of a corpus: this process, or the workers of Ray.

Shapes: N reviews of a shard, C labels.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np

from ...hardware import measure_peak_memory
from .scorers import ScorerOptions
from .shards import Shard


class Engine(AbstractContextManager, Protocol):
    """What scores shards, each by itself, so that every engine gives the same probabilities.

    Attributes:
        resolved: What an engine that goes on with the job must be told: backend, precision, kind of device.
        peak_memory_mib: The most memory that a process that scores has held so far.
    """

    resolved: dict[str, str]
    peak_memory_mib: float

    def score(self, shards: Iterator[Shard], report: Callable[[int], object]) -> Iterator[tuple[Shard, np.ndarray]]:
        """Yield each shard, its texts perhaps gone, and its probabilities, (N, C), in whatever order they are ready.

        Args:
            shards: Taken one by one, no more than are needed.
            report: Called with numbers of reviews that have been scored.
        """


class LocalEngine:
    """Scores in this process, with all its threads."""

    def __init__(self, options: ScorerOptions):
        self._options = options if options.device else options.resolve()
        self._scorer = self._options.build_scorer()

    def __enter__(self) -> "LocalEngine":
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing is open."""

    @property
    def resolved(self) -> dict[str, str]:
        """See `Engine`."""
        options, backend = self._options, self._scorer.backend
        is_chosen = options.backend == "auto" and backend is not None
        name, precision = (backend.name, backend.precision) if is_chosen else (options.backend, options.precision)
        return {"backend": name, "precision": precision, "device": options.device}

    @property
    def peak_memory_mib(self) -> float:
        """See `Engine`."""
        return measure_peak_memory()["peak_memory_mib"]

    def score(self, shards: Iterator[Shard], report: Callable[[int], object]) -> Iterator[tuple[Shard, np.ndarray]]:
        """See `Engine`."""
        for shard in shards:
            yield shard, self._scorer.score(shard.texts, False, report=report)
