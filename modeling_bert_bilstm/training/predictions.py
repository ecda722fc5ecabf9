"""From logits to what a run reports: probabilities, accuracy, the file of a split's predictions."""

import difflib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import torch
from datasets import Dataset

from ..evaluation.metrics import compute_metrics, compute_multi_label_metrics, compute_regression_metrics
from .run_folder import write_whole


def compute_probabilities(logits: np.ndarray, problem_type: str, temperature: float = 1.0) -> np.ndarray:
    """Return calibrated probabilities: (N, C) -> (N, C); for regression the predicted numbers: (N, 1) -> (N,)."""
    scores = torch.from_numpy(np.asarray(logits, dtype=np.float64)) / temperature
    if problem_type == "regression":
        return scores.squeeze(1).numpy()
    if problem_type == "multi_label_classification":
        return scores.sigmoid().numpy()
    return scores.softmax(dim=1).numpy()


def count_right(logits: torch.Tensor, labels: torch.Tensor, problem_type: str) -> torch.Tensor:
    """Return how many reviews got exactly their labels: (B, C), (B,) or (B, C) -> (); none for regression."""
    if problem_type == "regression":
        return torch.zeros((), device=logits.device)
    if problem_type == "multi_label_classification":
        return ((logits >= 0) == (labels > 0.5)).all(dim=1).sum()
    return (logits.argmax(dim=1) == labels).sum()


def measure(labels: np.ndarray, probabilities: np.ndarray, problem_type: str) -> dict[str, float | list]:
    """Return the metrics of a split for what is learnt."""
    if problem_type == "regression":
        return compute_regression_metrics(labels, probabilities)
    if problem_type == "multi_label_classification":
        return compute_multi_label_metrics(labels, probabilities)
    return compute_metrics(labels, probabilities)


def check_metric(name: str | None, problem_type: str) -> None:
    """Make sure that validation measures what the best model is chosen by.

    Args:
        name: As in `--metric_for_best_model`, with or without `eval_`; None where nothing is chosen.
        problem_type: As in the model's configuration.

    Raises:
        ValueError: There is no such metric; the message names the nearest.
    """
    two = np.arange(2.0) if problem_type == "regression" else np.eye(2)  # two right answers: only names are wanted
    labels = np.arange(2) if problem_type == "single_label_classification" else two
    known = sorted(key for key, value in measure(labels, two, problem_type).items() if isinstance(value, float))
    wanted = (name or known[0]).removeprefix("eval_")
    if wanted in known:
        return
    near = [key for key in known if key.startswith(wanted)] or difflib.get_close_matches(wanted, known, cutoff=0.5)
    hint = f"The nearest is `{near[0]}`." if near else f"It has {', '.join(f'`{key}`' for key in known)}."
    raise ValueError(f"`--metric_for_best_model` names no metric of {problem_type}: {name!r}. {hint}")


def measure_splits(
    logits: Mapping[str, np.ndarray], splits: Mapping[str, Dataset], problem_type: str, temperature: float
) -> dict[str, dict]:
    """Return `metrics` of each split, from calibrated probabilities, and what the `calibration` changed.

    Args:
        logits: Logits of each split to measure, of shape `(N, C)`, before calibration.
        splits: The reviews with their `labels`.
        problem_type: As in the model's configuration.
        temperature: What the logits are divided by.
    """
    measured = {}
    for name, scores in logits.items():
        labels = np.asarray(splits[name]["labels"][:])
        measured[name] = measure(labels, compute_probabilities(scores, problem_type, temperature), problem_type)
    if problem_type != "single_label_classification" or "validation" not in logits:
        return {"metrics": measured}
    shown = "test" if "test" in logits else "validation"
    labels = np.asarray(splits[shown]["labels"][:])
    before = measure(labels, compute_probabilities(logits[shown], problem_type), problem_type)
    name = "expected_calibration_error"
    calibration = {"temperature": temperature, f"{name}_before": before[name], f"{name}_after": measured[shown][name]}
    return {"metrics": measured, "calibration": calibration}


def write_predictions(path: Path, reviews: Dataset, probabilities: np.ndarray) -> None:
    """Write id, label, probabilities, text and number of word pieces of each review, in the order of the split.

    Args:
        path: The Parquet file; its folder is made.
        reviews: The split, with `id`, `labels`, `text` and `input_ids`.
        probabilities: Shape `(N, C)`, or `(N,)` for regression.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = np.asarray(probabilities, dtype=np.float32).reshape(len(reviews), -1)
    columns = {"id": reviews["id"][:], "label": reviews["labels"][:], "probabilities": list(rows)}
    columns |= {"text": reviews["text"][:], "num_word_pieces": [len(ids) for ids in reviews["input_ids"][:]]}
    with write_whole(path) as draft:
        pyarrow.parquet.write_table(pyarrow.table(columns), draft, compression="zstd")  # texts: half of the default's
