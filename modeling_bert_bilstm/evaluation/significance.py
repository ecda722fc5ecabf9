"""Whether one classifier is better than another on the same reviews, or luck explains it.

Shapes: S seeds (trained models of one system), N reviews, R resamples. `correct` holds whether a model gave a review
its true label. Numpy alone; all differences are of accuracy, in [-1, 1], a less b.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Difference(NamedTuple):
    """A difference of accuracy in [-1, 1] and the ends of its interval."""

    difference: float
    low: float
    high: float


def paired_bootstrap(
    correct_a: np.ndarray, correct_b: np.ndarray, num_resamples: int = 10_000, seed: int = 0, *, level: float = 0.95
) -> Difference:
    """Return the accuracy of a less that of b, each the mean over its seeds, with a percentile interval.

    Every resample draws N reviews with replacement, the same ones for both systems, and for each system as many of its
    seeds as it has: the interval is about another test set of that kind and about other seeds. Of a system with one
    seed it is about the reviews alone. Resampling both ways overstates what is peculiar to one seed on one review
    (Owen 2007, "The pigeonhole bootstrap"); resampling three seeds understates what all reviews of a seed share. In
    simulations of two equal systems of three seeds on 2,210 reviews the interval of 95% held the truth in 99% of cases
    where the accuracy of the seeds spread by 0.6 points, in 94% at 1.1 points, in 87% at 2.0 points.

    Args:
        correct_a: Whether each model of system a is right about each review, (S_a, N).
        correct_b: The same for system b, on the same reviews in the same order, (S_b, N).
        num_resamples: Number R of resamples.
        seed: Another seed draws other resamples.
        level: Share of the resampled differences that the interval holds, in (0, 1).

    Raises:
        ValueError: The systems were not tested on the same number of reviews, or there is none.
    """
    correct_a, correct_b = _check(correct_a, "correct_a"), _check(correct_b, "correct_b")
    if correct_a.shape[1] != correct_b.shape[1]:
        raise ValueError(
            f"Both systems must be tested on the same reviews, found {correct_a.shape[1]} and {correct_b.shape[1]}."
        )
    num_reviews, num_seeds = correct_a.shape[1], (len(correct_a), len(correct_b))
    # Reviews with the same right and wrong answers are alike: drawing how many of each kind is drawing the reviews.
    kinds, counts = np.unique(np.concatenate([correct_a, correct_b]), axis=1, return_counts=True)  # (S_a + S_b, K)
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(num_reviews, counts / num_reviews, size=num_resamples)  # (R, K)
    accuracies = drawn @ kinds.T.astype(np.float64) / num_reviews  # (R, S_a + S_b)
    shares = [generator.multinomial(count, [1 / count] * count, size=num_resamples) / count for count in num_seeds]
    of_a, of_b = accuracies[:, : num_seeds[0]], accuracies[:, num_seeds[0] :]
    differences = (of_a * shares[0]).sum(axis=1) - (of_b * shares[1]).sum(axis=1)  # (R,)
    low, high = np.quantile(differences, [(1 - level) / 2, (1 + level) / 2])
    return Difference(float(correct_a.mean() - correct_b.mean()), float(low), float(high))


def mcnemar(correct_a: np.ndarray, correct_b: np.ndarray) -> float:
    """Return the exact two-sided p-value of McNemar's test (1947) that two models are right equally often.

    Only reviews that one model alone gets right count; under the hypothesis each falls to either side like a fair
    coin. Without any, p is 1.

    Args:
        correct_a: Whether model a is right about each review, (N,).
        correct_b: The same for model b, (N,).

    Raises:
        ValueError: The models were not tested on the same number of reviews, or there is none.
    """
    correct_a, correct_b = np.asarray(correct_a, dtype=bool), np.asarray(correct_b, dtype=bool)
    if correct_a.ndim != 1 or correct_a.shape != correct_b.shape or not len(correct_a):
        raise ValueError(
            "Both models must be tested on the same reviews, each right or wrong once, found the shapes "
            f"{correct_a.shape} and {correct_b.shape}."
        )
    only_a, only_b = int((correct_a & ~correct_b).sum()), int((correct_b & ~correct_a).sum())
    total, fewer = only_a + only_b, min(only_a, only_b)
    ways = term = 1
    for i in range(1, fewer + 1):
        term = term * (total - i + 1) // i  # of `total`, choose i
        ways += term
    return min(1.0, 2 * ways / 2**total)  # whole numbers of any size divide exactly


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number by Holm (1979), in the order given.

    Raises:
        ValueError: A p-value is not in [0, 1].
    """
    strange = [p for p in p_values if not 0 <= p <= 1]
    if strange:
        raise ValueError(f"`p_values` must be in [0, 1], found {strange[:3]}.")
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, (len(p_values) - rank) * p_values[i])
        adjusted[i] = min(1.0, largest)
    return adjusted


def _check(correct: np.ndarray, name: str) -> np.ndarray:
    correct = np.asarray(correct, dtype=bool)
    if correct.ndim != 2 or not correct.size:
        raise ValueError(f"`{name}` must be (seeds, reviews) with at least one of each, found {correct.shape}.")
    return correct
