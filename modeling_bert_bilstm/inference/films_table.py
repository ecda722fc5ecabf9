"""The films of a scored corpus: what `films.parquet` holds, ranked, and as CSV.

A film is ranked by the polarity of its audience, all who might review it, of whom few reviews tell little: one with a
single review does not lead by chance.

Shapes: F films, C labels from the most negative to the most positive.
The texts of reviews stay in the file until a few of them are asked for, so that a million films fit in memory.
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet


FILE = "films.parquet"
VIEWS = {"top": "most positive", "bottom": "most negative", "divided": "most divided", "uncertain": "most uncertain"}
SORTS = ("polarity", "bound")

_ROWS = 4096  # films whose reviews are in memory at once
_NUMBERS = ("num_reviews", "num_rejected", "audience_polarity", "audience_low", "audience_high")
_TEXTS = ("most_positive_review", "most_negative_review")


@dataclass(frozen=True, eq=False)
class FilmsTable:
    """The films in the order of the file, and what to know of the estimate.

    Attributes:
        path: The file.
        films: Names as they stand in the scored corpus, (F,).
        verdicts: The papers' verdict on each, (F,).
        num_reviews: Reviews scored, (F,).
        num_rejected: Reviews that could not be, (F,).
        polarity: The estimate in [-1, 1] of its audience, (F,); not a number where no review was scored.
        interval: Its lower and upper end, (F, 2).
        shares: Estimated share of each label among its reviews, (F, C).
        labels: Their names, most negative first.
        label_polarity: The polarity in [-1, 1] of each label, (C,).
        confidence: How often the interval shall hold the true polarity, in (0, 1).
        method: How the shares were estimated.
        model: What scored the reviews.
    """

    path: Path
    films: pyarrow.ChunkedArray
    verdicts: pyarrow.ChunkedArray
    num_reviews: np.ndarray
    num_rejected: np.ndarray
    polarity: np.ndarray
    interval: np.ndarray
    shares: np.ndarray
    labels: tuple[str, ...]
    label_polarity: np.ndarray
    confidence: float
    method: str
    model: str

    @property
    def width(self) -> np.ndarray:
        """Width of each interval, in polarity, (F,)."""
        return self.interval[:, 1] - self.interval[:, 0]

    @property
    def spread(self) -> np.ndarray:
        """Standard deviation of polarity among a film's reviews, (F,): 0 if all agree, 1 if half are at either end."""
        mean = self.shares @ self.label_polarity
        return np.sqrt(np.maximum(self.shares @ self.label_polarity**2 - mean**2, 0))

    def select(self, min_reviews: int) -> np.ndarray:
        """Return the numbers (K,) of the films with an estimate and at least `min_reviews` scored reviews."""
        return np.flatnonzero((self.num_reviews >= min_reviews) & np.isfinite(self.polarity + self.width))

    def rank(self, view: str, *, min_reviews: int = 0, sort: str = "polarity") -> np.ndarray:
        """Return the numbers (K,) of the selected films in the order of a view; of equals, the one with more reviews.

        Args:
            view: One of `VIEWS`.
            min_reviews: Films with fewer are left out.
            sort: What "top" and "bottom" go by: "polarity", or "bound", the end of the interval that is less extreme,
                so that a film leads only if it is sure to deserve it.

        Raises:
            ValueError: There is no such view or sort.
        """
        if view not in VIEWS or sort not in SORTS:
            raise ValueError(f"`view` must be one of {tuple(VIEWS)} and `sort` of {SORTS}, got {view!r}, {sort!r}.")
        key = {
            "top": self.polarity if sort == "polarity" else self.interval[:, 0],
            "bottom": -(self.polarity if sort == "polarity" else self.interval[:, 1]),
            "divided": self.spread,
            "uncertain": self.width,
        }[view]
        rows = self.select(min_reviews)
        return rows[np.lexsort((-self.num_reviews[rows], -key[rows]))]

    def get_names(self, rows: Sequence[int]) -> list[str]:
        """Return the names of these films as text on one line."""
        names = self.films.take(np.asarray(rows, dtype=np.int64)).to_pylist()
        return [tidy("(no name)" if name is None else str(name)) for name in names]

    def read_reviews(self, rows: Sequence[int]) -> list[tuple[str | None, str | None]]:
        """Return the most positive and the most negative review of each of these films, None where it has none."""
        found, start = {}, 0
        with pyarrow.parquet.ParquetFile(self.path) as file:
            for batch in file.iter_batches(_ROWS, columns=list(_TEXTS)):
                for row in {row for row in map(int, rows) if start <= row < start + len(batch)}:
                    found[row] = tuple(batch[name][row - start].as_py() for name in _TEXTS)
                start += len(batch)
        return [found[int(row)] for row in rows]

    def write_csv(self, path: str | Path, *, min_reviews: int = 0) -> int:
        """Write every column of the films with at least `min_reviews` scored reviews, by film; return how many.

        A column `spread` stands after them. What is not known is empty. Memory stays bounded.
        """
        spread, start, num_written = self.spread, 0, 0
        with (
            pyarrow.parquet.ParquetFile(self.path) as file,
            Path(path).open("w", encoding="utf-8", newline="") as output,
        ):
            writer = csv.writer(output)
            writer.writerow([*file.schema_arrow.names, "spread"])
            for batch in file.iter_batches(_ROWS):
                batch_spread = spread[start : start + len(batch)].tolist()
                columns = [*(column.to_pylist() for column in batch.columns), batch_spread]
                kept = self.num_reviews[start : start + len(batch)] >= min_reviews
                rows = [row for row, is_kept in zip(zip(*columns, strict=True), kept, strict=True) if is_kept]
                writer.writerows([*row[:-1], None if np.isnan(row[-1]) else round(row[-1], 6)] for row in rows)
                start, num_written = start + len(batch), num_written + len(rows)
        return num_written


