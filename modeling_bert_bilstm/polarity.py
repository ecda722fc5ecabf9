"""The arithmetic of overall polarity: what the reviews of one film say together. No model, no torch.

Shapes: N reviews, U distinct rows of probabilities among them, C labels, F films, P points of the simplex.
Two answers stand side by side: the papers' rule over predicted labels, and an estimate of the share of each label with
an interval. A tally holds all that both need, and two tallies added are the tally of all their reviews.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from operator import index
from statistics import NormalDist

import numpy as np


METHODS = ("expectation_maximisation", "adjusted_count", "probabilistic_count", "classify_and_count")

_RESOLUTION = 1_000_000  # steps from 0 to 1 in which a tally holds probabilities
# The shares are final when no others could raise the mean log density of a review by more than this.
_GAIN_TOLERANCE = 1e-9
_MAX_CYCLES = 1_000
# Pseudo reviews of each label: where nothing is known of a film, so that all shares are as likely; and next to none.
_FLAT, _NEXT_TO_NONE = 1.0, 1e-6
# A film prior is read off so many films, from so many rows of each, at so many points; more would change it little.
_MIN_FILMS, _MAX_FILMS, _MAX_ROWS, _NUM_POINTS, _NUM_STEPS = 20, 2_000, 1_000, 1_000, 50
# Pseudo reviews of a film prior: the points lie too far apart to tell films that are more alike than it says.
_MAX_STRENGTH = 100.0


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


def classify_and_count(probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the share of each label among predicted ones: (U, C), (U,) -> (C,); labels that tie share the review."""
    is_top = probabilities == probabilities.max(axis=1, keepdims=True)
    return weights @ (is_top / is_top.sum(axis=1, keepdims=True)) / weights.sum()


