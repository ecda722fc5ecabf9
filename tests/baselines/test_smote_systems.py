"""SMOTE among the states of a frozen encoder, and among pooled vectors of a trained one."""

import importlib
import re

import numpy as np
import pytest
import torch
from transformers import AutoModel

from baselines import frozen_states
from baselines.base import build_system
from baselines.decoupled_smote import DecoupledSmote
from baselines.encoders import compute_folder_fingerprint
from baselines.frozen_smote import FrozenSmote
from baselines.frozen_states import compute_states
from baselines.rows import compute_logits, encode_rows
from tests.conftest import build_reviews


FAST = {"num_epochs": 12, "batch_size": 8, "learning_rate": 1e-2}
BRIEF = {"num_epochs": 1}


@pytest.fixture(scope="module")
def unlike_reviews():
    """48 reviews, 36 of them negative."""
    texts, labels = build_reviews(72, seed=1)
    kept = [i for i in range(72) if labels[i] == 0 or i < 24]
    return [texts[i] for i in kept], [labels[i] for i in kept]


def spy_on_training(monkeypatch):
    seen = []
    train = frozen_states.fine_tune_rows

    def spy(model, rows, labels, validation=None, **options):
        seen.append((rows, np.asarray(labels), validation))
        return train(model, rows, labels, validation, **options)

    monkeypatch.setattr(frozen_states, "fine_tune_rows", spy)
    return seen


@pytest.mark.parametrize("name", ["frozen_smote", "frozen_bilstm", "decoupled_smote", "decoupled"])
def test_each_learns(name, encoder_folder):
    texts, labels = build_reviews(96, seed=1)
    unseen, their_labels = build_reviews(40, seed=2)
    system = build_system(name, num_labels=2, seed=1, encoder=encoder_folder, settings=FAST)
    system.fit(texts[:84] + texts[84::2], labels[:84] + labels[84::2], (unseen, their_labels))
    probabilities = system.predict_proba(unseen)
    assert probabilities.shape == (40, 2)
    assert probabilities.dtype == np.float64
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert (probabilities.argmax(axis=1) == their_labels).mean() >= 0.85


@pytest.mark.parametrize("name", ["frozen_smote", "decoupled_smote"])
def test_each_repeats_itself(name, encoder_folder, unlike_reviews):
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)  # what was drawn before does not matter
        system = build_system(name, num_labels=2, seed=1, encoder=encoder_folder, settings=BRIEF)
        system.fit(*unlike_reviews)
        results.append(system.predict_proba(unlike_reviews[0]))
    assert np.array_equal(results[0], results[1])


@pytest.mark.parametrize("name", ["frozen_smote", "decoupled_smote"])
def test_smote_draws_by_the_seed_of_the_system(name, encoder_folder, unlike_reviews, monkeypatch):
    module = importlib.import_module(f"baselines.{name}")
    given = []
    oversample = module.oversample_states

    def spy(features, labels, *, k, seed):
        given.append((k, seed))
        return oversample(features, labels, k=k, seed=seed)

    monkeypatch.setattr(module, "oversample_states", spy)
    system = build_system(name, num_labels=2, seed=7, encoder=encoder_folder, k=3, settings=BRIEF)
    system.fit(*unlike_reviews)
    assert given == [(3, 7)]


# ---------------------------------------------------------------------------------------------------------------------
# Frozen


def test_the_frozen_encoder_does_not_change_by_a_bit(encoder_folder, unlike_reviews):
    pretrained = AutoModel.from_pretrained(encoder_folder).state_dict()
    for smote in (True, False):
        system = FrozenSmote(num_labels=2, seed=1, encoder=encoder_folder, smote=smote, settings=BRIEF)
        system.fit(*unlike_reviews)
        for name, value in system.model.encoder.state_dict().items():
            assert torch.equal(value, pretrained[name]), name


def test_the_head_learns_from_reviews_and_from_rows_between_them(encoder_folder, unlike_reviews, monkeypatch):
    texts, labels = unlike_reviews
    seen = spy_on_training(monkeypatch)
    validation = build_reviews(10, seed=2)
    for smote in (True, False):
        system = FrozenSmote(num_labels=2, seed=1, encoder=encoder_folder, smote=smote, settings=BRIEF)
        system.fit(texts, labels, validation)
    (union, union_labels, union_validation), (plain, plain_labels, plain_validation) = seen
    states = system.encode_states(texts)
    assert np.bincount(plain_labels).tolist() == [36, 12]
    assert np.bincount(union_labels).tolist() == [36, 36]
    assert union_labels[:48].tolist() == plain_labels.tolist() == labels
    for found in (union, plain):
        assert all(np.array_equal(row, expected) for row, expected in zip(found, states, strict=False))
    longest = max(len(state) for state, label in zip(states, labels, strict=True) if label == 1)
    assert all(0 < len(row) <= longest for row in union[48:])
    assert len({row.tobytes() for row in union}) == 72
    for found, expected in zip(union_validation[0], plain_validation[0], strict=True):
        assert np.array_equal(found, expected)
    assert list(union_validation[1]) == validation[1]


