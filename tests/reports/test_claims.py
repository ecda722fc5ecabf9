"""The verdict on a claim follows from what was printed and what was measured."""

import json

import pytest

from baselines.results import EXPERIMENTS
from reports import claims


@pytest.mark.parametrize(
    ("printed", "low", "high", "verdict"),
    [
        (2.0, 1.0, 3.0, "holds"),
        (2.0, 0.1, 1.0, "holds, smaller than printed"),
        (2.0, 2.5, 3.0, "holds, larger than printed"),
        (2.0, -1.0, 3.0, "not shown"),
        (2.0, -1.0, 1.0, "not shown; one as large as printed is ruled out"),
        (2.0, -3.0, -1.0, "does not hold: worse"),
        (None, 0.5, 1.0, "holds"),
        (None, -0.5, 1.0, "not shown"),
        (-0.08, -1.0, 1.0, "holds: no difference shown"),
        (-0.08, 0.5, 1.0, "does not hold: better"),
        (-0.08, -2.0, -1.0, "holds: worse"),
    ],
)
def test_the_verdict_on_a_claimed_difference(printed, low, high, verdict):
    assert claims.judge_difference(printed, low, high) == verdict


@pytest.mark.parametrize(
    ("printed", "verdict"), [(95, "not reached"), (91, "reached"), (80, "exceeded"), ([85, 90.5], "reached")]
)
def test_the_verdict_on_a_claimed_accuracy(printed, verdict):
    assert claims.judge_accuracy(printed, 90.0, 92.0) == verdict


def test_every_claim_names_an_experiment_that_is_there():
    for claim in json.loads(claims.CLAIMS.read_text(encoding="utf-8")):
        for key in ("system", "other"):
            if key in claim:
                name = claims.name_experiment(claim, claim[key])
                assert (EXPERIMENTS / f"{name}.json").exists(), name
