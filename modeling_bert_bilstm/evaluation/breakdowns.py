"""Where a classifier is right, how sure it is there, and where it errs: numbers behind the pictures of a report.

Shapes: N reviews, C labels, G groups of reviews.
"""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from .metrics import NUM_BINS


LEVEL = 0.95  # of every interval
MAX_GROUPS = 8  # of reviews by length
MIN_GROUP = 25  # reviews; the interval of fewer is as wide as what is to be seen


class Accuracies(NamedTuple):
    """Accuracy of groups of reviews, each (G,).

    Attributes:
        num_reviews: Reviews of each group, none of them empty.
        accuracy: Share of them with the right answer.
        low: Lower end of its interval.
        high: Upper end of its interval.
        first: Smallest value of what they are grouped by.
        last: Largest value of it.
        mean: Mean value of it.
    """

    num_reviews: np.ndarray
    accuracy: np.ndarray
    low: np.ndarray
    high: np.ndarray
    first: np.ndarray
    last: np.ndarray
    mean: np.ndarray


def compute_wilson_interval(
    num_right: np.ndarray | int, num_reviews: np.ndarray | int, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends, in [0, 1], of the interval of a share; it also holds where all answers are right.

    Wilson 1927, "Probable inference, the law of succession, and statistical inference".

    Args:
        num_right: Right answers of each group, (G,).
        num_reviews: Reviews of each group, at least 1, (G,).
        level: How often such an interval holds the true share, in (0, 1).
    """
    total = np.asarray(num_reviews, dtype=np.float64)
    share = np.asarray(num_right, dtype=np.float64) / total
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def compute_accuracy_by_length(num_word_pieces: np.ndarray, is_right: np.ndarray) -> Accuracies:
    """Return the accuracy of at most eight groups of like length and about as many reviews, from short to long.

    Reviews of one length stay together.

    Args:
        num_word_pieces: Length of each review, (N,).
        is_right: Whether it got its label, (N,).
    """
    num_groups = int(np.clip(len(is_right) // MIN_GROUP, 1, MAX_GROUPS))
    ranks = np.arange(1, num_groups) / num_groups
    starts = np.unique(np.quantile(num_word_pieces, ranks, method="higher")) if num_groups > 1 else []
    return _group(np.searchsorted(starts, num_word_pieces, side="right"), num_word_pieces, is_right)


def compute_reliability(labels: np.ndarray, probabilities: np.ndarray) -> Accuracies:
    """Return the accuracy by confidence, in the bins of the expected calibration error.

    Guo et al. 2017, "On calibration of modern neural networks", section 2. The gaps between `accuracy` and `mean`,
    weighed by `num_reviews`, make up that error.

    Args:
        labels: True label numbers, (N,).
        probabilities: Probability of each label, (N, C).
    """
    confidence = probabilities.max(axis=1)
    bins = np.clip(np.ceil(confidence * NUM_BINS).astype(np.int64) - 1, 0, NUM_BINS - 1)
    return _group(bins, confidence, probabilities.argmax(axis=1) == labels)


def compute_calibration_error(reliability: Accuracies) -> float:
    """Return the expected calibration error, in [0, 1], of what `compute_reliability` gives."""
    gaps = np.abs(reliability.accuracy - reliability.mean)
    return float(gaps @ reliability.num_reviews / reliability.num_reviews.sum())


def undo_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return the probabilities before the logits were divided by a temperature: (N, C) -> (N, C).

    The logarithms of probabilities are logits but for one number a review, which a softmax does not see.
    """
    logits = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny)) * temperature
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def find_confident_mistakes(labels: np.ndarray, probabilities: np.ndarray, count: int = 20) -> np.ndarray:
    """Return the numbers of the reviews with a wrong answer, the surest first, `count` at most."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:count]


def _group(groups: np.ndarray, values: np.ndarray, is_right: np.ndarray) -> Accuracies:
    """Sum up the groups that have reviews: (N,), (N,), (N,) -> (G,) each."""
    present, groups, num_reviews = np.unique(groups, return_inverse=True, return_counts=True)
    num_right = np.bincount(groups, weights=is_right, minlength=len(present))
    first, last = np.full(len(present), np.inf), np.full(len(present), -np.inf)
    np.minimum.at(first, groups, values)
    np.maximum.at(last, groups, values)
    mean = np.bincount(groups, weights=values, minlength=len(present)) / num_reviews
    low, high = compute_wilson_interval(num_right, num_reviews)
    return Accuracies(num_reviews, num_right / num_reviews, low, high, first, last, mean)
