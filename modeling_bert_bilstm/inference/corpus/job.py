"""A job: the rows of a corpus, a model, a folder; scored shard by shard, then brought together."""

import argparse
import itertools
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

import pyarrow
import pyarrow.parquet
from transformers.utils.logging import tqdm

from .engines import Engine, LocalEngine
from .films import FilmWriter, write_rejected
from .manifest import FILMS, JobFolder
from .options import RESULT_OPTIONS
from .ray_engine import RayEngine
from .rows import Row
from .scorers import ScoredModel, ScorerOptions
from .shards import Shard, ShardWriter, cut_shards


# Another version of one of these may give other last digits, or other bytes for the same numbers.
_PACKAGES = ("torch", "transformers", "tokenizers", "pyarrow")
_PACKAGES_OF_BACKEND = {"onnx": "onnxruntime", "openvino": "openvino"}


class Corpus(Protocol):
    """Rows in an order that is always the same.

    Attributes:
        num_rows: How many there are, None where that is not known.
        film_type: Type of their films.
    """

    num_rows: int | None
    film_type: pyarrow.DataType

    def describe(self) -> dict[str, str | int | None]:
        """Return what tells these contents from others."""

    def read_rows(self, start: int = 0) -> Iterator[Row]:
        """Yield the rows from row `start` on."""

    def estimate_num_rows(self, num_read: int) -> int | None:
        """Return about how many rows there are, now that the first `num_read` have been read."""


def describe_job(options: argparse.Namespace, corpus: Corpus, model: ScoredModel) -> dict[str, dict]:
    """Return all that the result depends on: contents of the input, model, options, versions."""
    versions, backend = {}, options.backend
    runtimes = [name for start, name in _PACKAGES_OF_BACKEND.items() if backend == "auto" or backend.startswith(start)]
    for package in (*_PACKAGES, *runtimes):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "input": corpus.describe(),
        "model": {"name": model.name, "sha256": model.sha256},
        "options": {name: getattr(options, name) for name in RESULT_OPTIONS},
        "versions": versions,
    }


class Job:
    """A job that was begun in a folder, which is held open.

    Args:
        options: What was typed.
        corpus: The rows.
        model: What they are scored with.
        folder: Where the result goes.
    """

    def __init__(self, options: argparse.Namespace, corpus: Corpus, model: ScoredModel, folder: JobFolder):
        self._options, self._corpus, self._model, self._folder = options, corpus, model, folder
        has_films = options.group_column is not None
        self._writer = ShardWriter(folder.path, folder.work_folder, model.labels, corpus.film_type, has_films)

    def score(self, engine: Engine | None = None) -> float:
        """Score every shard that is not done, and return the most MiB that a process that scores has held.

        The engine is started only if there is something to score.

        Args:
            engine: What scores. Default: what the options say.
        """
        started = time.perf_counter()
        index, row = self._folder.find_first_open()
        total = self._corpus.estimate_num_rows(row)
        with tqdm(total=total, initial=row, desc="Scoring", unit="review", smoothing=0.1) as bar:
            shards = self._take_open(index, row, bar)
            first = next(shards, None)
            if first is None:
                return 0.0
            with engine or self._build_engine() as engine:
                bar.unpause()  # loading the model is not scoring
                for shard, probabilities in engine.score(itertools.chain([first], shards), bar.update):
                    counts = self._writer.write(shard, probabilities)
                    self._folder.record(counts, engine.resolved, time.perf_counter() - started)
                    bar.update(shard.num_rows - len(shard.numbers))
                return engine.peak_memory_mib

    def conclude(self) -> dict[str, int | dict[str, int]]:
        """Write rejected.parquet and films.parquet, and return how many reviews, rejected rows and films there are."""
        done = [self._folder.shards[index] for index in sorted(self._folder.shards)]
        rejected = write_rejected(self._writer, done)
        found = {"reviews": sum(counts.reviews for counts in done), "rejected": rejected}
        if not self._writer.has_films:
            return found
        films = FilmWriter(self._writer, self._model, self._corpus.read_rows)
        with tqdm(desc="Films", unit="film") as bar:
            found["films"] = films.write(done, bar.update, lambda total: bar.reset(total))
        of_films = pyarrow.parquet.read_table(self._folder.path / FILMS, columns=["num_reviews"])["num_reviews"]
        found["reviews_without_film"] = found["reviews"] - (pyarrow.compute.sum(of_films).as_py() or 0)
        return found

    def _take_open(self, index: int, row: int, bar: tqdm) -> Iterator[Shard]:
        """The shards that are not done."""
        for shard in cut_shards(self._corpus.read_rows(row), index, row, self._options.shard_reviews):
            bar.total = self._corpus.estimate_num_rows(shard.start + shard.num_rows)
            if shard.index in self._folder.shards:
                bar.update(shard.num_rows)
            else:
                yield shard

    def _build_engine(self) -> Engine:
        options = self._options
        scorer = ScorerOptions(
            options.model,
            self._model.sha256,
            backend=options.backend,
            precision=options.precision,
            max_word_pieces=options.max_word_pieces,
        ).resume(self._folder.resolved)
        if options.engine == "ray":
            return RayEngine(scorer, options.num_workers, options.ray_address)
        return LocalEngine(scorer)
