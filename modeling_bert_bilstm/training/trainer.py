"""Trainer for reviews: a record of every epoch, evaluation without padding, checkpoints that can be trusted."""

import json
import logging
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.trainer_utils import EvalLoopOutput

from .batching import ReviewCollator
from .epoch_record import EpochRecorder
from .mistakes import WritingError
from .optimizer import build_parameter_groups
from .ordered_trainer import OrderedTrainer
from .predictions import compute_probabilities, count_right, measure
from .run_folder import find_missing
from .training_options import ReviewTrainingArguments


logger = logging.getLogger(__name__)

EPOCH_PROGRESS_NAME = "epoch_progress.json"
TRAINER_STATE_NAME = "trainer_state.json"


class ReviewTrainer(OrderedTrainer):
    """Train on reviews that `tokenize_reviews` has prepared.

    Every epoch logs the loss and accuracy of its own training batches and its seconds, then loss and metrics of the
    test split (`test_...`, which decides nothing). Loss and metrics of the validation split (`eval_...`) come when
    `eval_strategy` says.

    Args:
        model: The model; its `config.problem_type` says what is learnt.
        args: Options.
        splits: Reviews with `input_ids` and `labels`, under "train", "validation" and "test" as far as there are.
        tokenizer: Saved with each checkpoint.
        **kwargs: What else `Trainer` takes: `compute_loss_func`, `callbacks`.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        args: ReviewTrainingArguments,
        splits: Mapping[str, Dataset],
        tokenizer: PreTrainedTokenizerBase,
        **kwargs,
    ):
        self.splits = dict(splits)
        self.evaluate_seconds = 0.0
        self._logits: dict[tuple[str, int], np.ndarray] = {}
        self._recorder = EpochRecorder(self)
        super().__init__(
            model,
            args,
            train_dataset=self.splits.get("train"),
            eval_dataset=self.splits.get("validation"),
            processing_class=tokenizer,
            **{"data_collator": ReviewCollator(tokenizer), **kwargs},
        )
        self.add_callback(self._recorder)

    # -----------------------------------------------------------------------------------------------------------------
    # Learning rates, and what a training step counts

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        """Return the optimizer, with the learning rates of head and layers if they differ."""
        if self.optimizer is not None or (self.args.head_learning_rate is None and self.args.layerwise_decay == 1):
            return super().create_optimizer(model)
        model = self.model if model is None else model
        groups = build_parameter_groups(
            model,
            set(self.get_decay_parameter_names(model)),
            learning_rate=self.args.learning_rate,
            head_learning_rate=self.args.head_learning_rate,
            layerwise_decay=self.args.layerwise_decay,
            weight_decay=self.args.weight_decay,
        )
        optimizer_class, options = self.get_optimizer_cls_and_kwargs(self.args, model)
        self.optimizer = optimizer_class(groups, **options)
        return self.optimizer

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, object]:
        """Return the loss of a batch, its part of the step while training, and count it into the epoch's record."""
        labels = inputs.get("labels")
        loss, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
        if model.training and labels is not None:
            self._count_batch(loss, outputs.logits, labels, num_items_in_batch)
            if num_items_in_batch is None:
                loss = loss * self.compute_batch_weight(len(labels))
        return (loss, outputs) if return_outputs else loss

    def _count_batch(
        self,
        loss: torch.Tensor,
        logits: torch.Tensor,
        labels: torch.Tensor,
        num_items_in_batch: torch.Tensor | int | None,
    ) -> None:
        if num_items_in_batch is None:
            summed_loss = loss.detach() * len(labels)  # the mean of the batch
        else:
            summed_loss = loss.detach() * num_items_in_batch / self.accelerator.num_processes  # its part of the step
        num_right = count_right(logits.detach(), labels, self.model.config.problem_type)
        self._recorder.record.count(summed_loss, num_right, len(labels))

    # -----------------------------------------------------------------------------------------------------------------
    # Evaluation

    def evaluate(
        self,
        eval_dataset: Dataset | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Return loss and metrics of the validation split."""
        if eval_dataset is not None:
            return super().evaluate(eval_dataset, ignore_keys, metric_key_prefix)
        with self._recorder.record.pause():
            metrics = self._measure("validation", metric_key_prefix)
            self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        self.log(dict(metrics))
        return metrics

    def record_test(self) -> None:
        """Log loss and metrics of the test split, where there is one and each epoch is to record it."""
        if self.args.evaluate_test_each_epoch and "test" in self.splits:
            metrics = self._measure("test", "test")
            self.control = self.callback_handler.on_predict(self.args, self.state, self.control, metrics)
            self.log(metrics)

    def _measure(self, split: str, prefix: str) -> dict[str, float]:
        problem_type = self.model.config.problem_type
        output = self._predict_split(split, prefix)
        metrics = measure(output.label_ids, compute_probabilities(output.predictions, problem_type), problem_type)
        metrics |= {"loss": output.metrics[f"{prefix}_loss"]}  # of training, which may smooth or weigh
        return {f"{prefix}_{name}": value for name, value in metrics.items() if isinstance(value, float)}

    def _predict_split(self, split: str, prefix: str = "test") -> EvalLoopOutput:
        start = time.perf_counter()
        dataloader = self.get_test_dataloader(self.splits[split])
        # A data loader draws a number when it starts: training goes on as if it had not been looked at.
        with torch.random.fork_rng(devices=[]):
            output = self.evaluation_loop(dataloader, split, prediction_loss_only=False, metric_key_prefix=prefix)
        self.evaluate_seconds += time.perf_counter() - start
        kept = {self.state.global_step, self.state.best_global_step}
        self._logits = {key: logits for key, logits in self._logits.items() if key[1] in kept}
        self._logits[split, self.state.global_step] = output.predictions
        return output

    def compute_logits(self, split: str) -> np.ndarray:
        """Return the logits of a split under the present weights, in its order: (N, C).

        Those that an evaluation of the same weights has computed are not computed again.
        """
        step = self.state.global_step
        if self.args.load_best_model_at_end and self.state.best_model_checkpoint is not None:
            step = self.state.best_global_step
        if (split, step) not in self._logits:
            self._logits[split, step] = self._predict_split(split).predictions
            self.control = self.callback_handler.on_predict(self.args, self.state, self.control, {})
        return self._logits[split, step]

    # -----------------------------------------------------------------------------------------------------------------
    # Checkpoints

    def _save_checkpoint(self, model: torch.nn.Module, trial: object) -> None:
        """Write a checkpoint; one that cannot be written whole is removed, and those before it stay."""
        folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        progress = self._recorder.record.gather(self.accelerator)
        try:
            if self.args.should_save:
                folder.mkdir(parents=True, exist_ok=True)
                # Written last and so the mark of a complete checkpoint: one of an earlier attempt must not vouch.
                (folder / TRAINER_STATE_NAME).unlink(missing_ok=True)
                (folder / EPOCH_PROGRESS_NAME).write_text(json.dumps(progress), encoding="utf-8")
            super()._save_checkpoint(model, trial)
        except Exception as error:  # each library has its own for a full disk
            if not find_missing(folder):
                raise WritingError(
                    f"The checkpoint '{folder}' is whole, but what follows its writing failed: {error}. See whether "
                    f"older ones in '{folder.parent}' can be removed; then go on with `--resume_from_checkpoint last`."
                ) from error
            shutil.rmtree(folder, ignore_errors=True)
            raise WritingError(
                f"The checkpoint '{folder}' could not be written and was removed; those before it are whole. {error}. "
                "If the disk is full, make room; then go on with `--resume_from_checkpoint last`."
            ) from error

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: torch.nn.Module | None = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        progress = Path(resume_from_checkpoint) / EPOCH_PROGRESS_NAME
        if progress.is_file():
            counts = json.loads(progress.read_text(encoding="utf-8"))
            self._recorder.record.restore(counts, self.accelerator.is_main_process)
