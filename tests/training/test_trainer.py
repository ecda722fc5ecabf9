"""The trainer: gradients that do not depend on how a step is cut, honest records, evaluation in order."""

import copy

import numpy as np
import pytest
import torch
from transformers import TrainerCallback, TrainerState

from modeling_bert_bilstm.training.epoch_record import build_history
from modeling_bert_bilstm.training.losses import ClassWeightedLoss


def write_gradients(into):
    class Recorder(TrainerCallback):
        def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
            into.append({name: p.grad.clone() for name, p in model.named_parameters()})

    return Recorder()


TASKS = {
    "single_label_classification": (int, None, {}),
    "smoothed": (int, None, {"label_smoothing_factor": 0.1}),
    "multi_label_classification": (lambda label: [float(label), 1.0 - label], None, {}),
    "regression": (lambda label: 3.0 * label + 0.5, None, {}),
    "class_weighted": (int, ClassWeightedLoss([0.3, 2.0]), {}),
    "class_weighted_and_smoothed": (int, ClassWeightedLoss([0.3, 2.0], 0.1), {}),
}


@pytest.mark.parametrize("task", TASKS)
def test_gradients_do_not_depend_on_accumulation(task, tiny_model, build_split, build_trainer):
    relabel, loss, options = TASKS[task]
    model = tiny_model
    if task in ("multi_label_classification", "regression"):
        model.config.problem_type = task
    if task == "regression":
        model.classifier = torch.nn.Linear(model.classifier.in_features, 1)
        model.config.num_labels = model.num_labels = 1
    splits = {"train": build_split(16, relabel=relabel)}
    found = {}
    for batch_size, accumulation in ((8, 1), (4, 2), (2, 4)):
        gradients = found[accumulation] = []
        trainer = build_trainer(
            splits,
            model=copy.deepcopy(model),
            loss=loss,
            callbacks=[write_gradients(gradients)],
            per_device_train_batch_size=batch_size,
            gradient_accumulation_steps=accumulation,
            max_grad_norm=0.0,
            max_steps=1,
            **options,
        )
        trainer.train()
        assert len(gradients) == 1
    for accumulation in (2, 4):
        for name, expected in found[1][0].items():
            torch.testing.assert_close(found[accumulation][0][name], expected, rtol=1e-4, atol=1e-7, msg=name)
    assert max(gradient.abs().max() for gradient in found[1][0].values()) > 1e-3


def test_every_epoch_is_recorded(build_split, build_trainer):
    splits = {name: build_split(size, seed=size) for name, size in {"train": 20, "validation": 7, "test": 9}.items()}
    trainer = build_trainer(splits, num_train_epochs=3, learning_rate=5e-3, logging_strategy="no")
    trainer.train()
    history = build_history(trainer.state.log_history)
    assert [row["epoch"] for row in history] == [1, 2, 3]
    for row in history:
        assert set(row) == {"epoch", "seconds"} | {
            f"{split}_{name}" for split in ("train", "validation", "test") for name in ("loss", "accuracy")
        }
        assert row["seconds"] > 0
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    assert 0 < trainer.evaluate_seconds < 60


@pytest.mark.parametrize("validation", ["none", "off", "steps"])
def test_every_epoch_is_recorded_whenever_validation_is(validation, build_split, build_trainer):
    """Train and test loss and accuracy of each epoch do not wait for a validation."""
    splits = {name: build_split(size, seed=size) for name, size in {"train": 24, "validation": 7, "test": 9}.items()}
    options = {"off": {"eval_strategy": "no"}, "steps": {"eval_strategy": "steps", "eval_steps": 4}}.get(
        validation, {}
    )
    if validation == "none":
        del splits["validation"]
    trainer = build_trainer(splits, num_train_epochs=2, **options)
    trainer.train()
    history = build_history(trainer.state.log_history)
    assert [row["epoch"] for row in history] == [1, 2]
    for row in history:
        assert {"train_loss", "train_accuracy", "test_loss", "test_accuracy"} <= set(row)
    assert ("validation_loss" in history[1]) == (validation == "steps")
    logits = torch.from_numpy(trainer.compute_logits("test"))
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(splits["test"]["labels"][:])).item()
    assert history[-1]["test_loss"] == pytest.approx(loss, abs=1e-6)


def test_the_record_is_of_the_epochs_own_batches(build_split, build_trainer):
    """With a learning rate of 0 the running loss and accuracy are those of the train split under the first weights."""
    splits = {"train": build_split(21)}
    for loss in (None, ClassWeightedLoss([1.0, 1.0])):
        for accumulation in (1, 2):
            trainer = build_trainer(
                splits, learning_rate=0.0, gradient_accumulation_steps=accumulation, loss=loss, weight_decay=0.0
            )
            trainer.train()
            row = build_history(trainer.state.log_history)[0]
            logits = torch.from_numpy(trainer.compute_logits("train"))
            labels = torch.tensor(splits["train"]["labels"][:])
            assert row["train_accuracy"] == pytest.approx((logits.argmax(1) == labels).float().mean().item())
            assert row["train_loss"] == pytest.approx(
                torch.nn.functional.cross_entropy(logits, labels).item(), abs=1e-5
            )


def test_the_test_split_can_be_left_for_the_end(build_split, build_trainer):
    splits = {"train": build_split(8), "validation": build_split(5, seed=1), "test": build_split(6, seed=2)}
    trainer = build_trainer(splits, evaluate_test_each_epoch=False)
    trainer.train()
    row = build_history(trainer.state.log_history)[0]
    assert "validation_accuracy" in row
    assert "test_accuracy" not in row


