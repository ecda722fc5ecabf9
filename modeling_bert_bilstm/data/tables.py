"""The rows of a source as they stand there: before labels are read and empty rows are dropped."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ReviewTable:
    """Rows of one source, column by column.

    Attributes:
        name: Where the rows come from, for messages.
        ids: A name for each row, the same on every machine; row numbers count from 0, without a header.
        texts: The reviews; None is a missing one.
        labels: Class names or numbers, ratings, or tree scores, as `label_kind` says; None is a missing one.
        label_kind: "label", "rating" or "tree score".
        class_names: The source's own names of its classes 0, 1, ...; None where it has none.
        ratings: Ratings of the rows; None is a missing one.
        groups: The film of each row.
    """

    name: str
    ids: Sequence[str]
    texts: Sequence[object]
    labels: Sequence[object]
    label_kind: str = "label"
    class_names: tuple[str, ...] | None = None
    ratings: Sequence[object] | None = None
    groups: Sequence[object] | None = None
