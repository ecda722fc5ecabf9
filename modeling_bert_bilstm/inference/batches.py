"""From reviews to padded batches: buffers of texts, their word pieces, batches of like length under a budget.

Shapes: B reviews, T word pieces.
"""

import copy
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized

import numpy as np
from transformers import PreTrainedTokenizerBase


# Longer than any review, so that the tokenizer neither cuts nor warns: the model reads any length.
_UNLIMITED_LENGTH = 1_000_000_000

# Attention and matrix kernels are slower at odd lengths, on a CPU and on a GPU.
LENGTH_MULTIPLE = 16

# Word pieces a batch, padding included. On a CPU more falls out of its caches; a GPU needs more to have work.
_CPU_WORD_PIECES = 4_096
_GPU_WORD_PIECES = 65_536

_MAX_NEIGHBOURS = 512  # reviews on each side that are considered, which bounds the time of a choice


# ---------------------------------------------------------------------------------------------------------------------
# Texts


def check_texts(texts: Iterable[str]) -> None:
    """Make sure that these are reviews, not one review or a table.

    Raises:
        TypeError: They are not.
    """
    is_table = getattr(texts, "ndim", 1) != 1  # iterating over a table gives the names of its columns
    if isinstance(texts, str | bytes | Mapping) or not isinstance(texts, Iterable) or is_table:
        raise TypeError(
            f"`texts` must hold reviews, found {type(texts).__name__}. Put a single review into a list; of a table, "
            "give the column."
        )


def look_ahead(texts: Iterable[str], many: int) -> tuple[int | None, Iterable[str]]:
    """Return how many reviews there are, None where they are `many` or more and not counted, and the same reviews."""
    if isinstance(texts, Sized):
        return len(texts), texts
    texts = iter(texts)
    first = list(itertools.islice(texts, many))
    return (len(first) if len(first) < many else None), itertools.chain(first, texts)


def read_buffers(texts: Iterable[str], buffer_reviews: int) -> Iterator[list[str]]:
    """Yield the reviews in lists of `buffer_reviews`, the last one shorter, and read no further than that.

    Raises:
        TypeError: A review is not a string; the message names its position.
        ValueError: A review cannot be written as UTF-8; the message names its position.
    """
    numbered = enumerate(texts)
    while buffer := [_check_review(text, i) for i, text in itertools.islice(numbered, buffer_reviews)]:
        yield buffer


def _check_review(text: object, position: int) -> str:
    if not isinstance(text, str):
        raise TypeError(f"A review must be a string, found {type(text).__name__} at position {position}.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"The review at position {position} holds half a surrogate pair, which is no text ({error.reason}). "
            'Mend it with `text.encode("utf-8", "replace").decode()`.'
        ) from None
    return str(text)


# ---------------------------------------------------------------------------------------------------------------------
# Word pieces


def copy_tokenizer(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """Return a copy that neither cuts nor pads, and that another thread may use while the original is in use.

    Raises:
        ValueError: The tokenizer has no padding token.
    """
    if tokenizer.pad_token_id is None:
        raise ValueError("The tokenizer needs a padding token, but has none. Set its `pad_token`.")
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.model_max_length = _UNLIMITED_LENGTH
    if tokenizer.is_fast:
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
    return tokenizer


def encode_reviews(tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> list[np.ndarray]:
    """Return the word pieces of each review, framed by special tokens: int32, one array of its own length each.

    Args:
        tokenizer: As `copy_tokenizer` returns it.
        texts: Reviews.
    """
    if tokenizer.is_fast:  # in parallel, and without the positions of characters, which nothing here reads
        encoded = tokenizer.backend_tokenizer.encode_batch_fast(texts, add_special_tokens=True)
        return [np.array(review.ids, dtype=np.int32) for review in encoded]
    encoded = tokenizer(texts, return_attention_mask=False, return_token_type_ids=False)["input_ids"]
    return [np.array(review, dtype=np.int32) for review in encoded]


# ---------------------------------------------------------------------------------------------------------------------
# Batches


def choose_max_word_pieces(device_type: str) -> int:
    """Return how many word pieces a batch has at most, padding included, on a device of this type."""
    return _CPU_WORD_PIECES if device_type == "cpu" else _GPU_WORD_PIECES


def round_up(number: int, multiple_of: int) -> int:
    """Return the smallest multiple of `multiple_of` that is at least `number`, and at least one of them."""
    return max(1, -(-number // multiple_of)) * multiple_of


def plan_batches(lengths: Sequence[int], max_word_pieces: int, multiple_of: int = 1) -> list[list[int]]:
    """Put reviews of like length together, the longest first, so that what is too big for the memory comes at once.

    Args:
        lengths: Word pieces of each review.
        max_word_pieces: Rows times padded length of a batch, at most; a review that alone is longer has its own batch.
        multiple_of: Padded lengths are multiples of this.

    Returns:
        The places in `lengths` of the reviews of each batch; each place once.
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    batches, start = [], 0
    while start < len(order):
        num_rows = max(1, max_word_pieces // round_up(lengths[order[start]], multiple_of))
        batches.append(order[start : start + num_rows])
        start += num_rows
    return batches


def choose_neighbours(
    lengths: np.ndarray, wanted: int, max_word_pieces: int, batch_cost: float, multiple_of: int = 1
) -> slice:
    """Choose a batch with one review that must be in it, and those near to it in length that make it worth most.

    What is worth most is the largest share of word pieces that are no padding, the cost of a batch itself counted as
    padding: a batch grows as long as that saves more than its longest review pads.

    Args:
        lengths: Word pieces of the reviews that wait, in ascending order, (N,).
        wanted: The place in it of the review that must be in the batch.
        max_word_pieces: Rows times padded length of a batch, at most; a review that alone is longer is alone.
        batch_cost: What a batch costs besides its word pieces, in word pieces.
        multiple_of: Padded lengths are multiples of this.

    Returns:
        The places in `lengths` of the batch.
    """
    padded = -(-lengths // multiple_of) * multiple_of  # (N,)
    ends = np.concatenate([[0], lengths.cumsum()])  # (N + 1,)
    first = np.arange(max(0, wanted - _MAX_NEIGHBOURS), wanted + 1)[:, None]  # (F, 1)
    last = np.arange(wanted, min(len(lengths), wanted + _MAX_NEIGHBOURS + 1))  # (L,)
    size = (last - first + 1) * padded[last]  # (F, L)
    worth = (ends[last + 1] - ends[first]) / (size + batch_cost)
    worth[(size > max_word_pieces) & (first < last)] = 0
    row, column = np.unravel_index(worth.argmax(), worth.shape)
    return slice(int(first[row, 0]), int(last[column]) + 1)


def pad_batch(
    encoded: Sequence[Sequence[int]], pad_token_id: int, multiple_of: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return `input_ids` and `attention_mask` of one batch, padded behind: B reviews -> (B, T), (B, T), both int64.

    Args:
        encoded: Word pieces of each review, one review at least.
        pad_token_id: Stands where a review has ended.
        multiple_of: T is a multiple of this, and no longer than that takes.
    """
    lengths = np.array([len(review) for review in encoded])  # (B,)
    num_columns = round_up(int(lengths.max()), multiple_of)
    is_real = np.arange(num_columns) < lengths[:, None]  # (B, T)
    input_ids = np.full(is_real.shape, pad_token_id, dtype=np.int64)  # (B, T)
    input_ids[is_real] = np.concatenate(encoded)
    return input_ids, is_real.astype(np.int64)
