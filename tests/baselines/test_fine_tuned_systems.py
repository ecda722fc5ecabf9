"""The systems with a fine-tuned encoder: each fits and repeats itself, and is what its paper says."""

import json
import re

import numpy as np
import pytest
import torch
from transformers import AutoModel

from baselines import ours, row_trainer
from baselines.base import build_system
from baselines.fine_tuned_system import OUR_SETTINGS
from baselines.ours import Ours, oversample_places
from baselines.stock_head import StockHead
from tests.conftest import build_reviews


NAMES = [
    "stock_gao",
    "stock_case_study",
    "stock_mini_project",
    "stock",
    "gao_bert_bilstm",
    "nkhata_code",
    "nkhata_text",
    "ours",
    "ours_no_lstm",
    "ours_last",
    "ours_class_weights",
    "ours_oversampling",
]
VARIANTS = ("stock_case_study", "stock_mini_project", "ours_last", "ours_oversampling", "ours_class_weights")


def build(name, encoder_folder, *, seed=1, **options):
    return build_system(name, num_labels=2, seed=seed, encoder=encoder_folder, **options)


def get_weights(model):
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


# ---------------------------------------------------------------------------------------------------------------------
# All of them


@pytest.mark.parametrize("name", [name for name in NAMES if name not in VARIANTS])
def test_each_learns(name, encoder_folder):
    texts, labels = build_reviews(96, seed=1)
    unseen, their_labels = build_reviews(40, seed=2)
    # Of half an encoder or none of it, and of the last state alone, learning takes longer.
    num_epochs = 20 if name.startswith("nkhata") else 10 if name.startswith("stock") else 5
    settings = {"num_epochs": num_epochs, "batch_size": 8, "learning_rate": 1e-2}
    system = build(name, encoder_folder, settings=settings)
    system.fit(texts, labels, (unseen, their_labels))
    probabilities = system.predict_proba(unseen)
    assert probabilities.shape == (40, 2)
    assert probabilities.dtype == np.float64
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert (probabilities.argmax(axis=1) == their_labels).mean() >= 0.85
    assert system.count_parameters() == sum(p.numel() for p in system.model.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_each_repeats_itself(name, encoder_folder):
    texts, labels = build_reviews(14, seed=1)
    unseen, their_labels = build_reviews(9, seed=2, max_words=60)  # some longer than the encoder's positions
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)  # what was drawn before does not matter
        system = build(name, encoder_folder, settings={"num_epochs": 2, "batch_size": 8})
        system.fit(texts, labels, (unseen, their_labels))
        results.append(system.predict_proba(unseen))
    assert np.array_equal(results[0], results[1])


@pytest.mark.parametrize("name", ["stock", "ours", "nkhata_code"])
def test_another_seed_gives_another_model(name, encoder_folder):
    texts, labels = build_reviews(16)
    first, second = (build(name, encoder_folder, seed=seed, settings={"num_epochs": 1}) for seed in (1, 2))
    for system in (first, second):
        system.fit(texts, labels)
    assert not np.array_equal(first.predict_proba(texts), second.predict_proba(texts))


def test_the_encoder_starts_from_its_folder(encoder_folder):
    texts, labels = build_reviews(16)
    pretrained = AutoModel.from_pretrained(encoder_folder).state_dict()
    for name in ("stock", "gao_bert_bilstm", "nkhata_text", "ours"):
        system = build(name, encoder_folder, settings={"num_epochs": 1, "learning_rate": 0.0, "weight_decay": 0.0})
        system.fit(texts, labels)
        found = system.model.base_model.state_dict()
        for key, value in found.items():
            assert torch.equal(value, pretrained[key]), (name, key)


def test_what_is_missing_or_unknown_is_said(encoder_folder):
    with pytest.raises(ValueError, match=re.escape("StockHead needs `encoder`, a folder with an encoder")):
        StockHead(num_labels=2, seed=1)
    with pytest.raises(ValueError, match=re.escape("`settings` must be among ['batch_size', ")) as error:
        build("ours", encoder_folder, settings={"epochs": 3})
    assert "got ['epochs']" in str(error.value)
    with pytest.raises(ValueError, match=re.escape("`setting` must be one of ['case_study', 'gao', 'mini_project',")):
        StockHead(num_labels=2, seed=1, encoder=encoder_folder, setting="best")
    with pytest.raises(
        ValueError, match=re.escape("`balance` must be one of (None, 'class_weights', 'oversampling')")
    ):
        Ours(num_labels=2, seed=1, encoder=encoder_folder, balance="smote")
    with pytest.raises(ValueError, match=re.escape("Ours has not been trained. Call `fit` first.")):
        build("ours", encoder_folder).predict_proba(["good"])


# ---------------------------------------------------------------------------------------------------------------------
# Stock head against ours: nothing but the head differs


def test_stock_and_ours_see_the_same_batches(encoder_folder, monkeypatch):
    texts, labels = build_reviews(40, seed=1)
    seen = []
    collate = row_trainer.RowTrainer._collate

    def spy(trainer, batch):
        seen[-1].append(([row.tolist() for row, _ in batch], [label for _, label in batch]))
        return collate(trainer, batch)

    monkeypatch.setattr(row_trainer.RowTrainer, "_collate", spy)
    for name, seed in (("stock", 5), ("ours", 5), ("ours_mean", 5), ("ours", 6)):
        seen.append([])
        build(name, encoder_folder, seed=seed, settings={"num_epochs": 2, "batch_size": 8}).fit(texts, labels)
    assert seen[0] == seen[1] == seen[2]
    assert seen[1] != seen[3]
    assert len(seen[0]) == 10
    assert seen[0][:5] != seen[0][5:]  # an order of its own for each epoch


