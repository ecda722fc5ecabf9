"""One row of results against another, and the one rule by which the documents judge a difference.

The verdict follows from the 95% interval of a paired bootstrap over reviews and seeds alone: a difference is shown
where it leaves 0 out. McNemar's test of each seed stands beside it, adjusted by Holm's method over all such tests of a
table: where none is below `ALPHA`, no seed alone shows the difference, and the verdict says so. Half the width of the
interval is how large a measured difference would have shown. A true one of that size is shown half of the time; to be
shown four times of five it must be 1.4 times as large.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from modeling_bert_bilstm.evaluation.significance import Difference, holm, mcnemar, paired_bootstrap
from reports.measured import Row


ALPHA = 0.05


@dataclass(frozen=True)
class Comparison:
    """One row against another on the same reviews.

    Attributes:
        difference: Of accuracy, in [-1, 1], with the 95% interval over reviews and seeds.
        seeds: The seeds that both rows have.
        p_values: Of McNemar's test, one for each of these seeds.
        adjusted: The same, adjusted for all other tests of its table.
        has_one_seed: Whether one of the rows has one seed of those it is to have.
    """

    difference: Difference
    seeds: tuple[int, ...] = ()
    p_values: tuple[float, ...] = ()
    adjusted: tuple[float, ...] = ()
    has_one_seed: bool = False

    @property
    def sign(self) -> int:
        """1 or -1 where the whole interval says that the first row is better or worse, else 0."""
        return int(self.difference.low > 0) - int(self.difference.high < 0)

    @property
    def is_shown_by_a_seed(self) -> bool:
        """Whether McNemar's test of any one seed shows a difference, to either side, adjusted for the table."""
        return any(p < ALPHA for p in self.adjusted)

    @property
    def detectable(self) -> float:
        """How large a measured difference would have shown, in points: half the width of the interval."""
        return 50 * (self.difference.high - self.difference.low)


def compare_rows(first: Row, second: Row) -> Comparison:
    """Return the difference of two rows; seeds of the same number are tested against each other."""
    seeds = tuple(seed for seed in first.seeds if seed in second.seeds)
    pairs = [(first.correct[first.seeds.index(seed)], second.correct[second.seeds.index(seed)]) for seed in seeds]
    p_values = tuple(mcnemar(*pair) for pair in pairs)
    difference = paired_bootstrap(first.correct, second.correct)
    has_one_seed = any(len(row.results) == 1 < row.num_planned for row in (first, second))
    return Comparison(difference, seeds, p_values, p_values, has_one_seed)


def adjust(comparisons: Sequence[Comparison | None]) -> list[Comparison | None]:
    """Return the comparisons of one table, their p-values adjusted for the number of them all."""
    adjusted = iter(holm([p for comparison in comparisons if comparison for p in comparison.p_values]))
    return [
        comparison and replace(comparison, adjusted=tuple(next(adjusted) for _ in comparison.p_values))
        for comparison in comparisons
    ]
