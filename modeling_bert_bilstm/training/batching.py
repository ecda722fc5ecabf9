"""From reviews to batches: word pieces, cached, cut only on request; batches padded no more than they must be."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import datasets
import numpy as np
import pyarrow.compute
import torch
from datasets import Dataset
from datasets.table import InMemoryTable
from torch.utils.data import DataLoader, Sampler
from transformers import PreTrainedTokenizerBase, TrainingArguments


# A review of any length passes: the model reads it in windows.
UNLIMITED_LENGTH = 1_000_000


def prepare_tokenizer(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """Remove what would cut or pad a review unasked, and return the same tokenizer.

    The tokenizer file of an encoder may bring both along: that of all-MiniLM-L6-v2 cuts at 128 word pieces.
    """
    if getattr(tokenizer, "backend_tokenizer", None) is not None:
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
    tokenizer.model_max_length = UNLIMITED_LENGTH
    tokenizer.padding_side = "right"
    tokenizer.truncation_side = "right"
    return tokenizer


# ---------------------------------------------------------------------------------------------------------------------
# Word pieces


def cut_review(
    input_ids: Sequence[int], max_review_length: int | None, truncation_strategy: str, frame: tuple[int, int] = (1, 1)
) -> list[int]:
    """Cut the body of a review, between the special tokens that frame it.

    Args:
        input_ids: Word pieces of the whole review, framed.
        max_review_length: Word pieces that stay at most, frame included; None keeps all.
        truncation_strategy: `head` keeps the beginning; `head_tail` a quarter from there and the rest from the end.
        frame: Number of special tokens before and behind the body.
    """
    if max_review_length is None or len(input_ids) <= max_review_length:
        return list(input_ids)
    before, behind = frame
    room = max(0, max_review_length - before - behind)
    head = room // 4 if truncation_strategy == "head_tail" else room
    tail_and_frame = room - head + behind
    return [*input_ids[: before + head], *input_ids[len(input_ids) - tail_and_frame :]]


def tokenize_reviews(
    reviews: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_review_length: int | None = None,
    truncation_strategy: str = "head",
    num_workers: int | None = None,
    overwrite_cache: bool = False,
    desc: str = "Tokenize",
) -> Dataset:
    """Return the reviews with their `input_ids`, framed by special tokens and without padding.

    The word pieces are kept in the cache of `datasets`, under a name made of the texts and of all that shapes the
    result, so that a second run finds them however its reviews were read.
    """
    # A selection becomes a table of its own: columns can only be joined to rows that stand in order.
    reviews = Dataset(InMemoryTable(reviews.with_format("arrow")[:]), info=reviews.info, split=reviews.split)
    key = hashlib.sha256()
    state = tokenizer.backend_tokenizer.to_str() if tokenizer.is_fast else repr(tokenizer)
    for part in (state, str(max_review_length), truncation_strategy, *reviews["text"]):
        key.update(part.encode("utf-8", errors="surrogatepass") + b"\0")
    folder = Path(datasets.config.HF_DATASETS_CACHE) / "bert_bilstm"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{key.hexdigest()[:32]}"
    word_pieces = reviews.select_columns("text").map(
        _tokenize_batch,
        batched=True,
        remove_columns=["text"],
        fn_kwargs={
            "tokenizer": tokenizer,
            "max_review_length": max_review_length,
            "truncation_strategy": truncation_strategy,
        },
        num_proc=num_workers,
        load_from_cache_file=not overwrite_cache,
        cache_file_name=str(folder / f"{name}.arrow"),
        new_fingerprint=name,
        desc=desc,
    )
    return datasets.concatenate_datasets([reviews, word_pieces], axis=1)


def _tokenize_batch(
    batch: dict, tokenizer: PreTrainedTokenizerBase, max_review_length: int | None, truncation_strategy: str
) -> dict:
    frame = compute_frame(tokenizer)
    encoded = tokenizer(batch["text"], return_attention_mask=False, return_token_type_ids=False)["input_ids"]
    return {"input_ids": [cut_review(ids, max_review_length, truncation_strategy, frame) for ids in encoded]}


def compute_frame(tokenizer: PreTrainedTokenizerBase) -> tuple[int, int]:
    """Return how many special tokens the tokenizer puts before and behind a review."""
    plain = tokenizer("a", add_special_tokens=False)["input_ids"]
    framed = tokenizer("a")["input_ids"]
    for before in range(len(framed) - len(plain) + 1):
        if framed[before : before + len(plain)] == plain:
            return before, len(framed) - len(plain) - before
    return 0, 0


def compute_lengths(reviews: Dataset) -> np.ndarray:
    """Return the number of word pieces of each review: N reviews -> (N,)."""
    lists = reviews.select_columns("input_ids").with_format("arrow")[:]["input_ids"]
    return pyarrow.compute.list_value_length(lists).to_numpy()


# ---------------------------------------------------------------------------------------------------------------------
# Batches


class ReviewCollator:
    """Make one batch of reviews, padded to its longest.

    Args:
        tokenizer: Gives the padding token.
        pad_to_length: Pad to this many word pieces instead.
        pad_to_multiple_of: Round the padded length up; 8 suits the tensor cores of a GPU in half precision.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        pad_to_length: int | None = None,
        pad_to_multiple_of: int = 1,
    ):
        if tokenizer.pad_token_id is None:
            raise ValueError("The tokenizer needs a padding token, but has none. Set its `pad_token` and save it.")
        self.pad_token_id = tokenizer.pad_token_id
        self.pad_to_length = pad_to_length or 1
        self.pad_to_multiple_of = pad_to_multiple_of

    def compute_padded_lengths(self, lengths: np.ndarray) -> np.ndarray:
        """Return how long a batch is whose longest review has so many word pieces: (N,) -> (N,)."""
        lengths = np.maximum(lengths, self.pad_to_length)
        return lengths + -lengths % self.pad_to_multiple_of

    def __call__(self, rows: Sequence[dict]) -> dict[str, torch.Tensor]:
        """Return `input_ids` and `attention_mask` of shape `(B, T)`, and `labels` of shape `(B,)` or `(B, C)`."""
        length = int(self.compute_padded_lengths(np.array([len(row["input_ids"]) for row in rows])).max())
        input_ids = torch.full((len(rows), length), self.pad_token_id)
        attention_mask = torch.zeros((len(rows), length), dtype=torch.long)
        for i, row in enumerate(rows):
            size = len(row["input_ids"])
            input_ids[i, :size] = torch.as_tensor(row["input_ids"])
            attention_mask[i, :size] = 1
        batch = {"input_ids": input_ids, "attention_mask": attention_mask}
        if "labels" in rows[0]:
            labels = np.asarray([row["labels"] for row in rows])
            # The model takes whole numbers as classes, and numbers with a point as regression or several labels.
            is_class = np.issubdtype(labels.dtype, np.integer) and labels.ndim == 1
            batch["labels"] = torch.as_tensor(labels, dtype=torch.long if is_class else torch.float)
        return batch


def build_dataloader(
    reviews: Dataset, batch_sampler: Sampler, collator: ReviewCollator, arguments: TrainingArguments
) -> DataLoader:
    """Return the batches that a batch sampler plans, loaded as the `dataloader_...` options say."""
    return DataLoader(
        reviews.select_columns(["input_ids", "labels"]),
        batch_sampler=batch_sampler,
        collate_fn=collator,
        num_workers=arguments.dataloader_num_workers,
        pin_memory=arguments.dataloader_pin_memory,
        persistent_workers=arguments.dataloader_persistent_workers,
        prefetch_factor=arguments.dataloader_prefetch_factor,
    )
