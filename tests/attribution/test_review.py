"""Attributions of one review: what they add up to, what they are compared with, what changes nothing."""

import copy
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from modeling_bert_bilstm.attribution import METHODS, attribute_words, methods
from modeling_bert_bilstm.attribution.reading import compute_scores, embed, encode_review
from tests.attribution.conftest import LONG, SHORT
from tests.conftest import build_head
from tests.test_encoders import ENCODERS, build_batch, build_model


PATH, FAST = METHODS


def score_between(model, tokenizer, text, label, shares):
    """Return the score with each word a share of the way from its baseline, in double precision: (K, N) -> (K,)."""
    review = encode_review(tokenizer, text)
    numbers = torch.from_numpy(review.numbers)
    weights = torch.where(numbers >= 0, torch.as_tensor(shares)[:, numbers], 1.0)[..., None]  # (K, T, 1)
    ids, baseline = embed(model, review.input_ids[None]).double(), embed(model, review.baseline_ids[None]).double()
    with torch.no_grad():
        logits = copy.deepcopy(model).double()(inputs_embeds=baseline + weights * (ids - baseline)).logits
    return compute_scores(logits, model.config.problem_type)[:, label].numpy()


def compute_slopes(model, tokenizer, text, label, point):
    """Return the slope of the score in each word's share, all others at this point of the path: (N,)."""
    num_words, step = len(encode_review(tokenizer, text).spans), 1e-5
    steps = step * np.eye(num_words)
    scores = score_between(model, tokenizer, text, label, np.concatenate([point + steps, point - steps]))
    return (scores[:num_words] - scores[num_words:]) / (2 * step)


@pytest.mark.parametrize("model_type", ENCODERS)
def test_embeddings_give_the_scores_of_word_pieces(model_type):
    model = build_model(model_type).eval()
    ids = build_batch()["input_ids"][:1]  # in several windows
    with torch.no_grad():
        torch.testing.assert_close(model(inputs_embeds=embed(model, ids)).logits, model(ids).logits)


def test_the_score_is_the_log_odds(five_class_model, tiny_tokenizer):
    for label in five_class_model.config.id2label.values():
        found = attribute_words(five_class_model, tiny_tokenizer, LONG, label=label)
        probability = found.probabilities[found.labels.index(label)]
        assert found.score == pytest.approx(np.log(probability / (1 - probability)), abs=1e-5)
    with torch.no_grad():
        logits = five_class_model(**tiny_tokenizer(LONG, return_tensors="pt")).logits[0]
    assert found.probabilities == pytest.approx(logits.softmax(0).numpy(), abs=1e-6)
    assert attribute_words(five_class_model, tiny_tokenizer, LONG).label == found.labels[int(logits.argmax())]


