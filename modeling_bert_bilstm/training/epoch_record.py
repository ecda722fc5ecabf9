"""The record of each epoch: loss and accuracy over its own training batches, and its seconds."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from accelerate import Accelerator
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class EpochRecord:
    """Counts of the epoch so far. They travel in a checkpoint, so that a resumed epoch is recorded whole."""

    def __init__(self):
        self._totals = torch.zeros(3)  # summed loss, right answers, reviews
        self._seconds = 0.0
        self._start: float | None = None

    def start_clock(self) -> None:
        """Count seconds from now on."""
        self._start = time.perf_counter()

    def stop_clock(self) -> None:
        """Count no seconds from now on."""
        self._seconds, self._start = self.compute_seconds(), None

    def compute_seconds(self) -> float:
        """Return the seconds of the epoch so far."""
        return self._seconds + (0.0 if self._start is None else time.perf_counter() - self._start)

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Leave out the seconds of what happens inside, an evaluation within the epoch."""
        was_running = self._start is not None
        self.stop_clock()
        yield
        if was_running:
            self.start_clock()

    def count(self, summed_loss: torch.Tensor, num_right: torch.Tensor, num_reviews: int) -> None:
        """Add a batch; nothing is copied from the device before the epoch ends."""
        counted = torch.stack(
            [summed_loss.float(), num_right.float(), torch.full_like(summed_loss, num_reviews).float()]
        )
        self._totals = self._totals.to(counted.device) + counted

    def gather(self, accelerator: Accelerator) -> dict[str, float]:
        """Return the counts of all processes together."""
        loss, right, reviews = accelerator.reduce(self._totals.to(accelerator.device), "sum").tolist()
        return {"loss": loss, "right": right, "reviews": reviews, "seconds": self.compute_seconds()}

    def restore(self, counts: dict[str, float], is_main_process: bool) -> None:
        """Take up the counts of a checkpoint; one process has them for all."""
        names = ("loss", "right", "reviews")
        self._totals = torch.tensor([counts[name] if is_main_process else 0.0 for name in names])
        self._seconds, self._start = counts["seconds"], None

    def clear(self) -> None:
        """Start a new epoch."""
        self.__init__()


class EpochRecorder(TrainerCallback):
    """Logs the record of each epoch as `train_loss`, `train_accuracy` and `epoch_seconds`, then that of the test."""

    def __init__(self, trainer: Trainer):
        self.trainer = trainer
        self.record = EpochRecord()

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs) -> None:
        """Log an epoch whose checkpoint was written between its last step and its record."""
        if state.epoch is not None and float(state.epoch).is_integer():
            self._log()

    def on_epoch_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs) -> None:
        """Start the clock, and tell the sampler which epoch this is."""
        if self.trainer.train_sampler is not None:
            self.trainer.train_sampler.set_epoch(math.floor(state.epoch or 0))
        self.record.start_clock()

    def on_epoch_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs) -> None:
        """Log the record."""
        self.record.stop_clock()
        self._log()

    def _log(self) -> None:
        counts = self.record.gather(self.trainer.accelerator)
        self.record.clear()
        if not counts["reviews"]:
            return
        logs = {"train_loss": counts["loss"] / counts["reviews"], "epoch_seconds": counts["seconds"]}
        if self.trainer.model.config.problem_type != "regression":
            logs["train_accuracy"] = counts["right"] / counts["reviews"]
        self.trainer.log(logs)
        self.trainer.record_test()


def build_history(log_history: list[dict[str, float]]) -> list[dict[str, float]]:
    """Return one row an epoch of a Trainer's log: losses and accuracies of all splits, and training seconds.

    Where an epoch was evaluated several times, its last evaluation counts.
    """
    names = {
        "train_loss": "train_loss",
        "train_accuracy": "train_accuracy",
        "eval_loss": "validation_loss",
        "eval_accuracy": "validation_accuracy",
        "test_loss": "test_loss",
        "test_accuracy": "test_accuracy",
        "eval_subset_accuracy": "validation_accuracy",  # of several labels
        "test_subset_accuracy": "test_accuracy",
        "epoch_seconds": "seconds",
    }
    rows: dict[int, dict[str, float]] = {}
    for entry in log_history:
        if "train_runtime" in entry:  # Trainer's own summary, whose loss is of all epochs
            continue
        found = {names[name]: value for name, value in entry.items() if name in names}
        if found:
            epoch = math.ceil(round(entry["epoch"], 6))
            rows.setdefault(epoch, {"epoch": epoch}).update(found)
    return [rows[epoch] for epoch in sorted(rows)]
