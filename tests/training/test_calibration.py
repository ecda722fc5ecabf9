"""Calibration: finds the temperature that made the logits and the shares they were made for, and does no harm."""

import re

import numpy as np
import pytest

from modeling_bert_bilstm.training.calibration import (
    compute_label_confusion,
    fit_label_prior,
    fit_temperature,
    fold_calibration,
)


def draw_logits(temperature, *, num_labels=3, num_reviews=20_000, seed=0):
    """Logits that are too sure by the factor `temperature`, and labels drawn from the honest ones."""
    generator = np.random.default_rng(seed)
    honest = 2 * generator.standard_normal((num_reviews, num_labels))
    gumbel = generator.gumbel(size=honest.shape)
    return temperature * honest, (honest + gumbel).argmax(axis=1)


def compute_loss(logits, labels, temperature):
    scaled = logits / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    log_likelihood = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return -log_likelihood[np.arange(len(labels)), labels].mean()


@pytest.mark.parametrize("temperature", [0.2, 1.0, 2.5, 10.0])
@pytest.mark.parametrize("num_labels", [2, 5])
def test_the_temperature_of_the_logits_is_found(temperature, num_labels):
    logits, labels = draw_logits(temperature, num_labels=num_labels)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.04)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("num_reviews", [1, 3, 40])
def test_the_loss_never_rises(seed, num_reviews):
    logits, labels = draw_logits(3.0, num_reviews=num_reviews, seed=seed)
    temperature = fit_temperature(logits, labels)
    assert 0.05 <= temperature <= 20
    assert compute_loss(logits, labels, temperature) <= compute_loss(logits, labels, 1.0) + 1e-12


def test_the_slope_of_the_loss_at_the_optimum_is_zero():
    logits, labels = draw_logits(3.0, num_reviews=200)
    temperature = fit_temperature(logits, labels)
    step = 1e-5
    rise = compute_loss(logits, labels, temperature + step) - compute_loss(logits, labels, temperature - step)
    assert abs(rise / (2 * step)) < 1e-6
    assert compute_loss(logits, labels, temperature) < compute_loss(logits, labels, temperature * 1.01)
    assert compute_loss(logits, labels, temperature) < compute_loss(logits, labels, temperature * 0.99)


def test_the_scale_and_offset_of_the_logits_are_seen_through():
    logits, labels = draw_logits(1.5, num_reviews=300)
    temperature = fit_temperature(logits, labels)
    assert fit_temperature(4 * logits, labels) == pytest.approx(4 * temperature)
    assert fit_temperature(logits + 1_000, labels) == pytest.approx(temperature)
    assert fit_temperature(logits.astype(np.float32), labels) == pytest.approx(temperature, rel=1e-5)


def test_logits_without_an_optimum_give_a_bound_or_no_change():
    logits = np.array([[4.0, -4.0], [-4.0, 4.0]])
    assert fit_temperature(logits, np.array([0, 1])) == 0.05
    assert fit_temperature(logits, np.array([1, 0])) == 20
    assert fit_temperature(np.zeros((3, 2)), np.array([0, 1, 1])) == 1


def test_labels_of_one_kind_are_fitted_like_any_other():
    logits, _ = draw_logits(3.0, num_reviews=50)
    labels = np.zeros(50, dtype=int)
    temperature = fit_temperature(logits, labels)
    assert compute_loss(logits, labels, temperature) <= compute_loss(logits, labels, 1.0)


def test_bad_input_says_what_was_expected():
    logits, labels = draw_logits(1.0, num_reviews=4)
    with pytest.raises(
        ValueError, match="A temperature needs at least one review, found none. Give a validation split."
    ):
        fit_temperature(np.zeros((0, 2)), np.zeros(0))
    with pytest.raises(ValueError, match=re.escape("found logits of shape (4, 3) and labels of shape (4, 3).")):
        fit_temperature(logits, np.zeros((4, 3)))
    with pytest.raises(ValueError, match=re.escape("`labels` must be from 0 to 2 for 3 logits, found [-100, 3].")):
        fit_temperature(logits, np.array([0, 3, -100, 1]))
    with pytest.raises(ValueError, match=re.escape("`labels` must be from 0 to 2 for 3 logits, found [-100].")):
        fit_temperature(logits, np.array([0, 2, -100, 1]))
    with pytest.raises(ValueError, match="A temperature needs finite logits, found some that are not."):
        fit_temperature(logits * np.inf, labels)