def test_stock_and_ours_learn_alike(encoder_folder):
    stock, own = (build(name, encoder_folder, settings={}) for name in ("stock", "ours"))
    assert stock.settings == own.settings
    assert stock.encoder_options == own.encoder_options
    assert own.settings.keep_best_epoch
    stock, own = stock.build_model(), own.build_model()
    for model in (stock.bert, own.encoder):
        assert {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)} == {0.1}
    assert stock.dropout.p == 0.1
    assert own.classifier_dropout.p == 0.2


def test_dropout_inside_the_encoder_is_an_option(encoder_folder):
    own = build("ours", encoder_folder, encoder_hidden_dropout=None, encoder_attention_dropout=0.4).build_model()
    assert own.config.encoder_config.hidden_dropout_prob == 0.1
    assert own.config.encoder_config.attention_probs_dropout_prob == 0.4
    stock = build("stock", encoder_folder, encoder_hidden_dropout=0.3).build_model()
    assert stock.config.hidden_dropout_prob == stock.dropout.p == 0.3


def test_ours_reads_the_whole_review_and_stock_its_beginning(encoder_folder):
    texts, labels = build_reviews(16)
    short, long = "the film was " * 20, "the film was " * 200
    for name, cut, read in (("stock", [short], []), ("ours", [], [short, long]), ("ours_first_512", [long], [short])):
        system = build(name, encoder_folder, settings={"num_epochs": 1})
        system.fit(texts, labels)
        for beginning in (*cut, *read):
            good, bad = system.predict_proba([beginning + "superb", beginning + "awful"])
            assert np.allclose(good, bad, atol=1e-7) == (beginning in cut), (name, len(beginning))


# ---------------------------------------------------------------------------------------------------------------------
# Classes of unlike size


def test_class_weights_are_balanced(encoder_folder):
    texts, labels = build_reviews(24)
    kept = [i for i in range(24) if labels[i] == 0 or i < 12]  # 12 negative, 6 positive
    system = build("ours_class_weights", encoder_folder, settings={"num_epochs": 1})
    system.fit([texts[i] for i in kept], [labels[i] for i in kept])
    assert system.settings.class_weights == [18 / 24, 18 / 12]
    assert build("ours", encoder_folder).settings.class_weights is None


def test_oversampling_repeats_reviews_of_smaller_classes():
    labels = np.array([0] * 7 + [1] * 3 + [3] * 2)
    places = oversample_places(labels, seed=1)
    assert places[:12].tolist() == list(range(12))
    assert np.bincount(labels[places]).tolist() == [7, 7, 0, 7]
    counts = np.bincount(places)
    assert counts[:7].tolist() == [1] * 7
    assert counts[7:10].max() - counts[7:10].min() <= 1
    assert counts[10:].max() - counts[10:].min() <= 1
    assert np.array_equal(places, oversample_places(labels, seed=1))
    assert any(not np.array_equal(places, oversample_places(labels, seed)) for seed in (2, 3, 4))


def test_only_training_reviews_are_repeated_or_changed(encoder_folder, monkeypatch):
    texts, labels = build_reviews(24)
    kept = [i for i in range(24) if labels[i] == 0 or i < 12]
    texts, labels = [texts[i] for i in kept], [labels[i] for i in kept]
    validation = build_reviews(10, seed=2)
    seen = []

    def fit(system, *arguments):
        seen.append(arguments)

    monkeypatch.setattr(ours.FineTunedSystem, "fit", fit)
    build("ours_oversampling", encoder_folder).fit(texts, labels, validation)
    build("ours_augmented", encoder_folder, augment="swap").fit(texts, labels, validation)
    build("ours", encoder_folder).fit(texts, labels, validation)
    repeated, changed, plain = seen
    assert plain[0] is texts
    for given_texts, given_labels, given_validation in seen:
        assert given_validation is validation
        assert list(given_texts[:18]) == texts
        assert list(given_labels[:18]) == labels
    assert set(repeated[0][18:]) <= set(texts)
    assert not set(changed[0][18:]) <= set(texts)
    assert np.bincount(repeated[1]).tolist() == np.bincount(changed[1]).tolist() == [12, 12]


def test_augmentation_follows_the_seed_and_the_ratio(encoder_folder, monkeypatch):
    """Ten negative reviews, four positive ones."""
    texts, labels = build_reviews(20)
    kept = [i for i in range(20) if labels[i] == 0 or i < 8]
    texts, labels = [texts[i] for i in kept], [labels[i] for i in kept]
    given = []
    monkeypatch.setattr(ours.FineTunedSystem, "fit", lambda system, texts, *rest: given.append(list(texts)))
    for seed, ratio in ((1, None), (1, None), (2, None), (1, 0.8)):
        system = build("ours_augmented", encoder_folder, seed=seed, augment="swap", augment_ratio=ratio)
        system.fit(texts, labels)
    assert given[0] == given[1] != given[2]
    assert [len(of_run) for of_run in given] == [20, 20, 20, 18]
    seeds = []
    augment = ours.augment_minority
    monkeypatch.setattr(
        ours, "augment_minority", lambda *a, seed, **o: seeds.append(seed) or augment(*a, seed=seed, **o)
    )
    make = ours.build_augmenter
    monkeypatch.setattr(ours, "build_augmenter", lambda name, seed: seeds.append(seed) or make(name, seed))
    build("ours_augmented", encoder_folder, seed=5, augment="swap").fit(texts, labels)
    assert seeds == [5, 5]


def test_our_settings_are_plain_numbers():
    assert json.dumps(OUR_SETTINGS.__dict__)
