"""The arithmetic of overall polarity: what the reviews of one film say together. No model, no torch.

Shapes: N reviews, U distinct rows of probabilities among them, C labels.
Two answers stand side by side: the papers' rule over predicted labels, and an estimate of the true share of each label
with an interval. A tally holds all that both need, and two tallies added are the tally of all their reviews.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from operator import index
from statistics import NormalDist

import numpy as np


_RESOLUTION = 1_000_000  # steps from 0 to 1 in which a tally holds probabilities
# The shares are final when no others could raise the mean log likelihood of a review by more than this.
_GAIN_TOLERANCE = 1e-9
_MAX_CYCLES = 1_000
# How far an end of the interval may lie outside the exact one, in polarity.
_INTERVAL_TOLERANCE = 1e-6


def decide_verdict(counts: Sequence[int]) -> str:
    """Return the papers' verdict on how many reviews were predicted to have each label.

    The rules are OP2 to OP5 of arXiv 2502.20682 (algorithms 1 to 4) as printed there: every comparison is strict, so
    that ties and no reviews at all are neutral. Fractions keep them exact: 12 is not more than 1.2 times 10.

    Args:
        counts: 2 to 5 counts, from the most negative label to the most positive.

    Returns:
        "negative", "neutral" or "positive"; with 4 and 5 labels also "very negative" and "very positive".

    Raises:
        TypeError: A count is not a whole number.
        ValueError: There are fewer than 2 or more than 5 counts, or one is below 0.
    """
    counts = [index(count) for count in counts]
    if not 2 <= len(counts) <= 5 or min(counts) < 0:
        raise ValueError(f"`counts` must be 2 to 5 whole numbers of at least 0, one a label, got {counts}.")
    half = len(counts) // 2
    negative, positive = counts[:half], counts[::-1][:half]  # the outermost label first
    neutral = sum(counts) - sum(negative) - sum(positive)
    if neutral > Fraction("0.85") * sum(counts):
        return "neutral"
    factor = Fraction("1.5") if len(counts) == 3 else Fraction("1.2")
    for side, own, other in (("negative", negative, positive), ("positive", positive, negative)):
        if sum(own) > factor * sum(other):
            return f"very {side}" if half == 2 and own[0] > Fraction("1.5") * own[1] else side
    return "neutral"


def predict_labels(probabilities: np.ndarray) -> np.ndarray:
    """Return the number of each review's most probable label, -1 where several share the top: (N, C) -> (N,)."""
    is_top = probabilities == probabilities.max(axis=1, keepdims=True)
    return np.where(is_top.sum(axis=1) == 1, is_top.argmax(axis=1), -1)