@pytest.mark.parametrize("text", [SHORT, LONG])
def test_the_gradient_is_the_slope_of_each_word(text, telling_model, tiny_tokenizer):
    found = attribute_words(telling_model, tiny_tokenizer, text, label="positive", method=FAST)
    slopes = compute_slopes(telling_model, tiny_tokenizer, text, 1, 1.0)
    assert found.values == pytest.approx(slopes, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("text", [SHORT, LONG])
def test_the_path_adds_up(text, telling_model, tiny_tokenizer):
    found = attribute_words(telling_model, tiny_tokenizer, text, method=PATH)
    assert abs(found.score - found.baseline_score) > 0.05
    assert found.completeness_error <= 0.05
    assert found.num_steps in methods.STEPS
    number = found.labels.index(found.label)
    ends = score_between(telling_model, tiny_tokenizer, text, number, np.outer([0.0, 1.0], np.ones(len(found.words))))
    assert [found.baseline_score, found.score] == pytest.approx(ends, abs=1e-4)


def test_the_path_is_the_mean_slope_along_it(telling_model, tiny_tokenizer, monkeypatch):
    monkeypatch.setattr(methods, "STEPS", (128,))
    found = attribute_words(telling_model, tiny_tokenizer, SHORT, label="negative", method=PATH)
    points = (np.arange(60) + 0.5) / 60
    slopes = np.mean([compute_slopes(telling_model, tiny_tokenizer, SHORT, 0, x) for x in points], axis=0)
    assert found.values == pytest.approx(slopes, rel=0, abs=0.08 * np.abs(slopes).max())


@pytest.mark.parametrize("method", METHODS)
def test_two_labels_mirror_each_other(method, telling_model, tiny_tokenizer):
    both = [
        attribute_words(telling_model, tiny_tokenizer, SHORT, label=x, method=method) for x in ("negative", "positive")
    ]
    assert both[0].values == pytest.approx(-both[1].values, abs=1e-5)
    assert both[0].score == pytest.approx(-both[1].score, abs=1e-5)


def test_a_path_that_does_not_add_up_is_said(telling_model, tiny_tokenizer, monkeypatch, caplog):
    monkeypatch.setattr(methods, "STEPS", (1,))
    monkeypatch.setattr(methods, "COMPLETENESS_TOLERANCE", 0.0)
    with caplog.at_level(logging.WARNING):
        found = attribute_words(telling_model, tiny_tokenizer, LONG, method=PATH)
    assert found.num_steps == 1
    assert found.completeness_error > 0
    assert "even with 1 steps" in caplog.text


def test_more_points_where_few_do_not_add_up(telling_model, tiny_tokenizer, monkeypatch):
    monkeypatch.setattr(methods, "STEPS", (1,))
    assert attribute_words(telling_model, tiny_tokenizer, LONG, method=PATH).completeness_error > 0.05
    monkeypatch.setattr(methods, "STEPS", (1, 256, 512))
    found = attribute_words(telling_model, tiny_tokenizer, LONG, method=PATH)
    assert found.num_steps == 256
    assert found.completeness_error <= 0.05


@pytest.mark.parametrize("method", METHODS)
def test_what_changes_nothing(method, telling_model, tiny_tokenizer):
    expected = attribute_words(telling_model, tiny_tokenizer, LONG, method=method)
    other = copy.deepcopy(tiny_tokenizer)
    other.padding_side = "left"
    other.backend_tokenizer.enable_truncation(5)
    other.backend_tokenizer.enable_padding(length=90, direction="left")
    cases = {"tokenizer": attribute_words(telling_model, other, LONG, method=method)}
    telling_model.train()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        cases["training, inference mode, autocast"] = attribute_words(
            telling_model, tiny_tokenizer, LONG, method=method
        )
    assert telling_model.training
    assert all(weights.grad is None for weights in telling_model.parameters())
    for name, found in cases.items():
        np.testing.assert_array_equal(found.values, expected.values, err_msg=name)


def test_half_precision_is_computed_in_float32(telling_model, tiny_tokenizer):
    half = copy.deepcopy(telling_model).bfloat16()
    found = attribute_words(half, tiny_tokenizer, SHORT, method=PATH)
    expected = attribute_words(copy.deepcopy(half).float(), tiny_tokenizer, SHORT, method=PATH)
    np.testing.assert_array_equal(found.values, expected.values)
    assert half.dtype == torch.bfloat16


@pytest.mark.parametrize("method", METHODS)
def test_the_lstm_is_told_that_its_gradient_is_wanted(method, telling_model, tiny_tokenizer, monkeypatch):
    run = torch._VF.lstm

    def run_as_cudnn(states, *arguments):
        if states.requires_grad and not arguments[5]:  # `train`
            raise RuntimeError("cudnn RNN backward can only be called in training mode")
        return run(states, *arguments)

    monkeypatch.setattr(torch._VF, "lstm", run_as_cudnn, raising=False)
    attribute_words(telling_model, tiny_tokenizer, SHORT, method=method)
    monkeypatch.setattr(torch, "is_grad_enabled", lambda: False)  # as if the model did not tell it
    with pytest.raises(RuntimeError, match="training mode"):
        attribute_words(telling_model, tiny_tokenizer, SHORT, method=method)


@pytest.mark.parametrize("method", METHODS)
def test_threads_share_a_model(method, telling_model, tiny_tokenizer):
    texts = [SHORT, LONG, "dull , awful .", "superb ."] * 3
    expected = [attribute_words(telling_model, tiny_tokenizer, text, method=method).values for text in texts]
    with ThreadPoolExecutor(4) as executor:
        found = executor.map(
            lambda text: attribute_words(telling_model, tiny_tokenizer, text, method=method).values, texts
        )
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_several_labels_and_regression(method, tiny_tokenizer):
    several = build_head(["funny", "sad", "long"], problem_type="multi_label_classification")
    found = attribute_words(several, tiny_tokenizer, SHORT, label="sad", method=method)
    assert found.score == pytest.approx(np.log(found.probabilities[1] / (1 - found.probabilities[1])), abs=1e-5)
    number = build_head(["stars"])
    found = attribute_words(number, tiny_tokenizer, SHORT, method=method)
    assert (found.label, found.score) == ("stars", pytest.approx(found.probabilities[0], abs=1e-6))
    with torch.no_grad():
        assert found.score == pytest.approx(
            number(**tiny_tokenizer(SHORT, return_tensors="pt")).logits.item(), abs=1e-5
        )


@pytest.mark.parametrize("method", METHODS)
def test_a_review_without_words(method, telling_model, tiny_tokenizer):
    for text in ("", " \n\t "):
        found = attribute_words(telling_model, tiny_tokenizer, text, method=method)
        assert (found.words, found.spans.shape, found.values.shape) == ((), (0, 2), (0,))
        assert found.score == pytest.approx(found.baseline_score, abs=1e-6)


def test_mistakes_are_named(telling_model, tiny_tokenizer, monkeypatch):
    cases = [
        (ValueError, r"`label` must be one of \('negative', 'positive'\), got 'good'", SHORT, {"label": "good"}),
        (ValueError, r"`method` must be one of \('layer.*got 'lime'", SHORT, {"method": "lime"}),
        (TypeError, "A review must be a string, found list", [SHORT], {}),
        (ValueError, "half a surrogate pair", "a \ud83d film", {}),
    ]
    for kind, message, text, options in cases:
        with pytest.raises(kind, match=message):
            attribute_words(telling_model, tiny_tokenizer, text, **options)
    with pytest.raises(ValueError, match="need a fast tokenizer.*found the slow SimpleNamespace"):
        attribute_words(telling_model, SimpleNamespace(is_fast=False), SHORT)
    without = copy.deepcopy(tiny_tokenizer)
    without.pad_token = None
    with pytest.raises(ValueError, match="needs a padding token"):
        attribute_words(telling_model, without, SHORT)
    monkeypatch.setitem(sys.modules, "captum", None)
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(ImportError, match=r'pip install "modeling-bert-bilstm\[explain\]"'):
        attribute_words(telling_model, tiny_tokenizer, SHORT, method=PATH)
    attribute_words(telling_model, tiny_tokenizer, SHORT, method=FAST)
