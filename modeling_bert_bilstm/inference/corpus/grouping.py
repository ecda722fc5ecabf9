"""Reviews brought together by film on the disk, so that memory does not grow with the reviews or with the films.

Shapes: N reviews, C labels.
"""

import itertools
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet

from .rows import Film


_CACHE_KIB = 65_536
_ROWS_AT_ONCE = 65_536

Review = tuple[Film, int, bytes | None]  # film, row, probabilities in float32 or None where it was rejected


class FilmReviews(NamedTuple):
    """Some reviews of one film, by row.

    Attributes:
        rows: Their rows in the input, (N,).
        probabilities: Their probabilities, (N, C).
        num_rejected: How many others could not be scored.
    """

    rows: np.ndarray
    probabilities: np.ndarray
    num_rejected: int


class FilmGroups:
    """A database for one use, which nothing survives.

    Args:
        path: Its file, which is not there yet; what it needs besides goes into the same folder.
        num_labels: Number C of labels.
    """

    def __init__(self, path: Path, num_labels: int):
        self._num_labels = num_labels
        self._database = sqlite3.connect(path, isolation_level=None)
        for setting in ("journal_mode=OFF", "synchronous=OFF", "temp_store=FILE", f"cache_size=-{_CACHE_KIB}"):
            self._database.execute(f"PRAGMA {setting}")
        # Else a large sort could fill the system's disk. SQLITE_TMPDIR is read when Python imports the module.
        self._set_sort_folder(str(path.parent))
        self._database.execute("CREATE TABLE scattered (film, row INTEGER, probabilities BLOB)")
        self._database.execute("CREATE TABLE films (film, fields TEXT, positive INTEGER, negative INTEGER)")
        self._database.execute("CREATE TABLE texts (row INTEGER PRIMARY KEY, text TEXT)")
        self._database.execute("BEGIN")

    def close(self) -> None:
        """Close the file."""
        self._set_sort_folder("")
        self._database.close()

    def _set_sort_folder(self, folder: str) -> None:
        """Where SQLite sorts, in the whole process; "" is where it would by itself."""
        self._database.execute("PRAGMA temp_store_directory='{}'".format(folder.replace("'", "''")))

    def add_reviews(self, reviews: Iterable[Review]) -> None:
        """Take reviews of any films."""
        self._database.executemany("INSERT INTO scattered VALUES (?, ?, ?)", reviews)

    def sort(self) -> None:
        """Bring the reviews of each film together; nothing may be added after that."""
        self._database.execute("CREATE TABLE reviews AS SELECT * FROM scattered ORDER BY film, row")
        self._database.execute("DROP TABLE scattered")

    def count_films(self) -> int:
        """Return the number of films."""
        return self._database.execute("SELECT COUNT(DISTINCT film) FROM reviews").fetchone()[0]

    def count_reviews(self) -> int:
        """Return the number of reviews, with those that could not be scored."""
        return self._database.execute("SELECT COUNT(*) FROM reviews").fetchone()[0]

    def iterate(self) -> Iterator[tuple[Film, Iterator[FilmReviews]]]:
        """Yield each film in its order, and its reviews in parts of a bounded size."""
        rows = self._database.execute("SELECT film, row, probabilities FROM reviews ORDER BY rowid")
        for film, reviews in itertools.groupby(rows, key=lambda review: review[0]):
            yield film, self._iterate_parts(reviews)

    def _iterate_parts(self, reviews: Iterator[Review]) -> Iterator[FilmReviews]:
        while part := list(itertools.islice(reviews, _ROWS_AT_ONCE)):
            scored = [(row, probabilities) for _, row, probabilities in part if probabilities is not None]
            found = np.frombuffer(b"".join(probabilities for _, probabilities in scored), dtype=np.float32)
            numbers = np.array([row for row, _ in scored], dtype=np.int64)
            yield FilmReviews(numbers, found.reshape(-1, self._num_labels), len(part) - len(scored))

    def add_film(self, film: Film, fields: str, positive: int | None, negative: int | None) -> None:
        """Keep what is known of a film, and the rows whose texts are wanted."""
        self._database.execute("INSERT INTO films VALUES (?, ?, ?, ?)", (film, fields, positive, negative))

    def iterate_wanted(self) -> Iterator[int]:
        """Yield the rows whose texts are wanted, in their order, each once."""
        wanted = "SELECT positive AS row FROM films UNION SELECT negative FROM films"
        rows = self._database.execute(f"SELECT row FROM ({wanted}) WHERE row IS NOT NULL ORDER BY row")
        yield from (row for (row,) in rows)

    def add_texts(self, texts: Iterable[tuple[int, str]]) -> None:
        """Keep the texts of rows."""
        self._database.executemany("INSERT INTO texts VALUES (?, ?)", texts)

    def iterate_films(self) -> Iterator[tuple[Film, str, int | None, int | None, str | None, str | None]]:
        """Yield what `add_film` was told of each film, and the two texts."""
        yield from self._database.execute(
            "SELECT film, fields, positive, negative, p.text, n.text FROM films"
            " LEFT JOIN texts p ON p.row = positive LEFT JOIN texts n ON n.row = negative ORDER BY films.rowid"
        )


def read_predictions(path: Path) -> Iterator[Review]:
    """Yield the reviews of a shard that have a film."""
    table = pyarrow.parquet.read_table(path, columns=["film", "row", "probabilities"])
    if not len(table):
        return
    probabilities = table["probabilities"].combine_chunks().flatten().to_numpy().reshape(len(table), -1)
    films, rows = table["film"].to_pylist(), table["row"].to_pylist()
    for film, row, found in zip(films, rows, probabilities, strict=True):
        if film is not None:
            yield film, row, found.tobytes()


def read_rejected(path: Path) -> Iterator[Review]:
    """Yield the rejected rows of a file that have a film."""
    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=["film", "row"]):
            for film, row in zip(batch["film"].to_pylist(), batch["row"].to_pylist(), strict=True):
                if film is not None:
                    yield film, row, None
