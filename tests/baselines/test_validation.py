"""Validation reviews reach what they are to choose; what a name is said to choose, its class does."""

import numpy as np
import pytest

from baselines.base import EPOCH, STRENGTH, SYSTEMS, build_system, get_entry
from baselines.logistic_regression import TunedLogisticRegression
from tests.conftest import VOCABULARY, build_reviews


TRAIN, VALIDATION = build_reviews(24, seed=1, max_words=8), build_reviews(10, seed=2, max_words=8)
CONTRARY = VALIDATION[0], [1 - label for label in VALIDATION[1]]
# One of each class, and of each of its settings.
BY_EPOCH = ["stock", "ours", "frozen_bilstm", "decoupled", "bilstm_from_scratch"]
BY_STRENGTH = ["tfidf", "word2vec", "glove", "frozen_mean", "decoupled"]
BY_NOTHING = ["stock_gao", "stock_case_study", "gao_bert_bilstm", "nkhata_code", "nkhata_text"]


@pytest.fixture
def build(encoder_folder, tmp_path):
    """Return what builds a system that trains for two epochs."""
    glove = tmp_path / "glove.txt"
    rows = np.random.default_rng(0).normal(size=(len(VOCABULARY), 3))
    glove.write_text("".join(f"{word} {a} {b} {c}\n" for word, (a, b, c) in zip(VOCABULARY, rows, strict=True)))

    def build(name, num_epochs=2):
        options = {"glove": {"glove": glove}, "word2vec": {"vector_size": 5}, "ours_augmented": {"augment": "swap"}}
        given = options.get(name, {})
        if name.endswith("_from_scratch"):
            given = {"num_epochs": num_epochs}
        elif get_entry(name).needs_encoder and not name.startswith(("frozen_cls", "frozen_mean")):
            given = {**given, "settings": {"num_epochs": num_epochs, "batch_size": 8}}
        encoder = encoder_folder if get_entry(name).needs_encoder else None
        return build_system(name, num_labels=2, seed=1, encoder=encoder, **given)

    return build


def list_accuracies(system):
    return [row.get("validation_accuracy") for row in system.record.history]


@pytest.mark.parametrize("name", BY_EPOCH)
def test_validation_reviews_choose_the_epoch(build, name):
    """What is right by the labels is wrong by the contrary ones."""
    found = []
    for validation in (VALIDATION, CONTRARY):
        system = build(name)
        system.fit(*TRAIN, validation)
        found.append(list_accuracies(system))
        assert system.record.best_epoch == 1 + int(np.argmax(found[-1]))
    assert found[0] == pytest.approx([1 - accuracy for accuracy in found[1]])


@pytest.mark.parametrize("name", BY_NOTHING)
def test_the_papers_keep_their_last_epoch(build, name):
    system = build(name)
    system.fit(*TRAIN, CONTRARY)
    assert system.record.best_epoch == 2
    assert list_accuracies(system) == [None, None]


@pytest.mark.parametrize("name", BY_STRENGTH)
def test_validation_reviews_choose_the_strength(build, name, monkeypatch):
    given = []
    fit = TunedLogisticRegression.fit

    def spy(regression, features, labels, validation=None):
        given.append((features, labels, validation))
        fit(regression, features, labels, validation)

    monkeypatch.setattr(TunedLogisticRegression, "fit", spy)
    system = build(name)
    system.fit(*TRAIN, CONTRARY)
    ((features, labels, validation),) = given
    assert labels.tolist() == TRAIN[1]
    assert list(validation[1]) == CONTRARY[1]
    assert (features.shape[0], validation[0].shape) == (24, (10, features.shape[1]))
    if name != "tfidf":
        compute = system.compute_pooled if name == "decoupled" else system.compute_features
        assert validation[0] == pytest.approx(compute(CONTRARY[0]))


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_name_says_what_its_class_chooses(build, name):
    system, chosen = build(name), get_entry(name).chosen
    settings = getattr(system, "settings", None)
    assert (EPOCH in chosen) == (settings is not None and settings.keep_best_epoch)
    regressions = [value for value in vars(system).values() if isinstance(value, TunedLogisticRegression)]
    assert (STRENGTH in chosen) == (len(regressions) == 1)
