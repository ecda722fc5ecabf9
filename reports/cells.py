"""Cells of the tables of the comparison: numbers as text."""

import statistics

from modeling_bert_bilstm.evaluation.significance import Difference
from reports.compared import Comparison
from reports.measured import Row


def render_accuracy(row: Row, key: str = "accuracy") -> str:
    """Return mean and spread over the seeds, in per cent; the mean alone of one seed."""
    values = [100 * value for value in row.list_values(key)]
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{spread}"


def render_difference(difference: Difference) -> str:
    """Return a difference in points with its interval."""
    value, low, high = (100 * number + 0.0 for number in difference)
    return f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"


def render_p(p: float) -> str:
    """Return a p-value of three digits."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def render_comparison(comparison: Comparison | None) -> tuple[str, str]:
    """Return the difference with its interval, and the adjusted p of each seed; nothing for nothing."""
    if comparison is None:
        return "", ""
    return render_difference(comparison.difference), ", ".join(render_p(p) for p in comparison.adjusted)


def render_verdict(comparison: Comparison, *, is_equal: bool) -> str:
    """Return what the interval says, and of no difference how large a measured one would have shown.

    Args:
        comparison: Of the row with a part and the one without.
        is_equal: Whether nothing but the part differs, so that the difference is the part's.
    """
    better, worse = ("it helps", "it hurts") if is_equal else ("better", "worse")
    verdict = (better if comparison.sign > 0 else worse) if comparison.sign else "no difference shown"
    more = "" if comparison.sign else f"; {comparison.detectable:.2f} points measured would have been"
    return f"{verdict}{render_doubts(comparison)}{more}"


def render_doubts(comparison: Comparison) -> str:
    """Return what to hold against an interval: that it covers one seed, that no seed alone shows the difference."""
    is_borne_out = not comparison.sign or not comparison.adjusted or comparison.is_shown_by_a_seed
    if comparison.has_one_seed:
        return ", as far as one seed tells" + ("" if is_borne_out else ", and not after Holm's correction")
    return "" if is_borne_out else ", though no seed alone shows it"


def render_seeds(row: Row) -> str:
    """Return the number of seeds, of how many where some are missing."""
    found = len(row.results)
    return f"{found}" if found >= row.num_planned else f"{found} of {row.num_planned}"
