"""How to train: the options of transformers' Trainer, with this project's defaults and its own additions."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from accelerate.utils import broadcast_object_list
from transformers import TrainingArguments

from ..hardware import is_bfloat16_faster


SPLITS = ("train", "validation", "test")
STRATEGIES = ("no", "steps", "epoch")
LOWER_IS_BETTER = ("mse", "mae", "expected_calibration_error")  # as is a loss, which Trainer knows by its name


@dataclass
class ReviewTrainingArguments(TrainingArguments):
    """`TrainingArguments` that train, evaluate and predict unless told otherwise, and record every epoch."""

    output_dir: str | None = field(
        default=None, metadata={"help": "Folder of the run. Default: runs/ and the name of the recipe."}
    )
    do_train: bool = field(default=True, metadata={"help": "Train. `--no_do_train` only evaluates a trained model."})
    do_eval: bool = field(default=True, metadata={"help": "Validate at the end of each epoch and calibrate."})
    do_predict: bool = field(default=True, metadata={"help": "Measure and write the predictions of the last model."})
    eval_strategy: str = field(
        default="epoch",
        metadata={"help": "When to validate: never, each `eval_steps`, or each epoch.", "choices": STRATEGIES},
    )
    save_strategy: str = field(
        default="epoch",
        metadata={
            "help": "When to write a checkpoint: never, each `save_steps`, each epoch, or at each new best.",
            "choices": (*STRATEGIES, "best"),
        },
    )
    save_total_limit: int | None = field(
        default=1, metadata={"help": "Checkpoints to keep; an older one goes once the newer one is complete."}
    )
    logging_steps: float = field(
        default=50, metadata={"help": "Log each so many steps; below 1, a share of all steps."}
    )
    per_device_train_batch_size: int = field(default=16, metadata={"help": "Reviews a step on each device."})
    train_batch_word_pieces: int | None = field(
        default=None,
        metadata={
            "help": "Word pieces a step on each device, padding included, in place of `per_device_train_batch_size`: "
            "a batch has reviews of like length, as many as fit; a review alone may be longer."
        },
    )
    per_device_eval_batch_size: int = field(default=32, metadata={"help": "Reviews a batch when evaluating."})
    learning_rate: float = field(
        default=3e-5, metadata={"help": "Peak learning rate of the encoder, and of the head."}
    )
    head_learning_rate: float | None = field(
        default=None,
        metadata={"help": "Peak learning rate of all above the encoder; it starts from nothing. Default: the same."},
    )
    layerwise_decay: float = field(
        default=1.0,
        metadata={
            "help": "Factor in (0, 1] on the learning rate for each encoder layer going down: lower layers hold what "
            "is general."
        },
    )
    class_weights: list[str] | None = field(
        default=None,
        metadata={
            "help": "`balanced`, or a weight for each class: how much a review of that class counts in the loss."
        },
    )
    group_by_length: bool = field(
        default=False,
        metadata={"help": "Batches of equally long reviews: less padding. Short for --train_sampling_strategy."},
    )
    bf16_if_faster: bool = field(
        default=False,
        metadata={
            "help": "Compute in bfloat16 where this device is measured to be faster in it, in float32 elsewhere; "
            "`--bf16` does so without measuring."
        },
    )
    num_cpu_threads: int | None = field(
        default=None,
        metadata={
            "help": "Threads of a computation on the CPU. Default: the cores, shared by the processes of this "
            "machine; an OMP_NUM_THREADS stays, but for the 1 that `accelerate launch` and `torchrun` write unasked. "
            "On a GPU, threads are left alone."
        },
    )
    early_stopping_patience: int | None = field(
        default=None,
        metadata={"help": "Stop after so many evaluations without a better one, and go back to the best."},
    )
    early_stopping_threshold: float = field(
        default=0.0, metadata={"help": "How much better an evaluation must be to count, in `metric_for_best_model`."}
    )
    resume_from_checkpoint: str | None = field(
        default=None,
        metadata={"help": "`last`: go on from the last complete checkpoint of `output_dir`, if any. Or its folder."},
    )
    evaluate_test_each_epoch: bool = field(
        default=True, metadata={"help": "Record test loss and accuracy at each epoch too; no choice is made by them."}
    )
    predict_splits: list[str] = field(
        default_factory=lambda: ["validation", "test"],
        metadata={"help": "Splits whose probabilities are written to predictions/.", "choices": SPLITS},
    )
    explained_word_pieces: int = field(
        default=10_000,
        metadata={
            "help": "Word pieces of test reviews, of validation reviews where there are none, on which the most "
            "important words of each label are found at the end, for the report. 0: none."
        },
    )

    # Trainer finds its `labels` itself; `--label_names` names the classes of the data.
    label_names: list[str] | None = field(default=None, init=False, repr=False)

    def __post_init__(self):
        """Fill in what one option implies for another, then check."""
        self._check_own_options()
        if self.output_dir is None:
            self.output_dir = str(Path("runs") / (self.run_name or "run"))
        if self.group_by_length:
            self.train_sampling_strategy = "group_by_length"
        if not self.do_train:  # a recipe for training also serves to evaluate
            self.early_stopping_patience, self.load_best_model_at_end = None, False
        if not self.do_train or not self.do_eval:
            self.eval_strategy = "no"
        if self.greater_is_better is None and str(self.metric_for_best_model).removeprefix("eval_") in LOWER_IS_BETTER:
            self.greater_is_better = False
        if self.early_stopping_patience is not None:
            self.load_best_model_at_end = True
            self.restore_callback_states_from_checkpoint = True  # else a resumed run is patient from the start again
        if (self.bf16 or self.bf16_full_eval or self.bf16_if_faster) and not torch.accelerator.is_available():
            self.use_cpu = True  # Trainer asks for this before it lets a CPU use bfloat16
        super().__post_init__()
        self._check_batches()
        if self.bf16_if_faster:
            self._choose_precision()

    @property
    def order_seed(self) -> int:
        """Seed of the order of the training reviews."""
        return self.seed if self.data_seed is None else self.data_seed

    def _choose_precision(self) -> None:
        """Take bfloat16 where it is faster; the first process measures for all, which must not differ."""
        if self.mixed_precision == "fp16":
            raise ValueError(
                "`--bf16_if_faster` and `--fp16`, or `--mixed_precision fp16` of `accelerate launch`, exclude each "
                "other. Drop one of them: `--bf16_if_faster false` or `--fp16 false`."
            )
        if self.mixed_precision == "no":
            (self.bf16,) = broadcast_object_list([self.process_index == 0 and is_bfloat16_faster(self.device)])
            self.mixed_precision = "bf16" if self.bf16 else "no"

    def _check_batches(self) -> None:
        if self.train_batch_word_pieces is None:
            return
        if self.train_batch_word_pieces < 1:
            raise ValueError(f"`--train_batch_word_pieces` must be at least 1, got {self.train_batch_word_pieces!r}.")
        strategy = str(getattr(self.train_sampling_strategy, "value", self.train_sampling_strategy))
        for option, is_set in {
            "`--auto_find_batch_size`": self.auto_find_batch_size,
            "`--dataloader_drop_last`": self.dataloader_drop_last,
            f"`--train_sampling_strategy {strategy}`": strategy not in ("random", "group_by_length"),
            "`split_batches` of `--accelerator_config`": self.accelerator_config.split_batches,
            "`dispatch_batches` of `--accelerator_config`": self.accelerator_config.dispatch_batches,
        }.items():
            if is_set:
                raise ValueError(
                    f"`--train_batch_word_pieces` plans the batches itself, but {option} is set. Drop one of them."
                )

    def _check_own_options(self) -> None:
        if self.explained_word_pieces < 0:
            raise ValueError(f"`--explained_word_pieces` must be at least 0, got {self.explained_word_pieces!r}.")
        if self.num_cpu_threads is not None and self.num_cpu_threads < 1:
            raise ValueError(f"`--num_cpu_threads` must be at least 1, got {self.num_cpu_threads!r}.")
        if not 0 < self.layerwise_decay <= 1:
            raise ValueError(f"`--layerwise_decay` must be in (0, 1], got {self.layerwise_decay!r}.")
        if self.class_weights is not None and self.class_weights != ["balanced"]:
            try:
                weights = [float(weight) for weight in self.class_weights]
            except ValueError:
                weights = []
            if not weights or min(weights) < 0:
                raise ValueError(
                    "`--class_weights` must be `balanced` or a number of at least 0 for each class, "
                    f"got {self.class_weights!r}."
                )
        if self.label_smoothing_factor and not 0 <= self.label_smoothing_factor < 1:
            raise ValueError(f"`--label_smoothing_factor` must be in [0, 1), got {self.label_smoothing_factor!r}.")
        if self.early_stopping_patience is not None and (self.eval_strategy == "no" or not self.do_eval):
            raise ValueError(
                "`--early_stopping_patience` needs evaluations to wait for, but `--eval_strategy` is 'no' or "
                "`--no_do_eval` is set. Drop one of them."
            )


def check_precision(arguments: ReviewTrainingArguments) -> None:
    """Make sure that the device of this run computes in the precision that was asked for.

    Raises:
        ValueError: float16 on the CPU, by `--fp16` or by the launcher.
    """
    if arguments.mixed_precision == "fp16" and arguments.device.type == "cpu":
        raise ValueError(
            "`--fp16` needs a GPU, but this run is on the CPU, where Trainer would leave it out without a word. Use "
            "bfloat16, `--fp16 false --bf16`, or float32, `--fp16 false`; likewise `--mixed_precision` of "
            "`accelerate launch`."
        )
