"""Vectors of a frozen encoder under logistic regression."""

import numpy as np
import pytest
import torch
from transformers import AutoModel

from baselines.frozen_encoder import FrozenEncoderClassifier
from tests.conftest import TINY_ENCODER, build_reviews


TEXTS = build_reviews(9, max_words=25)[0]


@pytest.fixture(autouse=True)
def _in_float32(monkeypatch):
    monkeypatch.setattr("modeling_bert_bilstm.hardware.rates._measure_speedup", lambda: 1.0)


@pytest.fixture(scope="module")
def reference(encoder_folder, tiny_tokenizer):
    """States of each text in the plain encoder, run alone and so without padding: (T, D) each."""
    model = AutoModel.from_pretrained(encoder_folder).eval()
    with torch.inference_mode():
        return [model(**tiny_tokenizer(text, return_tensors="pt")).last_hidden_state[0].numpy() for text in TEXTS]


def test_the_cls_vector_is_the_encoders_own(encoder_folder, reference):
    system = FrozenEncoderClassifier(num_labels=2, seed=0, encoder=encoder_folder)
    np.testing.assert_allclose(system.compute_features(TEXTS), [states[0] for states in reference], atol=1e-5)


def test_the_mean_vector_is_over_real_word_pieces(encoder_folder, reference):
    system = FrozenEncoderClassifier(num_labels=2, seed=0, encoder=encoder_folder, pooling="mean")
    expected = [states.mean(axis=0) for states in reference]
    np.testing.assert_allclose(system.compute_features(TEXTS), expected, atol=1e-5)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_a_review_is_cut_where_the_encoder_ends(encoder_folder, pooling):
    system = FrozenEncoderClassifier(num_labels=2, seed=0, encoder=encoder_folder, pooling=pooling)
    room = TINY_ENCODER["max_position_embeddings"] - 2
    features = system.compute_features(["good " * room, "good " * room + "bad " * 50, "good " * (room - 1) + "bad"])
    np.testing.assert_allclose(features[0], features[1], atol=1e-6)
    assert not np.allclose(features[0], features[2], atol=1e-6)


def test_bfloat16_is_used_where_it_is_faster(encoder_folder, monkeypatch):
    system = FrozenEncoderClassifier(num_labels=2, seed=0, encoder=encoder_folder)
    single = system.compute_features(TEXTS)
    monkeypatch.setattr("modeling_bert_bilstm.hardware.rates._measure_speedup", lambda: 2.0)
    half = system.compute_features(TEXTS)
    assert not np.array_equal(half, single)
    np.testing.assert_allclose(half, single, atol=0.1)


def test_fitting_leaves_the_encoder_as_it_is(encoder_folder):
    texts, labels = build_reviews(20)
    system = FrozenEncoderClassifier(num_labels=2, seed=0, encoder=encoder_folder)
    system.fit(texts, labels, validation=(texts[:6], labels[:6]))
    plain = AutoModel.from_pretrained(encoder_folder, add_pooling_layer=False)
    for name, weight in plain.state_dict().items():
        assert torch.equal(system._model.encoder.state_dict()[name], weight)
    width = TINY_ENCODER["hidden_size"]
    assert system.count_parameters() == sum(p.numel() for p in plain.parameters()) + width + 1


def test_an_unknown_pooling_is_refused(encoder_folder):
    with pytest.raises(ValueError, match=r"`pooling` must be one of \['cls', 'mean'\], got 'max'"):
        FrozenEncoderClassifier(num_labels=2, seed=0, encoder=encoder_folder, pooling="max")
