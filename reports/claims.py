"""The table of docs/reproduce.md: what each paper claims, and what the results in baselines/results say of it.

The claims stand in reports/claims.json: `paper`, `claim`, `printed` (per cent, or the lowest and highest; points for a
difference, null where the paper claims a direction alone), `shown` where the paper prints no such number, `split`,
`kind` ("accuracy", "difference" or "verdicts"), `corpus`, `system`, for a difference the `other` system, and for
augmentation the `options`, part of the experiment's name. What is measured, the verdict and the command follow from
them.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from baselines.results import RESULTS, read_test_reviews
from modeling_bert_bilstm.evaluation.significance import Difference, paired_bootstrap
from reports.ablations import bootstrap_mean, measure_polarity
from reports.cells import render_difference, render_seeds
from reports.measured import CORPUS_NAMES, DEFAULT_ENCODER, Row, compare_rows, load_rows


CLAIMS = Path(__file__).resolve().parent / "claims.json"
NOT_YET = "not measured yet"
_SHORT_ENCODER = "minilm"  # in the names of experiments
_WITHOUT_ENCODER = ("glove", "bilstm_glove", "transformer_from_scratch")


def find_measured(rows: Sequence[Row], name: str) -> Row | None:
    """Return the row of an experiment, None where nobody ran it."""
    return next((row for row in rows if row.record["experiment"] == name), None)


def name_experiment(claim: dict, system: str) -> str:
    """Return the name of the experiment of a system that a claim is judged by."""
    options = f"_{claim['options']}" if "options" in claim and system == claim["system"] else ""
    encoder = "" if system in _WITHOUT_ENCODER else f"-{_SHORT_ENCODER}"
    return f"{claim['corpus']}-{system}{options}{encoder}"


def render_command(names: Sequence[str]) -> str:
    """Return the command that measures some experiments."""
    files = " ".join(f"baselines/experiments/{name}.json" for name in names)
    return f"`python -m baselines.run {files} --data DATA`"


def judge_accuracy(printed: float | list[float], low: float, high: float) -> str:
    """Return how a printed accuracy, or the range of one, stands to an interval, all in per cent."""
    lowest, highest = printed if isinstance(printed, list) else (printed, printed)
    if lowest > high:
        return "not reached"
    return "exceeded" if highest < low else "reached"


def judge_difference(printed: float | None, low: float, high: float) -> str:
    """Return how a printed difference stands to an interval, all in points; None is better by an unknown size."""
    found = "better" if low > 0 else "worse" if high < 0 else "no difference shown"
    if printed is not None and printed <= 0:
        return f"does not hold: {found}" if low > 0 else f"holds: {found}"
    if low <= 0 <= high:
        excluded = "; one as large as printed is ruled out" if printed is not None and high < printed else ""
        return f"not shown{excluded}"
    if high < 0:
        return "does not hold: worse"
    if printed is None or low <= printed <= high:
        return "holds"
    return "holds, smaller than printed" if high < printed else "holds, larger than printed"


def measure_claim(claim: dict, found: Sequence[Row], folder: Path) -> tuple[str, str]:
    """Return what was measured for a claim, and the verdict.

    Args:
        claim: One of reports/claims.json.
        found: The rows of its experiments, which are all there.
        folder: Of the results.
    """
    seeds = f"{render_seeds(found[0])} seed{'s' if len(found[0].results) > 1 else ''}"
    encoder = next((row.encoder for row in found if row.encoder), None)
    note = f"({CORPUS_NAMES[claim['corpus']]}{f', {encoder}' if encoder else ''}, {seeds})"
    if claim["kind"] == "difference":
        difference = compare_rows(*found).difference
        low, high = 100 * difference.low, 100 * difference.high
        return f"{render_difference(difference)} {note}", judge_difference(claim["printed"], low, high)
    if claim["kind"] == "verdicts":
        reviews = read_test_reviews(folder / claim["corpus"])
        if reviews is None or reviews.films is None:
            return NOT_YET, NOT_YET
        share = bootstrap_mean(measure_polarity(found[0].results[0], reviews.films)["same_verdict"])
        return f"{render_share(share)} of films {note}", judge_accuracy(100, 100 * share.low, 100 * share.high)
    none_right = np.zeros((1, found[0].correct.shape[1]), dtype=bool)
    share = paired_bootstrap(found[0].correct, none_right)
    verdict = judge_accuracy(claim["printed"], 100 * share.low, 100 * share.high)
    return f"{render_share(share)} {note}", verdict


def render_share(share: Difference) -> str:
    """Return a share in per cent with its interval."""
    return f"{100 * share.difference:.2f} [{100 * share.low:.2f}, {100 * share.high:.2f}]"


def render_printed(claim: dict) -> str:
    """Return what a paper printed."""
    if "shown" in claim or claim["printed"] is None:
        return claim.get("shown", "no number")
    return f"{claim['printed']:+g}" if claim["kind"] == "difference" else f"{claim['printed']:g}"


def render_claims(results: Path = RESULTS) -> str:
    """Render the table of all claims."""
    rows = load_rows(results)
    lines = [
        "| paper | claim | printed | their split | measured here, official split | verdict | command |",
        "|---|---|---|---|---|---|---|",
    ]
    for claim in json.loads(CLAIMS.read_text(encoding="utf-8")):
        names = [name_experiment(claim, claim[key]) for key in ("system", "other") if key in claim]
        found = [find_measured(rows.get(claim["corpus"], ()), name) for name in names]
        measured, verdict = measure_claim(claim, found, results) if all(found) else (NOT_YET, NOT_YET)
        lines.append(
            f"| {claim['paper']} | {claim['claim']} | {render_printed(claim)} | {claim['split']} | {measured} "
            f"| {verdict} | {render_command(names)} |"
        )
    lines.append(
        f"\nPer cent, or points for a difference, with 95% intervals. The encoder is {DEFAULT_ENCODER}, smaller than "
        "those of the papers: an accuracy that is not reached says little, a difference says more."
    )
    return "\n".join(lines)
