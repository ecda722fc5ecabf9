"""Shards scored by the workers of Ray, on this machine or on a cluster.

Ray's actors, and not Ray Data, which cannot keep what a job promises: its readers tell neither the number of a row nor
a malformed line (one ends the job), blocks are cut and merged by their bytes, so that what a review is batched with
could change from run to run, and nothing is known of what is done when its own process is killed. Here one process
reads the input in its order, hands out shards, and alone writes; the workers hold the model and nothing else.

A worker that dies is started again, loads the model and gets its shards again. Memory stays bounded: each worker has
one shard at hand and one that waits.
"""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import NamedTuple

import numpy as np
import torch

from ...extras import import_optional
from ...hardware import limit_kept_kernels, measure_peak_memory
from ..scoring import ReviewScorer
from .scorers import ScorerOptions
from .shards import Shard


_SHARDS_A_WORKER = 2
_MAX_CPUS_A_WORKER = 4  # a worker of all cores of a large machine would wait for its slowest batch
_MAX_TRIES_AGAIN = 3
_OBJECT_STORE_BYTES = 512 * 2**20  # of a cluster that is started here; only shards at work are in it


class WorkerPlan(NamedTuple):
    """How many workers there are, and what each has."""

    num_workers: int
    num_cpus: int
    num_gpus: int


def plan_workers(nodes: Sequence[Mapping[str, float]], num_workers: int | None) -> WorkerPlan:
    """Return as many workers as fit, one a GPU where there are GPUs, or `num_workers` with as many cores as fit.

    Args:
        nodes: Resources of each machine, as Ray names them.
        num_workers: How many there shall be, None for as many as fit.

    Raises:
        ValueError: So many do not fit.
    """
    gpus = sum(int(node.get("GPU", 0)) for node in nodes)
    if gpus and (num_workers or gpus) <= gpus:
        return WorkerPlan(num_workers or gpus, 1, 1)
    cpus = [int(node.get("CPU", 0)) for node in nodes]
    for num_cpus in range(min(_MAX_CPUS_A_WORKER, max(cpus, default=0)), 0, -1):
        fitting = sum(count // num_cpus for count in cpus)
        if not gpus and fitting >= (num_workers or 1):
            return WorkerPlan(num_workers or fitting, num_cpus, 0)
    found = f"{gpus} GPUs" if gpus else f"{sum(cpus)} cores"
    raise ValueError(
        f"`--num_workers` must be at most one a GPU or core of the cluster, got {num_workers} for {found}."
    )


class _Worker:
    """Scores shards; the scorer is built with the first, so that one that was started again needs nothing else."""

    def __init__(self, num_threads: int):
        limit_kept_kernels()
        torch.set_num_threads(num_threads)
        self._scorer: ReviewScorer | None = None

    def resolve(self, options: ScorerOptions) -> ScorerOptions:
        return options.resolve()

    def score(self, options: ScorerOptions, texts: list[str]) -> tuple[np.ndarray, float]:
        """Probabilities, (N, C), and the most MiB that this process has held."""
        if self._scorer is None:
            self._scorer = options.build_scorer()
        return self._scorer.score(texts, False), measure_peak_memory()["peak_memory_mib"]


class RayEngine:
    """Scores with workers of Ray, see the module.

    Args:
        options: How reviews are scored; the model is a folder that every machine can read, or an id on the Hub.
        num_workers: Number of workers. Default: one a GPU, or one for every four cores.
        address: Of a cluster ("auto", "ray://host:port"). Default: RAY_ADDRESS, or else one is started here.

    Raises:
        ImportError: Ray is not installed.
        ConnectionError: The cluster cannot be reached.
        ValueError: So many workers do not fit, or the backend is to be chosen by time.
    """

    def __init__(self, options: ScorerOptions, num_workers: int | None = None, address: str | None = None):
        if options.backend == "auto":
            raise ValueError("`--backend auto` is for one process. Name a backend with `--engine ray`.")
        self._ray = import_optional("ray", "ray")
        self._is_own = not self._ray.is_initialized()
        if self._is_own:
            _connect(self._ray, address)
        self.peak_memory_mib = 0.0
        try:
            nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
            plan = plan_workers(nodes, num_workers)
            remote = self._ray.remote(
                num_cpus=plan.num_cpus,
                num_gpus=plan.num_gpus,
                max_restarts=-1,
                max_task_retries=_MAX_TRIES_AGAIN,
            )(_Worker)
            self._workers = [remote.remote(plan.num_cpus) for _ in range(plan.num_workers)]
            if options.device is None:
                options = self._ray.get(self._workers[0].resolve.remote(options))
        except BaseException:
            self.__exit__()
            raise
        self._options = options
        self.resolved = {"backend": options.backend, "precision": options.precision, "device": options.device}

    def __enter__(self) -> "RayEngine":
        return self

    def __exit__(self, *exception: object) -> None:
        """End the workers, and the cluster where it was started here."""
        for worker in getattr(self, "_workers", []):
            self._ray.kill(worker)
        if self._is_own:
            self._ray.shutdown()

    def score(self, shards: Iterator[Shard], report: Callable[[int], object]) -> Iterator[tuple[Shard, np.ndarray]]:
        """See `Engine`.

        Raises:
            RuntimeError: A shard has ended its worker again and again.
        """
        free, running = deque(self._workers * _SHARDS_A_WORKER), {}
        while True:
            while free and (shard := next(shards, None)) is not None:
                worker, texts = free.popleft(), shard.texts
                shard.texts = []  # Ray holds them now
                running[worker.score.remote(self._options, texts)] = shard, worker
            if not running:
                return
            (answer,), _ = self._ray.wait(list(running), num_returns=1)
            shard, worker = running.pop(answer)
            probabilities = self._fetch(answer, shard)
            report(len(shard.numbers))
            yield shard, probabilities
            free.append(worker)

    def _fetch(self, answer: object, shard: Shard) -> np.ndarray:
        try:
            probabilities, peak_memory_mib = self._ray.get(answer)
        except self._ray.exceptions.RayActorError as error:
            raise RuntimeError(
                f"Rows {shard.start} to {shard.start + shard.num_rows - 1} ended their worker "
                f"{_MAX_TRIES_AGAIN + 1} times, perhaps for want of memory. What is done stays; try a smaller "
                "`--max_word_pieces`, or fewer workers."
            ) from error
        self.peak_memory_mib = max(self.peak_memory_mib, peak_memory_mib)
        return probabilities


def _connect(ray: ModuleType, address: str | None) -> None:
    """Join a cluster, or start one of this machine."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    started = {"object_store_memory": _OBJECT_STORE_BYTES, "include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **started)
    except Exception as error:  # Ray raises whatever it comes upon
        raise ConnectionError(
            f"Ray could not be {'started here' if started else f'joined at `--ray_address {address}`'}: {error} Look "
            "whether it runs and is of the same version; a machine that is very busy starts it too late."
        ) from error
