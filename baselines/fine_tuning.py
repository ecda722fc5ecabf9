"""The one loop in which every neural baseline learns, so that nothing but the model and its settings differs.

Batches hold reviews of like length, in an order made of the seed alone, so that two systems with the same seed see the
same reviews together. Where this machine is faster in bfloat16, all of them compute in it.

Shapes: N reviews, T word pieces, D encoder width, C classes.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import nn

from modeling_bert_bilstm.hardware import prepare_process

from .fine_tuning_settings import FineTuningSettings, build_trainer_arguments
from .row_trainer import RowTrainer
from .rows import Encode, Rows, build_encode, compute_logits, encode_rows, predict, predict_rows


__all__ = [
    "FineTuningRecord",
    "FineTuningSettings",
    "build_encode",
    "compute_logits",
    "encode_rows",
    "fine_tune",
    "fine_tune_rows",
    "predict",
    "predict_rows",
]

Labelled = tuple[Sequence[str], Sequence[int]]


@dataclass(frozen=True)
class FineTuningRecord:
    """What a training tells of itself.

    Attributes:
        history: A row an epoch: `epoch` counted from 1, `train_loss`, and `validation_accuracy` where it was measured.
        best_epoch: The epoch whose weights the model has now.
        seconds: All of it, the choice of the epoch included.
    """

    history: list[dict[str, float]]
    best_epoch: int
    seconds: float


def fine_tune(
    model: nn.Module,
    encode: Encode,
    texts: Sequence[str],
    labels: Sequence[int],
    validation: Labelled | None = None,
    *,
    settings: FineTuningSettings,
    pad_token_id: int = 0,
) -> FineTuningRecord:
    """Train a model in place on texts; what does not require a gradient stays as it is.

    Args:
        model: Its `forward(input_ids, attention_mask, labels=None)` returns a `SequenceClassifierOutput`.
        encode: Gives the word pieces of each text, as many as the model is to see; see `build_encode`.
        texts: N reviews.
        labels: The class of each.
        validation: Texts and labels that choose the epoch.
        settings: How it learns.
        pad_token_id: Stands behind the end of a review.

    Raises:
        ValueError: There are no reviews, or not one label for each.
    """
    start = time.perf_counter()
    rows = encode_rows(encode, texts)
    validation_rows = None
    if validation is not None and settings.keep_best_epoch:
        validation_rows = encode_rows(encode, validation[0]), validation[1]
    record = fine_tune_rows(model, rows, labels, validation_rows, settings=settings, pad_token_id=pad_token_id)
    return replace(record, seconds=time.perf_counter() - start)


def fine_tune_rows(
    model: nn.Module,
    rows: Rows,
    labels: Sequence[int],
    validation: tuple[Rows, Sequence[int]] | None = None,
    *,
    settings: FineTuningSettings,
    pad_token_id: int = 0,
) -> FineTuningRecord:
    """Train as `fine_tune` does, on word pieces (t,) or states (t, D) that are there already."""
    if not len(rows) or len(rows) != len(labels):
        raise ValueError(f"Each review needs one label, got {len(rows)} reviews and {len(labels)} labels.")
    start = time.perf_counter()
    prepare_process()
    # One epoch leaves nothing to choose.
    has_choice = settings.keep_best_epoch and settings.num_epochs > 1 and validation is not None
    with tempfile.TemporaryDirectory() as folder:
        trainer = RowTrainer(
            model,
            build_trainer_arguments(settings, len(rows), folder),
            rows,
            labels,
            validation=validation if has_choice else None,
            settings=settings,
            pad_token_id=pad_token_id,
        )
        trainer.train()
    # Trainer leaves a model behind whose `forward` always computes in the precision of the training.
    trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)
    model.eval()
    best_epoch = trainer.chooser.restore_best()
    return FineTuningRecord(trainer.chooser.history, best_epoch, time.perf_counter() - start)
