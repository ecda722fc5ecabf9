"""Readers of single files: CSV, TSV, JSON lines, Parquet. Strict: a file that cannot be read whole is an error."""

import csv
import gzip
import io
import json
import lzma
import sys
from collections.abc import Iterator
from pathlib import Path

import datasets
import pyarrow
import pyarrow.parquet


# What a reader gives: the columns, and the names of the classes of columns that carry them.
Columns = dict[str, list]
ClassNames = dict[str, tuple[str, ...]]

_OPENERS = {".gz": gzip.open, ".xz": lzma.open}
DELIMITERS = {".csv": ",", ".tsv": "\t"}
JSON_ENDINGS = (".json", ".jsonl", ".ndjson")
TABLE_ENDINGS = (*DELIMITERS, *JSON_ENDINGS, ".parquet")


def get_ending(path: Path) -> str:
    """Return the ending of a file name that says its form: ".csv" of both "a.csv" and "a.csv.gz"."""
    return Path(path.stem if path.suffix.lower() in _OPENERS else path.name).suffix.lower()


def read_bytes(path: Path) -> bytes:
    """Return the content of a file, unpacked where its name ends in .gz or .xz.

    Raises:
        ValueError: A packed file that cannot be unpacked.
    """
    try:
        with _OPENERS.get(path.suffix.lower(), open)(path, "rb") as file:
            return file.read()
    except (gzip.BadGzipFile, lzma.LZMAError, EOFError) as error:
        raise ValueError(f"`{path}` cannot be unpacked as {path.suffix}: {error}. Download it again.") from error


def decode_utf8(data: bytes, name: str) -> str:
    """Return the text of `data`, without a byte order mark.

    Raises:
        ValueError: The data is not UTF-8; the message names the line and the byte.
    """
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"`{name}` must be UTF-8, but byte {error.start} in line {line} is 0x{data[error.start]:02x}. "
            "Save it as UTF-8, for example with: iconv -f latin1 -t utf-8"
        ) from error


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file that may be packed."""
    return decode_utf8(read_bytes(path), str(path))


def read_table(path: Path, delimiter: str | None = None) -> tuple[Columns, ClassNames]:
    """Return the columns of a CSV, TSV, JSON lines or Parquet file.

    Raises:
        ValueError: An unknown ending, an empty file, or a content that does not fit the ending.
    """
    ending = get_ending(path)
    if ending in DELIMITERS:
        columns, class_names = _read_delimited(path, delimiter or DELIMITERS[ending]), {}
    elif ending in JSON_ENDINGS:
        columns, class_names = _read_json(path), {}
    elif ending == ".parquet":
        columns, class_names = _read_parquet(path)
    else:
        known = [*TABLE_ENDINGS, ".txt"]
        raise ValueError(f"`{path}` must end in one of {known} (a .txt holds Stanford trees), got {ending!r}.")
    if not columns:
        raise ValueError(f"`{path}` is empty: it has no rows.")
    return columns, class_names


def _read_delimited(path: Path, delimiter: str) -> Columns:
    """Every cell is a text: "NA", "null" and "" too."""
    text = read_text(path)
    is_plain = delimiter == "\t" and _has_equal_lines(text)
    rows = _iterate_rows(text, path, delimiter, is_plain)
    header = next(rows, (0, []))[1]
    if len(set(header)) < len(header):
        raise ValueError(f"The header of `{path}` must name each column once, got {header}.")
    columns: Columns = {name: [] for name in header}
    for line, cells in rows:
        if len(cells) != len(header):
            raise ValueError(
                f"Line {line} of `{path}` has {len(cells)} cells, but the header has {len(header)}. "
                'Put texts that hold the delimiter or a line break in "double quotes".'
            )
        for name, cell in zip(header, cells, strict=True):
            columns[name].append(_unquote(cell) if is_plain else cell)
    return columns


def _has_equal_lines(text: str) -> bool:
    """Whether all lines have as many tabs: then no cell holds a tab or a break, and a quote opens nothing."""
    return len({line.count("\t") for line in text.split("\n") if line.strip()}) == 1


def _unquote(cell: str) -> str:
    inner = cell[1:-1]
    is_quoted = len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if is_quoted else cell


def _iterate_rows(text: str, path: Path, delimiter: str, is_plain: bool) -> Iterator[tuple[int, list[str]]]:
    """Yield the line at which each row ends, and its cells; blank lines are no rows."""
    quoting = csv.QUOTE_NONE if is_plain else csv.QUOTE_MINIMAL
    # The module's limit of 131,072 characters a cell is shorter than a long review.
    limit = csv.field_size_limit(sys.maxsize)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
    try:
        yield from ((reader.line_num, cells) for cells in reader if cells)
    except csv.Error as error:
        raise ValueError(
            f"Line {reader.line_num} of `{path}` is not well quoted: {error}. "
            'Close every quote, and double those inside a quoted cell ("").'
        ) from error
    finally:
        csv.field_size_limit(limit)


def _read_json(path: Path) -> Columns:
    """One object a line, or one list of objects; a key that a row lacks is missing in it."""
    text = read_text(path)
    if text.lstrip().startswith("["):
        rows = _parse_json(text, path, 1)
    else:
        # Not splitlines(): a review may hold U+2028, which JSON need not escape.
        rows = [_parse_json(line, path, i) for i, line in enumerate(text.split("\n"), 1) if line.strip()]
    for i, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise ValueError(f"Entry {i} of `{path}` must be a JSON object, got {type(row).__name__}.")
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _parse_json(text: str, path: Path, line: int) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(
            f"Line {line} of `{path}` is not JSON: {error}. Write one object a line, or one list of objects."
        ) from error


def _read_parquet(path: Path) -> tuple[Columns, ClassNames]:
    try:
        table = pyarrow.parquet.read_table(path)
    except pyarrow.ArrowInvalid as error:
        raise ValueError(f"`{path}` is not a Parquet file: {error}.") from error
    features = datasets.Features.from_arrow_schema(table.schema)
    return {name: table[name].to_pylist() for name in table.column_names}, get_class_names(features)


def get_class_names(features: datasets.Features) -> ClassNames:
    """Return the class names of the columns that carry them."""
    return {name: tuple(kind.names) for name, kind in features.items() if isinstance(kind, datasets.ClassLabel)}