def average_probabilities(probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean probability of each label, "probabilistic classify and count": (U, C), (U,) -> (C,)."""
    return weights @ probabilities / weights.sum()


def adjust_count(counted: np.ndarray, label_confusion: Sequence[Sequence[float]]) -> np.ndarray:
    """Return the shares (C,) under which a classifier that errs like this most likely predicts the counted ones (C,).

    These solve `counted = shares @ label_confusion`, "adjusted classify and count" (Forman 2008, "Quantifying counts
    and costs via classification"), and where no shares do, they are the likeliest.

    Args:
        counted: Share of each label among the predicted ones, (C,).
        label_confusion: Share of each predicted label among reviews of each true one, (C, C), rows summing to 1.
    """
    predictable = np.asarray(label_confusion, dtype=np.float64).T  # (C, C) a row for each label that is predicted
    nothing = np.full(len(counted), _NEXT_TO_NONE)
    return SharePosterior(predictable, weights=counted, film_prior=nothing).audience


class SharePosterior:
    """What a film's reviews tell of the share of each label, among themselves and in the film's audience.

    The audience is all who might review the film; these reviewers were drawn from it. Audiences differ from film to
    film as a Dirichlet distribution says, `film_prior`, which weighs as much as so many reviews of each label: much
    beside three reviews, little beside three hundred.

    Args:
        probabilities: Calibrated probabilities, (U, C), rows summing to 1, at least one row.
        label_prior: Shares of the labels that they were calibrated for. Default: equal shares.
        weights: Number of reviews that each row stands for, (U,). Default: one each.
        film_prior: Pseudo reviews of each label. Default: one each, under which all shares are as likely.

    Attributes:
        audience: Share of each label in the audience, (C,).
        shares: Share of each label among the reviews, (C,).

    Raises:
        ValueError: `label_prior` or `film_prior` is not one number above 0 a label.
    """

    def __init__(
        self,
        probabilities: np.ndarray,
        label_prior: Sequence[float] | None = None,
        *,
        weights: np.ndarray | None = None,
        film_prior: Sequence[float] | None = None,
    ):
        self._ratios = compute_ratios(probabilities, label_prior)  # (U, C)
        self._weights = np.ones(len(probabilities)) if weights is None else np.asarray(weights, dtype=np.float64)
        self._prior = _read_positive("film_prior", film_prior, probabilities.shape[1])
        self.audience = self.maximise()
        labels = self.classify(self.audience)  # (U, C)
        expected = self._weights @ labels  # (C,) reviews of each label
        self.shares = expected / self._weights.sum()
        # What known labels would tell, less what is lost by not knowing them, is what the reviews tell: Louis 1982,
        # "Finding the observed information matrix when using the EM algorithm". By the logarithm of each share, and
        # without the part that is 0 where shares keep their sum:
        told = (labels.T * self._weights) @ labels
        self._lost = np.diag(expected) - told  # (C, C)
        self._information = told + np.diag(self._prior)  # (C, C)

    def compute(self, shares: np.ndarray) -> float:
        """Return the log density of an audience with shares (C,) above 0, given the reviews, up to a constant."""
        return float(self._weights @ np.log(self._ratios @ shares) + self._prior @ np.log(shares))

    def classify(self, shares: np.ndarray) -> np.ndarray:
        """Return the probabilities of the labels of each row if the audience has shares (C,): (U, C)."""
        joint = self._ratios * shares
        return joint / joint.sum(axis=1, keepdims=True)

    def climb(self, shares: np.ndarray) -> np.ndarray:
        """Return the shares (C,) after one step of expectation maximisation; never less likely than before."""
        expected = self._weights @ self.classify(shares) + self._prior
        return expected / expected.sum()

    def maximise(self) -> np.ndarray:
        """Return the likeliest shares (C,) of the audience.

        Expectation maximisation (Saerens, Latinne and Decaestecker 2002, "Adjusting the outputs of a classifier to new
        a priori probabilities", Neural Computation 14(1)) with pseudo reviews, and with longer steps where they make
        the shares likelier still.
        """
        shares = self._prior / self._prior.sum()
        for _ in range(_MAX_CYCLES):
            climbed = self.climb(shares)
            # The log density is concave: the largest gain bounds what any other shares could add to its mean.
            if (climbed / shares).max() - 1 <= _GAIN_TOLERANCE:
                break
            shares = max(climbed, self._leap(climbed), key=self.compute)
        return shares

    def estimate_polarity(
        self, label_polarity: Sequence[float], confidence: float = 0.9
    ) -> dict[str, tuple[float, list[float]]]:
        """Return the polarity in [-1, 1], and both ends of its interval, of the `reviews` and of the `audience`.

        Either is taken as normal about the estimate and cut off at the outermost labels.

        Args:
            label_polarity: Polarity in [-1, 1] of each label.
            confidence: How often the interval shall hold the true polarity, in (0, 1).

        Raises:
            ValueError: `confidence` is outside its range.
        """
        if not 0 < confidence < 1:
            raise ValueError(f"`confidence` must be a number between 0 and 1, such as 0.9, got {confidence!r}.")
        values, num_reviews = np.asarray(label_polarity, dtype=np.float64), self._weights.sum()
        # Slopes by the logarithm of each share. The reviews' labels are unsure even where the audience is known.
        of_reviews = self._lost @ values / num_reviews
        of_audience = self.audience * (values - values @ self.audience)
        spread = {
            "reviews": self._compute_variance(of_reviews) + values @ of_reviews / num_reviews,
            "audience": self._compute_variance(of_audience),
        }
        estimates = {}
        for name, shares in (("reviews", self.shares), ("audience", self.audience)):
            reach = -NormalDist().inv_cdf((1 - confidence) / 2) * max(spread[name], 0.0) ** 0.5
            polarity = values @ shares
            interval = np.clip([polarity - reach, polarity + reach], values.min(), values.max())
            estimates[name] = float(polarity), interval.tolist()
        return estimates

    def _compute_variance(self, slope: np.ndarray) -> float:
        """Variance of a number with this slope (C,) by the logarithm of each share."""
        return float(slope @ np.linalg.solve(self._information, slope))

    def _leap(self, shares: np.ndarray) -> np.ndarray:
        """One step of Newton's method along the simplex, in units of each share, cut short of the edge."""
        labels = self.classify(shares)
        curve = (labels.T * self._weights) @ labels + np.diag(self._prior)
        direction = np.linalg.solve(curve, shares)
        step = 1 - direction / (shares @ direction)
        leapt = shares * (1 + step * 0.99 / max(0.99, -step.min()))
        return leapt / leapt.sum()


def compute_ratios(probabilities: np.ndarray, label_prior: Sequence[float] | None = None) -> np.ndarray:
    """Return how likely each row is under each label, up to a factor a row: (U, C) -> (U, C).

    Args:
        probabilities: Calibrated probabilities, (U, C).
        label_prior: Shares of the labels that they were calibrated for. Default: equal shares.

    Raises:
        ValueError: `label_prior` is not one number above 0 a label.
    """
    # No review is quite certain: a probability of 0 would forbid a label whatever the others say.
    prior = _read_positive("label_prior", label_prior, probabilities.shape[1])
    ratios = np.maximum(probabilities, 1 / _RESOLUTION) / prior
    return ratios / ratios.max(axis=1, keepdims=True)


def _read_positive(name: str, values: Sequence[float] | None, num_labels: int) -> np.ndarray:
    numbers = np.full(num_labels, _FLAT) if values is None else np.asarray(values, dtype=np.float64)
    if numbers.shape != (num_labels,) or not (numbers > 0).all():
        raise ValueError(f"`{name}` must be {num_labels} numbers above 0, one a label, got {values!r}.")
    return numbers


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

    def list_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the distinct rows of probabilities, sorted, (U, C), and how many reviews each stands for, (U,)."""
        rows = np.array(list(self.rows), dtype=np.int64).reshape(-1, self.num_labels)
        weights = np.fromiter(self.rows.values(), dtype=np.int64, count=len(rows))
        order = np.lexsort(rows.T[::-1])
        return rows[order] / rows[order].sum(axis=1, keepdims=True), weights[order]

    def summarise(
        self,
        labels: Sequence[str],
        label_polarity: Sequence[float],
        label_prior: Sequence[float] | None = None,
        *,
        confidence: float = 0.9,
        method: str = METHODS[0],
        film_prior: Sequence[float] | None = None,
        label_confusion: Sequence[Sequence[float]] | None = None,
    ) -> dict[str, str | int | float | list[float] | dict[str, int] | dict[str, float] | None]:
        """Return both answers: the papers' verdict and the estimate with its intervals.

        Args:
            labels: Name of each label, in the order of the probabilities.
            label_polarity: Polarity in [-1, 1] of each label; it also orders them for the papers' rule.
            label_prior: Shares of the labels that the probabilities were calibrated for. Default: equal shares.
            confidence: How often an interval shall hold the true polarity, in (0, 1).
            method: How the shares are estimated, one of `METHODS`. All but the first are there to compare with: they
                have no interval and do not look beyond these reviews.
            film_prior: What `fit_film_prior` returned of films like this one. Default: one pseudo review a label.
            label_confusion: Share of each predicted label among validation reviews of each true one, (C, C); adjusted
                count needs it.

        Returns:
            `verdict`; `polarity` of these reviews in [-1, 1] and its `interval`; `audience_polarity` and
            `audience_interval` of all who might review the film; `num_reviews`; `counts` of predicted labels (a review
            without one top label is in none) and estimated `shares` of these reviews, both from the most negative
            label to the most positive. What cannot be told, as all estimates without reviews, is None.

        Raises:
            ValueError: An option is outside its range, or adjusted count lacks `label_confusion`.
        """
        check_method(method, label_confusion)
        probabilities, weights = self.list_rows()
        predicted = predict_labels(probabilities) if self.rows else np.empty(0, dtype=int)
        counts = [int(weights[predicted == label].sum()) for label in range(self.num_labels)]
        shares, estimates = None, {"reviews": (None, None), "audience": (None, None)}
        if self.rows and method == "expectation_maximisation":
            posterior = SharePosterior(probabilities, label_prior, weights=weights, film_prior=film_prior)
            shares, estimates = posterior.shares, posterior.estimate_polarity(label_polarity, confidence)
        elif self.rows:
            shares = _count(method, probabilities, weights, label_confusion)
            estimates["reviews"] = float(shares @ label_polarity), None
        order = np.argsort(label_polarity, kind="stable")
        return {
            "verdict": decide_verdict([counts[i] for i in order]),
            "polarity": _round(estimates["reviews"][0]),
            "interval": _round(estimates["reviews"][1]),
            "audience_polarity": _round(estimates["audience"][0]),
            "audience_interval": _round(estimates["audience"][1]),
            "num_reviews": self.num_reviews,
            "counts": {labels[i]: counts[i] for i in order},
            "shares": None if shares is None else {labels[i]: _round(shares[i]) for i in order},
        }


def check_method(method: str, label_confusion: object) -> None:
    """Make sure that there is such a method and that it has what it needs.

    Raises:
        ValueError: There is none, or it has not; the message says what to do.
    """
    if method not in METHODS:
        raise ValueError(f"`method` must be one of {METHODS}, got {method!r}.")
    if method == "adjusted_count" and label_confusion is None:
        raise ValueError(
            "Adjusted count needs `label_confusion`, the confusion matrix of validation reviews, which this model's "
            "config has not. Train with validation reviews, set it in the config, or choose another of "
            f"{[name for name in METHODS if name != method]}."
        )


def fit_film_prior(tallies: Iterable[PolarityTally], label_prior: Sequence[float] | None = None) -> np.ndarray | None:
    """Return how the audiences of films differ, (C,): a Dirichlet distribution, as pseudo reviews of each label.

    No label is needed (empirical Bayes): the mixture of audiences under which the films' reviews are likeliest (Laird
    1978, "Nonparametric maximum likelihood estimation of a mixing distribution"), and the distribution that has its
    mean and its variance. The order of the films changes nothing.

    Args:
        tallies: One a film.
        label_prior: Shares of the labels that the probabilities were calibrated for. Default: equal shares.

    Returns:
        What `PolarityTally.summarise` takes as `film_prior`; None for fewer than 20 films with reviews, which tell too
        little.
    """
    films = sorted((tally for tally in tallies if tally.rows), key=lambda tally: sorted(tally.rows.items()))
    if len(films) < _MIN_FILMS:
        return None
    points = _draw_points(films[0].num_labels)  # (P, C)
    heights = [_compute_heights(film, label_prior, points) for film in _thin(films, _MAX_FILMS)]
    likelihoods = np.exp(heights)  # (F, P)
    mixture = np.full(len(points), 1 / len(points))  # (P,)
    for _ in range(_NUM_STEPS):
        mixture = mixture * (likelihoods.T @ (1 / (likelihoods @ mixture))) / len(likelihoods)
    mean = mixture @ points
    variance = (mixture @ (points - mean) ** 2).sum()
    largest = mean @ (1 - mean)  # of any distribution with this mean
    strength = largest / max(variance, largest / (1 + _MAX_STRENGTH)) - 1  # of a Dirichlet distribution with both
    return strength * mean


def _compute_heights(film: PolarityTally, label_prior: Sequence[float] | None, points: np.ndarray) -> np.ndarray:
    """Log likelihood of a film's reviews under each point, less that of the likeliest: (P, C) -> (P,)."""
    rows, weights = (_thin(column, _MAX_ROWS) for column in film.list_rows())
    heights = weights @ np.log(compute_ratios(rows, label_prior) @ points.T)
    return heights - heights.max()


def _draw_points(num_labels: int) -> np.ndarray:
    """Points all over the simplex, more of them near its corners, and each with its mirror image: (P, C)."""
    generator = np.random.default_rng(0)
    points = [generator.dirichlet([sureness] * num_labels, _NUM_POINTS // 4) for sureness in (1.0, 0.2)]
    points = np.concatenate(points) + 1 / _RESOLUTION
    points = np.concatenate([points, points[:, ::-1]])
    return points / points.sum(axis=1, keepdims=True)


def _thin(items: Sequence | np.ndarray, max_items: int) -> Sequence | np.ndarray:
    """Every k-th of sorted items, at most `max_items`."""
    return items[:: -(-len(items) // max_items)]


def _count(
    method: str, probabilities: np.ndarray, weights: np.ndarray, label_confusion: Sequence[Sequence[float]] | None
) -> np.ndarray:
    """Shares (C,) by one of the methods that count."""
    if method == "probabilistic_count":
        return average_probabilities(probabilities, weights)
    counted = classify_and_count(probabilities, weights)
    return adjust_count(counted, label_confusion) if method == "adjusted_count" else counted


def _round(value: float | Sequence[float] | None) -> float | list[float] | None:
    """Round an estimate, or the ends of an interval, to millionths."""
    if value is None:
        return None
    rounded = np.round(value, 6) + 0.0  # 0.0 turns -0.0 into 0.0
    return rounded.tolist()
