"""Trainer that plans its steps: which reviews one has, that each of them counts alike, and its precision."""

from collections.abc import Iterator

import numpy as np
import torch
from datasets import Dataset
from torch.utils.data import DataLoader, Sampler
from transformers import Trainer
from transformers.trainer_utils import EvalLoopOutput

from .attention_precision import choose_attention_precision
from .batching import build_dataloader, compute_lengths
from .samplers import LongestFirstSampler, ReviewSampler, WordPieceBatchSampler, compute_longest_first


class OrderedTrainer(Trainer):
    """Train on reviews in an order made of seed and epoch alone; evaluate from the longest review to the shortest.

    Args:
        *args: As `Trainer` takes them, with `ReviewTrainingArguments` and a `ReviewCollator`.
        **kwargs: Likewise.

    Raises:
        ValueError: The reviews do not make as many batches of `train_batch_word_pieces` as each process must have.
    """

    def __init__(self, *args, **kwargs):
        self.train_sampler: ReviewSampler | WordPieceBatchSampler | None = None
        self._num_step_reviews: torch.Tensor | None = None
        super().__init__(*args, **kwargs)
        if self.args.do_train and self.args.train_batch_word_pieces is not None and self.train_dataset is not None:
            self.train_sampler = self._build_batch_sampler()

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler | None:
        train_dataset = self.train_dataset if train_dataset is None else train_dataset
        if train_dataset is None or self.args.train_sampling_strategy not in ("random", "group_by_length"):
            return super()._get_train_sampler(train_dataset)
        lengths = compute_lengths(train_dataset) if self.args.train_sampling_strategy == "group_by_length" else None
        batch_size = self.args.train_batch_size
        self.train_sampler = ReviewSampler(len(train_dataset), self.args.order_seed, lengths, batch_size)
        return self.train_sampler

    def _build_batch_sampler(self) -> WordPieceBatchSampler:
        lengths = self.data_collator.compute_padded_lengths(compute_lengths(self.train_dataset))
        max_word_pieces = self.args.train_batch_word_pieces * max(1, self.args.n_gpu)
        num_processes = self.accelerator.num_processes
        return WordPieceBatchSampler(lengths, max_word_pieces, self.args.order_seed, num_processes)

    def get_train_dataloader(self) -> DataLoader:
        """Return the batches to train on: of so many reviews, or of as many as fit `train_batch_word_pieces`."""
        if not isinstance(self.train_sampler, WordPieceBatchSampler):
            return super().get_train_dataloader()
        dataloader = build_dataloader(self.train_dataset, self.train_sampler, self.data_collator, self.args)
        return self.accelerator.prepare(dataloader)

    def _get_eval_sampler(self, eval_dataset: Dataset) -> Sampler:
        return LongestFirstSampler(compute_lengths(eval_dataset))

    def evaluation_loop(self, dataloader: DataLoader, *args, **kwargs) -> EvalLoopOutput:
        """Evaluate from the longest review to the shortest, and return predictions in the order of the reviews."""
        output = super().evaluation_loop(dataloader, *args, **kwargs)
        places = np.argsort(compute_longest_first(compute_lengths(dataloader.dataset)))
        return output._replace(
            **{
                name: getattr(output, name)[places]
                for name in ("predictions", "label_ids")
                if getattr(output, name) is not None
            }
        )

    def training_step(self, *args, **kwargs) -> torch.Tensor:
        """Take the step of a batch as Trainer does, on a CPU with attention in float32."""
        attention_precision = choose_attention_precision(
            self.args.device,
            is_compiled=self.args.torch_compile,
            is_recomputed=self.model.is_gradient_checkpointing,
        )
        with attention_precision:
            return super().training_step(*args, **kwargs)

    def get_batch_samples(
        self, epoch_iterator: Iterator, num_batches: int, device: torch.device
    ) -> tuple[list[dict[str, torch.Tensor]], torch.Tensor | int | None]:
        """Return the batches of a step as Trainer does, and count the reviews of the step in all processes."""
        batches, num_items = super().get_batch_samples(epoch_iterator, num_batches, device)
        num_reviews = torch.tensor(sum(len(batch["input_ids"]) for batch in batches), device=device)
        self._num_step_reviews = self.accelerator.reduce(num_reviews, "sum")
        return batches, num_items

    def compute_batch_weight(self, num_reviews: int) -> torch.Tensor | float:
        """Return the factor on the mean loss of a batch with which each review of its step counts alike.

        Trainer takes the mean over the batches of a step, and over processes, which have more and fewer reviews.
        """
        if self._num_step_reviews is None:
            return 1.0
        num_batches = self.current_gradient_accumulation_steps * self.accelerator.num_processes
        return num_reviews * num_batches / self._num_step_reviews