def test_states_are_those_of_the_encoder(encoder_folder, unlike_reviews):
    texts, labels = unlike_reviews
    system = FrozenSmote(num_labels=2, seed=1, encoder=encoder_folder, smote=False, settings=BRIEF)
    system.fit(texts, labels)
    rows = encode_rows(system.encode, texts)
    states = compute_states(system.model, rows)
    assert [len(state) for state in states] == [len(row) for row in rows]
    assert states[0].dtype == np.float16
    encoder = AutoModel.from_pretrained(encoder_folder).eval()
    with torch.no_grad():
        alone = encoder(torch.tensor(rows[7])[None]).last_hidden_state[0].numpy()
    assert states[7] == pytest.approx(alone, abs=0.05)  # bfloat16 where it is faster
    # A text and its states get the same answer.
    assert compute_logits(system.model, states) == pytest.approx(compute_logits(system.model, rows), abs=0.02)


def test_kept_states_are_not_computed_again(encoder_folder, unlike_reviews, monkeypatch, tmp_path):
    num_encoded = []
    compute = frozen_states.compute_states

    def spy(model, rows, pad_token_id):
        num_encoded.append(len(rows))
        return compute(model, rows, pad_token_id)

    monkeypatch.setattr(frozen_states, "compute_states", spy)
    results = []
    for folder in (tmp_path, tmp_path, None):
        system = FrozenSmote(num_labels=2, seed=1, encoder=encoder_folder, states_folder=folder, settings=BRIEF)
        system.fit(*unlike_reviews)
        results.append(system.predict_proba(unlike_reviews[0]))
    assert num_encoded == [48, 48]  # the first and the last
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_another_encoder_has_another_fingerprint(encoder_folder, tmp_path):
    for path in encoder_folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert compute_folder_fingerprint(tmp_path) == compute_folder_fingerprint(encoder_folder)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    assert compute_folder_fingerprint(tmp_path) != compute_folder_fingerprint(encoder_folder)


def test_too_few_neighbours_are_said(encoder_folder):
    texts, labels = build_reviews(20)
    kept = [i for i in range(20) if labels[i] == 0 or i < 6]  # 10 negative, 3 positive
    texts, labels = [texts[i] for i in kept], [labels[i] for i in kept]
    for name in ("frozen_smote", "decoupled_smote"):
        system = build_system(name, num_labels=2, seed=1, encoder=encoder_folder, settings=BRIEF)
        with pytest.raises(
            ValueError, match=re.escape("Class 1 has 3 rows, but SMOTE with k=5 needs 6; k=2 would do")
        ):
            system.fit(texts, labels)
        system = build_system(name, num_labels=2, seed=1, encoder=encoder_folder, k=2, settings=BRIEF)
        system.fit(texts, labels)


# ---------------------------------------------------------------------------------------------------------------------
# Decoupled


def test_only_the_classifier_is_refitted(encoder_folder, unlike_reviews):
    texts, labels = unlike_reviews
    ours = build_system("ours", num_labels=2, seed=1, encoder=encoder_folder, settings=BRIEF)
    ours.fit(texts, labels)
    for smote in (True, False):
        system = DecoupledSmote(num_labels=2, seed=1, encoder=encoder_folder, smote=smote, settings=BRIEF)
        system.fit(texts, labels)
        expected = ours.model.state_dict()
        for name, found in system.model.state_dict().items():
            assert torch.equal(found, expected[name]), name
        assert system.count_parameters() == ours.count_parameters() - 2 * 512 - 2 + 512 + 1


def test_pooled_vectors_are_what_the_classifier_reads(encoder_folder, unlike_reviews):
    texts, labels = unlike_reviews
    system = DecoupledSmote(num_labels=2, seed=1, encoder=encoder_folder, settings=BRIEF)
    system.fit(texts, labels)
    pooled = system.compute_pooled(texts)
    assert pooled.shape == (48, 512)
    weight, bias = (p.detach().double().numpy() for p in system.model.classifier.parameters())
    logits = compute_logits(system.model, encode_rows(system.encode, texts))
    assert pooled @ weight.T + bias == pytest.approx(logits, abs=0.05)
    assert system.predict_proba(texts) == pytest.approx(system.regression.predict_proba(pooled))


def test_smote_gives_the_smaller_class_more_weight(encoder_folder, unlike_reviews, monkeypatch):
    texts, labels = unlike_reviews
    counts = []
    for smote in (True, False):
        system = DecoupledSmote(num_labels=2, seed=1, encoder=encoder_folder, smote=smote, settings=BRIEF)
        fit = system.regression.fit

        def spy(features, labels, validation, fit=fit):
            counts.append(np.bincount(labels).tolist())
            fit(features, labels, validation)

        monkeypatch.setattr(system.regression, "fit", spy)
        system.fit(texts, labels)
    assert counts == [[36, 36], [36, 12]]
