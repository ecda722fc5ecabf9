"""One row of results against another, and the one rule by which the documents judge a difference.

The verdict follows from the 95% interval of a paired bootstrap over reviews and seeds alone: a difference is shown
where it leaves 0 out. McNemar's test of each seed stands beside it, adjusted by Holm's method over all such tests of a
table on one corpus. Half the width of the interval is how large a measured difference would have shown. A true one of
that size is shown half of the time; to be shown four times of five it must be 1.4 times as large.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from modeling_bert_bilstm.evaluation.significance import Difference, holm, mcnemar, paired_bootstrap
from reports.measured import Row


@dataclass(frozen=True)
class Comparison:
    """One row against another on the same reviews.

    Attributes:
        corpus: Name of the corpus.
        difference: Of accuracy, in [-1, 1], with the 95% interval over reviews and seeds.
        seeds: The seeds that both rows have.
        p_values: Of McNemar's test, one for each of these seeds.
        adjusted: The same, adjusted for all other tests of its table on this corpus.
    """

    corpus: str
    difference: Difference
    seeds: tuple[int, ...] = ()
    p_values: tuple[float, ...] = ()
    adjusted: tuple[float, ...] = ()

    @property
    def sign(self) -> int:
        """1 or -1 where the whole interval says that the first row is better or worse, else 0."""
        return int(self.difference.low > 0) - int(self.difference.high < 0)

    @property
    def detectable(self) -> float:
        """How large a measured difference would have shown, in points: half the width of the interval."""
        return 50 * (self.difference.high - self.difference.low)


def compare_rows(first: Row, second: Row) -> Comparison:
    """Return the difference of two rows; seeds of the same number are tested against each other."""
    seeds = tuple(seed for seed in first.seeds if seed in second.seeds)
    pairs = [(first.correct[first.seeds.index(seed)], second.correct[second.seeds.index(seed)]) for seed in seeds]
    p_values = tuple(mcnemar(*pair) for pair in pairs)
    return Comparison(first.corpus, paired_bootstrap(first.correct, second.correct), seeds, p_values, p_values)


def adjust(comparisons: Sequence[Comparison | None]) -> list[Comparison | None]:
    """Return the comparisons of one table, the p-values of each corpus adjusted for the number of them all."""
    corpora = dict.fromkeys(comparison.corpus for comparison in comparisons if comparison is not None)
    adjusted = {}
    for corpus in corpora:
        family = [comparison for comparison in comparisons if comparison is not None and comparison.corpus == corpus]
        adjusted[corpus] = iter(holm([p for comparison in family for p in comparison.p_values]))
    return [
        comparison
        and replace(comparison, adjusted=tuple(next(adjusted[comparison.corpus]) for _ in comparison.p_values))
        for comparison in comparisons
    ]
