"""The results of baselines/results, gathered by experiment and checked against each other.

Shapes: S seeds, N test reviews, C classes.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from baselines.base import SYSTEMS
from baselines.encoders import ENCODERS
from baselines.experiment import load_experiment
from baselines.results import EXPERIMENTS, RESULTS, Result, list_results


CORPUS_NAMES = {"sst5": "SST-5", "sst2": "SST-2", "mr": "MR", "imdb": "IMDb", "imdb3": "IMDb-3", "imdb4": "IMDb-4"}
REFERENCE = "stock"
DEFAULT_ENCODER = "all-MiniLM-L6-v2"
# What a record says of the experiment, and what all seeds of one must share where they tell it.
_OF_EXPERIMENT = ("system", "corpus", "encoder", "options")
_OF_ALL_SEEDS = (*_OF_EXPERIMENT, "settings", "encoder_fingerprint")


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
    def seeds(self) -> list[int]:
        """The seeds that are measured."""
        return [result.record["seed"] for result in self.results]

    @property
    def name(self) -> str:
        """The system, and its options where two experiments may differ in nothing else."""
        shown = describe_options(self.record["options"])
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


def describe_options(options: dict[str, object]) -> str:
    """Return the options of an experiment in words: each name and value, without the files that they are read from."""
    flat = {}
    for key, value in options.items():
        flat.update(value if isinstance(value, dict) else {key: value})
    shown = {key: value for key, value in flat.items() if key != "glove"}
    return ", ".join(f"{key} {_describe_value(value)}" for key, value in shown.items())


def _describe_value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).partition(":")[0]


def load_rows(results: Path = RESULTS, experiments: Path = EXPERIMENTS) -> dict[str, list[Row]]:
    """Return the rows of each corpus that has any, in the order of the systems and encoders.

    Raises:
        ValueError: Results of one corpus are of other reviews, those of one experiment are not of what its file asks
            for or not of the same settings, those of one encoder have other weights, or a result contradicts its
            predictions.
    """
    by_name: dict[tuple[str, str], list[Result]] = {}
    for result in list_results(results):
        _check_predictions(result)
        by_name.setdefault((result.record["corpus"], result.record["experiment"]), []).append(result)
    rows: dict[str, list[Row]] = {corpus: [] for corpus in CORPUS_NAMES}
    for (corpus, name), found in by_name.items():
        _check_seeds(found)
        path = experiments / f"{name}.json"
        num_planned = len(found)
        if path.exists():
            experiment = load_experiment(path)
            _check_experiment(found[0], {key: getattr(experiment, key) for key in _OF_EXPERIMENT})
            num_planned = max(num_planned, len(experiment.seeds))
        rows[corpus].append(Row(tuple(found), num_planned))
    _check_encoders([result for found in by_name.values() for result in found])
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


def _check_seeds(results: Sequence[Result]) -> None:
    for key in _OF_ALL_SEEDS:
        told = [result for result in results if key in result.record]
        for result in told[1:]:
            first, other = (_drop_seed(told_by.record[key]) for told_by in (told[0], result))
            if first != other:
                raise ValueError(
                    f"Seeds of one experiment must have the same `{key}`, but `{told[0].path.name}` has {first} and "
                    f"`{result.path.name}` {other}. Delete what is out of date and run it again."
                )


def _check_encoders(results: Sequence[Result]) -> None:
    first: dict[str, Result] = {}
    for result in results:
        if "encoder_fingerprint" in result.record:
            told = first.setdefault(result.record["encoder"], result)
            if told.record["encoder_fingerprint"] != result.record["encoder_fingerprint"]:
                raise ValueError(
                    f"`{told.path.name}` and `{result.path.name}` name one encoder and must have its weights, but "
                    "their `encoder_fingerprint` differs. Run one of them again on the other's encoder."
                )


def _drop_seed(value: object) -> object:
    return {key: inner for key, inner in value.items() if key != "seed"} if isinstance(value, dict) else value


def _check_experiment(result: Result, asked: dict[str, object]) -> None:
    found = {key: result.record[key] for key in asked}
    if found != asked:
        raise ValueError(
            f"`{result.path.name}` must be of what its experiment asks for, {asked}, but is of {found}. Delete the "
            "results of the experiment and run it again, or give it another name."
        )


def _check_reviews(corpus: str, rows: Sequence[Row]) -> None:
    results = [result for row in rows for result in row.results]
    for result in results:
        if result.list_unlike_splits(results[0].record["fingerprints"], results[0].labels):
            raise ValueError(
                f"Results of {corpus} must be of the same reviews, but `{result.path.name}` and "
                f"`{results[0].path.name}` have other ones. Run one of them again on the same data."
            )


def list_not_run(corpus: str, rows: Sequence[Row], experiments: Path = EXPERIMENTS) -> list[str]:
    """Return the names of the experiments on a corpus of which no row has a result."""
    names = [path.stem for path in sorted(experiments.glob("*.json")) if load_experiment(path).corpus == corpus]
    return [name for name in names if name not in {row.record["experiment"] for row in rows}]


def find_row(rows: Sequence[Row], system: str, encoder: str | None = DEFAULT_ENCODER) -> Row | None:
    """Return the first row of a system on this encoder, or on none where it needs none; None where there is none."""
    return next((row for row in rows if row.system == system and row.encoder in (encoder, None)), None)


def find_pair(
    rows: Sequence[Row], system: str, other: str, encoder: str | None = DEFAULT_ENCODER
) -> tuple[Row, Row] | None:
    """Return the rows of two systems on this encoder, as `find_row` does; None where one is missing."""
    pair = find_row(rows, system, encoder), find_row(rows, other, encoder)
    return pair if all(pair) else None


def find_reference(rows: Sequence[Row], row: Row) -> Row | None:
    """Return what a row is compared with: transformers' own head on the same encoder; None for that head itself."""
    reference = find_row(rows, REFERENCE, row.encoder or DEFAULT_ENCODER)
    return None if row is reference else reference
