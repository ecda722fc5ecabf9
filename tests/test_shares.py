"""The estimate of shares: against an independent library, closed forms and exact distributions; its properties."""

import re
from math import lgamma

import numpy as np
import pytest
from mlquantify.counting import ACC, CC, PCC
from mlquantify.likelihood import EMQ

from modeling_bert_bilstm.polarity import (
    METHODS,
    SharePosterior,
    adjust_count,
    average_probabilities,
    classify_and_count,
    compute_ratios,
)
from tests.drawn_reviews import DISTANCE, LABELS, POLARITY, draw_reviews, summarise


NO_PRIOR = {num_labels: np.full(num_labels, 1e-9) for num_labels in (2, 3, 5)}
AUDIENCES = [[0.3, 0.7], [0.5, 0.2, 0.3], [0.1, 0.1, 0.2, 0.3, 0.3]]


def draw(seed, shares, num_reviews):
    return draw_reviews(np.random.default_rng(seed), shares, num_reviews, distance=DISTANCE[len(shares)])


# ---------------------------------------------------------------------------------------------------------------------
# Against an independent library and closed forms


@pytest.mark.parametrize("shares", AUDIENCES)
def test_expectation_maximisation_is_that_of_mlquantify(shares):
    _, probabilities = draw(1, shares, 80)
    prior = np.linspace(1, 2, len(shares)) / np.linspace(1, 2, len(shares)).sum()
    expected, _ = EMQ.EM(probabilities, prior, tolerance=1e-12, max_iter=100_000)
    found = SharePosterior(probabilities, prior, film_prior=NO_PRIOR[len(shares)])
    np.testing.assert_allclose(found.audience, expected, atol=1e-5)
    np.testing.assert_allclose(found.shares, expected, atol=1e-5)  # without a prior both are one


@pytest.mark.parametrize("shares", AUDIENCES)
def test_counts_are_those_of_mlquantify(shares):
    _, probabilities = draw(2, shares, 80)
    classes, ones = np.arange(len(shares)), np.ones(80)
    counted = CC().aggregate(probabilities.argmax(axis=1), classes=classes)
    averaged = PCC().aggregate(probabilities, classes=classes)
    np.testing.assert_allclose(classify_and_count(probabilities, ones), read(counted), atol=1e-12)
    np.testing.assert_allclose(average_probabilities(probabilities, ones), read(averaged), atol=1e-12)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
def test_adjusted_count_of_two_labels_is_that_of_mlquantify(share):
    true, known = draw(3, [0.5, 0.5], 500)
    _, probabilities = draw(4, [1 - share, share], 60)
    predicted = known.argmax(axis=1)
    confusion = np.array([[np.mean(predicted[true == i] == j) for j in range(2)] for i in range(2)])
    expected = ACC().aggregate(probabilities.argmax(axis=1), predicted, true, classes=np.arange(2))
    found = adjust_count(classify_and_count(probabilities, np.ones(60)), confusion)
    np.testing.assert_allclose(found, read(expected), atol=1e-4)


def read(prevalences):
    """Shares as mlquantify gives them: an array, or a dictionary by class."""
    return np.array(list(prevalences.values()) if isinstance(prevalences, dict) else prevalences)


def test_adjusted_count_solves_the_confusion():
    confusion = np.array([[0.7, 0.2, 0.1], [0.2, 0.6, 0.2], [0.0, 0.3, 0.7]])
    shares = np.array([0.5, 0.2, 0.3])
    np.testing.assert_allclose(adjust_count(shares @ confusion, confusion), shares, atol=1e-5)


def test_adjusted_count_stays_a_share_where_the_confusion_has_no_solution():
    np.testing.assert_allclose(adjust_count(np.array([0.98, 0.02]), [[0.9, 0.1], [0.1, 0.9]]), [1, 0], atol=1e-5)


def test_adjusted_count_of_a_classifier_that_never_predicts_a_label():
    found = adjust_count(np.array([0.8, 0.2, 0.0]), [[0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.5, 0.5, 0.0]])
    assert found.sum() == pytest.approx(1)
    np.testing.assert_allclose(found @ [0.9, 0.1, 0.5], 0.8, atol=1e-5)


def test_labels_that_tie_share_the_review():
    rows = np.array([[0.4, 0.4, 0.2], [0.1, 0.2, 0.7]])
    np.testing.assert_allclose(classify_and_count(rows, np.array([2, 6])), [1 / 8, 1 / 8, 6 / 8])


def test_maximisation_equals_plain_expectation_maximisation_with_pseudo_reviews():
    _, probabilities = draw(5, [0.2, 0.3, 0.5], 30)
    prior, pseudo = np.array([0.5, 0.3, 0.2]), np.array([2.0, 0.5, 1.0])
    shares = prior
    for _ in range(5_000):  # Saerens et al. 2002, equations 2.6 and 2.7, and the mode with counts added
        adjusted = probabilities * shares / prior
        counts = (adjusted / adjusted.sum(axis=1, keepdims=True)).sum(axis=0)
        shares = (counts + pseudo) / (30 + pseudo.sum())
    found = SharePosterior(probabilities, prior, film_prior=pseudo)
    np.testing.assert_allclose(found.audience, shares, atol=1e-6)
    np.testing.assert_allclose(found.shares, counts / 30, atol=1e-6)


