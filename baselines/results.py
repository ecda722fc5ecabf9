"""A result on disk: what was measured, as JSON, and the test predictions beside it, as Parquet; no text of a review.

`results/<corpus>/<experiment>-<seed>.json` and `.parquet`. The Parquet file has a row a test review, in the order of
the corpus: `label`, `prediction` and, in half precision, `p0` to `p<C-1>`, the probability of each class. What is
known of the test reviews stands once a corpus in `lengths.parquet`: `num_word_pieces`, by the encoder named in its
metadata, `label`, and `film`, a number, where films are known. A `remark` in a JSON file was put there by hand: what
the numbers do not tell.

Shapes: N test reviews, C classes, S seeds.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet


ROOT = Path(__file__).resolve().parent
RESULTS = ROOT / "results"
EXPERIMENTS = ROOT / "experiments"
LENGTHS_FILE = "lengths.parquet"
SPLITS = ("train", "validation", "test")  # whose reviews the results of one corpus share


@dataclass(frozen=True)
class Result:
    """One system, trained with one seed and tested on one corpus.

    Attributes:
        record: What the JSON file holds.
        path: The JSON file.
    """

    record: dict
    path: Path

    @cached_property
    def _table(self) -> pa.Table:
        return parquet.read_table(self.path.with_suffix(".parquet"))

    @property
    def labels(self) -> np.ndarray:
        """The true class of each test review, (N,)."""
        return self._table["label"].to_numpy()

    @cached_property
    def correct(self) -> np.ndarray:
        """Whether the predicted class is the true one, (N,)."""
        return self.predictions == self.labels

    @property
    def predictions(self) -> np.ndarray:
        """The most probable class, before the probabilities were rounded, (N,)."""
        return self._table["prediction"].to_numpy()

    def list_unlike_splits(self, fingerprints: dict[str, str], test_labels: np.ndarray) -> list[str]:
        """Return which splits have other reviews here, or of the test other labels, (N,), in their order."""
        unlike = [split for split in SPLITS if self.record["fingerprints"][split] != fingerprints[split]]
        return unlike or ([] if np.array_equal(self.labels, test_labels) else ["test"])

    @property
    def probabilities(self) -> np.ndarray:
        """The probability of each class, float64 (N, C); of half precision, so that rows sum to 1 only nearly."""
        columns = [name for name in self._table.column_names if name.startswith("p") and name[1:].isdigit()]
        return np.stack([self._table[name].to_numpy().astype(np.float64) for name in columns], axis=1)


@dataclass(frozen=True)
class TestReviews:
    """What is known of the test reviews of a corpus, whatever the system.

    Attributes:
        num_word_pieces: Length of each review, special tokens included, (N,).
        labels: The true class, (N,).
        films: A number for the film of each, (N,), None where the corpus does not tell.
        encoder: Whose tokenizer counted the word pieces.
    """

    __test__ = False  # no class of tests

    num_word_pieces: np.ndarray
    labels: np.ndarray
    films: np.ndarray | None
    encoder: str


def write_result(path: Path, record: dict, labels: np.ndarray, probabilities: np.ndarray) -> None:
    """Write the JSON file `path` and the Parquet file beside it; the JSON file comes last and says that all is there.

    Args:
        path: Where the JSON file goes.
        record: What was measured.
        labels: The true class of each test review, (N,).
        probabilities: The probability of each class, (N, C).

    Raises:
        ValueError: There are not as many labels as rows of probabilities.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    if probabilities.ndim != 2 or len(labels) != len(probabilities):
        raise ValueError(
            f"`probabilities` must have a row for each of {len(labels)} labels, found {probabilities.shape}."
        )
    columns = {"label": labels.astype(np.int8), "prediction": probabilities.argmax(axis=1).astype(np.int8)}
    columns |= {f"p{i}": column.astype(np.float16) for i, column in enumerate(probabilities.T)}
    with open_whole(path.with_suffix(".parquet")) as partial:
        parquet.write_table(pa.table(columns), partial, compression="zstd")
    with open_whole(path) as partial:
        partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def read_result(path: Path) -> Result:
    """Return the result of a JSON file.

    Raises:
        FileNotFoundError: It, or the Parquet file beside it, is not there.
    """
    if not path.with_suffix(".parquet").is_file():
        raise FileNotFoundError(f"`{path}` needs the predictions beside it, in `{path.stem}.parquet`.")
    return Result(json.loads(path.read_text(encoding="utf-8")), path)


def is_there(path: Path) -> bool:
    """Return whether a result was written whole."""
    return path.is_file() and path.with_suffix(".parquet").is_file()


def list_results(folder: Path = RESULTS) -> list[Result]:
    """Return all results of a folder, by corpus, experiment and seed."""
    found = [read_result(path) for path in folder.glob("*/*.json")]
    return sorted(found, key=lambda result: tuple(result.record[key] for key in ("corpus", "experiment", "seed")))


def check_reviews_of_results(folder: Path, fingerprints: dict[str, str], test_labels: np.ndarray) -> None:
    """Check before a training that its result could stand beside those in its folder.

    Args:
        folder: Of the results of one corpus.
        fingerprints: Of the splits that are to be learnt from and tested on.
        test_labels: The true class of each test review, (N,).

    Raises:
        ValueError: What is there is of other reviews, or has them in another order.
    """
    path = next((path for path in sorted(folder.glob("*.json")) if is_there(path)), None)
    unlike = [] if path is None else read_result(path).list_unlike_splits(fingerprints, test_labels)
    known = read_test_reviews(folder)
    if not unlike and known is not None and not np.array_equal(known.labels, test_labels):
        path, unlike = folder / LENGTHS_FILE, ["test"]
    if unlike:
        raise ValueError(
            f"`{path}` is of other reviews than this run, or has them in another order "
            f"({', '.join(unlike)}). Results of one corpus must be of the same reviews: take the same "
            "data, or another folder with `--results`."
        )


def write_test_reviews(folder: Path, reviews: TestReviews) -> None:
    """Write what is known of the test reviews of a corpus into its folder of results, where nobody has written it."""
    path = folder / LENGTHS_FILE
    if path.exists():
        return
    columns = {"num_word_pieces": reviews.num_word_pieces.astype(np.int32), "label": reviews.labels.astype(np.int8)}
    if reviews.films is not None:
        columns["film"] = reviews.films.astype(np.int32)
    table = pa.table(columns).replace_schema_metadata({"encoder": reviews.encoder})
    with open_whole(path) as partial:
        parquet.write_table(table, partial, compression="zstd")


def read_test_reviews(folder: Path) -> TestReviews | None:
    """Return what is known of the test reviews of a corpus, None where nobody has written it."""
    path = folder / LENGTHS_FILE
    if not path.exists():
        return None
    table = parquet.read_table(path)
    films = table["film"].to_numpy() if "film" in table.column_names else None
    encoder = table.schema.metadata[b"encoder"].decode()
    return TestReviews(table["num_word_pieces"].to_numpy(), table["label"].to_numpy(), films, encoder)


@contextmanager
def open_whole(path: Path) -> Iterator[Path]:
    """Give a path to write to, which becomes `path` once all is written, and nothing if that fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
