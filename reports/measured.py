"""The results of baselines/results, gathered by experiment and compared.

Shapes: S seeds, N test reviews, C classes.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from baselines.base import SYSTEMS
from baselines.experiment import ENCODERS, load_experiment
from baselines.results import EXPERIMENTS, RESULTS, Result, list_results
from modeling_bert_bilstm.evaluation.significance import Difference, holm, mcnemar, paired_bootstrap


CORPUS_NAMES = {"sst5": "SST-5", "sst2": "SST-2", "mr": "MR", "imdb": "IMDb", "imdb3": "IMDb-3", "imdb4": "IMDb-4"}
REFERENCE = "stock"
DEFAULT_ENCODER = "all-MiniLM-L6-v2"
SIGNIFICANCE_LEVEL = 0.05
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Row:
    """An experiment, with the results of its seeds.

    Attributes:
        results: One a seed, in the order of the seeds.
        num_planned: How many seeds the experiment asks for.
    """

    results: tuple[Result, ...]
    num_planned: int

    @property
    def record(self) -> dict:
        """What the first seed wrote: what does not depend on the seed is read from it."""
        return self.results[0].record

    @property
    def system(self) -> str:
        """Name of the system, as in baselines/base.py."""
        return self.record["system"]

    @property
    def corpus(self) -> str:
        """Name of the corpus, as in baselines/corpora.py."""
        return self.record["corpus"]

    @property
    def encoder(self) -> str | None:
        """Name of the encoder, None without."""
        return self.record["encoder"]

    @property
    def name(self) -> str:
        """The system, and its options where two experiments may differ in nothing else."""
        options = {key: value for key, value in self.record["options"].items() if key != "glove"}
        shown = ", ".join(f"{key} {value}" for key, value in options.items())
        return f"{self.system} ({shown})" if shown else self.system

    @cached_property
    def correct(self) -> np.ndarray:
        """Whether each seed is right about each test review, (S, N)."""
        return np.stack([result.correct for result in self.results])

    def list_values(self, key: str) -> list[float]:
        """Return a number of each seed, one of the metrics or of the record."""
        records = [result.record for result in self.results]
        return [record["metrics"].get(key, record.get(key)) for record in records]

    def compute_mean(self, key: str) -> float:
        """Return the mean of a number over the seeds."""
        return statistics.mean(self.list_values(key))


@dataclass(frozen=True)
class Comparison:
    """One row against another on the same reviews.

    Attributes:
        difference: Of accuracy, with the interval over reviews and seeds.
        p: The largest p-value of McNemar's test over the pairs of seeds, so that one lucky seed shows nothing.
        adjusted_p: The same, adjusted for the other comparisons of its table.
    """

    difference: Difference
    p: float
    adjusted_p: float = 1.0

    @property
    def sign(self) -> int:
        """1 or -1 where interval and adjusted p agree that the first row is better or worse, else 0."""
        if self.adjusted_p >= SIGNIFICANCE_LEVEL:
            return 0
        return int(self.difference.low > 0) - int(self.difference.high < 0)


def load_rows(results: Path = RESULTS, experiments: Path = EXPERIMENTS) -> dict[str, list[Row]]:
    """Return the rows of each corpus that has any, in the order of the systems and encoders.

    Raises:
        ValueError: Results of one corpus are of other reviews, or a result contradicts its predictions.
    """
    by_name: dict[tuple[str, str], list[Result]] = {}
    for result in list_results(results):
        _check_predictions(result)
        by_name.setdefault((result.record["corpus"], result.record["experiment"]), []).append(result)
    rows: dict[str, list[Row]] = {corpus: [] for corpus in CORPUS_NAMES}
    for (corpus, name), found in by_name.items():
        path = experiments / f"{name}.json"
        num_planned = len(load_experiment(path).seeds) if path.exists() else len(found)
        rows[corpus].append(Row(tuple(found), max(num_planned, len(found))))
    for corpus, of_corpus in rows.items():
        of_corpus.sort(key=_place)
        _check_reviews(corpus, of_corpus)
    return {corpus: of_corpus for corpus, of_corpus in rows.items() if of_corpus}


def _place(row: Row) -> tuple:
    encoders = [None, *ENCODERS]
    place = encoders.index(row.encoder) if row.encoder in encoders else len(encoders)
    systems = list(SYSTEMS)
    return systems.index(row.system) if row.system in systems else len(systems), place, row.record["experiment"]


def _check_predictions(result: Result) -> None:
    written, found = result.record["metrics"]["accuracy"], float(result.correct.mean())
    if abs(written - found) > 1e-9:
        raise ValueError(f"`{result.path.name}` says an accuracy of {written}, but its predictions have {found}.")


def _check_reviews(corpus: str, rows: Sequence[Row]) -> None:
    results = [result for row in rows for result in row.results]
    for result in results:
        is_same = np.array_equal(result.labels, results[0].labels)
        if not is_same or _list_fingerprints(result) != _list_fingerprints(results[0]):
            raise ValueError(
                f"Results of {corpus} must be of the same reviews, but `{result.path.name}` and "
                f"`{results[0].path.name}` have other ones. Run one of them again on the same data."
            )


def _list_fingerprints(result: Result) -> list[str]:
    return [result.record["fingerprints"][split] for split in SPLITS]


def find_row(rows: Sequence[Row], system: str, encoder: str | None = DEFAULT_ENCODER) -> Row | None:
    """Return the first row of a system on this encoder, or on none where it needs none; None where there is none."""
    return next((row for row in rows if row.system == system and row.encoder in (encoder, None)), None)


def find_reference(rows: Sequence[Row], row: Row) -> Row | None:
    """Return what a row is compared with: transformers' own head on the same encoder; None for that head itself."""
    reference = find_row(rows, REFERENCE, row.encoder or DEFAULT_ENCODER)
    return None if row is reference else reference


def compare_rows(first: Row, second: Row) -> Comparison:
    """Return the difference of two rows; where one has fewer seeds, its seeds are paired more than once."""
    num_pairs = max(len(first.results), len(second.results))
    pairs = [(i % len(first.results), i % len(second.results)) for i in range(num_pairs)]
    p = max(mcnemar(first.correct[i], second.correct[j]) for i, j in pairs)
    return Comparison(paired_bootstrap(first.correct, second.correct), p)


def adjust(comparisons: Sequence[Comparison | None]) -> list[Comparison | None]:
    """Return the comparisons of one table with p-values that are adjusted for their number."""
    there = [comparison for comparison in comparisons if comparison is not None]
    adjusted = iter(holm([comparison.p for comparison in there]))
    return [
        None if comparison is None else Comparison(comparison.difference, comparison.p, next(adjusted))
        for comparison in comparisons
    ]


def describe_hardware(result: Result) -> str:
    """Return what a result was measured on, in words."""
    hardware = result.record["environment"]["hardware"]
    if hardware["accelerators"]:
        return ", ".join(hardware["accelerators"])
    return f"{hardware['processor']}, {hardware['num_cores']} cores"
