"""From reviews to rows, from rows to padded batches, and from those to what a model says.

A row holds the word pieces (t,) of a review, or the states (t, D) that a frozen encoder has of it.

Shapes: N reviews, B reviews of a batch, T word pieces of the longest, D encoder width, C classes.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from modeling_bert_bilstm.hardware import is_bfloat16_faster
from modeling_bert_bilstm.inference.batches import choose_max_word_pieces, encode_reviews, pad_batch, plan_batches
from modeling_bert_bilstm.training.batching import compute_frame, cut_review


Rows = Sequence[np.ndarray]
Encode = Callable[[Sequence[str]], Sequence[Sequence[int]]]


def build_encode(tokenizer: PreTrainedTokenizerBase, max_review_length: int | None = None) -> Encode:
    """Return what turns texts into word pieces, framed by special tokens: B texts -> B lists.

    Args:
        tokenizer: Of `prepare_tokenizer`: it neither cuts nor pads.
        max_review_length: Word pieces that stay of a review, from its beginning and with the frame. Default: all.
    """
    frame = compute_frame(tokenizer)

    def encode(texts: Sequence[str]) -> list[list[int]]:
        rows = encode_reviews(tokenizer, list(texts))
        return [cut_review(row.tolist(), max_review_length, "head", frame) for row in rows]

    return encode


def encode_rows(encode: Encode, texts: Sequence[str]) -> Rows:
    """Return the word pieces of N texts, one array (t,) each."""
    if isinstance(texts, str):
        raise TypeError("`texts` must be a sequence of reviews, got a single string. Put it into a list.")
    return [np.asarray(row, dtype=np.int64) for row in encode(list(texts))]


def collate_rows(rows: Rows, pad_token_id: int = 0) -> dict[str, torch.Tensor]:
    """Pad B rows behind their ends, to the longest of them.

    Returns:
        `attention_mask` (B, T), and `input_ids` (B, T) of word pieces or `inputs_embeds` (B, T, D) of states.
    """
    if rows[0].ndim == 1:
        input_ids, mask = pad_batch(rows, pad_token_id)
        return {"input_ids": torch.from_numpy(input_ids), "attention_mask": torch.from_numpy(mask)}
    lengths = np.array([len(row) for row in rows])
    is_real = np.arange(lengths.max()) < lengths[:, None]  # (B, T)
    states = np.zeros((*is_real.shape, rows[0].shape[1]), dtype=np.float32)  # (B, T, D)
    states[is_real] = np.concatenate(rows)
    return {"inputs_embeds": torch.from_numpy(states), "attention_mask": torch.from_numpy(is_real.astype(np.int64))}


def plan_row_batches(rows: Rows, device: torch.device) -> list[list[int]]:
    """Return the places of the rows of each batch without gradients: like lengths together, the longest first."""
    return plan_batches([len(row) for row in rows], choose_max_word_pieces(device.type))


def compute_logits(model: nn.Module, rows: Rows, pad_token_id: int = 0) -> np.ndarray:
    """Return what the model says of each row in the order given: N rows -> float64 (N, C).

    Raises:
        ValueError: There is no row.
    """
    if not len(rows):
        raise ValueError("There must be at least one review to predict, got none.")
    device = next(model.parameters()).device
    batches = plan_row_batches(rows, device)
    was_training = model.training
    model.eval()
    logits = []
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=is_bfloat16_faster(device)):
        for places in batches:
            batch = collate_rows([rows[i] for i in places], pad_token_id)
            output = model(**{name: x.to(device) for name, x in batch.items()})
            logits.append(output.logits.double().cpu().numpy())  # (B, C)
    model.train(was_training)
    return np.concatenate(logits)[np.argsort(np.concatenate(batches))]


def predict_rows(model: nn.Module, rows: Rows, pad_token_id: int = 0) -> np.ndarray:
    """Return the probabilities of each row in the order given: N rows -> float64 (N, C)."""
    return torch.from_numpy(compute_logits(model, rows, pad_token_id)).softmax(dim=1).numpy()


def predict(model: nn.Module, encode: Encode, texts: Sequence[str], *, pad_token_id: int = 0) -> np.ndarray:
    """Return the probabilities of each text in the order given: N texts -> float64 (N, C)."""
    return predict_rows(model, encode_rows(encode, texts), pad_token_id)