def test_logits_are_in_the_order_of_the_reviews(tiny_model, build_split, build_trainer):
    reviews = build_split(23, max_words=60)
    trainer = build_trainer({"test": reviews}, per_device_eval_batch_size=4)
    logits = trainer.compute_logits("test")
    with torch.no_grad():
        expected = [tiny_model(torch.tensor([ids])).logits[0].numpy() for ids in reviews["input_ids"]]
    np.testing.assert_allclose(logits, np.stack(expected), atol=1e-5)
    output = trainer.predict(reviews)
    np.testing.assert_allclose(output.predictions, logits, atol=1e-6)
    assert output.label_ids.tolist() == reviews["labels"][:]


def test_evaluation_wastes_no_padding(build_split, build_trainer):
    reviews = build_split(24, max_words=60)
    trainer = build_trainer({"test": reviews}, per_device_eval_batch_size=4)
    shapes = [batch["input_ids"].shape[1] for batch in trainer.get_test_dataloader(reviews)]
    assert shapes == sorted(shapes, reverse=True)


def test_no_split_is_read_twice_under_the_same_weights(build_split, build_trainer, monkeypatch):
    splits = {"train": build_split(16), "validation": build_split(5, seed=1), "test": build_split(6, seed=2)}
    trainer = build_trainer(splits)
    passes = []
    evaluation_loop = trainer.evaluation_loop
    monkeypatch.setattr(
        trainer,
        "evaluation_loop",
        lambda loader, description, **kwargs: (
            passes.append(description) or evaluation_loop(loader, description, **kwargs)
        ),
    )
    trainer.train()
    logits = {split: trainer.compute_logits(split) for split in ("validation", "test", "train")}
    assert passes == ["test", "validation", "train"]
    assert [len(logits[split]) for split in logits] == [5, 6, 16]


def test_the_best_model_comes_back_with_its_logits(build_split, build_trainer):
    splits = {"train": build_split(16), "validation": build_split(12, seed=1)}
    trainer = build_trainer(
        splits,
        num_train_epochs=3,
        learning_rate=0.5,  # far too high: later epochs are worse
        save_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model="loss",
        greater_is_better=False,
    )
    trainer.train()
    assert trainer.state.best_global_step < trainer.state.global_step
    kept = trainer.compute_logits("validation")
    trainer._logits.clear()
    np.testing.assert_allclose(kept, trainer.compute_logits("validation"), atol=1e-6)
    losses = [row["validation_loss"] for row in build_history(trainer.state.log_history)]
    labels = torch.tensor(splits["validation"]["labels"][:])
    assert torch.nn.functional.cross_entropy(torch.from_numpy(kept), labels).item() == pytest.approx(min(losses))


def test_several_labels_and_numbers_are_measured(tiny_model, build_split, build_trainer):
    tiny_model.config.problem_type = "multi_label_classification"
    splits = {name: build_split(9, relabel=lambda label: [float(label), 1.0]) for name in ("train", "validation")}
    trainer = build_trainer(splits)
    trainer.train()
    row = build_history(trainer.state.log_history)[0]
    assert {"train_loss", "train_accuracy", "validation_loss", "validation_accuracy"} <= set(row)


def test_learning_rates_reach_the_optimizer(build_split, build_trainer):
    trainer = build_trainer({"train": build_split(8)}, head_learning_rate=0.1, layerwise_decay=0.5)
    rates = {group["lr"] for group in trainer.create_optimizer().param_groups}
    assert rates == {1e-3, 5e-4, 2.5e-4, 0.1}


def test_lengths_are_grouped_on_request(build_split, build_trainer):
    trainer = build_trainer({"train": build_split(64, max_words=60)}, group_by_length=True)
    sampler = trainer._get_train_sampler()
    assert sampler.lengths is not None
    assert build_trainer({"train": build_split(64)})._get_train_sampler().lengths is None


@pytest.mark.parametrize("word_pieces", [None, 90])
def test_a_resumed_epoch_has_its_own_order(word_pieces, build_split, build_trainer):
    """Also where accelerate has wrapped the sampler too deep for its `set_epoch`: two processes, resumed."""
    trainer = build_trainer({"train": build_split(8)}, train_batch_word_pieces=word_pieces)
    trainer.get_train_dataloader()
    trainer.callback_handler.on_epoch_begin(trainer.args, TrainerState(epoch=2.25), trainer.control)
    assert trainer.train_sampler.epoch == 2


def test_bfloat16_on_a_cpu(build_split, build_trainer):
    trainer = build_trainer({"train": build_split(16)}, bf16=True)
    trainer.train()
    assert trainer.state.global_step == 2
    assert trainer.model.dtype == torch.float32
    assert np.isfinite(trainer.compute_logits("train")).all()


@pytest.mark.parametrize(
    "options", [{}, {"head_learning_rate": 0.1, "layerwise_decay": 0.5}], ids=["plain", "by_part"]
)
def test_the_optimizer_is_the_fused_one(options, build_split, build_trainer):
    optimizer = build_trainer({"train": build_split(8)}, **options).create_optimizer()
    assert type(optimizer) is torch.optim.AdamW
    assert {group["fused"] for group in optimizer.param_groups} == {True}
