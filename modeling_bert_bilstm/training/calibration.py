"""What validation reviews tell of a trained model: how sure it may be, of which shares of labels, and how it errs.

Shapes: N reviews, C labels.
"""

from collections.abc import Sequence

import numpy as np
from transformers import PreTrainedModel

from ..evaluation.metrics import compute_confusion_matrix
from .predictions import compute_probabilities


MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0
_NUM_HALVINGS = 60  # of the bracket around the optimum: down to the precision of a double
# Reviews that speak for the training data's shares of labels, so that few validation reviews do not upset them.
_FAITH_IN_TRAINING = 100
_MAX_CYCLES = 1_000


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature in [0.05, 20] whose logits / temperature make the labels likeliest.

    Guo et al. 2017, "On calibration of modern neural networks", section 4.2. Fit it on reviews that the model was not
    trained on. The loss is convex in 1 / temperature, so that halving a bracket of its slope finds the one optimum.
    Logits that separate the labels perfectly have none, and give a bound; logits that tell nothing give 1.

    Args:
        logits: Scores before the softmax, (N, C).
        labels: True label numbers, (N,).

    Raises:
        ValueError: There is no review, the shapes do not fit, a label is not one of the C, or a logit is not finite.
    """
    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    _check(logits, labels)
    logits = logits - logits.max(axis=1, keepdims=True)
    sure, unsure = 1 / MIN_TEMPERATURE, 1 / MAX_TEMPERATURE
    slope_sure, slope_unsure = _compute_slope(logits, labels, sure), _compute_slope(logits, labels, unsure)
    if slope_sure <= 0 <= slope_unsure:  # flat
        return 1.0
    if slope_sure <= 0:
        return MIN_TEMPERATURE
    if slope_unsure >= 0:
        return MAX_TEMPERATURE
    for _ in range(_NUM_HALVINGS):
        middle = (sure + unsure) / 2
        if _compute_slope(logits, labels, middle) > 0:
            sure = middle
        else:
            unsure = middle
    return float(2 / (sure + unsure))


def fold_calibration(model: PreTrainedModel, logits: np.ndarray, labels: np.ndarray) -> float:
    """Fold the temperature of validation reviews into the weights, write into the config how else the model errs.

    Args:
        model: A classifier of this package; its config gets `label_prior` and `label_confusion`.
        logits: Scores before the softmax, of reviews that it was not trained on, (N, C).
        labels: Their true label numbers, (N,).

    Returns:
        The temperature.
    """
    temperature = fit_temperature(logits, labels)
    model.fold_temperature(temperature)
    probabilities = compute_probabilities(logits, model.config.problem_type, temperature)
    model.config.label_prior = fit_label_prior(probabilities, labels, model.config.label_prior)
    model.config.label_confusion = compute_label_confusion(probabilities, labels)
    return temperature


def fit_label_prior(probabilities: np.ndarray, labels: np.ndarray, label_prior: Sequence[float]) -> list[float]:
    """Return the shares of labels that probabilities are calibrated for, which estimates of shares divide by.

    A model does not quite learn the shares of its training data, and a temperature leaves that bias, which an estimate
    of shares then carries on (Alexandari, Kundaje and Shrikumar 2020, "Maximum likelihood with bias-corrected
    calibration is hard-to-beat at label shift adaptation"). Probabilities that are adjusted from the right shares to
    those of the validation labels give each label, in the mean, its share of them.

    Args:
        probabilities: Of reviews that the model was not trained on, (N, C), rows summing to 1.
        labels: Their true label numbers, (N,).
        label_prior: Share of each label in the training data, which is believed as if 100 reviews spoke for it, and
            quite where a label has no review.
    """
    prior = np.asarray(label_prior, dtype=np.float64)
    shares = np.bincount(labels, minlength=len(prior)) / max(1, len(labels))
    if not shares.all():
        return prior.tolist()
    rows = np.vstack([probabilities, prior])
    weights = np.append(np.ones(len(labels)), _FAITH_IN_TRAINING) / (len(labels) + _FAITH_IN_TRAINING)
    for _ in range(_MAX_CYCLES):
        adjusted = rows * (shares / prior)  # (N + 1, C)
        mean = weights @ (adjusted / adjusted.sum(axis=1, keepdims=True))
        before, prior = prior, prior * mean / shares
        prior = prior / prior.sum()
        if np.abs(prior - before).max() < 1e-9:
            break
    return prior.tolist()


def compute_label_confusion(probabilities: np.ndarray, labels: np.ndarray) -> list[list[float]] | None:
    """Return the share of each predicted label among the reviews of each true one, C rows; None where one has none."""
    counts = compute_confusion_matrix(labels, probabilities.argmax(axis=1), probabilities.shape[1])  # (C, C)
    totals = counts.sum(axis=1, keepdims=True)
    return (counts / totals).tolist() if totals.all() else None


def _compute_slope(logits: np.ndarray, labels: np.ndarray, sureness: float) -> float:
    """Derivative of the mean negative log likelihood by 1 / temperature: (N, C), (N,) -> number."""
    odds = np.exp(sureness * logits)
    expected = (odds * logits).sum(axis=1) / odds.sum(axis=1)
    return float((expected - logits[np.arange(len(labels)), labels]).mean())


def _check(logits: np.ndarray, labels: np.ndarray) -> None:
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            "A temperature is fitted to one row of logits and one label a review, "
            f"found logits of shape {logits.shape} and labels of shape {labels.shape}."
        )
    if len(labels) == 0:
        raise ValueError("A temperature needs at least one review, found none. Give a validation split.")
    if not np.isfinite(logits).all():
        raise ValueError("A temperature needs finite logits, found some that are not. Lower `--learning_rate`.")
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(
            f"`labels` must be from 0 to {logits.shape[1] - 1} for {logits.shape[1]} logits, "
            f"found {sorted(set(labels.tolist()) - set(range(logits.shape[1])))}."
        )
