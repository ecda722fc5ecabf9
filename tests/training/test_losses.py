"""Shares and weights of classes."""

import re

import pytest
import torch
from transformers.modeling_outputs import SequenceClassifierOutput

from modeling_bert_bilstm.training.losses import ClassWeightedLoss, compute_class_weights, compute_label_prior


def build_batch(num_reviews=6, num_labels=3):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(num_reviews, num_labels, generator=generator)
    return SequenceClassifierOutput(logits=logits), torch.arange(num_reviews) % num_labels


def test_the_prior_is_the_share_of_each_class_and_never_zero():
    assert compute_label_prior([997, 0]) == pytest.approx([998 / 999, 1 / 999])
    assert sum(compute_label_prior([3, 5, 11])) == pytest.approx(1)


def test_the_prior_is_the_one_that_a_weighted_loss_teaches():
    counts = [90, 10]
    balanced = compute_class_weights(["balanced"], counts)
    assert compute_label_prior(counts, balanced) == pytest.approx([0.5, 0.5])
    for scale in (1e-4, 1, 1e4):  # weights say how much more a class counts than another, no more
        assert compute_label_prior(counts, [scale, 3 * scale]) == pytest.approx([91 / 122, 31 / 122], abs=0.005)
    assert min(compute_label_prior(counts, [1.0, 0.0])) > 0


def test_weights_leave_something_to_learn():
    with pytest.raises(ValueError, match=re.escape("`--class_weights` gives no train review a weight above 0")):
        compute_class_weights(["0", "0", "1"], [3, 4, 0])


def test_the_best_constant_answer_of_a_weighted_loss_is_the_prior():
    """Gradient descent on constant logits ends at the prior."""
    counts, weights = [60, 30, 10], [1.0, 4.0, 0.5]
    labels = torch.tensor([0] * 60 + [1] * 30 + [2] * 10)
    logits = torch.zeros(3, requires_grad=True)
    for _ in range(400):
        loss = ClassWeightedLoss(weights)(SequenceClassifierOutput(logits=logits.expand(100, 3)), labels)
        (gradient,) = torch.autograd.grad(loss, logits)
        logits = (logits - gradient).detach().requires_grad_()
    assert compute_label_prior(counts, weights) == pytest.approx(logits.softmax(0).tolist(), abs=0.015)


def test_balanced_weights_make_every_class_weigh_the_same():
    counts = [30, 10, 5]
    weights = compute_class_weights(["balanced"], counts)
    assert [weight * count for weight, count in zip(weights, counts, strict=True)] == pytest.approx([15, 15, 15])


def test_given_weights():
    assert compute_class_weights(["1", "2.5"], [3, 4]) == [1.0, 2.5]
    with pytest.raises(ValueError, match=re.escape("must have one number for each of the 3 classes, got 2.")):
        compute_class_weights(["1", "2"], [3, 4, 5])


def test_an_empty_class_cannot_be_balanced():
    with pytest.raises(ValueError, match=re.escape("needs a review of each class, but their numbers are [3, 0].")):
        compute_class_weights(["balanced"], [3, 0])


def test_equal_weights_are_the_plain_loss():
    outputs, labels = build_batch()
    for smoothing in (0.0, 0.1):
        expected = torch.nn.functional.cross_entropy(outputs.logits, labels, label_smoothing=smoothing)
        torch.testing.assert_close(ClassWeightedLoss([1.0, 1.0, 1.0], smoothing)(outputs, labels), expected)


def test_a_review_counts_as_its_class():
    outputs, labels = build_batch()
    losses = torch.nn.functional.cross_entropy(outputs.logits, labels, reduction="none")
    expected = (losses * torch.tensor([1.0, 0.0, 3.0])[labels]).sum() / 20
    torch.testing.assert_close(ClassWeightedLoss([1.0, 0.0, 3.0])(outputs, labels, 20), expected)
