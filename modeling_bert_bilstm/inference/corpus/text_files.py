"""CSV and JSON lines, row by row and forgiving: what cannot be read is a row with a reason, and reading goes on.

A file is read line by line; a line of any length takes no more memory than a record may. A line of bytes that are no
UTF-8 keeps them as half surrogates, so that the rest of it can still be read.
"""

import csv
import itertools
import json
import sys
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

from .rows import Cells, Columns


DELIMITERS = {".csv": ",", ".tsv": "\t"}
JSON_ENDINGS = (".jsonl", ".ndjson", ".json")

_MIN_RECORD_BYTES = 2**21
_BYTES_A_CHARACTER = 8  # of UTF-8 at most 4, and escaped in JSON 6
_SKIPPED_AT_ONCE = 2**16
_PEEKED_LINES = 1_000  # of a JSON lines file, in which its keys are looked for
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read_lines(stream: BinaryIO, max_bytes: int, name: str) -> Iterator[str | None]:
    """Yield each line with its end, None for one of more than `max_bytes`.

    Raises:
        ValueError: The file is UTF-16.
    """
    is_first = True
    while line := stream.readline(max_bytes + 1):
        if is_first and line.startswith(_UTF_16):
            raise ValueError(f"`{name}` must be UTF-8, but begins as UTF-16. Convert it: iconv -f utf-16 -t utf-8")
        is_cut = len(line) > max_bytes and not line.endswith(b"\n")
        while line and not line.endswith(b"\n") and is_cut:
            line = stream.readline(_SKIPPED_AT_ONCE)
        yield (
            None
            if is_cut
            else line.removeprefix(_BYTE_ORDER_MARK if is_first else b"").decode("utf-8", "surrogateescape")
        )
        is_first = False


def compute_max_record(columns: Columns) -> int:
    """Return how many bytes a record may have, so that every review that may be scored fits."""
    return max(_MIN_RECORD_BYTES, _BYTES_A_CHARACTER * columns.max_characters)


# ---------------------------------------------------------------------------------------------------------------------
# CSV


class _Lines:
    """The lines of a CSV file, of which a record may take several; those that it took can be given back."""

    def __init__(self, lines: Iterator[str | None], max_characters: int):
        self._lines, self._max_characters = lines, max_characters
        self._returned: deque[str | None] = deque()
        self._taken: list[str | None] = []
        self._num_characters = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._returned.popleft() if self._returned else next(self._lines)
        self._taken.append(line)
        self._num_characters += len(line or "")
        if line is None or self._num_characters > self._max_characters:
            raise csv.Error(f"more than {self._max_characters} bytes")
        return line

    def accept(self) -> None:
        """Begin the next record."""
        self._taken, self._num_characters = [], 0

    def give_back(self) -> None:
        """Begin the next record at the second line of this one."""
        self._returned.extendleft(reversed(self._taken[1:]))
        self.accept()


def _read_record(reader: Iterator[list[str]]) -> list[str]:
    """The next cells, of any length: the module's limit is below a long review, and belongs to the whole process."""
    limit = csv.field_size_limit(sys.maxsize)
    try:
        return next(reader)
    finally:
        csv.field_size_limit(limit)


def iterate_records(
    lines: Iterator[str | None], delimiter: str, max_bytes: int
) -> Iterator[tuple[list[str], str | None]]:
    """Yield the cells of each record, or none and what is wrong with a line; blank lines are no records.

    Of a record that cannot be read only the first line is given up: a stray quote may have taken many good ones with
    it.
    """
    source = _Lines(lines, max_bytes)
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    while True:
        try:
            cells = _read_record(reader)
        except StopIteration:
            return
        except csv.Error as error:
            source.give_back()
            reader = csv.reader(source, delimiter=delimiter, strict=True)
            yield [], f"malformed line: {error}"
            continue
        source.accept()
        if cells:
            yield cells, None


def read_csv_header(stream: BinaryIO, delimiter: str, columns: Columns, name: str) -> list[str]:
    """Return the names of the columns.

    Raises:
        ValueError: The file has no header, or one without the columns that are read or with one of them twice.
    """
    max_bytes = compute_max_record(columns)
    header, reason = next(iterate_records(read_lines(stream, max_bytes, name), delimiter, max_bytes), ([], "empty"))
    if reason is not None:
        raise ValueError(f"`{name}` must begin with a line that names its columns, found none ({reason}).")
    columns.check(header, name)
    return header


def read_csv(stream: BinaryIO, delimiter: str, columns: Columns, name: str) -> Iterator[Cells]:
    """Yield the cells of each row; every cell is a text: "NA" and "null" too."""
    max_bytes = compute_max_record(columns)
    records = iterate_records(read_lines(stream, max_bytes, name), delimiter, max_bytes)
    header = next(records)[0]
    text, film = header.index(columns.text), header.index(columns.group) if columns.group else None
    for cells, reason in records:
        if reason is None and len(cells) != len(header):
            reason = f"malformed line: {len(cells)} cells, but the header has {len(header)}"
        if reason is not None:
            yield None, None, reason
        else:
            yield cells[text], None if film is None else cells[film], None


# ---------------------------------------------------------------------------------------------------------------------
# JSON lines


def check_json_keys(stream: BinaryIO, columns: Columns, name: str) -> None:
    """Make sure that each column is a key of one of the first objects.

    Raises:
        ValueError: It is not, or the file is one list and not lines.
    """
    keys: dict[str, None] = {}
    for line in itertools.islice(read_lines(stream, compute_max_record(columns), name), _PEEKED_LINES):
        if not keys and line is not None and line.lstrip().startswith("["):
            raise ValueError(
                f"`{name}` must have one JSON object a line, but is a list. Write it as lines: jq -c '.[]' {name}"
            )
        keys |= dict.fromkeys(parse_json_line(line)[0] or {})
    columns.check(list(keys), name)


def read_json_lines(stream: BinaryIO, columns: Columns, name: str) -> Iterator[Cells]:
    """Yield the values of each row, which is one JSON object a line; a key that a row lacks is missing in it."""
    for line in read_lines(stream, compute_max_record(columns), name):
        fields, reason = parse_json_line(line)
        if reason is not None:
            yield None, None, reason
        elif fields is not None:
            yield fields.get(columns.text), fields.get(columns.group) if columns.group else None, None


def parse_json_line(line: str | None) -> tuple[dict | None, str | None]:
    """Return the object in a line and None, or None and what is wrong with it; both None of a blank line."""
    if line is None:
        return None, "malformed line: too long"
    if not line.strip():
        return None, None
    try:
        fields = json.loads(line)
    except RecursionError:
        return None, "malformed line: nested too deeply"
    except ValueError as error:
        return None, f"malformed line: {getattr(error, 'msg', 'not JSON')}"
    if not isinstance(fields, dict):
        return None, f"malformed line: {type(fields).__name__}, not an object"
    return fields, None
