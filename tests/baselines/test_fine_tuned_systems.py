"""The systems with a fine-tuned encoder: each fits and repeats itself, and is what its paper says."""

import gc
import json
import re

import numpy as np
import pytest
import torch
from transformers import AutoModel, BertConfig, BertModel

from baselines import ours, row_trainer
from baselines.base import build_system
from baselines.fine_tuned_system import OUR_SETTINGS
from baselines.gao_bert_bilstm import GAO_HEAD, NUM_ENCODER_LAYERS, GaoBertBiLSTM
from baselines.nkhata_code import NkhataReleasedCode
from baselines.nkhata_text import NkhataText
from baselines.ours import Ours, oversample_places
from baselines.stock_head import StockHead
from modeling_bert_bilstm import BertBiLSTMConfig, BertBiLSTMForSequenceClassification
from tests.conftest import TINY_ENCODER, VOCABULARY, build_reviews


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


@pytest.fixture(scope="module", autouse=True)
def few_objects_to_collect():
    """Trainer collects garbage before each training, which takes a second where all libraries are looked through."""
    gc.freeze()
    yield
    gc.unfreeze()


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
    beginning = "the film was " * 20
    for name, is_cut in (("stock", True), ("ours", False)):
        system = build(name, encoder_folder, settings={"num_epochs": 1})
        system.fit(texts, labels)
        good, bad = system.predict_proba([beginning + "superb", beginning + "awful"])
        assert np.allclose(good, bad, atol=1e-7) == is_cut, name


# ---------------------------------------------------------------------------------------------------------------------
# What the papers say


def test_the_settings_of_the_stock_head(encoder_folder):
    gao, case, mini = (
        StockHead(num_labels=3, seed=1, encoder=encoder_folder, setting=name)
        for name in ("gao", "case_study", "mini_project")
    )
    assert (gao.settings.learning_rate, gao.settings.num_epochs, gao.settings.batch_size) == (1e-5, 20, 64)
    config = gao.build_model().config
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob, config.num_labels) == (0.2, 0.3, 3)
    assert gao.build_model().dropout.p == 0.2
    assert gao.setting.max_review_length == 150
    assert gao.max_review_length == TINY_ENCODER["max_position_embeddings"]
    assert (case.settings.learning_rate, case.settings.num_epochs, case.settings.warmup_steps) == (2e-5, 3, 500)
    assert (mini.settings.learning_rate, mini.settings.num_epochs, mini.settings.weight_decay) == (2e-5, 3, 0.01)
    assert case.build_model().config.hidden_dropout_prob == 0.1
    assert not any(system.settings.keep_best_epoch for system in (gao, case, mini))


def test_the_parameters_of_gao():
    """67,875,331 as printed: six layers, a BiLSTM, and a pooler of 768 x 768 + 768 that nothing reads."""
    config = BertBiLSTMConfig(
        encoder_config=BertConfig(num_hidden_layers=NUM_ENCODER_LAYERS), num_labels=3, **GAO_HEAD
    )
    with torch.device("meta"):
        model = BertBiLSTMForSequenceClassification(config)
    assert model.num_parameters() + 768 * 768 + 768 == 67_875_331


def test_gao_has_six_layers_at_most(encoder_folder, tiny_tokenizer, tmp_path):
    fields = {name: value for name, value in TINY_ENCODER.items() if name not in ("model_type", "num_hidden_layers")}
    BertModel(BertConfig(**fields, num_hidden_layers=8, vocab_size=len(VOCABULARY))).save_pretrained(tmp_path)
    tiny_tokenizer.save_pretrained(tmp_path)
    deep = GaoBertBiLSTM(num_labels=3, seed=1, encoder=tmp_path)
    assert len(deep.build_model().encoder.encoder.layer) == 6
    shallow = GaoBertBiLSTM(num_labels=3, seed=1, encoder=encoder_folder)
    model = shallow.build_model()
    assert len(model.encoder.encoder.layer) == 2
    assert (model.lstm.hidden_size, model.config.pooling, model.config.num_labels) == (128, ["last"], 3)
    assert (deep.settings.label_smoothing, deep.settings.learning_rate) == (0.1, 3e-5)
    assert (deep.settings.num_epochs, deep.settings.batch_size, deep.max_review_length) == (10, 64, 200)


def test_the_released_code_leaves_the_encoder_alone(encoder_folder):
    texts, labels = build_reviews(24)
    system = NkhataReleasedCode(num_labels=2, seed=1, encoder=encoder_folder, settings={"num_epochs": 2})
    pretrained = get_weights(AutoModel.from_pretrained(encoder_folder))
    system.fit(texts, labels)
    for name, value in system.model.encoder.state_dict().items():
        assert torch.equal(value, pretrained[name]), name
    assert system.model.lstm.hidden_size == TINY_ENCODER["hidden_size"]
    assert (system.model.encoder_dropout.p, system.model.config.pooling) == (0.5, ["last"])
    defaults = [NkhataReleasedCode(num_labels=n, seed=1, encoder=encoder_folder).settings for n in (2, 5)]
    assert [(d.num_epochs, d.batch_size, d.learning_rate) for d in defaults] == [(8, 32, 1e-4), (8, 64, 1e-4)]


def test_the_text_freezes_the_first_half(encoder_folder):
    texts, labels = build_reviews(24)
    system = NkhataText(num_labels=2, seed=1, encoder=encoder_folder, settings={"num_epochs": 1})
    pretrained = get_weights(AutoModel.from_pretrained(encoder_folder))
    system.fit(texts, labels)
    same = {n for n, value in system.model.encoder.state_dict().items() if torch.equal(value, pretrained[n])}
    assert any(name.startswith("embeddings.word") for name in same)
    assert any(name.startswith("encoder.layer.0.") for name in same)
    # The bias of keys changes no attention, so that it gets no gradient to speak of.
    changed = {name for name in pretrained if name.startswith("encoder.layer.1.") and "key.bias" not in name}
    assert not same & changed
    assert all(name in same for name in pretrained if name.startswith(("embeddings.", "encoder.layer.0.")))
    settings = [NkhataText(num_labels=n, seed=1, encoder=encoder_folder) for n in (2, 3)]
    assert [(s.settings.learning_rate, s.settings.num_epochs, s.settings.batch_size) for s in settings] == [
        (3e-5, 10, 32),
        (1e-4, 15, 64),
    ]
    assert [s.max_review_length for s in settings] == [128, 256]


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


def test_our_settings_are_plain_numbers():
    assert json.dumps(OUR_SETTINGS.__dict__)
