"""Reviews in one schema, whatever their source.

Columns: `id` (str), `text` (str), `label` (a class; a 0/1 vector for several labels; a number for regression), and
where the source has them `rating` (float) and `group` (str, the film).
"""

import logging
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import datasets

from .labels import normalise_name
from .sources import ReviewSource, read_source
from .tables import ReviewTable
from .targets import Target, build_target, collect_label_names, read_number


logger = logging.getLogger(__name__)

# Why a row of a source is no review of the data set. Every dropped row is counted under one of these.
DROP_REASONS = ("dropped_missing", "dropped_empty", "dropped_unlabelled", "dropped_outside_scheme")


def load_reviews(
    source: ReviewSource,
    *,
    num_labels: int = 2,
    task: str = "single_label",
    label_names: Sequence[str] | None = None,
) -> datasets.Dataset:
    """Return the reviews of one source; what was dropped is logged.

    Args:
        source: Where they come from.
        num_labels: Number of classes of the scheme, 2 to 5; for `task` "single_label" without `label_names`.
        task: "single_label", "multi_label" or "regression".
        label_names: Names of an own label set, in order. Several labels without them are named as in the data, sorted.

    Raises:
        ValueError: The content is not as promised, a label is unknown, or no review is left.
        FileNotFoundError: There is no such file, folder or data set.
        ConnectionError: The Hub cannot be reached.
        ImportError: The package is not installed.
    """
    target = build_target(task, num_labels, label_names)
    table = read_source(source)
    reviews, counts = build_reviews(table, complete_target(target, table), source.rating_scale)
    dropped = {reason: counts[reason] for reason in DROP_REASONS if counts[reason]}
    logger.info(
        "%s: %d rows read, %d reviews, %s", table.name, counts["rows_read"], len(reviews), dropped or "none lost"
    )
    return reviews


def complete_target(target: Target, table: ReviewTable) -> Target:
    """Return the target with the label names of the data where none were given for several labels."""
    if target.task != "multi_label" or target.names:
        return target
    try:
        names = collect_label_names(table.labels)
    except ValueError as error:
        raise ValueError(f"In {table.name}: {error}") from error
    return build_target("multi_label", label_names=names)


def build_reviews(table: ReviewTable, target: Target, rating_scale: int = 10) -> tuple[datasets.Dataset, Counter]:
    """Return the rows with a text and a label in the common schema, and how many were read and dropped, and why.

    Raises:
        ValueError: The table has no rows, a cell is of the wrong kind, a label is unknown, or no review is left.
    """
    if not len(table.ids):
        raise ValueError(f"{table.name} is empty: it has no rows.")
    table = _name_classes(table, target)
    counts = Counter(dict.fromkeys(("rows_read", *DROP_REASONS), 0), rows_read=len(table.ids))
    kept, labels, ratings = [], [], []
    for i, name in enumerate(table.ids):
        try:
            reason = _find_fault(table.texts[i], table.labels[i])
            label = None if reason else _read_target(table, i, target, rating_scale)
            rating = None if table.ratings is None or _is_missing(table.ratings[i]) else read_number(table.ratings[i])
        except ValueError as error:
            raise ValueError(f"In row {name} of {table.name}: {error}") from error
        if label is None:
            counts[reason or "dropped_outside_scheme"] += 1
            continue
        kept.append(i)
        labels.append(label)
        ratings.append(rating)
    if not kept:
        raise ValueError(f"No review of {table.name} is left: {dict(counts)}.")
    return _build_dataset(table, target, kept, labels, ratings), counts


def _build_dataset(
    table: ReviewTable, target: Target, kept: list[int], labels: list, ratings: list[float | None]
) -> datasets.Dataset:
    text = datasets.Value("string")
    columns = {"id": [table.ids[i] for i in kept], "text": [table.texts[i] for i in kept], "label": labels}
    features = {"id": text, "text": text, "label": target.feature}
    if table.ratings is not None:
        columns["rating"], features["rating"] = ratings, datasets.Value("float64")
    if table.groups is not None:
        groups = [table.groups[i] for i in kept]
        columns["group"], features["group"] = [None if _is_missing(group) else str(group) for group in groups], text
    return datasets.Dataset.from_dict(columns, features=datasets.Features(features))


def _find_fault(text: object, label: object) -> str | None:
    """Return why a row is dropped, None where it has a text and a label."""
    if text is None or (isinstance(text, float) and math.isnan(text)):
        return "dropped_missing"
    if not isinstance(text, str):
        raise ValueError(f"A review must be a text, got {type(text).__name__} {text!r}. Check `--text_column`.")
    if not text.strip():
        return "dropped_empty"
    return "dropped_unlabelled" if _is_missing(label) else None


def _is_missing(cell: object) -> bool:
    is_blank = isinstance(cell, str) and not cell.strip()
    return cell is None or is_blank or (isinstance(cell, float) and math.isnan(cell))


def _read_target(table: ReviewTable, i: int, target: Target, rating_scale: int) -> int | float | list[float] | None:
    if table.label_kind == "label":
        return target.read(table.labels[i])
    return target.read_score(table.labels[i], table.label_kind, rating_scale)


def _name_classes(table: ReviewTable, target: Target) -> ReviewTable:
    """Return the table with class numbers replaced by the source's names, so that its order need not be ours.

    A class number of -1 is how data sets of the Hub mark a row without label.
    """
    if table.class_names is None or target.task != "single_label":
        return table
    is_known = {normalise_name(name) for name in table.class_names} <= {normalise_name(name) for name in target.names}
    if not is_known:
        logger.warning(
            "%s calls its classes %s; they are read by number as %s.", table.name, table.class_names, target.names
        )
    numbers = [None if _is_missing(cell) or int(cell) == -1 else int(cell) for cell in table.labels]
    names = table.class_names
    return replace(table, labels=[names[number] if is_known and number is not None else number for number in numbers])
