"""Metrics against scikit-learn, against hand-worked numbers, and their errors."""

import json
import re
import warnings

import numpy as np
import pytest
import sklearn.metrics as reference

from modeling_bert_bilstm.evaluation.metrics import (
    Accuracy,
    ConfusionMatrix,
    ExpectedCalibrationError,
    MatthewsCorrelation,
    PrecisionRecallF1,
    compute_metrics,
    compute_multi_label_metrics,
    compute_regression_metrics,
)


KEYS = {
    "accuracy",
    "precision_macro",
    "recall_macro",
    "f1_macro",
    "precision_weighted",
    "recall_weighted",
    "f1_weighted",
    "mcc",
    "expected_calibration_error",
    "loss",
    "confusion_matrix",
    "num_reviews",
}


def draw(num_labels, *, seed=0, num_reviews=83, without=None):
    """Labels and probabilities that agree more often than chance; label `without` is neither true nor predicted."""
    generator = np.random.default_rng(seed)
    labels = generator.choice([label for label in range(num_labels) if label != without], size=num_reviews)
    scores = generator.standard_normal((num_reviews, num_labels)) + 1.5 * np.eye(num_labels)[labels]
    if without is not None:
        scores[:, without] = -9
    odds = np.exp(scores)
    return labels, odds / odds.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("num_labels", [2, 3, 5])
@pytest.mark.parametrize("without", [None, 1])
def test_single_label_metrics_equal_scikit_learn(num_labels, without):
    labels, probabilities = draw(num_labels, without=without)
    predictions = probabilities.argmax(axis=1)
    found = compute_metrics(labels, probabilities)
    assert set(found) == KEYS
    names = list(range(num_labels))
    for average in ("macro", "weighted"):
        expected = reference.precision_recall_fscore_support(
            labels, predictions, labels=names, average=average, zero_division=0
        )
        for name, value in zip(("precision", "recall", "f1"), expected, strict=False):
            assert found[f"{name}_{average}"] == pytest.approx(value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one label only
        assert found["mcc"] == pytest.approx(reference.matthews_corrcoef(labels, predictions))
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(labels, predictions))
    assert found["loss"] == pytest.approx(reference.log_loss(labels, probabilities, labels=names))
    assert found["confusion_matrix"] == reference.confusion_matrix(labels, predictions, labels=names).tolist()
    assert found["num_reviews"] == 83


def test_metrics_are_plain_json():
    single = compute_metrics(*draw(3))
    several = compute_multi_label_metrics(np.eye(3), np.eye(3) * 0.9)
    number = compute_regression_metrics(np.arange(4), np.arange(4.0))
    for metrics in (single, several, number):
        assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
        assert {type(value) for value in metrics.values()} <= {float, int, list}


def test_rows_of_the_confusion_matrix_are_true_labels():
    found = ConfusionMatrix().compute(predictions=[1, 1, 0], references=[0, 0, 0], num_labels=2)
    assert found == {"confusion_matrix": [[1, 2], [0, 0]]}


def test_calibration_error_by_hand():
    # Bins of 1/15: 0.95 and 0.97 share the last, half right; 0.60 is the upper end of the ninth, wrong.
    confidence = np.array([0.95, 0.97, 0.60])
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    found = ExpectedCalibrationError().compute(predictions=probabilities, references=[0, 1, 1])
    expected = (abs(1 - 0.95 - 0.97) + 0.60) / 3
    assert found["expected_calibration_error"] == pytest.approx(expected)


def test_calibration_error_joins_confidences_within_a_bin_only():
    def measure(*confidence):
        probabilities = np.stack([confidence, 1 - np.array(confidence)], axis=1)
        found = ExpectedCalibrationError().compute(predictions=probabilities, references=[0, 1])
        return found["expected_calibration_error"]

    assert measure(0.59, 0.60) == pytest.approx(abs(1 - 0.59 - 0.60) / 2)
    assert measure(0.53, 0.54) == pytest.approx((0.47 + 0.54) / 2)
    assert measure(0.60, 0.61) == pytest.approx((0.40 + 0.61) / 2)