# ---------------------------------------------------------------------------------------------------------------------
# The top


@pytest.mark.parametrize("strength", [1e-6, 0.1, 1.0, 30.0])
@pytest.mark.parametrize("distance", [0.3, 1.3, 3.0])
@pytest.mark.parametrize("shares", [[0.1, 0.1, 0.2, 0.3, 0.3], [0, 0, 0, 0, 1], [0.5, 0, 0, 0, 0.5]])
def test_maximisation_rises_every_cycle_and_reaches_the_top(monkeypatch, shares, distance, strength):
    _, probabilities = draw_reviews(np.random.default_rng(0), shares, 300, distance=distance)
    heights = []
    climb = SharePosterior.climb

    def record(self, before):
        after = climb(self, before)
        assert self.compute(after) >= self.compute(before) - 1e-9
        heights.append(self.compute(before))
        return after

    monkeypatch.setattr(SharePosterior, "climb", record)
    found = SharePosterior(probabilities, film_prior=np.full(5, strength))
    assert len(heights) < 100
    assert np.diff(heights).min(initial=0) >= -1e-9
    assert found.audience.sum() == pytest.approx(1)
    assert (climb(found, found.audience) / found.audience).max() <= 1 + 1e-8  # the conditions of a maximum


# ---------------------------------------------------------------------------------------------------------------------
# The intervals


@pytest.mark.parametrize("shares", AUDIENCES)
def test_information_is_the_curvature_at_the_top(shares):
    """Louis's formula against differences of the log density, along random directions of the softmax."""
    _, probabilities = draw(6, shares, 25)
    posterior = SharePosterior(probabilities, film_prior=np.full(len(shares), 0.7))
    top, generator, size = np.log(posterior.audience), np.random.default_rng(0), 1e-3

    def compute(logits):
        return posterior.compute(np.exp(logits) / np.exp(logits).sum())

    for _ in range(5):
        step = generator.standard_normal(len(shares))
        step -= step @ posterior.audience  # which leaves out the direction in which nothing changes
        curve = (2 * compute(top) - compute(top + size * step) - compute(top - size * step)) / size**2
        assert step @ posterior._information @ step == pytest.approx(curve, rel=1e-4)


def compute_exact(probabilities, pseudo):
    """Mean and deviation of the polarity of reviews with two labels, and of their audience: no approximation."""
    num_reviews = len(probabilities)
    counts = np.arange(num_reviews + 1)
    ways = np.ones(1)  # how likely the reviews are with so many positive ones, whichever they are
    for row in compute_ratios(probabilities):
        ways = np.convolve(ways, row)
    chances = [lgamma(pseudo[0] + num_reviews - count) + lgamma(pseudo[1] + count) for count in counts]
    chances = ways * np.exp(chances - np.max(chances))
    chances /= chances.sum()
    polarity = 2 * counts / num_reviews - 1
    mean = chances @ polarity
    share = (pseudo[1] + counts) / (num_reviews + sum(pseudo))  # of a beta distribution
    spread = share * (1 - share) / (num_reviews + sum(pseudo) + 1)
    audience = chances @ share
    of_audience = chances @ (spread + (share - audience) ** 2)
    return mean, (chances @ (polarity - mean) ** 2) ** 0.5, 2 * audience - 1, 2 * of_audience**0.5


@pytest.mark.parametrize(("num_reviews", "tolerance"), [(10, 0.12), (40, 0.02), (200, 0.005)])
@pytest.mark.parametrize("pseudo", [[1.0, 1.0], [0.5, 1.5], [4.0, 4.0]])
def test_estimate_and_interval_are_close_to_the_exact_distribution(pseudo, num_reviews, tolerance):
    for seed in range(5):
        _, probabilities = draw(seed, [0.4, 0.6], num_reviews)
        found = SharePosterior(probabilities, film_prior=pseudo).estimate_polarity([-1, 1], 0.5)
        exact = compute_exact(probabilities, pseudo)
        for name, mean, deviation in (("reviews", *exact[:2]), ("audience", *exact[2:])):
            polarity, (low, high) = found[name]
            assert polarity == pytest.approx(mean, abs=tolerance)
            assert (high - low) / 2 == pytest.approx(0.6745 * deviation, abs=tolerance)


def measure_coverage(generator, shares, num_reviews):
    """How often the intervals hold the polarity of the reviews, and of the audience."""
    values, held = np.array(POLARITY[len(shares)]), []
    for _ in range(120):
        labels, probabilities = draw_reviews(generator, shares, num_reviews, distance=DISTANCE[len(shares)])
        found = SharePosterior(probabilities).estimate_polarity(values, 0.9)
        truths = values[labels].mean(), values @ np.array(shares)
        held.append([low <= truth <= high for truth, (_, (low, high)) in zip(truths, found.values(), strict=True)])
    return np.mean(held, axis=0)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    generator = np.random.default_rng(7)
    audiences = ([0.5, 0.5], [0.1, 0.9], [0.1, 0.2, 0.3, 0.4, 0], [0.2] * 5)
    held = np.array([measure_coverage(generator, shares, n) for shares in audiences for n in (5, 20, 100)])
    assert 0.87 < held[:, 0].mean() < 0.96
    assert 0.87 < held[:, 1].mean() < 0.97
    assert held.min() > 0.8