def draw_probabilities(made_for, shares, num_reviews, seed=1):
    """Probabilities of a model that believes in the shares `made_for`, for reviews whose labels have other shares."""
    generator, num_labels = np.random.default_rng(seed), len(shares)
    labels = generator.choice(num_labels, num_reviews, p=shares)
    seen = 1.5 * labels + generator.standard_normal(num_reviews)
    scores = np.exp(-0.5 * (seen[:, None] - 1.5 * np.arange(num_labels)) ** 2) * made_for
    return scores / scores.sum(axis=1, keepdims=True), labels


@pytest.mark.parametrize(
    ("made_for", "shares"), [([0.5, 0.5], [0.5, 0.5]), ([0.7, 0.3], [0.4, 0.6]), ([0.2, 0.5, 0.3], [0.3, 0.3, 0.4])]
)
def test_the_shares_that_probabilities_were_made_for_are_found(made_for, shares):
    probabilities, labels = draw_probabilities(made_for, shares, 30_000)
    found = fit_label_prior(probabilities, labels, np.full(len(shares), 1 / len(shares)))
    assert found == pytest.approx(made_for, abs=0.015)


def test_adjusted_from_these_shares_each_label_has_its_share():
    probabilities, labels = draw_probabilities([0.7, 0.3], [0.5, 0.5], 20_000)
    adjusted = probabilities * (np.bincount(labels) / 20_000) / fit_label_prior(probabilities, labels, [0.5, 0.5])
    adjusted /= adjusted.sum(axis=1, keepdims=True)
    assert adjusted.mean(axis=0) == pytest.approx(np.bincount(labels) / 20_000, abs=2e-3)


def test_few_reviews_do_not_upset_the_shares_of_training():
    many, few = draw_probabilities([0.6, 0.4], [0.5, 0.5], 30_000), draw_probabilities([0.6, 0.4], [0.5, 0.5], 10)
    assert fit_label_prior(*many, [0.5, 0.5]) == pytest.approx([0.6, 0.4], abs=0.01)
    assert fit_label_prior(*few, [0.5, 0.5]) == pytest.approx([0.5, 0.5], abs=0.05)


def test_a_label_without_reviews_leaves_the_shares_of_training_and_no_confusion():
    probabilities = np.array([[0.2, 0.8], [0.3, 0.7]])
    assert fit_label_prior(probabilities, np.array([1, 1]), [0.4, 0.6]) == [0.4, 0.6]
    assert compute_label_confusion(probabilities, np.array([1, 1])) is None


def test_confusion_has_a_row_for_each_true_label():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.1, 0.9], [0.4, 0.6]])
    labels = np.array([0, 0, 1, 1, 1])
    assert compute_label_confusion(probabilities, labels) == [[0.5, 0.5], [0.0, 1.0]]


def test_calibration_is_folded_into_the_model(tiny_model):
    probabilities, labels = draw_probabilities([0.7, 0.3], [0.5, 0.5], 5_000)
    bias = tiny_model.classifier.bias.clone()
    temperature = fold_calibration(tiny_model, 3 * np.log(probabilities), labels)
    assert temperature > 2.5
    np.testing.assert_allclose((tiny_model.classifier.bias * temperature).tolist(), bias.tolist(), rtol=1e-5)
    assert tiny_model.config.label_prior[0] > 0.6
    confusion = np.array(tiny_model.config.label_confusion)
    np.testing.assert_allclose(confusion.sum(axis=1), 1)
    assert confusion[0, 0] > confusion[1, 1]  # it believes in the first label
