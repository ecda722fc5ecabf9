"""A model learns from rows in memory: their order, the step, optimizer, loss and the choice of the epoch.

Trainer of transformers does the rest. Shapes: B reviews of a batch, C classes.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.utils.data import Sampler
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.modeling_outputs import SequenceClassifierOutput

from modeling_bert_bilstm.training.attention_precision import choose_attention_precision
from modeling_bert_bilstm.training.losses import ClassWeightedLoss
from modeling_bert_bilstm.training.optimizer import build_parameter_groups
from modeling_bert_bilstm.training.samplers import ReviewSampler

from .fine_tuning_settings import FineTuningSettings
from .rows import Rows, collate_rows, compute_logits


logger = logging.getLogger(__name__)


class RowTrainer(Trainer):
    """Trainer on rows in memory, in the order of `ReviewSampler`, with a loss in single precision.

    Args:
        model: Its `forward` takes what `collate_rows` gives and returns a `SequenceClassifierOutput`.
        arguments: Of `build_trainer_arguments`.
        rows: Training reviews.
        labels: The class of each.
        validation: Rows and labels that choose the epoch, or None.
        settings: How it learns.
        pad_token_id: Stands behind the end of a review.
    """

    def __init__(
        self,
        model: nn.Module,
        arguments: TrainingArguments,
        rows: Rows,
        labels: Sequence[int],
        *,
        validation: tuple[Rows, Sequence[int]] | None,
        settings: FineTuningSettings,
        pad_token_id: int,
    ):
        self.settings = settings
        self.pad_token_id = pad_token_id
        lengths = np.array([len(row) for row in rows])
        self.sampler = ReviewSampler(len(rows), settings.seed, lengths, settings.batch_size)
        self.summed_loss: torch.Tensor | float = 0.0
        self.chooser = EpochChooser(self, validation)
        super().__init__(
            model,
            arguments,
            data_collator=self._collate,
            train_dataset=list(zip(rows, map(int, labels), strict=True)),
            compute_loss_func=build_loss(settings),
            callbacks=[self.chooser],
        )
        self.remove_callback(PrinterCallback)

    def _collate(self, batch: list[tuple[np.ndarray, int]]) -> dict[str, torch.Tensor]:
        rows, labels = zip(*batch, strict=True)
        return {**collate_rows(rows, self.pad_token_id), "labels": torch.tensor(labels)}

    def _get_train_sampler(self, train_dataset: object = None) -> Sampler:
        return self.sampler

    def training_step(self, *args, **kwargs) -> torch.Tensor:
        """Take the step of a batch as Trainer does, on a CPU with attention in float32."""
        with choose_attention_precision(self.args.device):
            return super().training_step(*args, **kwargs)

    def compute_loss(self, model: nn.Module, inputs: dict[str, torch.Tensor], *args, **kwargs) -> torch.Tensor:
        """Return the loss of a batch, and count it into that of the epoch."""
        num_reviews = len(inputs["labels"])
        loss = super().compute_loss(model, inputs, *args, **kwargs)
        self.summed_loss += loss.detach() * num_reviews
        return loss

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Return the optimizer, with the head's own learning rate if it has one."""
        if self.optimizer is None:
            optimizer_class, options = self.get_optimizer_cls_and_kwargs(self.args, self.model)
            decay_names = set(self.get_decay_parameter_names(self.model))
            self.optimizer = optimizer_class(build_groups(self.model, decay_names, self.settings), **options)
        return self.optimizer


class EpochChooser(TrainerCallback):
    """Measures validation accuracy at the end of each epoch, and holds the best weights in memory."""

    def __init__(self, trainer: RowTrainer, validation: tuple[Rows, Sequence[int]] | None):
        self.trainer = trainer
        self.validation = validation
        self.history: list[dict[str, float]] = []
        self.best: tuple[float, int, dict[str, torch.Tensor]] | None = None  # accuracy, epoch, weights

    def on_epoch_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs) -> None:
        """Start the sum of losses."""
        self.trainer.summed_loss = 0.0

    def on_epoch_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs) -> None:
        """Write the row of the epoch, and hold its weights if they are the best."""
        trainer, epoch = self.trainer, len(self.history) + 1
        row = {"epoch": epoch, "train_loss": float(trainer.summed_loss) / trainer.sampler.num_reviews}
        if self.validation is not None:
            rows, labels = self.validation
            predicted = compute_logits(trainer.model, rows, trainer.pad_token_id).argmax(axis=1)
            row["validation_accuracy"] = float((predicted == np.asarray(labels)).mean())
            if self.best is None or row["validation_accuracy"] > self.best[0]:
                weights = {name: p.detach().clone() for name, p in self._list_learning()}
                self.best = row["validation_accuracy"], epoch, weights
        self.history.append(row)
        logger.info("Epoch %d of %g: %s", epoch, args.num_train_epochs, row)

    def _list_learning(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, p) for name, p in self.trainer.model.named_parameters() if p.requires_grad]

    def restore_best(self) -> int:
        """Give the model its best weights back, and return their epoch; the last where none was chosen."""
        if self.best is None:
            return len(self.history)
        with torch.no_grad():
            for name, parameter in self._list_learning():
                parameter.copy_(self.best[2][name])
        return self.best[1]


def build_groups(model: nn.Module, decay_names: set[str], settings: FineTuningSettings) -> list[dict]:
    """Return a parameter group for each learning rate, with and without weight decay.

    Args:
        model: What does not require a gradient is left out.
        decay_names: Names of the parameters that weight decay pulls on.
        settings: Give both learning rates and the weight decay.

    Raises:
        ValueError: The head is to have its own learning rate, but the model has no encoder below it.
    """
    if settings.head_learning_rate is not None and getattr(model, "base_model", model) is model:
        raise ValueError("`head_learning_rate` needs a model with an encoder as its `base_model`. Leave it out.")
    return build_parameter_groups(
        model,
        decay_names,
        learning_rate=settings.learning_rate,
        head_learning_rate=settings.head_learning_rate,
        weight_decay=settings.weight_decay,
    )


def build_loss(settings: FineTuningSettings) -> Callable[..., torch.Tensor]:
    """Return the loss of a batch, in single precision whatever the model computes in."""
    if settings.class_weights is not None:
        return ClassWeightedLoss(settings.class_weights, settings.label_smoothing)
    return partial(_compute_cross_entropy, label_smoothing=settings.label_smoothing)


def _compute_cross_entropy(
    outputs: SequenceClassifierOutput,
    labels: torch.Tensor,
    num_items_in_batch: torch.Tensor | int | None = None,
    *,
    label_smoothing: float,
) -> torch.Tensor:
    """Logits (B, C), labels (B,) -> ()."""
    return nn.functional.cross_entropy(outputs.logits.float(), labels, label_smoothing=label_smoothing)
