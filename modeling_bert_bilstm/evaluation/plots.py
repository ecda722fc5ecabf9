"""How the figures of a report look: each as wide as a phone, told apart without colour.

A `draw_` function fills an empty figure; `write_figure` makes it a PNG in the one style of all.
"""

import textwrap
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..extras import import_optional
from .breakdowns import Accuracies


if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NUM_WORDS = 12  # of a label

_WIDTH = 5.0  # inches: letters of 11 points are 11 pixels high where a phone shows the figure 360 pixels wide
_DPI = 200
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.axisbelow": True,
    "grid.alpha": 0.35,
    "legend.frameon": False,
    "text.parse_math": False,  # a word or a label may hold dollar signs
}
_BLUE, _RED, _GREY = "#1f5f99", "#a0202c", "#595959"
# Line, marker and its filling: the curves of a figure can be told without their colours.
_LOOKS = {
    "train": {"color": _GREY, "linestyle": "--", "marker": "o", "markerfacecolor": "white"},
    "validation": {"color": _BLUE, "linestyle": "-", "marker": "s"},
    "test": {"color": _RED, "linestyle": ":", "marker": "^"},
}
_MAX_WORD = 18  # letters


def write_figure(draw: Callable[["Figure"], None], path: Path) -> None:
    """Write a figure as PNG, the same bytes for the same numbers.

    Args:
        draw: Fills the figure, and sets its height.
        path: The file.

    Raises:
        ImportError: matplotlib is not installed.
    """
    matplotlib, figures = (
        import_optional(name, "report", "The report") for name in ("matplotlib", "matplotlib.figure")
    )
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **_STYLE}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # the report has all words as text
        figure = figures.Figure(figsize=(_WIDTH, 4), layout="constrained")
        draw(figure)
        figure.savefig(path, format="png", dpi=_DPI, metadata={"Software": None})


def draw_learning_curves(figure: "Figure", history: Sequence[Mapping[str, float]]) -> None:
    """Draw loss and accuracy of train and validation by epoch; of test where there was no validation."""
    recorded = set().union(*history)
    splits = ["train", "validation" if recorded & {"validation_loss", "validation_accuracy"} else "test"]
    measures = [name for name in ("loss", "accuracy") if any(f"{split}_{name}" in recorded for split in splits)]
    figure.set_figheight(0.9 + 2.2 * len(measures))
    axes = figure.subplots(len(measures), sharex=True, squeeze=False)[:, 0]
    for axis, measure in zip(axes, measures, strict=True):
        for split in splits:
            rows = [(row["epoch"], row[f"{split}_{measure}"]) for row in history if f"{split}_{measure}" in row]
            axis.plot(*zip(*rows, strict=True) if rows else ([], []), label=split, markersize=7, **_LOOKS[split])
        axis.set_ylabel(measure)
        axis.grid()
    epochs = [row["epoch"] for row in history]
    axes[-1].set_xlabel("epoch")
    axes[-1].set_xlim(min(epochs) - 0.4, max(epochs) + 0.4)
    axes[-1].xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(splits))


def draw_confusion_matrix(figure: "Figure", matrix: np.ndarray, labels: Sequence[str]) -> None:
    """Draw how many reviews of each true label (row) got each predicted one (column), shaded by share of the row.

    Args:
        figure: An empty figure.
        matrix: Numbers of reviews, (C, C).
        labels: Names of the C labels.
    """
    figure.set_figheight(4.6)
    num_labels = len(labels)
    shares = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    axis = figure.subplots()
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    size = float(np.clip(45 / num_labels, 5, 11))
    for row, column in np.ndindex(matrix.shape) if num_labels <= 12 else ():
        text = f"{matrix[row, column]:,}\n{shares[row, column]:.0%}" if num_labels <= 7 else f"{matrix[row, column]:,}"
        color = "white" if shares[row, column] > 0.712 else "black"
        axis.text(column, row, text, ha="center", va="center", color=color, fontsize=size)
    names = [textwrap.fill(label, 10, max_lines=3, placeholder="…") for label in labels]
    axis.set_xticks(range(num_labels), names, fontsize=size, rotation=90 if num_labels > 7 else 0)
    axis.set_yticks(range(num_labels), names, fontsize=size)
    axis.set(xlabel="predicted", ylabel="true")
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)