@pytest.mark.parametrize("rows", [[[0.01, 0.99]], [[0.0, 1.0]] * 30, [[0.0, 1.0], [1.0, 0.0]], [[0.4, 0.6]]])
def test_intervals_hold_their_estimates_and_the_audience_is_less_sure_than_the_reviews(rows):
    summary = summarise(rows)
    low, high = summary["interval"]
    audience_low, audience_high = summary["audience_interval"]
    assert -1 <= low <= summary["polarity"] <= high <= 1
    assert -1 <= audience_low <= summary["audience_polarity"] <= audience_high <= 1
    assert audience_high - audience_low > min(high - low, 0.2)


def test_a_confidence_next_to_one_has_an_interval():
    rows = [[0.1, 0.9], [0.8, 0.2]] * 200
    wide, wider = (summarise(rows, confidence=confidence)["interval"] for confidence in (0.99, 1 - 1e-16))
    assert wider[0] < wide[0] < wide[1] < wider[1]


def test_more_confidence_and_fewer_reviews_widen_the_intervals():
    def measure(num_reviews, confidence, name):
        low, high = summarise([[0.1, 0.9], [0.8, 0.2]] * num_reviews, confidence=confidence)[name]
        return high - low

    for name in ("interval", "audience_interval"):
        assert measure(5, 0.5, name) < measure(5, 0.9, name) < measure(5, 0.99, name)
        assert measure(50, 0.9, name) < measure(5, 0.9, name)


def test_sure_reviews_leave_doubt_about_the_audience_alone():
    summary = summarise([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    assert summary["polarity"] == pytest.approx(1 / 3, abs=1e-3)
    assert np.ptp(summary["interval"]) < 0.01
    assert np.ptp(summary["audience_interval"]) > 0.8


# ---------------------------------------------------------------------------------------------------------------------
# What it is good for


def test_estimate_recovers_the_share_and_beats_counting():
    generator = np.random.default_rng(5)
    counting, estimating = [], []
    for share in (0.05, 0.3, 0.8, 0.95) * 10:
        labels, probabilities = draw_reviews(generator, [1 - share, share], 200, distance=2.0)
        counting.append(abs((probabilities[:, 1] > 0.5).mean() - labels.mean()))
        estimating.append(abs(summarise(probabilities)["shares"]["positive"] - labels.mean()))
    assert np.mean(estimating) < 0.5 * np.mean(counting)


def test_training_prior_is_taken_out():
    labels, probabilities = draw_reviews(np.random.default_rng(6), [0.5, 0.5], 4_000, distance=1.5)
    skewed = probabilities * [0.9, 0.1]
    skewed /= skewed.sum(axis=1, keepdims=True)  # the same classifier, had it been trained on 90% negative
    shares = summarise(skewed, label_prior=[0.9, 0.1])["shares"]
    assert shares["positive"] == pytest.approx(summarise(probabilities)["shares"]["positive"], abs=1e-3)
    assert shares["positive"] == pytest.approx(labels.mean(), abs=0.03)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_answers_alike(method):
    _, probabilities = draw(8, [0.2, 0.8], 50)
    confusion = [[0.9, 0.1], [0.1, 0.9]]
    summary = summarise(probabilities, method=method, label_confusion=confusion)
    assert list(summary["shares"]) == LABELS[2]
    assert sum(summary["shares"].values()) == pytest.approx(1, abs=1e-5)
    assert summary["polarity"] == pytest.approx(2 * summary["shares"]["positive"] - 1, abs=1e-5)
    assert summary["verdict"] == "positive"
    assert (summary["interval"] is None) == (summary["audience_polarity"] is None) == (method != METHODS[0])


def test_bad_options_say_what_was_expected():
    with pytest.raises(ValueError, match=re.escape(f"`method` must be one of {METHODS}, got 'counting'.")):
        summarise([[0.5, 0.5]], method="counting")
    with pytest.raises(ValueError, match="Adjusted count needs `label_confusion`, the confusion matrix of validation"):
        summarise([[0.5, 0.5]], method="adjusted_count")
    with pytest.raises(ValueError, match="`confidence` must be a number between 0 and 1, such as 0.9, got 90."):
        summarise([[0.5, 0.5]], confidence=90)
    for name in ("label_prior", "film_prior"):
        for bad in ([1, 0], [1, 2, 3], [1, float("nan")]):
            expected = f"`{name}` must be 2 numbers above 0, one a label, got {bad}."
            with pytest.raises(ValueError, match=re.escape(expected)):
                summarise([[0.5, 0.5]], **{name: bad})
