"""What a model is to learn from a label cell: one class, several classes, or a number."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import datasets

from .labels import LabelScheme, get_label_scheme, normalise_name, read_label


TASKS = ("single_label", "multi_label", "regression")


@dataclass(frozen=True)
class Target:
    """Reads label cells for one task.

    Attributes:
        task: One of `TASKS`.
        names: The class names in order; empty for regression, and for several labels until the data has named them.
        scheme: The scheme whose rules apply to ratings and tree scores; None for an own label set.
    """

    task: str
    names: tuple[str, ...]
    scheme: LabelScheme | None = None

    @property
    def feature(self) -> datasets.ClassLabel | datasets.Sequence | datasets.Value:
        """The type of the label column: a class, a 0/1 vector as long as `names`, or a number."""
        if self.task == "regression":
            return datasets.Value("float32")
        if self.task == "multi_label":
            return datasets.Sequence(datasets.Value("float32"), length=len(self.names))
        return datasets.ClassLabel(names=list(self.names))

    def read(self, value: object) -> int | float | list[float]:
        """Return the target of a label cell.

        Raises:
            ValueError: The cell holds no label of this task.
        """
        if self.task == "regression":
            return read_number(value)
        if self.task == "multi_label":
            positions = {read_label(item, self.names) for item in read_label_list(value)}
            return [float(i in positions) for i in range(len(self.names))]
        return read_label(value, self.names)

    def read_score(self, value: object, kind: str, scale: int) -> int | float | None:
        """Return the target of a rating or of a tree score, None where the scheme has no class for it.

        Raises:
            ValueError: The value is no such number, or the task or label set has no rule for it.
        """
        number = read_number(value)
        if self.task == "regression":
            return number
        if self.scheme is None:
            raise ValueError(
                f"A {kind} has a rule for our schemes of 2 to 5 classes and for regression, not for an own label set. "
                "Leave out `--label_names`, or take the labels from a column with `--label_column`."
            )
        if kind == "tree score":
            return self.scheme.label_of_tree_score(number)
        return self.scheme.label_of_rating(number, scale)


def build_target(task: str = "single_label", num_labels: int = 2, label_names: Sequence[str] | None = None) -> Target:
    """Return the reader of label cells for a task.

    Raises:
        ValueError: An unknown task, a number of labels without a scheme, or label names that are not all different.
    """
    if task not in TASKS:
        raise ValueError(f"`task` must be one of {TASKS}, got {task!r}.")
    if label_names is not None:
        plain = {normalise_name(str(name)) for name in label_names}
        if task == "regression" or len(label_names) < 2 or len(plain) < len(label_names):
            raise ValueError(
                "`label_names` must be two or more different names, for single_label or multi_label, "
                f"got {list(label_names)!r} for {task}."
            )
        return Target(task, tuple(str(name) for name in label_names))
    if task != "single_label":
        return Target(task, ())
    scheme = get_label_scheme(num_labels)
    return Target(task, scheme.names, scheme)


def read_label_list(value: object) -> list:
    """Return the labels of a cell that holds a list, a JSON list in a string, or one label."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ValueError(f'The labels {value!r} are not a JSON list. Write them like ["a", "b"].') from error
    return list(value) if isinstance(value, list | tuple) else [value]


def collect_label_names(cells: Sequence[object]) -> list[str]:
    """Return every label in cells that hold lists of labels, sorted."""
    names = {str(name) for cell in cells if cell is not None for name in read_label_list(cell)}
    return sorted(names)


def read_number(value: object) -> float:
    """Return the number of a cell, which may be a string.

    Raises:
        ValueError: It is no finite number.
    """
    try:
        number = float(value) if isinstance(value, int | float | str) else math.nan
    except ValueError:
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise ValueError(f"The value {value!r} must be a finite number.")
    return number
