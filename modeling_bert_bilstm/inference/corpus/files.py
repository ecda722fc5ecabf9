"""Files as a corpus: one, or a folder of Parquet, CSV and JSON lines in the order of their names."""

import gzip
import hashlib
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow

from .parquet_files import check_parquet, read_parquet
from .rows import Cells, Columns, Row, build_row, find_film_type
from .text_files import DELIMITERS, JSON_ENDINGS, check_json_keys, read_csv, read_csv_header, read_json_lines


_OPENERS = {".gz": gzip.open, ".xz": lzma.open}
_UNPACKING_ERRORS = (gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError)
ENDINGS = (".parquet", *DELIMITERS, *JSON_ENDINGS)


def get_ending(path: Path) -> str:
    """Return the ending that says a file's form: ".csv" of both "a.csv" and "a.csv.gz"."""
    return Path(path.stem if path.suffix.lower() in _OPENERS else path.name).suffix.lower()


def list_files(path: Path) -> list[Path]:
    """Return the file itself, or the files of a folder and its sub-folders that can be read, by their names.

    Names that begin with a dot or an underscore are those of files about the others, and are left out.

    Raises:
        FileNotFoundError: There is no such file or folder, or none of its files can be read.
    """
    if path.is_file() and get_ending(path) in ENDINGS:
        return [path]
    if path.is_dir():
        inside = {file: file.relative_to(path) for file in path.rglob("*") if file.is_file()}
        shown = {file: name for file, name in inside.items() if not any(p[0] in "._" for p in name.parts)}
        if files := sorted((f for f in shown if get_ending(f) in ENDINGS), key=lambda file: shown[file].parts):
            return files
        found = sorted(str(name) for name in shown.values())[:5]
        raise FileNotFoundError(f"`{path}` must hold files that end in one of {ENDINGS}, found {found}.")
    found = f"a file that ends in {get_ending(path)!r}" if path.exists() else "no such file or folder"
    raise FileNotFoundError(f"`{path}` must be a folder or end in one of {ENDINGS}, packed or not; found {found}.")


class FileCorpus:
    """The rows of files, one file after the other.

    Args:
        path: A file or a folder, see `list_files`.
        columns: What to read of a row.
        delimiter: What separates the cells of a CSV file. Default: a comma, in a .tsv file a tab.

    Attributes:
        files: The files in their order.
        num_rows: Number of rows, None where a file does not tell it.
        film_type: Type of the films; text unless every file is Parquet and has numbers of one kind.

    Raises:
        FileNotFoundError: There is nothing to read.
        ValueError: A file is not what its ending says, or lacks a column.
    """

    def __init__(self, path: Path, columns: Columns, delimiter: str | None = None):
        self.files = list_files(path)
        self.columns = columns
        self._delimiter = delimiter
        self._sizes = [file.stat().st_size for file in self.files]
        self._num_rows, types = zip(*map(self._check, self.files), strict=True)
        self.num_rows = None if None in self._num_rows else sum(self._num_rows)
        self.film_type = find_film_type(types, str(path))
        self._bytes_of_earlier, self._open_file = 0, None

    def describe(self) -> dict[str, str | int]:
        """Return what tells these contents from others: their sha256, and how many files and bytes they are."""
        digest = hashlib.sha256()
        for path in self.files:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return {"sha256": digest.hexdigest(), "files": len(self.files), "bytes": sum(self._sizes)}

    def read_rows(self, start: int = 0) -> Iterator[Row]:
        """Yield the rows from row `start` on.

        Raises:
            ValueError: A packed file cannot be unpacked to its end.
        """
        number = self._bytes_of_earlier = 0
        for path, num_rows, num_bytes in zip(self.files, self._num_rows, self._sizes, strict=True):
            skipped = min(max(0, start - number), num_rows or 0)
            number += skipped
            for cells in self._read(path, skipped):
                if number >= start:
                    yield build_row(number, cells, self.columns.max_characters, self.film_type)
                number += 1
            self._bytes_of_earlier += num_bytes

    def estimate_num_rows(self, num_read: int) -> int | None:
        """Return the number of rows, where it is not known judged by the bytes that the first `num_read` rows took."""
        if self.num_rows is not None:
            return self.num_rows
        is_open = self._open_file is not None and not self._open_file.closed
        num_bytes = self._bytes_of_earlier + (self._open_file.tell() if is_open else 0)
        return max(num_read, round(num_read * sum(self._sizes) / num_bytes)) if num_bytes else None

    def _check(self, path: Path) -> tuple[int | None, pyarrow.DataType]:
        """Number of rows, None if only reading would tell, and type of the films."""
        ending = get_ending(path)
        if ending == ".parquet":
            return check_parquet(path, self.columns)
        with self._open(path) as stream:
            if ending in DELIMITERS:
                read_csv_header(stream, self._delimiter or DELIMITERS[ending], self.columns, str(path))
            else:
                check_json_keys(stream, self.columns, str(path))
        return None, pyarrow.string()

    def _read(self, path: Path, skipped: int) -> Iterator[Cells]:
        ending = get_ending(path)
        if ending == ".parquet":
            yield from read_parquet(path, self.columns, skipped)
            return
        with self._open(path) as stream:
            if ending in DELIMITERS:
                yield from read_csv(stream, self._delimiter or DELIMITERS[ending], self.columns, str(path))
            else:
                yield from read_json_lines(stream, self.columns, str(path))

    @contextmanager
    def _open(self, path: Path) -> Iterator[BinaryIO]:
        opener = _OPENERS.get(path.suffix.lower())
        with path.open("rb") as self._open_file:
            try:
                yield opener(self._open_file) if opener else self._open_file
            except _UNPACKING_ERRORS as error:
                raise ValueError(f"`{path}` cannot be unpacked as {path.suffix}: {error}. Write it again.") from error
