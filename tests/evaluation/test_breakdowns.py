"""The numbers behind the pictures, against libraries and by what must hold of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from modeling_bert_bilstm.evaluation.breakdowns import (
    MAX_GROUPS,
    MIN_GROUP,
    compute_accuracy_by_length,
    compute_calibration_error,
    compute_reliability,
    compute_wilson_interval,
    find_confident_mistakes,
    undo_temperature,
)
from modeling_bert_bilstm.evaluation.metrics import compute_metrics
from tests.evaluation.conftest import draw_answers


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_interval_of_a_share_is_that_of_statsmodels(level):
    num_right, num_reviews = np.array([0, 1, 7, 50, 50]), np.array([3, 1, 9, 50, 1000])
    expected = proportion_confint(num_right, num_reviews, alpha=1 - level, method="wilson")
    np.testing.assert_allclose(compute_wilson_interval(num_right, num_reviews, level), expected, atol=1e-12)


@pytest.mark.parametrize("num_labels", [2, 5])
@pytest.mark.parametrize("num_reviews", [1, 40, 900])
def test_the_gaps_make_up_the_calibration_error(num_labels, num_reviews):
    labels, probabilities = draw_answers(num_reviews, num_labels)
    reliability = compute_reliability(labels, probabilities)
    expected = compute_metrics(labels, probabilities)["expected_calibration_error"]
    assert compute_calibration_error(reliability) == pytest.approx(expected, abs=1e-12)
    assert reliability.num_reviews.sum() == num_reviews
    assert (reliability.first <= reliability.mean + 1e-12).all()
    assert (reliability.mean <= reliability.last + 1e-12).all()
    assert (reliability.low <= reliability.accuracy).all()
    assert (reliability.accuracy <= reliability.high).all()


@pytest.mark.parametrize("temperature", [0.2, 1.0, 3.0])
def test_a_temperature_is_undone_from_what_a_file_holds(temperature):
    logits = np.random.default_rng(1).normal(size=(50, 4)) * 3
    before, after = (np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) for z in (logits, logits / temperature))
    np.testing.assert_allclose(undo_temperature(after.astype(np.float32), temperature), before, atol=1e-5)


def test_a_probability_of_zero_stays_finite():
    np.testing.assert_allclose(undo_temperature(np.array([[0.0, 1.0]]), 2.0), [[0, 1]], atol=1e-30)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=400), st.integers(0, 9))
def test_groups_of_length_part_the_reviews(lengths, seed):
    lengths = np.array(lengths)
    is_right = np.random.default_rng(seed).random(len(lengths)) < 0.7
    groups = compute_accuracy_by_length(lengths, is_right)
    assert groups.num_reviews.sum() == len(lengths)
    assert groups.accuracy @ groups.num_reviews == pytest.approx(is_right.sum())
    assert 1 <= len(groups.accuracy) <= max(1, min(MAX_GROUPS, len(lengths) // MIN_GROUP))
    assert (groups.first[0], groups.last[-1]) == (lengths.min(), lengths.max())
    assert (groups.last[:-1] < groups.first[1:]).all()  # reviews of one length stay together
    for first, last, accuracy in zip(groups.first, groups.last, groups.accuracy, strict=True):
        assert accuracy == is_right[(lengths >= first) & (lengths <= last)].mean()


def test_lengths_that_all_differ_give_groups_of_one_size():
    groups = compute_accuracy_by_length(np.random.default_rng(0).permutation(800), np.ones(800, dtype=bool))
    assert groups.num_reviews.tolist() == [100] * 8


def test_the_surest_mistakes_come_first():
    labels, probabilities = draw_answers(200, 3)
    found = find_confident_mistakes(labels, probabilities, 7)
    answers, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    assert len(found) == 7
    assert (answers[found] != labels[found]).all()
    others = np.setdiff1d(np.flatnonzero(answers != labels), found)
    assert confidence[found].tolist() == sorted(confidence[found], reverse=True)
    assert confidence[found].min() >= confidence[others].max()
    assert len(find_confident_mistakes(labels, np.eye(3)[labels])) == 0
