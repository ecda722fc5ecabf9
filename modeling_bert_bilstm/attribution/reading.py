"""What a gradient needs: a model that holds still, the word pieces of a review, its scores from their embeddings.

Shapes: B reviews, T word pieces, E width of an embedding, C labels, N words.
"""

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from .words import assign_pieces, find_words


# Word pieces whose gradients are taken together, padding included.
_CPU_WORD_PIECES = 2_048
_GPU_WORD_PIECES = 65_536


@dataclass(frozen=True, eq=False)
class EncodedReview:
    """A review as word pieces.

    Attributes:
        text: The review.
        spans: Where its words stand, of shape `(N, 2)`.
        input_ids: Word pieces framed by special tokens, of shape `(T,)`.
        baseline_ids: The same with padding in place of those that belong to a word, of shape `(T,)`.
        numbers: The word of each word piece, -1 for none, of shape `(T,)`.
    """

    text: str
    spans: np.ndarray
    input_ids: np.ndarray
    baseline_ids: np.ndarray
    numbers: np.ndarray

    @property
    def words(self) -> tuple[str, ...]:
        """The words: N."""
        return tuple(self.text[begin:end] for begin, end in self.spans)

    def sum_words(self, values: np.ndarray) -> np.ndarray:
        """Add up what the word pieces of each word brought: (T,) -> (N,)."""
        belongs = self.numbers >= 0
        return np.bincount(self.numbers[belongs], values[belongs], minlength=len(self.spans)).astype(np.float64)


def encode_review(tokenizer: PreTrainedTokenizerBase, text: str) -> EncodedReview:
    """Split a review into word pieces, none cut, and find the word of each.

    Raises:
        TypeError: The review is not a string.
        ValueError: It cannot be written as UTF-8, or the tokenizer cannot say where its word pieces stand.
    """
    if not isinstance(text, str):
        raise TypeError(f"A review must be a string, found {type(text).__name__}.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"The review holds half a surrogate pair, which is no text ({error.reason}). "
            'Mend it with `text.encode("utf-8", "replace").decode()`.'
        ) from None
    encoded = tokenizer(
        text,
        truncation=False,
        padding=False,
        return_offsets_mapping=True,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,  # the model reads any length
    )
    spans = find_words(text)
    numbers = assign_pieces(encoded["offset_mapping"], spans)
    input_ids = np.array(encoded["input_ids"], dtype=np.int64)
    baseline_ids = np.where(numbers >= 0, tokenizer.pad_token_id, input_ids)
    return EncodedReview(text, spans, input_ids, baseline_ids, numbers)


def check_tokenizer(tokenizer: PreTrainedTokenizerBase) -> None:
    """Make sure that a tokenizer knows where its word pieces stand, and what stands for no word.

    Raises:
        ValueError: It does not.
    """
    if not tokenizer.is_fast:
        raise ValueError(
            "Attributions need a fast tokenizer, which knows the characters of each word piece, found the slow "
            f"{type(tokenizer).__name__}. Save it with a tokenizer.json, and load that with `AutoTokenizer`."
        )
    if tokenizer.pad_token_id is None:
        raise ValueError("The tokenizer needs a padding token, but has none. Set its `pad_token`.")


def prepare_model(model: PreTrainedModel) -> PreTrainedModel:
    """Return a model in evaluation mode and float32: the one given if it is, else a copy.

    Steps along a path, and their differences, are lost in the few digits of a half precision.
    """
    with torch.inference_mode(False):  # else the buffers of a copy could not be part of a gradient
        if model.dtype != torch.float32:
            return copy.deepcopy(model).float().eval()
        if model.training:
            return copy.deepcopy(model, {id(weights): weights for weights in model.parameters()}).eval()
        return model


@contextlib.contextmanager
def taking_gradients(model: PreTrainedModel) -> Iterator[None]:
    """Take gradients whatever the caller has switched off, and in the precision of the weights.

    cuDNN refuses the gradient of an LSTM in evaluation mode unless it was told before that one will be wanted; this
    model tells it wherever gradients are on.
    """
    autocast = torch.autocast(model.device.type, enabled=False)
    with torch.inference_mode(False), torch.enable_grad(), autocast:
        yield


def embed(model: PreTrainedModel, input_ids: np.ndarray | torch.Tensor) -> torch.Tensor:
    """Return the embeddings of word pieces, without a gradient to the table: (B, T) -> (B, T, E)."""
    return model.get_input_embeddings()(torch.as_tensor(input_ids).to(model.device)).detach()


def compute_scores(logits: torch.Tensor, problem_type: str) -> torch.Tensor:
    """Return the log-odds of each label, for regression the numbers as they are: (B, C) -> (B, C)."""
    if problem_type != "single_label_classification":
        return logits
    own = torch.eye(logits.shape[1], dtype=torch.bool, device=logits.device)  # (C, C)
    others = logits[:, None].masked_fill(own, -torch.inf).logsumexp(dim=2)  # (B, C)
    return logits - others


def compute_probabilities(logits: torch.Tensor, problem_type: str) -> np.ndarray:
    """Return the probability of each label, for regression the predicted numbers: (B, C) -> (B, C)."""
    logits = logits.detach().cpu().double()
    if problem_type == "multi_label_classification":
        logits = logits.sigmoid()
    elif problem_type != "regression":
        logits = logits.softmax(dim=1)
    return logits.numpy()


def choose_batch_size(model: PreTrainedModel, length: int) -> int:
    """Return how many reviews, or points of a path, of `length` word pieces have their gradients taken together."""
    limit = _CPU_WORD_PIECES if model.device.type == "cpu" else _GPU_WORD_PIECES
    return max(1, limit // length)


def list_labels(model: PreTrainedModel) -> tuple[str, ...]:
    """Return the names of the labels in their order: C."""
    return tuple(model.config.id2label[number] for number in range(model.config.num_labels))
