"""The one loop: it learns, repeats itself, chooses the epoch, and lets every setting reach what it is about."""

import copy
import re

import numpy as np
import pytest
import torch
from torch import nn
from transformers.modeling_outputs import SequenceClassifierOutput

from baselines import fine_tuning_settings, rows
from baselines.fine_tuning import (
    FineTuningSettings,
    build_encode,
    encode_rows,
    fine_tune,
    fine_tune_rows,
    predict,
    predict_rows,
)
from baselines.rows import collate_rows
from modeling_bert_bilstm.training.batching import prepare_tokenizer
from tests.conftest import VOCABULARY, build_reviews


FAST = FineTuningSettings(num_epochs=4, batch_size=8, learning_rate=1e-2)


@pytest.fixture
def in_bfloat16(monkeypatch):
    for module in (fine_tuning_settings, rows):
        monkeypatch.setattr(module, "is_bfloat16_faster", lambda device="cpu": True)


class BagOfWords(nn.Module):
    """The least that the loop asks of a model."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(VOCABULARY), 3)
        self.classifier = nn.Linear(3, 2)

    def forward(self, input_ids, attention_mask):
        summed = (self.embedding(input_ids) * attention_mask[..., None]).sum(dim=1)
        return SequenceClassifierOutput(logits=self.classifier(summed))


def measure_accuracy(probabilities, labels):
    return float((probabilities.argmax(axis=1) == np.asarray(labels)).mean())


# ---------------------------------------------------------------------------------------------------------------------
# Learning


def test_it_learns_what_can_be_learnt(tiny_model, encode):
    texts, labels = build_reviews(64, seed=1)
    assert measure_accuracy(predict(tiny_model, encode, texts), labels) < 0.8
    record = fine_tune(tiny_model, encode, texts, labels, settings=FAST)
    assert [row["epoch"] for row in record.history] == [1, 2, 3, 4]
    assert record.history[-1]["train_loss"] < record.history[0]["train_loss"]
    assert record.seconds > 0
    unseen, their_labels = build_reviews(40, seed=2)
    assert measure_accuracy(predict(tiny_model, encode, unseen), their_labels) > 0.9


def test_any_module_will_do(encode):
    torch.manual_seed(0)
    model, (texts, labels) = BagOfWords(), build_reviews(64, seed=1)
    fine_tune(model, encode, texts, labels, settings=FineTuningSettings(num_epochs=20, learning_rate=5e-2))
    assert measure_accuracy(predict(model, encode, texts), labels) > 0.9


def test_a_seed_repeats_itself_and_another_does_not(tiny_model, encode):
    texts, labels = build_reviews(24)
    results = []
    for seed in (3, 3, 4):
        model = copy.deepcopy(tiny_model)
        settings = FineTuningSettings(num_epochs=1, batch_size=8, learning_rate=1e-3, seed=seed)
        torch.rand(seed)  # whatever was drawn before
        fine_tune(model, encode, texts, labels, settings=settings)
        results.append(predict(model, encode, texts))
    assert np.array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


def test_what_needs_no_gradient_stays_to_the_bit(tiny_model, encode):
    texts, labels = build_reviews(24)
    tiny_model.encoder.requires_grad_(False)
    before = copy.deepcopy(tiny_model.state_dict())
    fine_tune(tiny_model, encode, texts, labels, settings=FAST)
    for name, value in tiny_model.state_dict().items():
        assert torch.equal(value, before[name]) == name.startswith("encoder."), name


def test_nothing_of_the_training_stays_on_the_model(tiny_model, encode, in_bfloat16, monkeypatch):
    texts, labels = build_reviews(24)
    fresh = copy.deepcopy(tiny_model)
    fine_tune(tiny_model, encode, texts, labels, settings=FAST)
    assert not tiny_model.training
    fresh.load_state_dict(tiny_model.state_dict())
    monkeypatch.setattr(rows, "is_bfloat16_faster", lambda device="cpu": False)
    assert np.array_equal(predict(tiny_model, encode, texts), predict(fresh, encode, texts))


def test_states_are_learnt_from_as_word_pieces_are(encode):
    class MeanOfStates(nn.Module):
        def __init__(self):
            super().__init__()
            self.classifier = nn.Linear(3, 2)

        def forward(self, inputs_embeds, attention_mask):
            mean = inputs_embeds.sum(dim=1) / attention_mask.sum(dim=1, keepdim=True)
            return SequenceClassifierOutput(logits=self.classifier(mean))

    generator = np.random.default_rng(0)
    labels = np.arange(40) % 2
    states = [generator.normal(2 * y - 1, 1, size=(5 + i, 3)).astype(np.float16) for i, y in enumerate(labels)]
    torch.manual_seed(0)
    model = MeanOfStates()
    fine_tune_rows(model, states, labels, settings=FineTuningSettings(num_epochs=30, learning_rate=5e-2))
    assert measure_accuracy(predict_rows(model, states), labels) > 0.9


# ---------------------------------------------------------------------------------------------------------------------
# The epoch


def fit_against_validation(model, encode, **settings):
    """Train where validation says the contrary, so that every epoch does worse on it."""
    texts, labels = build_reviews(48, seed=1)
    others, their_labels = build_reviews(40, seed=2)
    contrary = [1 - label for label in their_labels]
    settings = FineTuningSettings(num_epochs=4, batch_size=8, learning_rate=3e-3, **settings)
    record = fine_tune(model, encode, texts, labels, (others, contrary), settings=settings)
    return record, measure_accuracy(predict(model, encode, others), contrary)


def test_validation_chooses_the_epoch(tiny_model, encode):
    record, accuracy = fit_against_validation(tiny_model, encode)
    measured = [row["validation_accuracy"] for row in record.history]
    assert len(measured) == 4
    assert measured[-1] < measured[0]
    assert record.best_epoch == 1 + int(np.argmax(measured)) < 4
    assert accuracy == max(measured)


def test_the_last_epoch_is_kept_where_nothing_is_to_be_chosen(tiny_model, encode):
    chosen = copy.deepcopy(tiny_model)
    record, accuracy = fit_against_validation(tiny_model, encode, keep_best_epoch=False)
    assert record.best_epoch == 4
    assert all("validation_accuracy" not in row for row in record.history)
    best, _ = fit_against_validation(chosen, encode)
    assert accuracy == best.history[-1]["validation_accuracy"]
    assert [row["train_loss"] for row in best.history] == [row["train_loss"] for row in record.history]


@pytest.mark.parametrize("options", [{"keep_best_epoch": False}, {"num_epochs": 1}])
def test_nothing_is_measured_where_nothing_is_to_be_chosen(tiny_model, encode, options):
    texts, labels = build_reviews(16)
    given = encode_rows(encode, texts)
    settings = FineTuningSettings(**{"num_epochs": 2, **options})
    record = fine_tune_rows(tiny_model, given, labels, (given, labels), settings=settings)
    assert record.best_epoch == settings.num_epochs == len(record.history)
    assert all(row.keys() == {"epoch", "train_loss"} for row in record.history)


def test_of_equal_epochs_the_first_is_kept(tiny_model, encode):
    texts, labels = build_reviews(24)
    settings = FineTuningSettings(num_epochs=3, learning_rate=0.0)
    record = fine_tune(tiny_model, encode, texts, labels, (texts, labels), settings=settings)
    assert record.best_epoch == 1


# ---------------------------------------------------------------------------------------------------------------------
# Rows


def test_predictions_come_in_the_order_of_the_texts(tiny_model, encode, in_float32):
    texts, _ = build_reviews(30, max_words=60)
    probabilities = predict(tiny_model, encode, texts)
    assert probabilities.dtype == np.float64
    assert probabilities.sum(axis=1) == pytest.approx(1)
    alone = np.concatenate([predict(tiny_model, encode, [text]) for text in texts])
    assert probabilities == pytest.approx(alone, abs=1e-5)


def test_a_review_is_cut_at_its_end_and_stays_framed(tiny_tokenizer):
    encode = build_encode(prepare_tokenizer(copy.deepcopy(tiny_tokenizer)), max_review_length=5)
    long, short = encode(["good bad fine film plot", "good"])
    assert tiny_tokenizer.convert_ids_to_tokens(long) == ["[CLS]", "good", "bad", "fine", "[SEP]"]
    assert len(short) == 3


def test_rows_are_padded_behind():
    batch = collate_rows([np.array([4, 5]), np.array([6, 7, 8])], pad_token_id=9)
    assert batch["input_ids"].tolist() == [[4, 5, 9], [6, 7, 8]]
    assert batch["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
    states = [np.ones((1, 2), dtype=np.float16), np.full((3, 2), 2, dtype=np.float16)]
    batch = collate_rows(states)
    assert batch["inputs_embeds"].dtype == torch.float32
    assert batch["inputs_embeds"][:, :, 0].tolist() == [[1, 0, 0], [2, 2, 2]]
    assert batch["attention_mask"].tolist() == [[1, 0, 0], [1, 1, 1]]


def test_what_cannot_be_trained_on_is_refused(tiny_model, encode):
    with pytest.raises(ValueError, match=re.escape("Each review needs one label, got 2 reviews and 1 labels.")):
        fine_tune(tiny_model, encode, ["good", "bad"], [1], settings=FAST)
    with pytest.raises(ValueError, match="got 0 reviews"):
        fine_tune(tiny_model, encode, [], [], settings=FAST)
    with pytest.raises(TypeError, match="got a single string"):
        predict(tiny_model, encode, "good")
    with pytest.raises(ValueError, match="at least one review to predict"):
        predict(tiny_model, encode, [])
