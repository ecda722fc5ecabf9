"""The verdict on a claim follows from what was printed and what was measured."""

import dataclasses

import numpy as np
import pytest

from baselines.corpora import CORPORA
from baselines.experiment import load_experiment
from baselines.results import EXPERIMENTS, read_result, write_result
from modeling_bert_bilstm.evaluation.significance import Difference
from reports import claims
from reports.compared import Comparison
from reports.measured import load_rows
from tests.reports.conftest import write_fake


@pytest.mark.parametrize(
    ("printed", "low", "high", "verdict"),
    [
        (2.0, 1.0, 3.0, "holds"),
        (2.0, 0.1, 1.0, "holds, smaller than printed"),
        (2.0, 2.5, 3.0, "holds, larger than printed"),
        (2.0, -1.0, 3.0, "not shown: 2.00 points measured would have been"),
        (2.0, -1.5, 1.0, "not shown: 1.25 points measured would have been; one as large as printed is ruled out"),
        (2.0, -3.0, -1.0, "does not hold: worse"),
        (None, 0.5, 1.0, "holds"),
        (None, -0.5, 1.0, "not shown: 0.75 points measured would have been"),
        (-0.08, -1.0, 1.5, "not contradicted: a gain of more than 1.50 points is ruled out"),
        (-0.08, 0.5, 1.0, "does not hold: better"),
        (-0.08, -2.0, -1.0, "holds: worse"),
    ],
)
def test_the_verdict_on_a_claimed_difference(printed, low, high, verdict):
    difference = Difference((low + high) / 200, low / 100, high / 100)
    for p_values in ((), (0.9, 0.01)):
        assert claims.judge_difference(printed, Comparison(difference, adjusted=p_values)) == verdict
    of_one_seed = claims.judge_difference(printed, Comparison(difference, has_one_seed=True))
    assert of_one_seed.replace(", as far as one seed tells", "") == verdict != of_one_seed
    doubted = claims.judge_difference(printed, Comparison(difference, adjusted=(0.06, 0.9)))
    is_shown = low > 0 or high < 0
    assert doubted == (f"{verdict}, though no seed alone shows it" if is_shown else verdict)


@pytest.mark.parametrize(
    ("printed", "verdict"), [(95, "not reached"), (91, "reached"), (80, "exceeded"), ([85, 90.5], "reached")]
)
def test_the_verdict_on_a_claimed_accuracy(printed, verdict):
    assert claims.judge_accuracy(printed, 90.0, 92.0) == verdict


@pytest.mark.parametrize("claim", claims.load_claims(), ids=lambda claim: claim["claim"])
def test_a_claim_has_the_experiments_that_its_kind_needs(claim):
    names = claim.get("experiments", [])
    assert len(names) == {"unmeasured": 0, "difference": 2, "verdict": len(CORPORA)}.get(claim["kind"], 1)
    assert ("why" in claim) == (not names)
    corpora = {load_experiment(EXPERIMENTS / f"{name}.json").corpus for name in names}
    assert len(corpora) == {"unmeasured": 0, "verdict": len(CORPORA)}.get(claim["kind"], 1)
    if any("-ours" in name for name in names):
        assert "our model" in claim["claim"]
    if any("-stock-" in name for name in names):
        assert "the stock head, our settings" in claim["claim"]


def test_the_bilstm_is_judged_by_our_model_without_it():
    found = [claim for claim in claims.load_claims() if claim["claim"].startswith("a BiLSTM on BERT helps")]
    assert [claim["experiments"] for claim in found if "experiments" in claim] == [
        [f"{corpus}-ours-minilm", f"{corpus}-ours_no_lstm-minilm"] for corpus in ("imdb", "mr", "sst2", "sst5")
    ]


def test_the_verdict_on_a_corpus_is_that_of_its_labels(tmp_path):
    """Of the second corpus all reviews are said to be negative, and they are not."""
    write_fake(tmp_path, "imdb", "ours", 2.0, seeds=(1,))
    write_fake(tmp_path, "sst2", "ours", 2.0, seeds=(1,))
    rows, easy = load_rows(tmp_path), "; classes of like size make it easy"
    found = [rows["imdb"][0], rows["sst2"][0]]
    counts = np.bincount(found[0].results[0].labels)
    assert counts[1] > 1.2 * counts[0]
    assert claims.measure_verdicts(found) == ("IMDb positive; SST-2 positive (first seeds)", f"holds{easy}")
    result = found[1].results[0]
    write_result(result.path, result.record, result.labels, np.tile([0.9, 0.1], (len(result.labels), 1)))
    found[1] = dataclasses.replace(found[1], results=(read_result(result.path),))
    told = "IMDb positive; SST-2 negative, in truth positive (first seeds)"
    assert claims.measure_verdicts(found) == (told, f"holds on 1 of 2 corpora{easy}")


class FakeRow:
    corpus, encoder, num_planned = "sst5", None, 3

    def __init__(self, num_seeds):
        self.results = [None] * num_seeds


@pytest.mark.parametrize(
    ("counts", "shown"), [((3, 3), "3 seeds"), ((2,), "2 of 3 seeds"), ((3, 1), "3 and 1 of 3 seeds")]
)
def test_seeds_are_told_of_both_rows(counts, shown):
    assert claims.describe_measurement([FakeRow(count) for count in counts]) == f"SST-5, {shown}"