def draw_confidence(figure: "Figure", confidence: np.ndarray, is_right: np.ndarray, num_labels: int) -> None:
    """Draw how sure the model was where it was right and where it was wrong: (N,), (N,)."""
    figure.set_figheight(3.6)
    axis = figure.subplots()
    edges = np.linspace(1 / num_labels, 1, 21)
    looks = {
        "right": {"facecolor": "#bcd3e8", "edgecolor": _BLUE, "linewidth": 0.8},
        "wrong": {"facecolor": "none", "edgecolor": _RED, "hatch": "////", "linewidth": 1.4, "histtype": "step"},
    }
    for name, chosen in {"right": is_right, "wrong": ~is_right}.items():
        if chosen.any():
            weights = np.full(chosen.sum(), 100 / chosen.sum())
            values = np.clip(confidence[chosen], edges[0], edges[-1])
            axis.hist(values, edges, weights=weights, label=f"{name} ({chosen.sum():,})", **looks[name])
    axis.set(xlabel="confidence: probability of the answer", ylabel="% of the answers", xlim=(edges[0], 1))
    axis.grid(axis="y")
    figure.legend(loc="outside upper center", ncols=2)


def draw_reliability(figure: "Figure", after: Accuracies, before: Accuracies | None) -> None:
    """Draw accuracy by confidence, calibrated with intervals, and before calibration where that differs."""
    figure.set_figheight(4.6)
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="black", linewidth=0.8, label="as sure as right")
    if before is not None:
        look = {"linestyle": "--", "marker": "o", "markerfacecolor": "white", "color": _RED}
        axis.plot(before.mean, before.accuracy, label="before calibration", **look)
    label = "calibrated, with 95% interval" if before is not None else "as published, with 95% interval"
    _draw_accuracies(axis, after.mean, after, label=label, linestyle="-")
    lowest = min(part.min() for groups in (after, before) if groups for part in (groups.mean, groups.low))
    axis.set(
        xlabel="confidence", ylabel="accuracy", xlim=(max(0, lowest - 0.03), 1.03), ylim=(max(0, lowest - 0.03), 1.03)
    )
    axis.grid()
    axis.legend(loc="best")


def draw_accuracy_by_length(figure: "Figure", groups: Accuracies) -> None:
    """Draw the accuracy of short to long reviews with its intervals, and that of all."""
    figure.set_figheight(3.8)
    axis = figure.subplots()
    positions = np.arange(len(groups.accuracy))
    overall = groups.accuracy @ groups.num_reviews / groups.num_reviews.sum()
    axis.axhline(overall, color="black", linestyle=":", label="all reviews")
    _draw_accuracies(axis, positions, groups, label="with 95% interval", linestyle="none")
    spans = zip(groups.first.astype(int), groups.last.astype(int), strict=True)
    names = [f"{first:,}–{last:,}" if first < last else f"{first:,}" for first, last in spans]
    axis.set_xticks(positions, names, rotation=35, ha="right", rotation_mode="anchor", fontsize=10)
    axis.set(xlabel="word pieces of the review", ylabel="accuracy")
    axis.grid(axis="y")
    figure.legend(loc="outside upper center", ncols=2)


def draw_important_words(figure: "Figure", words: Mapping[str, Sequence[Mapping]], labels: Sequence[str]) -> None:
    """Draw how much the strongest words of each label speak for it, all labels on one scale.

    Args:
        figure: An empty figure.
        words: `word` and `attribution` of the words of each label, strongest first.
        labels: Names of the labels, in their order.
    """
    num_rows = -(-len(labels) // 2)
    shown = {label: list(words.get(label, ()))[:NUM_WORDS] for label in labels}
    figure.set_figheight(0.6 + num_rows * (0.75 + 0.21 * max(map(len, shown.values()))))
    axes = figure.subplots(num_rows, min(2, len(labels)), sharex=True, squeeze=False)
    for axis, label in zip(axes.flat, labels, strict=False):
        names = [_cut(entry["word"], _MAX_WORD) for entry in shown[label]]
        heights = np.arange(len(names))
        values = [entry["attribution"] for entry in shown[label]]
        axis.barh(heights, values, color="#7fa8cc", edgecolor=_BLUE, linewidth=0.8)
        axis.set_yticks(heights, names, fontsize=10)
        axis.set_ylim(max(len(names), 1) - 0.4, -0.6)
        axis.set_title(_cut(label, 24), fontsize=11, loc="left", fontweight="bold")
        axis.tick_params(axis="y", length=0)
        axis.grid(axis="x")
        axis.xaxis.set_tick_params(labelbottom=True)
    for axis in axes.flat[len(labels) :]:
        axis.set_visible(False)
    figure.supxlabel("attribution", fontsize=11)


def _draw_accuracies(axis: "Axes", positions: np.ndarray, groups: Accuracies, **look: object) -> None:
    errors = np.maximum(0, [groups.accuracy - groups.low, groups.high - groups.accuracy])
    axis.errorbar(positions, groups.accuracy, errors, marker="s", markersize=6, capsize=3, color=_BLUE, **look)


def _cut(text: str, max_letters: int) -> str:
    return text if len(text) <= max_letters else f"{text[: max_letters - 1]}…"
