"""Metrics that need no network: arrays in, plain numbers out, ready for JSON.

Shapes: N reviews, C labels. Each metric is an `evaluate.Metric` made here, for `evaluate.load` would fetch a script.
"""

from abc import ABC, abstractmethod

import datasets
import evaluate
import numpy as np


NUM_BINS = 15  # of the calibration error, as in Guo et al. 2017
_SMALLEST_PROBABILITY = 1e-12


def compute_metrics(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float | int | list[list[int]]]:
    """Return the metrics of a model that gives one label to each review.

    Macro means are over all C labels, those that no review has included.

    Args:
        labels: True label numbers, (N,).
        probabilities: Probability of each label, (N, C).

    Raises:
        ValueError: There is no review, a label is not one of the C, or a probability is not a finite number.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    _check_scores(labels, probabilities, (len(labels), probabilities.shape[-1]))
    num_labels = probabilities.shape[1]
    if not np.isin(labels, np.arange(num_labels)).all():
        strange = sorted(set(labels.tolist()) - set(range(num_labels)))
        raise ValueError(
            f"`labels` must be from 0 to {num_labels - 1} for {num_labels} probabilities, found {strange}."
        )
    predictions = probabilities.argmax(axis=1)
    metrics: dict[str, float | int | list[list[int]]] = {}
    for metric in (Accuracy(), PrecisionRecallF1(), MatthewsCorrelation(), ConfusionMatrix()):
        metrics |= metric.compute(predictions=predictions, references=labels, num_labels=num_labels)
    metrics |= ExpectedCalibrationError().compute(predictions=probabilities, references=labels)
    chosen = probabilities[np.arange(len(labels)), labels]
    metrics["loss"] = float(-np.log(np.maximum(chosen, _SMALLEST_PROBABILITY)).mean())
    metrics["num_reviews"] = len(labels)
    return metrics


def compute_multi_label_metrics(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float = 0.5
) -> dict[str, float | int]:
    """Return the metrics of a model that gives any number of labels to each review.

    Args:
        labels: 1 where a review has a label, else 0, (N, C).
        probabilities: Probability that a review has a label, (N, C).
        threshold: Probability in [0, 1] from which on a label counts as given.

    Raises:
        ValueError: There is no review, the shapes differ, or a probability is not a finite number.
    """
    labels, probabilities = np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    _check_scores(labels, probabilities, labels.shape)
    is_true, is_given = labels > 0.5, probabilities >= threshold
    hits, given, true = (is_true & is_given).sum(axis=0), is_given.sum(axis=0), is_true.sum(axis=0)
    likelihood = np.where(is_true, probabilities, 1 - probabilities)
    return {
        "subset_accuracy": float((is_true == is_given).all(axis=1).mean()),
        "f1_micro": float(_divide(2 * hits.sum(), given.sum() + true.sum())),
        "f1_macro": float(_divide(2 * hits, given + true).mean()),
        "loss": float(-np.log(np.maximum(likelihood, _SMALLEST_PROBABILITY)).mean()),
        "num_reviews": len(labels),
    }


def compute_regression_metrics(labels: np.ndarray, predictions: np.ndarray) -> dict[str, float | int]:
    """Return the metrics of a model that gives a number to each review; `pearson` is 0 where one side is constant.

    Args:
        labels: True numbers, (N,).
        predictions: Predicted numbers, (N,) or (N, 1).

    Raises:
        ValueError: There is no review, the numbers of both differ, or a prediction is not a finite number.
    """
    labels = np.asarray(labels, dtype=np.float64).reshape(-1)
    predictions = np.asarray(predictions, dtype=np.float64).reshape(-1)
    _check_scores(labels, predictions, labels.shape)
    errors = predictions - labels
    centred, centred_labels = predictions - predictions.mean(), labels - labels.mean()
    spread = np.sqrt((centred**2).sum() * (centred_labels**2).sum())
    mse = float((errors**2).mean())
    return {
        "mse": mse,
        "mae": float(np.abs(errors).mean()),
        "pearson": float(_divide(centred @ centred_labels, spread)),
        "loss": mse,
        "num_reviews": len(labels),
    }


def compute_confusion_matrix(labels: np.ndarray, predictions: np.ndarray, num_labels: int) -> np.ndarray:
    """Return how many reviews of each true label (row) got each predicted label (column): (N,), (N,) -> (C, C)."""
    pairs = np.asarray(labels) * num_labels + np.asarray(predictions)
    return np.bincount(pairs, minlength=num_labels**2).reshape(num_labels, num_labels)


class _LabelMetric(evaluate.Metric, ABC):
    """A metric of predicted label numbers that depends on the confusion matrix alone."""

    def __init__(self):
        super().__init__(keep_in_memory=True)

    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": datasets.Value("int64"), "references": datasets.Value("int64")}
        return evaluate.MetricInfo(description=self.__doc__, citation="", features=datasets.Features(features))

    def _compute(self, *, predictions: list[int], references: list[int], num_labels: int | None = None) -> dict:
        num_labels = num_labels or 1 + max(*predictions, *references)
        return self._read_off(compute_confusion_matrix(references, predictions, num_labels))

    @abstractmethod
    def _read_off(self, matrix: np.ndarray) -> dict: ...


class Accuracy(_LabelMetric):
    """Share of reviews whose predicted label is the true one: `accuracy` in [0, 1]."""

    def _read_off(self, matrix: np.ndarray) -> dict[str, float]:
        return {"accuracy": float(_divide(np.trace(matrix), matrix.sum()))}


class PrecisionRecallF1(_LabelMetric):
    """Precision, recall and F1 in [0, 1]: `_macro`, their mean over labels, and `_weighted` by the reviews of each."""

    def _read_off(self, matrix: np.ndarray) -> dict[str, float]:
        hits, true, given = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
        by_label = {
            "precision": _divide(hits, given),
            "recall": _divide(hits, true),
            "f1": _divide(2 * hits, given + true),
        }
        macro = {f"{name}_macro": float(values.mean()) for name, values in by_label.items()}
        weighted = {f"{name}_weighted": float(_divide(values @ true, true.sum())) for name, values in by_label.items()}
        return macro | weighted


class MatthewsCorrelation(_LabelMetric):
    """Matthews correlation for C labels (Gorodkin 2004): `mcc` in [-1, 1], 0 where one side is constant."""

    def _read_off(self, matrix: np.ndarray) -> dict[str, float]:
        matrix = matrix.astype(np.float64)
        true, given, total = matrix.sum(axis=1), matrix.sum(axis=0), matrix.sum()
        spread = np.sqrt((total**2 - given @ given) * (total**2 - true @ true))
        return {"mcc": float(_divide(np.trace(matrix) * total - true @ given, spread))}


class ConfusionMatrix(_LabelMetric):
    """Number of reviews by true label (row) and predicted label (column): `confusion_matrix`, C lists of C."""

    def _read_off(self, matrix: np.ndarray) -> dict[str, list[list[int]]]:
        return {"confusion_matrix": matrix.tolist()}


class ExpectedCalibrationError(evaluate.Metric):
    """Mean gap between confidence and accuracy over 15 bins of equal width: `expected_calibration_error` in [0, 1].

    The confidence is the highest probability (Guo et al. 2017, "On calibration of modern neural networks",
    equation 3).
    """

    def __init__(self):
        super().__init__(keep_in_memory=True)

    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": datasets.List(datasets.Value("float64")), "references": datasets.Value("int64")}
        return evaluate.MetricInfo(description=self.__doc__, citation="", features=datasets.Features(features))

    def _compute(self, *, predictions: list[list[float]], references: list[int]) -> dict[str, float]:
        probabilities = np.asarray(predictions)
        confidence = probabilities.max(axis=1)
        gaps = (probabilities.argmax(axis=1) == np.asarray(references)) - confidence
        bins = np.clip(np.ceil(confidence * NUM_BINS).astype(np.int64) - 1, 0, NUM_BINS - 1)
        total = np.abs(np.bincount(bins, weights=gaps, minlength=NUM_BINS)).sum()
        return {"expected_calibration_error": float(total / len(confidence))}


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Quotient, 0 where there is nothing to divide by."""
    numerator = np.asarray(numerator, dtype=np.float64)
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=np.asarray(denominator) != 0)


def _check_scores(labels: np.ndarray, scores: np.ndarray, shape: tuple[int, ...]) -> None:
    if len(labels) == 0:
        raise ValueError("Metrics need at least one review, found none.")
    if scores.shape != shape:
        raise ValueError(f"Scores and labels must be of the same reviews, found {scores.shape} for {labels.shape}.")
    if not np.isfinite(scores).all():
        bad = int((~np.isfinite(scores)).sum())
        raise ValueError(f"Scores must be finite, found {bad} of {scores.size} that are not. Lower `--learning_rate`.")