def test_calibration_error_is_small_for_true_probabilities_and_large_for_boasting():
    generator = np.random.default_rng(0)
    positive = generator.uniform(size=20_000)
    labels = (generator.uniform(size=20_000) < positive).astype(int)
    honest = compute_metrics(labels, np.stack([1 - positive, positive], axis=1))
    boasting = positive**4 / (positive**4 + (1 - positive) ** 4)
    boastful = compute_metrics(labels, np.stack([1 - boasting, boasting], axis=1))
    assert honest["expected_calibration_error"] < 0.02
    assert boastful["expected_calibration_error"] > 0.10


def test_a_model_that_gives_one_label_only_has_finite_metrics():
    found = compute_metrics(np.array([0, 0, 1]), np.array([[1.0, 0.0]] * 3))
    assert found["mcc"] == found["precision_macro"] - 1 / 3 == 0
    assert found["loss"] == pytest.approx(-np.log(1e-12) / 3)


@pytest.mark.parametrize("metric", [Accuracy, PrecisionRecallF1, MatthewsCorrelation])
def test_metrics_are_used_batch_by_batch_as_any_other(metric):
    labels, probabilities = draw(3)
    predictions = probabilities.argmax(axis=1)
    batched = metric()
    for part in (slice(0, 30), slice(30, None)):
        batched.add_batch(predictions=predictions[part], references=labels[part])
    expected = compute_metrics(labels, probabilities)
    found = batched.compute()
    assert found
    assert found == {name: pytest.approx(expected[name]) for name in found}


def test_multi_label_metrics_equal_scikit_learn():
    generator = np.random.default_rng(1)
    labels = (generator.uniform(size=(40, 4)) < 0.4).astype(int)
    labels[:, 2] = 0
    probabilities = np.clip(0.4 * labels + 0.7 * generator.uniform(size=(40, 4)), 0.01, 0.99)
    probabilities[:, 2] = 0.01
    given = (probabilities >= 0.5).astype(int)
    found = compute_multi_label_metrics(labels, probabilities)
    assert 0 < found["subset_accuracy"] < (labels == given).mean()
    assert found["subset_accuracy"] == pytest.approx(reference.accuracy_score(labels, given))
    for average in ("micro", "macro"):
        expected = reference.f1_score(labels, given, average=average, zero_division=0)
        assert found[f"f1_{average}"] == pytest.approx(expected)
    losses = [reference.log_loss(labels[:, i], probabilities[:, i], labels=[0, 1]) for i in range(4)]
    assert found["loss"] == pytest.approx(np.mean(losses))
    assert set(found) == {"subset_accuracy", "f1_micro", "f1_macro", "loss", "num_reviews"}
    lower = compute_multi_label_metrics(np.ones((2, 2)), np.full((2, 2), 0.4), threshold=0.3)
    assert lower["subset_accuracy"] == 1


def test_regression_metrics_equal_scikit_learn():
    generator = np.random.default_rng(2)
    labels = generator.standard_normal(50)
    predictions = labels + generator.standard_normal(50)
    found = compute_regression_metrics(labels, predictions[:, None])
    assert found["mse"] == found["loss"] == pytest.approx(reference.mean_squared_error(labels, predictions))
    assert found["mae"] == pytest.approx(reference.mean_absolute_error(labels, predictions))
    assert found["pearson"] == pytest.approx(np.corrcoef(labels, predictions)[0, 1])
    assert found["num_reviews"] == 50
    assert compute_regression_metrics(labels, np.ones(50))["pearson"] == 0


def test_bad_scores_say_what_was_expected():
    labels, probabilities = draw(2)
    with pytest.raises(ValueError, match="Metrics need at least one review, found none."):
        compute_metrics([], np.zeros((0, 2)))
    with pytest.raises(ValueError, match=re.escape("of the same reviews, found (82, 2) for (83,).")):
        compute_metrics(labels, probabilities[1:])
    with pytest.raises(
        ValueError, match=re.escape("`labels` must be from 0 to 1 for 2 probabilities, found [-100, 2].")
    ):
        compute_metrics([0, 2, -100], probabilities[:3])
    for compute in (compute_metrics, compute_multi_label_metrics, compute_regression_metrics):
        bad, truth = np.full((3, 2), np.nan), np.zeros(3, dtype=int)
        if compute is compute_multi_label_metrics:
            truth = np.zeros((3, 2))
        if compute is compute_regression_metrics:
            bad = bad[:, 0]
        with pytest.raises(
            ValueError, match=r"Scores must be finite, found \d of \d that are not. Lower `--learning_rate`."
        ):
            compute(truth, bad)