class ShareLikelihood:
    """How likely some reviews are under given shares of the labels, from their calibrated probabilities.

    Args:
        probabilities: Calibrated probabilities, (U, C), rows summing to 1, at least one row.
        label_prior: Share of each label in the data that the classifier was trained on. Default: equal shares.
        weights: Number of reviews that each row stands for, (U,). Default: one each.

    Raises:
        ValueError: `label_prior` is not one share above 0 a label.
    """

    def __init__(
        self,
        probabilities: np.ndarray,
        label_prior: Sequence[float] | None = None,
        weights: np.ndarray | None = None,
    ):
        num_rows, num_labels = probabilities.shape
        prior = np.ones(num_labels) if label_prior is None else np.asarray(label_prior, dtype=np.float64)
        if prior.shape != (num_labels,) or not prior.min() > 0:
            raise ValueError(f"`label_prior` must be {num_labels} shares above 0, one a label, got {label_prior!r}.")
        self.prior = prior / prior.sum()
        self.weights = np.ones(num_rows) if weights is None else np.asarray(weights, dtype=np.float64)
        # No review is quite certain: a probability of 0 would forbid a label whatever the others say.
        ratios = np.maximum(probabilities, 1 / _RESOLUTION) / self.prior
        self._ratios = ratios / ratios.max(axis=1, keepdims=True)  # (U, C) likelihood up to a factor a row

    def compute(self, shares: np.ndarray) -> float:
        """Return the log likelihood of all reviews, up to a constant, under shares (C,)."""
        return float(self.weights @ np.log(self._ratios @ shares))

    def compute_gains(self, shares: np.ndarray) -> np.ndarray:
        """Return by what expectation maximisation multiplies each share: (C,) -> (C,); at most 1 each at the top."""
        return self._ratios.T @ (self.weights / (self._ratios @ shares)) / self.weights.sum()

    def climb(self, shares: np.ndarray) -> np.ndarray:
        """Return the shares (C,) after one step of expectation maximisation; never less likely than before."""
        raised = shares * self.compute_gains(shares)
        return raised / raised.sum()

    def maximise(self) -> np.ndarray:
        """Return the shares (C,) under which the reviews are likeliest: the estimate of the true ones.

        Counting predicted labels is biased by the classifier's errors; this is not. Expectation maximisation from the
        training prior on (Saerens, Latinne and Decaestecker 2002, "Adjusting the outputs of a classifier to new a
        priori probabilities", Neural Computation 14(1)), with longer steps where they make the reviews likelier still.
        """
        shares = self.prior
        for _ in range(_MAX_CYCLES):
            climbed = self.climb(shares)
            shares = max(climbed, self._leap(climbed), key=self.compute)
            # The log likelihood is concave: the largest gain bounds what any other shares could add to its mean.
            if self.compute_gains(shares).max() - 1 <= _GAIN_TOLERANCE:
                break
        return shares

    def compute_interval(
        self, label_polarity: Sequence[float], shares: np.ndarray, confidence: float = 0.9
    ) -> tuple[float, float]:
        """Return the interval of polarities in [-1, 1] that the reviews allow.

        A polarity is inside if some shares that give it are nearly as likely as the likeliest: their log likelihoods
        differ by at most half the `confidence` quantile of chi squared with one degree of freedom (profile likelihood;
        Wilks 1938). Few reviews, or unsure ones, give a wide interval, and it keeps a width at -1 and 1.

        Args:
            label_polarity: Polarity in [-1, 1] of each label.
            shares: What `maximise` returned, (C,).
            confidence: How often the interval shall hold the true polarity, in (0, 1).

        Raises:
            ValueError: `confidence` is outside its range.
        """
        if not 0 < confidence < 1:
            raise ValueError(f"`confidence` must be a number between 0 and 1, such as 0.9, got {confidence!r}.")
        values = np.asarray(label_polarity, dtype=np.float64)
        allowed_loss = NormalDist().inv_cdf((1 + confidence) / 2) ** 2 / 2
        top = self.compute(shares)
        mix = 0.5
        while self.compute(inside := (1 - mix) * shares + mix / len(shares)) < top - allowed_loss / 2:
            mix /= 2
        lower = -self._push(-values, inside, top - allowed_loss)
        upper = self._push(values, inside, top - allowed_loss)
        return min(lower, float(values @ shares)), max(upper, float(values @ shares))

    def _leap(self, shares: np.ndarray) -> np.ndarray:
        """One step of Newton's method from shares above 0, cut short of the edge of the simplex."""
        slope, curve = self._differentiate(shares)
        step = _solve_on_simplex(curve + 1e-12 * np.trace(curve) * np.eye(len(shares)), slope, shares)
        size = 0.99 / max(0.99, -step.min())
        leapt = shares * (1 + size * step)
        return leapt / leapt.sum()

    def _differentiate(self, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Slope (C,) and negative curvature (C, C) of the log likelihood, in units of each share."""
        scaled = self._ratios * shares / (self._ratios @ shares)[:, None]  # (U, C)
        return scaled.T @ self.weights, (scaled.T * self.weights) @ scaled

    def _push(self, values: np.ndarray, shares: np.ndarray, floor: float) -> float:
        """Largest `values @ shares` whose log likelihood is at least `floor`: a barrier method from inside."""
        num_limits = len(values) + 1
        pull = 1.0
        while num_limits / pull > _INTERVAL_TOLERANCE:
            pull *= 10
            shares = self._settle(pull * values, shares, floor)
        # A barrier stops short by at most its number of limits over the pull (Boyd and Vandenberghe, 11.2.2).
        return float(min(values @ shares + num_limits / pull, values.max()))

    def _settle(self, pull: np.ndarray, shares: np.ndarray, floor: float) -> np.ndarray:
        """Newton's method to the top of `_compute_height`."""
        for _ in range(100):
            slope, curve = self._differentiate(shares)
            slack = self.compute(shares) - floor
            slope = slope / slack
            ascent = pull * shares + slope + 1
            step = _solve_on_simplex(curve / slack + np.outer(slope, slope) + np.eye(len(shares)), ascent, shares)
            rise, height, size = ascent @ step, self._compute_height(pull, shares, floor), 1.0
            if rise < 1e-6:
                break
            while self._compute_height(pull, shares * (1 + size * step), floor) < height + size * rise / 4:
                size /= 2
            shares = shares * (1 + size * step)
            shares = shares / shares.sum()
        return shares

    def _compute_height(self, pull: np.ndarray, shares: np.ndarray, floor: float) -> float:
        slack = self.compute(shares) - floor if shares.min() > 0 else 0.0
        return pull @ shares + np.log(slack) + np.log(shares).sum() if slack > 0 else -np.inf


def _solve_on_simplex(curve: np.ndarray, slope: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Step (C,) of Newton's method, in units of each share, that keeps the sum of the shares."""
    system = np.block([[curve, shares[:, None]], [shares, 0.0]])
    return np.linalg.solve(system, np.append(slope, 0.0))[:-1]


@dataclass(frozen=True)
class PolarityTally:
    """All that the overall polarity of a film depends on; the tallies of parts add up to the tally of the whole.

    The sum is the same, number for number, in whatever order and parts the reviews come. The empty tally,
    `PolarityTally(num_labels)`, changes nothing that it is added to.

    Attributes:
        num_labels: Number C of labels.
        rows: Number of reviews of each row of C probabilities; these are whole millionths, so that sums are exact.
    """

    num_labels: int
    rows: Counter[tuple[int, ...]] = field(default_factory=Counter)

    @classmethod
    def from_probabilities(cls, probabilities: np.ndarray) -> "PolarityTally":
        """Return the tally of reviews with these calibrated probabilities, (N, C), rows summing to 1.

        Raises:
            ValueError: The array has another shape, or a row is not a distribution.
        """
        probabilities = np.asarray(probabilities, dtype=np.float64)
        if probabilities.ndim != 2:
            raise ValueError(f"`probabilities` must have two axes, reviews and labels, got {probabilities.shape}.")
        is_sound = (np.abs(probabilities.sum(axis=1) - 1) < 1e-3) & (probabilities >= 0).all(axis=1)
        if not is_sound.all():
            row = int(is_sound.argmin())
            raise ValueError(
                "Each row of `probabilities` must be numbers of at least 0 that sum to 1, "
                f"but row {row} is {probabilities[row].tolist()}."
            )
        rows = np.rint(probabilities * _RESOLUTION).astype(np.int64).tolist()
        return cls(probabilities.shape[1], Counter(map(tuple, rows)))

    @property
    def num_reviews(self) -> int:
        """Number N of reviews."""
        return self.rows.total()

    def __add__(self, other: "PolarityTally") -> "PolarityTally":
        if self.num_labels != other.num_labels:
            raise ValueError(
                f"Tallies add up if they have the same labels, but these have {self.num_labels} and "
                f"{other.num_labels}. Score both parts with the same model."
            )
        return PolarityTally(self.num_labels, self.rows + other.rows)

    def to_dict(self) -> dict[str, int | list[list[int]]]:
        """Return the tally as lists of whole numbers, ready for JSON: each row and, last in it, its reviews."""
        return {"num_labels": self.num_labels, "rows": sorted([*row, count] for row, count in self.rows.items())}

    @classmethod
    def from_dict(cls, fields: Mapping[str, int | list[list[int]]]) -> "PolarityTally":
        """Return the tally that `to_dict` wrote."""
        return cls(fields["num_labels"], Counter({tuple(row[:-1]): row[-1] for row in fields["rows"]}))

    def summarise(
        self,
        labels: Sequence[str],
        label_polarity: Sequence[float],
        label_prior: Sequence[float] | None = None,
        *,
        confidence: float = 0.9,
    ) -> dict[str, str | int | float | list[float] | dict[str, int] | dict[str, float] | None]:
        """Return both answers: the papers' verdict and the estimate with its interval.

        Args:
            labels: Name of each label, in the order of the probabilities.
            label_polarity: Polarity in [-1, 1] of each label; it also orders them for the papers' rule.
            label_prior: Share of each label in the data that the classifier was trained on. Default: equal shares.
            confidence: How often the interval shall hold the true polarity, in (0, 1).

        Returns:
            `verdict`; `polarity` in [-1, 1] and its `interval`, None without reviews; `num_reviews`; `counts` of
            predicted labels (a review without one top label is in none) and estimated `shares`, both from the most
            negative label to the most positive, `shares` None without reviews.
        """
        order = np.argsort(label_polarity, kind="stable")
        rows = np.array(sorted(self.rows), dtype=np.int64).reshape(-1, self.num_labels)[:, order]
        weights = np.array([count for _, count in sorted(self.rows.items())], dtype=np.int64)
        names = [labels[i] for i in order]
        values = np.asarray(label_polarity, dtype=np.float64)[order]
        predicted = predict_labels(rows)
        counts = [int(weights[predicted == label].sum()) for label in range(self.num_labels)]
        shares = polarity = interval = None
        if len(rows):
            prior = None if label_prior is None else np.asarray(label_prior)[order]
            likelihood = ShareLikelihood(rows / rows.sum(axis=1, keepdims=True), prior, weights)
            likeliest = likelihood.maximise()
            interval = [_round(end) for end in likelihood.compute_interval(values, likeliest, confidence)]
            polarity = _round(values @ likeliest)
            shares = {name: _round(share) for name, share in zip(names, likeliest, strict=True)}
        return {
            "verdict": decide_verdict(counts),
            "polarity": polarity,
            "interval": interval,
            "num_reviews": self.num_reviews,
            "counts": dict(zip(names, counts, strict=True)),
            "shares": shares,
        }


def _round(value: float) -> float:
    """Round to what is certain of an estimate: the interval is exact to a millionth."""
    return round(float(value), 6) + 0.0  # 0.0 turns -0.0 into 0.0
