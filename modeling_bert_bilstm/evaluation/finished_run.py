"""What a finished run left: results.json, and the predictions for one split.

Shapes: N reviews, C labels.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet


SPLITS = ("test", "validation", "train")  # the first that a run measured is reported


@dataclass(frozen=True, eq=False)
class Predictions:
    """Answers to the reviews of a split, in its order.

    Attributes:
        labels: True label numbers, (N,).
        probabilities: Calibrated probability of each label, (N, C).
        texts: The N reviews; None where the run kept none.
        num_word_pieces: What the model read of each review, special tokens included, (N,); None where the run kept
            no lengths.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    texts: list[str] | None
    num_word_pieces: np.ndarray | None

    @property
    def answers(self) -> np.ndarray:
        """Predicted label numbers, (N,)."""
        return self.probabilities.argmax(axis=1)

    @property
    def is_right(self) -> np.ndarray:
        """Whether each review got its label, (N,)."""
        return self.answers == self.labels

    @property
    def confidence(self) -> np.ndarray:
        """Probability of each predicted label, in [1 / C, 1], (N,)."""
        return self.probabilities.max(axis=1)


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """A run folder that has been read.

    Attributes:
        folder: Where it is.
        results: What results.json holds.
        split: The split that is reported; None where the run measured none.
        predictions: Its answers; None where the run kept none, or gives no single label to a review.
    """

    folder: Path
    results: dict
    split: str | None
    predictions: Predictions | None

    @property
    def labels(self) -> list[str]:
        """Names of the C labels, in their order."""
        return list(self.results.get("labels", ()))

    @property
    def metrics(self) -> dict:
        """Metrics of the reported split."""
        return self.results["metrics"][self.split] if self.split else {}

    @property
    def is_single_label(self) -> bool:
        """Whether each review has one label."""
        return self.results.get("task", "single_label") == "single_label"

    @property
    def temperature(self) -> float:
        """What the logits were divided by; 1 where nothing was fitted."""
        return (self.results.get("calibration") or {}).get("temperature") or 1.0


def load_run(folder: str | Path, split: str | None = None) -> FinishedRun:
    """Read a run folder.

    Args:
        folder: What train.py wrote.
        split: The split to report. Default: test, else validation, else train, whichever was measured.

    Raises:
        FileNotFoundError: The folder holds no finished run.
        ValueError: A file cannot be read or is of another run, or the run did not measure the split.
    """
    folder = Path(folder)
    path = folder / "results.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"'{folder}' must hold the results.json of a finished run, but has none. Give the folder that train.py "
            "names in its last line."
        )
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        measured = [name for name in SPLITS if name in results["metrics"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"'{path}' is no results.json of train.py ({error!r}). Was it written whole?") from error
    if split is not None and split not in measured:
        raise ValueError(f"`--split` must be one that the run measured, {measured}, got {split!r}.")
    split = split or next(iter(measured), None)
    run = FinishedRun(folder, results, split, None)
    path = folder / "predictions" / f"{split}.parquet"
    if not run.is_single_label or not path.is_file():
        return run
    return FinishedRun(folder, results, split, _read_predictions(path, run))


def _read_predictions(path: Path, run: FinishedRun) -> Predictions:
    try:
        table = pyarrow.parquet.read_table(path)
        labels = table["label"].to_numpy()
        rows = table["probabilities"].combine_chunks()
        probabilities = rows.flatten().to_numpy().astype(np.float64).reshape(len(labels), -1)
    except (KeyError, ValueError, OSError, pyarrow.ArrowException) as error:
        raise ValueError(f"'{path}' cannot be read as predictions ({error}). Was it written whole?") from error
    expected = (run.metrics.get("num_reviews", len(labels)), len(run.labels))
    if probabilities.shape != expected:
        raise ValueError(
            f"'{path}' must hold {expected[0]} reviews of {expected[1]} labels, as results.json says, found "
            f"{probabilities.shape[0]} of {probabilities.shape[1]}. The files are of two runs: give a folder of one."
        )
    names = table.column_names
    return Predictions(
        labels,
        probabilities,
        table["text"].to_pylist() if "text" in names else None,
        table["num_word_pieces"].to_numpy() if "num_word_pieces" in names else None,
    )
