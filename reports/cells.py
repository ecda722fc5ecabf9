"""Cells of the tables of the comparison: numbers as text."""

import statistics
from collections.abc import Sequence

from modeling_bert_bilstm.evaluation.significance import Difference
from reports.measured import Comparison, Row, describe_hardware


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


def render_comparison(comparison: Comparison | None) -> str:
    """Return two cells: the difference with its interval, and the adjusted p."""
    if comparison is None:
        return " |  "
    return f"{render_difference(comparison.difference)} | {render_p(comparison.adjusted_p)}"


def render_seeds(row: Row) -> str:
    """Return the number of seeds, of how many where some are missing."""
    found = len(row.results)
    return f"{found}" if found >= row.num_planned else f"{found} of {row.num_planned}"


def letter_machines(rows: Sequence[Row]) -> dict[str, str]:
    """Return a letter for each machine that the results were measured on."""
    machines = dict.fromkeys(describe_hardware(result) for row in rows for result in row.results)
    return {machine: chr(ord("a") + i) for i, machine in enumerate(machines)}


def render_machines(row: Row, letters: dict[str, str]) -> str:
    """Return the letters of the machines of a row."""
    return ", ".join(dict.fromkeys(letters[describe_hardware(result)] for result in row.results))


def render_note(letters: dict[str, str]) -> str:
    """Return what the letters mean."""
    return "\nOn " + "; ".join(f"{letter}: {machine}" for machine, letter in letters.items()) + "."
