"""Rows of a corpus: what a row is, which text can be scored, what a film is called."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow


Film = str | int | float | None
# A text, a film and, where a line could not be read at all, the reason; as they stand in the input.
Cells = tuple[object, object, str | None]

DEFAULT_MAX_CHARACTERS = 200_000


class Row(NamedTuple):
    """One row of the input.

    Attributes:
        number: Its position in the input, from 0, over all files in their order.
        text: The review, None where it cannot be scored.
        film: Its film, None where it has none.
        reason: Why it cannot be scored; what stands before a colon is the same for all of its kind.
    """

    number: int
    text: str | None
    film: Film
    reason: str | None


@dataclass(frozen=True)
class Columns:
    """What is read of a row.

    Attributes:
        text: Column with the review.
        group: Column with the film, None to read no film.
        max_characters: A longer review is rejected: it would need more memory than the machine may have.
    """

    text: str
    group: str | None = None
    max_characters: int = DEFAULT_MAX_CHARACTERS

    @property
    def names(self) -> list[str]:
        """The columns, each once."""
        return list(dict.fromkeys([self.text, *([self.group] if self.group else [])]))

    def check(self, found: Sequence[str], name: str) -> None:
        """Make sure that both columns are among those found in what is called `name`, each once.

        Raises:
            ValueError: One is not; the message says which flag names it.
        """
        missing = {"--text_column": self.text not in found, "--group_column": self.group not in (None, *found)}
        if any(missing.values()):
            flags = " and ".join(f"`{flag}`" for flag, is_missing in missing.items() if is_missing)
            raise ValueError(
                f"`{name}` must have the columns {self.names}, found {list(found)}. Name yours with {flags}."
            )
        if any(list(found).count(column) > 1 for column in self.names):
            raise ValueError(f"`{name}` must name each of {self.names} once, found {list(found)}.")


def build_row(number: int, cells: Cells, max_characters: int, film_type: pyarrow.DataType) -> Row:
    """Return a row as it can be scored, or with the reason why it cannot; its film as `film_type` has it."""
    value, film, reason = cells
    text = None
    if reason is None:
        text, reason = read_text(value, max_characters)
    film = read_film(film)
    if film is not None and film_type == pyarrow.string():
        is_whole = isinstance(film, float) and film.is_integer()  # one film, be it written 7 or 7.0
        film = str(int(film) if is_whole else film)
    return Row(number, text, film, reason)


def read_text(value: object, max_characters: int = DEFAULT_MAX_CHARACTERS) -> tuple[str | None, str | None]:
    """Return a review and None, or None and why the value cannot be scored.

    Args:
        value: A string, whose bytes that were not UTF-8 are half surrogates; bytes; or what else stood there.
        max_characters: A longer review cannot be scored.
    """
    if value is None or value != value:  # not a number is how a table says that nothing is there
        return None, "missing text"
    if not isinstance(value, str | bytes):
        return None, f"not a string: {type(value).__name__}"
    try:
        text = value.decode("utf-8") if isinstance(value, bytes) else value.encode("utf-8").decode("utf-8")
    except UnicodeError:
        return None, "invalid UTF-8"
    if not text.strip():
        return None, "empty text"
    if len(text) > max_characters:
        return None, f"text too long: more than {max_characters} characters"
    return text, None


def read_film(value: object) -> Film:
    """Return what a film is called: text, or a number; None where nothing stands there.

    Bytes that are no UTF-8 become the replacement character, and what is neither text nor a number becomes JSON.
    """
    if value is None or value != value:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else json.dumps(value, default=str)
    return text if text.strip() else None


def find_film_type(types: Sequence[pyarrow.DataType], name: str) -> pyarrow.DataType:
    """Return the type in which films are kept: that of all columns where they hold one kind of numbers, else text.

    Args:
        types: Types of the films in each file.
        name: What has them, for the message.

    Raises:
        ValueError: A column holds neither text nor numbers.
    """
    kinds = {_find_kind(kind, name) for kind in types if not pyarrow.types.is_null(kind)}
    return kinds.pop() if len(kinds) == 1 else pyarrow.string()


def _find_kind(kind: pyarrow.DataType, name: str) -> pyarrow.DataType:
    if is_text(kind):
        return pyarrow.string()
    if pyarrow.types.is_integer(kind):
        return pyarrow.string() if kind == pyarrow.uint64() else pyarrow.int64()
    if pyarrow.types.is_floating(kind):
        return pyarrow.float64()
    raise ValueError(f"`--group_column` must hold text or numbers, found {kind} in `{name}`. Write it as text.")


def is_text(kind: pyarrow.DataType) -> bool:
    """Whether a column of this type holds text, perhaps as bytes or by number of a dictionary."""
    kind = kind.value_type if pyarrow.types.is_dictionary(kind) else kind
    types = pyarrow.types
    checks = (types.is_string, types.is_large_string, types.is_string_view, types.is_binary, types.is_large_binary)
    return any(check(kind) for check in checks) or types.is_binary_view(kind)
