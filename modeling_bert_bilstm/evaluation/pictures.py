"""The pictures of a report: what each shows of a run, in words too, or why it cannot be drawn.

None holds the text of a review, so that all may be published with the model; single words of reviews are in the last.
"""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import breakdowns, plots
from .finished_run import FinishedRun


if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Picture:
    """A part of the report.

    Attributes:
        name: Stem of its file.
        title: What it shows.
        caption: What is to be seen, with numbers; where it cannot be drawn, what is missing.
        draw: Fills a figure; None where something is missing.
        can_be_measured: Whether evaluating the model again brings what is missing.
    """

    name: str
    title: str
    caption: str
    draw: Callable[["Figure"], None] | None = None
    can_be_measured: bool = False


def list_pictures(run: FinishedRun) -> list[Picture]:
    """Return all pictures of a report in their order, those too that cannot be drawn."""
    return [Picture(name, title, *show(run)) for name, (title, show) in _SHOWN.items()]


def write_pictures(pictures: list[Picture], folder: Path) -> dict[str, Path]:
    """Write those pictures that can be drawn as PNG, remove earlier ones, and return the file of each by its name.

    Raises:
        ImportError: matplotlib is not installed.
    """
    for name in _SHOWN:
        (folder / f"{name}.png").unlink(missing_ok=True)
    files = {picture.name: folder / f"{picture.name}.png" for picture in pictures if picture.draw}
    for picture in pictures:
        if picture.draw:
            plots.write_figure(picture.draw, files[picture.name])
    return files


def render_measuring_command(run: FinishedRun) -> str:
    """Return the command that measures the model of a run again, on the same reviews, into a folder of its own."""
    words = ["python", "train.py", "--no_do_train", "--model_name_or_path", str(run.folder)]
    words += ["--output_dir", f"{run.folder}-measured"]
    for name, value in (run.results.get("arguments") or {}).get("data", {}).items():
        values = value if isinstance(value, list) else [str(value).lower() if isinstance(value, bool) else value]
        words += [f"--{name}", *map(str, values)]
    return shlex.join(words)


# What a maker returns: the caption, then how to draw it, or whether what is missing can be measured.
_Shown = tuple[str, Callable[["Figure"], None] | None, bool]


def _miss(caption: str, can_be_measured: bool = False) -> _Shown:
    return caption, None, can_be_measured


def _show_learning(run: FinishedRun) -> _Shown:
    history = run.results.get("history") or []
    if not any(name.endswith(("_loss", "_accuracy")) for row in history for name in row):
        return _miss("This run has no epochs: it measured a model without training it.")
    caption = (
        "Train values are means over the batches of the epoch, while the model learns and with dropout, so that "
        "validation may look better. A validation loss that rises while the train loss falls is overfitting."
    )
    return caption, partial(plots.draw_learning_curves, history=history), False


def _show_confusion(run: FinishedRun) -> _Shown:
    matrix = run.metrics.get("confusion_matrix")
    if matrix is None:
        return _miss(_explain_missing(run, "a confusion matrix"))
    counts = np.asarray(matrix)
    right, total = int(np.trace(counts)), int(counts.sum())
    caption = (
        f"{right:,} of {total:,} {run.split} reviews ({right / total:.1%}) lie on the diagonal. Percentages are "
        "shares of a row: of all reviews with that true label."
    )
    return caption, partial(plots.draw_confusion_matrix, matrix=counts, labels=run.labels), False


def _show_confidence(run: FinishedRun) -> _Shown:
    found = run.predictions
    if found is None:
        return _miss(_explain_missing(run, "the predictions"), run.is_single_label)
    medians = [
        f"{np.median(found.confidence[chosen]):.0%} where it is {name}"
        for name, chosen in {"right": found.is_right, "wrong": ~found.is_right}.items()
        if chosen.any()
    ]
    caption = f"Half of the answers are surer than {' and '.join(medians)}. Right and wrong answers sum to 100% each."
    draw = partial(
        plots.draw_confidence, confidence=found.confidence, is_right=found.is_right, num_labels=len(run.labels)
    )
    return caption, draw, False


def _show_reliability(run: FinishedRun) -> _Shown:
    found = run.predictions
    if found is None:
        return _miss(_explain_missing(run, "the predictions"), run.is_single_label)
    after = breakdowns.compute_reliability(found.labels, found.probabilities)
    error, before = breakdowns.compute_calibration_error(after), None
    caption = f"Expected calibration error {error:.4f}; this run fitted no temperature."
    if run.temperature != 1:
        raw = breakdowns.undo_temperature(found.probabilities, run.temperature)
        before = breakdowns.compute_reliability(found.labels, raw)
        error_before = breakdowns.compute_calibration_error(before)
        caption = (
            f"Expected calibration error {error_before:.4f} before calibration, {error:.4f} after it (temperature "
            f"{run.temperature:.3f}, fitted on validation)."
        )
    caption += " Above the diagonal it is right more often than it claims, below it less often."
    return caption, partial(plots.draw_reliability, after=after, before=before), False


def _show_lengths(run: FinishedRun) -> _Shown:
    found = run.predictions
    if found is None or found.num_word_pieces is None:
        return _miss(_explain_missing(run, "the number of word pieces of each review"), run.is_single_label)
    groups = breakdowns.compute_accuracy_by_length(found.num_word_pieces, found.is_right)
    caption = (
        f"The {run.split} reviews in {len(groups.accuracy)} groups of like length and about as many reviews: "
        f"{groups.accuracy[0]:.1%} of the shortest are right, {groups.accuracy[-1]:.1%} of the longest."
    )
    return caption, partial(plots.draw_accuracy_by_length, groups=groups), False


def _show_words(run: FinishedRun) -> _Shown:
    important = run.results.get("important_words") or {}
    if not any((important.get("words") or {}).values()):
        return _miss(_explain_missing(run, "attributions of words"), run.is_single_label)
    caption = (
        f"How much a word moves the score towards its label, by {important['method'].replace('_', ' ')} on "
        f"{important['num_reviews']:,} {important['split']} reviews; words that stand in at least "
        f"{important['min_reviews']} of them."
    )
    return caption, partial(plots.draw_important_words, words=important["words"], labels=run.labels), False


def _explain_missing(run: FinishedRun, what: str) -> str:
    if not run.is_single_label:
        return "Only a model that gives one label to each review has this part."
    if run.split is None:
        return "This run measured no split: it had neither validation nor test reviews."
    return f"This run did not keep {what}."


_SHOWN = {
    "learning_curves": ("Learning", _show_learning),
    "confusion_matrix": ("Which labels are mixed up", _show_confusion),
    "confidence": ("How sure it is, right and wrong", _show_confidence),
    "reliability": ("How often it is right when it is that sure", _show_reliability),
    "accuracy_by_length": ("Short and long reviews", _show_lengths),
    "important_words": ("The words that speak for each label", _show_words),
}
PICTURE_NAMES = tuple(_SHOWN)
