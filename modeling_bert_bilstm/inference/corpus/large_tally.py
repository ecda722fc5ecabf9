"""A tally whose memory is bounded, for a film of any number of reviews.

Shapes: N reviews, C labels.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from ...polarity import PolarityTally, decide_verdict, predict_labels


MAX_ROWS = 50_000  # different rows of probabilities that a film's tally holds
_REVIEWS_AT_ONCE = 65_536
_MILLION = 1_000_000

# By the steps of a row: how many reviews, and the sum of their probabilities of each label.
Groups = dict[tuple[int, ...], list[int]]


class LargeTally:
    """Adds up the reviews of one film, and puts similar ones together once there are too many different ones.

    Up to `max_rows` different rows of probabilities it is exact. Beyond, those that share their steps of two, four,
    eight, ... millionths, the smallest that serve, count as many reviews of their mean; what each review was predicted
    to be stays exact. The outcome depends on the reviews alone, not on their order.

    Args:
        num_labels: Number C of labels.
        max_rows: Different rows of probabilities that are held.

    Attributes:
        step: Millionths of a step.
    """

    def __init__(self, num_labels: int, max_rows: int = MAX_ROWS):
        self._num_labels, self._max_rows = num_labels, max_rows
        self._groups: Groups = {}
        self._predicted = np.zeros(num_labels, dtype=np.int64)
        self.step = 1

    def add(self, probabilities: np.ndarray) -> None:
        """Take reviews with these probabilities, (N, C)."""
        for start in range(0, len(probabilities), _REVIEWS_AT_ONCE):
            tally = PolarityTally.from_probabilities(probabilities[start : start + _REVIEWS_AT_ONCE])
            rows, counts = np.array(list(tally.rows)), np.array(list(tally.rows.values()))
            predicted = predict_labels(rows)  # (N,), -1 of a tie
            self._predicted += np.array([counts[predicted == label].sum() for label in range(self._num_labels)])
            _merge(self._groups, rows.tolist(), np.column_stack([counts, rows * counts[:, None]]).tolist(), self.step)
            while len(self._groups) > self._max_rows:
                self.step *= 2
                finer, self._groups = self._groups, {}
                _merge(self._groups, finer, finer.values(), 2)

    def to_tally(self) -> PolarityTally:
        """Return the tally."""
        rows: Counter[tuple[int, ...]] = Counter()
        for count, *sums in self._groups.values():
            rows[tuple(round(total / count) for total in sums)] += count
        return PolarityTally(self._num_labels, rows)

    def correct(self, summary: dict, label_polarity: Sequence[float]) -> dict:
        """Return a summary of the tally with the counts and the verdict of what was predicted."""
        order = np.argsort(label_polarity, kind="stable")
        counts = [int(count) for count in self._predicted[order]]
        return {
            **summary,
            "counts": dict(zip(summary["counts"], counts, strict=True)),
            "verdict": decide_verdict(counts),
        }


def _merge(groups: Groups, rows: Iterable[Sequence[int]], sums: Iterable[list[int]], step: int) -> None:
    """Add to the group of each row its number of reviews and the sums of their probabilities."""
    for row, added in zip(rows, sums, strict=True):
        # A probability of 1 belongs to the last step: it has none of its own.
        key = tuple(min(value, _MILLION - 1) // step for value in row) if step > 1 else tuple(row)
        group = groups.get(key)
        groups[key] = added if group is None else [a + b for a, b in zip(group, added, strict=True)]
