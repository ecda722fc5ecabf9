"""Temperature scaling: the one number that makes probabilities as sure as the model is right.

Shapes: N reviews, C labels.
"""

import numpy as np


MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0
_NUM_HALVINGS = 60  # of the bracket around the optimum: down to the precision of a double


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
