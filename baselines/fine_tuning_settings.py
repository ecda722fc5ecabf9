"""How a model learns from rows in memory, in words of our own and in those of Trainer."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import TrainingArguments

from modeling_bert_bilstm.hardware import is_bfloat16_faster


# A number of warm-up steps that was meant for a longer training shows in a share that is above the first of these; it
# then becomes the second.
_LONGEST_WARMUP, _USUAL_WARMUP = 0.25, 0.1


@dataclass(frozen=True)
class FineTuningSettings:
    """How a model learns.

    Attributes:
        num_epochs: Times that each review is seen.
        batch_size: Reviews a step.
        learning_rate: Peak learning rate.
        head_learning_rate: Peak learning rate of all above the pretrained encoder (`base_model` of transformers).
            Default: the same.
        weight_decay: Of AdamW; biases and norms have none.
        warmup_ratio: Share in [0, 1) of the steps in which the learning rate rises from 0.
        warmup_steps: So many steps instead; a tenth of all where that would be more than a quarter, since the number
            of a paper may exceed all of a shorter training.
        scheduler: What the learning rate does after that: `linear` falls to 0, `constant` stays and has no warm-up.
        label_smoothing: Share in [0, 1) of each label that is spread over all classes.
        class_weights: How much a review of each class counts in the loss. Default: all alike.
        keep_best_epoch: Keep the weights of the epoch with the best validation accuracy, the earliest of equals; else,
            or without validation, those of the last epoch.
        seed: Of order and dropout. The first weights are drawn where the model is built.
    """

    num_epochs: int = 3
    batch_size: int = 32
    learning_rate: float = 1e-4
    head_learning_rate: float | None = None
    weight_decay: float = 0.0
    warmup_ratio: float = 0.0
    warmup_steps: int | None = None
    scheduler: str = "linear"
    label_smoothing: float = 0.0
    class_weights: Sequence[float] | None = None
    keep_best_epoch: bool = True
    seed: int = 0

    def count_warmup_steps(self, num_steps: int) -> int:
        """Return the steps of the warm-up among `num_steps` of the training."""
        if self.warmup_steps is None:
            return int(num_steps * self.warmup_ratio)
        is_meant_for_more = self.warmup_steps > num_steps * _LONGEST_WARMUP
        return int(num_steps * _USUAL_WARMUP) if is_meant_for_more else self.warmup_steps


def build_trainer_arguments(settings: FineTuningSettings, num_rows: int, folder: str) -> TrainingArguments:
    """Return what Trainer is told: it writes, logs and measures nothing by itself.

    Args:
        settings: How the model learns.
        num_rows: Training reviews.
        folder: An empty folder, because Trainer wants one.
    """
    num_steps = -(-num_rows // settings.batch_size) * settings.num_epochs
    has_gpu = torch.cuda.is_available()
    return TrainingArguments(
        output_dir=folder,
        num_train_epochs=settings.num_epochs,
        per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        lr_scheduler_type=settings.scheduler,
        warmup_steps=settings.count_warmup_steps(num_steps),
        optim="adamw_torch_fused",
        bf16=is_bfloat16_faster("cuda" if has_gpu else "cpu"),
        use_cpu=not has_gpu,
        seed=settings.seed,
        save_strategy="no",
        eval_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
    )
