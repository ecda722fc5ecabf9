"""The interval alone decides; p-values stand beside it, seed by seed, adjusted over their table."""

from dataclasses import replace

import numpy as np
import pytest

from modeling_bert_bilstm.evaluation.significance import holm, mcnemar, paired_bootstrap
from reports import measured
from reports.cells import render_verdict
from reports.compared import Comparison, adjust, compare_rows
from tests.reports.conftest import write_fake


def test_a_comparison_is_an_interval_and_a_p_of_each_seed(rows):
    first, second = (measured.find_row(rows["sst5"], system) for system in ("frozen_smote", "ours"))
    found = compare_rows(first, second)
    assert found.difference == paired_bootstrap(first.correct, second.correct)
    assert found.seeds == (1, 2)  # three seeds against two
    assert found.p_values == tuple(mcnemar(first.correct[i], second.correct[i]) for i in (0, 1))


def test_seeds_are_paired_by_their_number(tmp_path):
    write_fake(tmp_path, "sst5", "ours", 0.6, seeds=(3, 2, 5))
    write_fake(tmp_path, "sst5", "stock", 0.6, seeds=(3, 5))
    write_fake(tmp_path, "sst5", "tfidf", 0.6, encoder=None, seeds=(7,))
    stock, ours, tfidf = (
        measured.find_row(measured.load_rows(tmp_path)["sst5"], system) for system in ("stock", "ours", "tfidf")
    )
    found = compare_rows(ours, stock)
    assert found.seeds == (3, 5)
    assert found.p_values == (mcnemar(ours.correct[1], stock.correct[0]), mcnemar(ours.correct[2], stock.correct[1]))
    assert compare_rows(ours, tfidf).p_values == ()


def test_p_values_are_adjusted_over_all_seeds_of_a_table():
    difference = paired_bootstrap(np.ones((1, 9)), np.zeros((1, 9)))
    first, second, third = (Comparison(difference, (1,), p, p) for p in ((0.01, 0.03), (0.04,), (0.02,)))
    found = adjust([first, None, second, third])
    expected = holm([0.01, 0.03, 0.04, 0.02])
    assert found[1] is None
    assert found[0].adjusted == tuple(expected[:2])
    assert found[2].adjusted == (expected[2],)
    assert found[3].adjusted == (expected[3],)
    assert [c.p_values for c in found if c] == [(0.01, 0.03), (0.04,), (0.02,)]


@pytest.mark.parametrize(
    ("low", "high", "sign", "verdict"),
    [
        (0.01, 0.02, 1, "it helps"),
        (-0.02, -0.01, -1, "it hurts"),
        (-0.01, 0.02, 0, "no difference shown; 1.50 points measured would have been"),
        (0.0, 0.02, 0, "no difference shown; 1.00 points measured would have been"),
    ],
)
def test_the_verdict_is_that_of_the_interval_and_says_what_p_does_not_bear_out(low, high, sign, verdict):
    difference = paired_bootstrap(np.ones((1, 9)), np.zeros((1, 9)))._replace(low=low, high=high)
    for p_values, doubts in (((0.9, 0.0001), ""), ((), ""), ((0.9, 0.05), ", though no seed alone shows it")):
        found = Comparison(difference, (1, 2), p_values, p_values)
        assert found.sign == sign
        assert render_verdict(found, is_equal=True) == (verdict + doubts if sign else verdict)
    found = Comparison(difference, has_one_seed=True)
    what, *more = verdict.split("; ")
    assert render_verdict(found, is_equal=True) == "; ".join([f"{what}, as far as one seed tells", *more])
    told = render_verdict(replace(found, adjusted=(0.9,)), is_equal=True)
    assert told.endswith(", and not after Holm's correction") == bool(sign)
    if sign:
        assert render_verdict(found, is_equal=False).startswith("better" if sign > 0 else "worse")


def test_one_seed_of_several_is_told(tmp_path):
    write_fake(tmp_path, "sst5", "stock", 0.6, seeds=(1, 2))
    write_fake(tmp_path, "sst5", "ours", 0.6, seeds=(1,))
    stock, ours = (measured.find_row(measured.load_rows(tmp_path)["sst5"], system) for system in ("stock", "ours"))
    assert ours.num_planned == 3
    assert compare_rows(ours, stock).has_one_seed
    assert not compare_rows(replace(ours, num_planned=1), stock).has_one_seed  # a system that draws nothing
