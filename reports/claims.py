"""The table of docs/reproduce.md: what each paper claims, and what the results in baselines/results say of it.

The claims stand in reports/claims.json: `paper`, `claim`, `printed` (per cent, or the lowest and highest; points for a
difference, null where the paper claims a direction alone), `shown` where the paper prints no such number, `split`,
`kind` ("accuracy", "difference", "verdict" of whole corpora, "verdicts" of films, or "unmeasured") and `experiments`,
the names of those that judge it; of a difference the one that is claimed to be better stands first. A claim that
nothing here can judge has `why` instead. What is measured, the verdict and the command follow from them;
reports/compared.py has the rule for differences.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from baselines.results import RESULTS, read_test_reviews
from modeling_bert_bilstm.evaluation.significance import Difference, paired_bootstrap
from modeling_bert_bilstm.polarity import decide_verdict
from reports.ablations import bootstrap_mean, measure_polarity
from reports.cells import render_comparison, render_doubts, render_seeds
from reports.compared import Comparison, adjust, compare_rows
from reports.measured import CORPUS_NAMES, DEFAULT_ENCODER, Row, load_rows


CLAIMS = Path(__file__).resolve().parent / "claims.json"
NOT_YET = "not measured yet"


def load_claims() -> list[dict]:
    """Return the claims of reports/claims.json."""
    return json.loads(CLAIMS.read_text(encoding="utf-8"))


def find_measured(rows: dict[str, list[Row]], names: Sequence[str]) -> list[Row] | None:
    """Return the rows of some experiments, None where nobody ran one of them."""
    by_name = {row.record["experiment"]: row for of_corpus in rows.values() for row in of_corpus}
    return [by_name[name] for name in names] if set(names) <= by_name.keys() else None


def render_command(names: Sequence[str]) -> str:
    """Return the command that measures some experiments, nothing for none."""
    files = " ".join(f"baselines/experiments/{name}.json" for name in names)
    return f"`python -m baselines.run {files} --data DATA`" if names else ""


def judge_accuracy(printed: float | list[float], low: float, high: float) -> str:
    """Return how a printed accuracy, or the range of one, stands to an interval, all in per cent."""
    lowest, highest = printed if isinstance(printed, list) else (printed, printed)
    if lowest > high:
        return "not reached"
    return "exceeded" if highest < low else "reached"


def judge_difference(printed: float | None, comparison: Comparison) -> str:
    """Return how a printed difference, in points, stands to a measured one; None is better by an unknown size."""
    low, high = 100 * comparison.difference.low, 100 * comparison.difference.high
    doubts = render_doubts(comparison)
    if printed is not None and printed <= 0:
        return _judge_no_gain(comparison.sign, high, doubts)
    if not comparison.sign:
        excluded = "; one as large as printed is ruled out" if printed is not None and high < printed else ""
        return f"not shown{doubts}: {comparison.detectable:.2f} points measured would have been{excluded}"
    if comparison.sign < 0:
        return f"does not hold: worse{doubts}"
    if printed is None or low <= printed <= high:
        return f"holds{doubts}"
    return f"holds, {'smaller' if high < printed else 'larger'} than printed{doubts}"


def _judge_no_gain(sign: int, high: float, doubts: str) -> str:
    if not sign:
        return f"not contradicted{doubts}: a gain of more than {high:.2f} points is ruled out"
    return f"{'does not hold: better' if sign > 0 else 'holds: worse'}{doubts}"


def measure_claim(
    claim: dict, found: Sequence[Row], folder: Path, comparison: Comparison | None = None
) -> tuple[str, str]:
    """Return what was measured for a claim, and the verdict.

    Args:
        claim: One of reports/claims.json.
        found: The rows of its experiments, which are all there.
        folder: Of the results.
        comparison: Of the two rows of a difference, adjusted for the others of the table.
    """
    note = describe_measurement(found)
    if comparison is not None:
        difference, p = render_comparison(comparison)
        shown = f"{difference} ({note}{f'; p {p}' if p else ''})"
        return shown, judge_difference(claim["printed"], comparison)
    if claim["kind"] == "verdict":
        return measure_verdicts(found)
    if claim["kind"] == "verdicts":
        reviews = read_test_reviews(folder / found[0].corpus)
        if reviews is None or reviews.films is None:
            return NOT_YET, NOT_YET
        share = bootstrap_mean(measure_polarity(found[0].results[0], reviews.films)["same_verdict"])
        return f"{render_share(share)} of films ({note})", f"another verdict on {100 - 100 * share.difference:.2f}%"
    none_right = np.zeros((1, found[0].correct.shape[1]), dtype=bool)
    share = paired_bootstrap(found[0].correct, none_right)
    verdict = judge_accuracy(claim["printed"], 100 * share.low, 100 * share.high)
    return f"{render_share(share)} ({note})", verdict


def measure_verdicts(found: Sequence[Row]) -> tuple[str, str]:
    """Return the papers' verdict on the predicted and the true labels of some corpora, and whether it is the same."""
    told, num_same = [], 0
    for row in found:
        result, num_labels = row.results[0], len(row.record["train_label_counts"])
        predicted, true = (
            decide_verdict(np.bincount(labels, minlength=num_labels).tolist())
            for labels in (result.predictions, result.labels)
        )
        num_same += predicted == true
        told.append(f"{CORPUS_NAMES[row.corpus]} {predicted}{'' if predicted == true else f', in truth {true}'}")
    verdict = "holds" if num_same == len(found) else f"holds on {num_same} of {len(found)} corpora"
    verdict += "; classes of like size make it easy"
    return f"{'; '.join(told)} (first seeds)", verdict


def describe_measurement(found: Sequence[Row]) -> str:
    """Return corpus, encoder and seeds of the rows that judge a claim."""
    encoder = next((row.encoder for row in found if row.encoder), None)
    counts = [render_seeds(row) for row in found]
    if len(set(counts)) > 1:
        seeds = f"{' and '.join(counts)} seeds"
    else:
        seeds = f"{counts[0]} seed{'' if counts[0] == '1' else 's'}"
    return ", ".join(part for part in (CORPUS_NAMES[found[0].corpus], encoder, seeds) if part)


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
    rows, claims = load_rows(results), load_claims()
    found = [find_measured(rows, claim.get("experiments", ())) for claim in claims]
    comparisons = adjust(
        [
            compare_rows(*pair) if claim["kind"] == "difference" and pair else None
            for claim, pair in zip(claims, found, strict=True)
        ]
    )
    lines = [
        "| paper | claim | printed | their split | measured here, official split | verdict | command |",
        "|---|---|---|---|---|---|---|",
    ]
    for claim, of_claim, comparison in zip(claims, found, comparisons, strict=True):
        measured, verdict = NOT_YET, NOT_YET
        if claim["kind"] == "unmeasured":
            measured, verdict = "not measured", claim["why"]
        elif of_claim:
            measured, verdict = measure_claim(claim, of_claim, results, comparison)
        lines.append(
            f"| {claim['paper']} | {claim['claim']} | {render_printed(claim)} | {claim['split']} | {measured} "
            f"| {verdict} | {render_command(claim.get('experiments', ()))} |"
        )
    lines.append(
        f"\nPer cent, or points for a difference, with 95% intervals; *p* of McNemar's test, seed by seed, adjusted "
        f"for the other differences of this table. The encoder is {DEFAULT_ENCODER}, smaller than those "
        "of the papers: an accuracy that is not reached says little, a difference says more."
    )
    return "\n".join(lines)
