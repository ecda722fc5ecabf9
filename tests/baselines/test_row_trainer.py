"""Every setting reaches what it is about: the loss, the learning rates, the schedule, the seed."""

import re
from contextlib import nullcontext

import pytest
import torch
from torch import nn
from transformers.modeling_outputs import SequenceClassifierOutput

from baselines import row_trainer
from baselines.fine_tuning import FineTuningSettings, encode_rows, fine_tune
from baselines.fine_tuning_settings import build_trainer_arguments
from baselines.row_trainer import RowTrainer, build_groups
from baselines.rows import compute_logits
from tests.conftest import VOCABULARY, build_reviews


class BagOfWords(nn.Module):
    """A model without an encoder."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(VOCABULARY), 3)
        self.classifier = nn.Linear(3, 2)

    def forward(self, input_ids, attention_mask):
        summed = (self.embedding(input_ids) * attention_mask[..., None]).sum(dim=1)
        return SequenceClassifierOutput(logits=self.classifier(summed))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"label_smoothing": 0.3},
        {"class_weights": (0.2, 3.0)},
        {"class_weights": (1, 2), "label_smoothing": 0.3},
    ],
)
def test_the_loss_is_that_of_the_settings(tiny_model, encode, in_float32, options):
    texts, labels = build_reviews(21)
    for module in tiny_model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    settings = FineTuningSettings(num_epochs=1, batch_size=8, learning_rate=0.0, **options)
    record = fine_tune(tiny_model, encode, texts, labels, settings=settings)
    logits = torch.from_numpy(compute_logits(tiny_model, encode_rows(encode, texts)))
    weights = torch.tensor(options.get("class_weights", (1.0, 1.0)), dtype=torch.float64)
    losses = nn.functional.cross_entropy(
        logits, torch.tensor(labels), weights, reduction="none", label_smoothing=options.get("label_smoothing", 0.0)
    )
    assert record.history[0]["train_loss"] == pytest.approx(losses.mean().item(), rel=1e-4)


def test_the_seed_is_also_that_of_dropout(tmp_path):
    assert build_trainer_arguments(FineTuningSettings(seed=7), 8, str(tmp_path)).seed == 7


def test_a_step_has_the_attention_of_train_py(encode, monkeypatch):
    devices = []
    monkeypatch.setattr(
        row_trainer, "choose_attention_precision", lambda device: devices.append(device) or nullcontext()
    )
    texts, labels = build_reviews(21)
    fine_tune(BagOfWords(), encode, texts, labels, settings=FineTuningSettings(num_epochs=2, batch_size=8))
    assert len(devices) == 6, "one for each step"


def test_the_head_learns_at_its_own_rate(tiny_model):
    tiny_model.encoder.get_input_embeddings().requires_grad_(False)
    settings = FineTuningSettings(learning_rate=1e-5, head_learning_rate=1e-3, weight_decay=0.1)
    groups = build_groups(tiny_model, {"classifier.weight"}, settings)
    rates = {id(p): (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}
    for name, parameter in tiny_model.named_parameters():
        expected = (1e-5 if name.startswith("encoder.") else 1e-3, 0.1 if name == "classifier.weight" else 0.0)
        assert rates.get(id(parameter)) == (expected if parameter.requires_grad else None), name


def test_a_module_without_an_encoder_has_no_rate_for_a_head(encode):
    texts, labels = build_reviews(8)
    with pytest.raises(ValueError, match=re.escape("`head_learning_rate` needs a model with an encoder")):
        fine_tune(BagOfWords(), encode, texts, labels, settings=FineTuningSettings(head_learning_rate=1e-3))


def test_a_warm_up_for_a_longer_training_becomes_a_tenth():
    assert FineTuningSettings(warmup_steps=500).count_warmup_steps(10_000) == 500
    assert FineTuningSettings(warmup_steps=500).count_warmup_steps(2_346) == 500  # the case study on all of IMDb
    assert FineTuningSettings(warmup_steps=500).count_warmup_steps(801) == 80
    assert FineTuningSettings(warmup_ratio=0.25).count_warmup_steps(801) == 200
    assert FineTuningSettings().count_warmup_steps(801) == 0


@pytest.mark.parametrize(
    ("settings", "rates"),
    [
        ({}, [1.0, 0.75, 0.5, 0.25]),
        ({"warmup_ratio": 0.5}, [0.0, 0.5, 1.0, 0.5]),
        ({"warmup_steps": 1}, [0.0, 1.0, 2 / 3, 1 / 3]),
        ({"scheduler": "constant"}, [1.0] * 4),
    ],
)
def test_the_learning_rate_rises_and_falls_as_the_settings_say(encode, monkeypatch, settings, rates):
    """Four steps, the rate before each."""
    found = []
    step = RowTrainer.training_step

    def spy(trainer, *arguments, **options):
        found.append({group["lr"] for group in trainer.optimizer.param_groups})
        return step(trainer, *arguments, **options)

    monkeypatch.setattr(RowTrainer, "training_step", spy)
    texts, labels = build_reviews(16)
    settings = FineTuningSettings(num_epochs=2, batch_size=8, learning_rate=0.1, **settings)
    fine_tune(BagOfWords(), encode, texts, labels, settings=settings)
    assert [rate for (rate,) in found] == pytest.approx([0.1 * rate for rate in rates])


def test_weight_decay_pulls_on_weights_alone(encode, monkeypatch):
    found = []
    create = RowTrainer.create_optimizer

    def spy(trainer, *arguments):
        found.append((trainer.model, create(trainer, *arguments)))
        return found[-1][1]

    monkeypatch.setattr(RowTrainer, "create_optimizer", spy)
    texts, labels = build_reviews(8)
    fine_tune(BagOfWords(), encode, texts, labels, settings=FineTuningSettings(num_epochs=1, weight_decay=0.3))
    model, optimizer = found[0]
    decays = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert {name: decays[id(p)] for name, p in model.named_parameters()} == {
        "embedding.weight": 0.3,
        "classifier.weight": 0.3,
        "classifier.bias": 0.0,
    }
