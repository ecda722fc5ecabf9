"""Shards: rows that are scored together and written together, so that nothing depends on where a job was stopped.

The score of a review depends, in its last digits, on what it is batched with. A shard is batched by itself and always
holds the same rows, whichever process scores it and however often.

Shapes: N reviews, C labels.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet

from ...polarity import predict_labels
from .rows import Film, Row
from .writing import write_whole


PARTS_FOLDER = "predictions"

# Longer reviews make a shard of fewer, so that its memory is bounded: three times what 4,096 reviews of IMDb have.
_MAX_CHARACTERS = 2**24
_MILLION = 1_000_000  # a tally holds probabilities in whole millionths


@dataclass
class Shard:
    """Successive rows of the input.

    Attributes:
        index: Its number.
        start: Number of its first row.
        num_rows: How many rows it has, with those that cannot be scored.
        numbers: Number of the row of each review that can be scored.
        texts: These reviews.
        films: Their films.
        rejected: The rows that cannot be scored.
    """

    index: int
    start: int
    num_rows: int = 0
    numbers: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    films: list[Film] = field(default_factory=list)
    rejected: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Take the next row."""
        self.num_rows += 1
        if row.text is None:
            self.rejected.append(row)
            return
        self.numbers.append(row.number)
        self.texts.append(row.text)
        self.films.append(row.film)


def cut_shards(rows: Iterable[Row], first_index: int, start: int, max_rows: int) -> Iterator[Shard]:
    """Yield the rows in shards of `max_rows`, fewer where reviews are very long, and hold one at a time.

    Args:
        rows: The rows from row `start` on.
        first_index: Number of the first shard.
        start: Number of its first row.
        max_rows: Rows of a shard.
    """
    shard, num_characters = Shard(first_index, start), 0
    for row in rows:
        shard.add(row)
        num_characters += len(row.text or "")
        if shard.num_rows == max_rows or num_characters >= _MAX_CHARACTERS:
            yield shard
            shard, num_characters = Shard(shard.index + 1, shard.start + shard.num_rows), 0
    if shard.num_rows:
        yield shard


@dataclass(frozen=True)
class ShardCounts:
    """What became of a shard.

    Attributes:
        shard: Its number.
        start: Number of its first row.
        rows: Rows of the input in it.
        reviews: Those that were scored.
        rejected: Those that were not.
    """

    shard: int
    start: int
    rows: int
    reviews: int
    rejected: int


def get_part_name(index: int) -> str:
    """Return the name of the file with the predictions of a shard."""
    return f"part-{index:05d}.parquet"


def get_rejected_name(index: int) -> str:
    """Return the name of the file with the rejected rows of a shard."""
    return f"rejected-{index:05d}.parquet"


@dataclass(frozen=True)
class ShardWriter:
    """Writes shards into a folder.

    Attributes:
        folder: Where predictions go.
        work_folder: Where drafts and rejected rows go until the end.
        labels: Names of the labels in the order of the probabilities.
        film_type: Type of the films.
        has_films: Whether there are films.
    """

    folder: Path
    work_folder: Path
    labels: tuple[str, ...]
    film_type: pyarrow.DataType
    has_films: bool

    def write(self, shard: Shard, probabilities: np.ndarray) -> ShardCounts:
        """Write what a shard's reviews were found to say, (N, C), and its rejected rows, each file whole or not."""
        is_finite = np.isfinite(probabilities).all(axis=1)
        unscored = [Row(shard.numbers[i], None, shard.films[i], "no finite score") for i in np.flatnonzero(~is_finite)]
        rejected = sorted([*shard.rejected, *unscored])
        self._write(self._build_predictions(shard, probabilities, is_finite), self.get_path(shard.index))
        if rejected:
            self._write(self.build_rejected(rejected), self.get_rejected_path(shard.index))
        return ShardCounts(shard.index, shard.start, shard.num_rows, int(is_finite.sum()), len(rejected))

    def get_path(self, index: int) -> Path:
        """Return where the predictions of a shard are."""
        return self.folder / PARTS_FOLDER / get_part_name(index)

    def get_rejected_path(self, index: int) -> Path:
        """Return where the rejected rows of a shard are until the end of the job."""
        return self.work_folder / get_rejected_name(index)

    @property
    def rejected_schema(self) -> pyarrow.Schema:
        """The columns of rejected rows."""
        fields = [("row", pyarrow.int64()), ("film", self.film_type), ("reason", pyarrow.string())]
        return pyarrow.schema([field for field in fields if self.has_films or field[0] != "film"])

    def build_rejected(self, rows: list[Row]) -> pyarrow.Table:
        """Return the table of rejected rows."""
        columns = {"row": [r.number for r in rows], "film": [r.film for r in rows], "reason": [r.reason for r in rows]}
        schema = self.rejected_schema
        return pyarrow.table({name: columns[name] for name in schema.names}, schema=schema)

    def _build_predictions(self, shard: Shard, probabilities: np.ndarray, is_finite: np.ndarray) -> pyarrow.Table:
        kept = np.flatnonzero(is_finite)
        probabilities = probabilities[kept].astype(np.float32)  # (N, C)
        # In whole millionths, as in a tally: so a film's counts are those of the labels here.
        predicted = predict_labels(np.rint(probabilities.astype(np.float64) * _MILLION)) if len(kept) else []
        offsets = np.arange(len(kept) + 1, dtype=np.int32) * len(self.labels)
        columns = {
            "row": pyarrow.array([shard.numbers[i] for i in kept], pyarrow.int64()),
            "film": pyarrow.array([shard.films[i] for i in kept], self.film_type),
            "label": pyarrow.array([self.labels[i] if i >= 0 else None for i in predicted], pyarrow.string()),
            "score": pyarrow.array(probabilities.max(axis=1, initial=0), pyarrow.float32()),
            "probabilities": pyarrow.ListArray.from_arrays(offsets, pyarrow.array(probabilities.ravel())),
        }
        return pyarrow.table({name: column for name, column in columns.items() if self.has_films or name != "film"})

    def _write(self, table: pyarrow.Table, path: Path) -> None:
        with write_whole(path, self.work_folder) as draft:
            pyarrow.parquet.write_table(table, draft)
