"""Batches by word pieces through the trainer: each review once, the right number of steps, the same after a resume."""

import re

import numpy as np
import pytest
import torch
from transformers import TrainerCallback

from modeling_bert_bilstm.training.batching import ReviewCollator, compute_lengths
from modeling_bert_bilstm.training.epoch_record import build_history
from modeling_bert_bilstm.training.training_options import ReviewTrainingArguments


WORD_PIECES = 90


def watch(trainer):
    """Return the shapes of the batches that the trainer will train on, and how many word pieces are real."""
    shapes = []
    compute_loss = trainer.compute_loss

    def record(model, inputs, *args, **kwargs):
        if model.training:
            shapes.append((*inputs["input_ids"].shape, int(inputs["attention_mask"].sum())))
        return compute_loss(model, inputs, *args, **kwargs)

    trainer.compute_loss = record
    return shapes


@pytest.mark.parametrize("num_workers", [0, 1])
@pytest.mark.parametrize("accumulation", [1, 3])
def test_steps_and_reviews_of_an_epoch(num_workers, accumulation, build_split, build_trainer):
    reviews = build_split(47)
    trainer = build_trainer(
        {"train": reviews},
        train_batch_word_pieces=WORD_PIECES,
        gradient_accumulation_steps=accumulation,
        dataloader_num_workers=num_workers,
        num_train_epochs=3,
    )
    shapes = watch(trainer)
    trainer.train()
    num_batches = len(trainer.train_sampler)
    assert len(shapes) == 3 * num_batches
    assert trainer.state.global_step == trainer.state.max_steps == 3 * -(-num_batches // accumulation)
    assert trainer.lr_scheduler.get_last_lr() == [0.0] * len(trainer.lr_scheduler.get_last_lr())  # it came to its end
    lengths = compute_lengths(reviews)
    for epoch in range(3):
        rows, columns, real = np.array(shapes[epoch * num_batches : (epoch + 1) * num_batches]).T
        assert rows.sum() == 47
        assert real.sum() == lengths.sum()
        assert (rows * columns).max() <= WORD_PIECES
        assert real.sum() > 0.75 * (rows * columns).sum()
    assert [row["epoch"] for row in build_history(trainer.state.log_history)] == [1, 2, 3]


def test_padding_of_the_collator_counts(tiny_tokenizer, build_split, build_trainer):
    for options, width in ({"pad_to_length": 40}, 40), ({"pad_to_multiple_of": 8}, None):
        trainer = build_trainer({"train": build_split(30)}, train_batch_word_pieces=WORD_PIECES)
        trainer.data_collator = ReviewCollator(tiny_tokenizer, **options)
        trainer.train_sampler = trainer._build_batch_sampler()
        shapes = [batch["input_ids"].shape for batch in trainer.get_train_dataloader()]
        assert max(rows * columns for rows, columns in shapes) <= WORD_PIECES
        assert all(columns == width if width else columns % 8 == 0 for _, columns in shapes)


def test_gradients_do_not_depend_on_how_reviews_are_batched(tiny_model, build_split, build_trainer):
    """A step over all reviews is the same step, whether they come by number or by word pieces."""
    found = []
    for options in (
        {"per_device_train_batch_size": 16},
        {"train_batch_word_pieces": WORD_PIECES, "gradient_accumulation_steps": 50},
    ):
        before = {name: value.clone() for name, value in tiny_model.state_dict().items()}
        trainer = build_trainer({"train": build_split(16)}, optim="sgd", max_grad_norm=0.0, **options)
        trainer.train()
        assert trainer.state.global_step == 1
        found.append({name: value.clone() for name, value in tiny_model.state_dict().items()})
        tiny_model.load_state_dict(before)
    for name, expected in found[0].items():
        torch.testing.assert_close(found[1][name], expected, rtol=1e-4, atol=1e-6, msg=name)
    assert any(not value.equal(before[name]) for name, value in found[0].items())


class StopAt(TrainerCallback):
    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            control.should_save = control.should_training_stop = True


@pytest.mark.parametrize("stop_at", [3, 7])
@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_resumed_run_ends_with_the_same_weights(
    stop_at, accumulation, tiny_model, build_split, build_trainer, tmp_path
):
    splits, start = {"train": build_split(24)}, {name: w.clone() for name, w in tiny_model.state_dict().items()}
    options = {"train_batch_word_pieces": WORD_PIECES, "num_train_epochs": 3, "save_strategy": "no"}
    options |= {"gradient_accumulation_steps": accumulation}
    whole = build_trainer(splits, **options)
    shapes = watch(whole)
    whole.train()
    expected = {name: w.clone() for name, w in tiny_model.state_dict().items()}

    tiny_model.load_state_dict(start)
    build_trainer(splits, callbacks=[StopAt(stop_at)], **options).train()
    resumed = build_trainer(splits, **options)
    seen = watch(resumed)
    resumed.train(resume_from_checkpoint=str(tmp_path / "run" / f"checkpoint-{stop_at}"))
    assert 0 < len(seen) < len(shapes)
    assert seen == shapes[-len(seen) :]
    for name, value in tiny_model.state_dict().items():
        assert value.equal(expected[name]), name


def test_too_few_reviews_for_the_processes_are_said_before_training(build_split, build_trainer, monkeypatch):
    monkeypatch.setattr("accelerate.Accelerator.num_processes", 3)
    with pytest.raises(ValueError, match=re.escape("`--train_batch_word_pieces` 1 makes at least 8 batches")):
        build_trainer({"train": build_split(8)}, train_batch_word_pieces=1)


@pytest.mark.parametrize(
    "option",
    [
        {"auto_find_batch_size": True},
        {"dataloader_drop_last": True},
        {"train_sampling_strategy": "sequential"},
        {"accelerator_config": {"split_batches": True}},
        {"accelerator_config": {"dispatch_batches": True}},
    ],
    ids=str,
)
def test_what_else_would_plan_the_batches_is_refused(option, tmp_path):
    named = next(iter(option["accelerator_config"] if "accelerator_config" in option else option))
    message = f"`--train_batch_word_pieces` plans the batches itself, but `.*{named}.*` is set. Drop one of them."
    with pytest.raises(ValueError, match=message):
        ReviewTrainingArguments(str(tmp_path), use_cpu=True, train_batch_word_pieces=90, **option)
    ReviewTrainingArguments(str(tmp_path), use_cpu=True, **option)
    ReviewTrainingArguments(str(tmp_path), use_cpu=True, train_batch_word_pieces=90, group_by_length=True)