def load_films(folder: str | Path) -> FilmsTable:
    """Return the films of a folder that `python -m modeling_bert_bilstm.inference.score` wrote.

    Raises:
        FileNotFoundError: There is no films.parquet in it.
        ValueError: The file was not written by that command.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        found = sorted(entry.name for entry in path.parent.iterdir()) if path.parent.is_dir() else "no such folder"
        raise FileNotFoundError(
            f"{str(folder)!r} must be a folder with {FILE} in it, found {found}. "
            "`python -m modeling_bert_bilstm.inference.score` writes it at its end, if started with `--group_column`."
        )
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            summary = json.loads((file.schema_arrow.metadata or {}).get(b"summary", "{}"))
            order = np.argsort(summary["label_polarity"], kind="stable")
            labels = tuple(summary["labels"][label] for label in order)
            shares = [f"share_{label.replace(' ', '_')}" for label in labels]
            table = file.read(columns=["film", "verdict", *_NUMBERS, *shares])
            numbers = {name: table[name].cast("float64").to_numpy() for name in (*_NUMBERS, *shares)}
    except (pyarrow.ArrowInvalid, KeyError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path} must be as `python -m modeling_bert_bilstm.inference.score` writes it, with its columns and its "
            f"`summary`, but reading it failed: {error}. Score the corpus again."
        ) from error
    return FilmsTable(
        path=path,
        films=table["film"],
        verdicts=table["verdict"],
        num_reviews=numbers["num_reviews"].astype(np.int64),
        num_rejected=numbers["num_rejected"].astype(np.int64),
        polarity=numbers["audience_polarity"],
        interval=np.stack([numbers["audience_low"], numbers["audience_high"]], axis=1),
        shares=np.stack([numbers[name] for name in shares], axis=1),
        labels=labels,
        label_polarity=np.asarray(summary["label_polarity"], dtype=np.float64)[order],
        confidence=summary["confidence"],
        method=summary["method"],
        model=summary["model"],
    )


def tidy(text: str) -> str:
    """Return a text on one line, without characters that would move a terminal's cursor or turn its direction."""
    joiners = "\u200c\u200d"  # not printable by themselves, but scripts and emoji need them
    return " ".join("".join(c if c.isprintable() or c in joiners else " " for c in text).split())


def count_films(number: int) -> str:
    """Return "1 film", "2 films"."""
    return f"{number:,} film{'' if number == 1 else 's'}"


def describe_view(view: str, *, num_shown: int, num_films: int, min_reviews: int = 0, sort: str = "polarity") -> str:
    """Return a title: which of the films that were selected a view shows."""
    reviews = f" with at least {min_reviews} review{'' if min_reviews == 1 else 's'}" if min_reviews > 0 else ""
    if num_shown == num_films:
        which = {0: "There is no film", 1: "The only film"}.get(num_films, f"All {num_films:,} films")
        return f"{which}{reviews}"
    by = ", by the less extreme end of the interval" if sort == "bound" and view in ("top", "bottom") else ""
    return f"The {f'{num_shown:,} ' if num_shown > 1 else ''}{VIEWS[view]} of {num_films:,} films{reviews}{by}"
