"""The two language models that change texts: one reads a masked word from its context, one sums up.

Both are read from a folder on disk and run on the CPU.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import (
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)


class MaskedLanguageModel:
    """Reads masked words from their context, whole words only.

    Args:
        folder: Masked language model with its tokenizer, such as bert-base-uncased.
        num_candidates: Likeliest words among which one is drawn by its probability, as in nlpaug.

    Raises:
        ValueError: The folder is none, or its model was not trained to read masked words.
    """

    def __init__(self, folder: str, num_candidates: int = 100):
        self._model, self._tokenizer = _load(folder, AutoModelForMaskedLM, "contextual", "bert-base-uncased")
        self.mask_token = self._tokenizer.mask_token
        if self.mask_token is None:
            raise ValueError(f"`contextual` needs a tokenizer with a mask token, but that in `{folder}` has none.")
        # RoBERTa counts its positions from 2.
        self._max_length = min(self._tokenizer.model_max_length, self._model.config.max_position_embeddings - 2)
        # So many words on each side of the mask fit the positions, at two word pieces a word.
        self.num_context_words = max(1, self._max_length // 4 - 1)
        self._num_candidates = num_candidates
        self._find_words()

    def _find_words(self) -> None:
        """Find which word pieces are words: those that begin one where beginnings are marked, else all without ##."""
        pieces = self._tokenizer.get_vocab()
        mark = next((mark for mark in "Ġ▁" if any(piece.startswith(mark) for piece in pieces)), "")
        special = set(self._tokenizer.all_special_tokens)
        words = {
            number: piece.removeprefix(mark)
            for piece, number in pieces.items()
            if piece not in special and piece.startswith(mark) and piece.removeprefix(mark).isalpha()
        }
        self._word_ids = torch.tensor(sorted(words))
        self._words = np.array([words[number] for number in sorted(words)])
        self._lower_words = np.array([word.lower() for word in self._words])

    @torch.inference_mode()
    def predict(self, masked_texts: Sequence[str], old_words: Sequence[str]) -> list[str]:
        """Return a word for the mask in each of B texts, another one than the old."""
        batch = self._tokenizer(
            list(masked_texts), padding=True, truncation=True, max_length=self._max_length, return_tensors="pt"
        )
        logits = self._model(**batch).logits  # (B, T, V)
        is_mask = batch["input_ids"] == self._tokenizer.mask_token_id  # (B, T)
        found = []
        for row, old in enumerate(old_words):
            if not is_mask[row].any():  # cut off: its context has more word pieces than the model has positions
                found.append(old)
                continue
            scores = logits[row, is_mask[row].int().argmax(), self._word_ids].double().numpy()  # (W,) of W words
            scores[self._lower_words == old.lower()] = -np.inf
            best = np.argsort(-scores, kind="stable")[: self._num_candidates]
            shares = np.exp(scores[best] - scores[best[0]])
            # nlpaug's augmenters draw from the global generator, which the adapter seeds.
            found.append(str(self._words[np.random.choice(best, p=shares / shares.sum())]))  # noqa: NPY002
        return found


class Summarizer:
    """Sums texts up in words of its own, as the model of nlpaug's `AbstSummAug`.

    Args:
        folder: Encoder-decoder that was trained to sum up, with its tokenizer, such as t5-small.
        max_summary_length: Longest summary in word pieces.
        batch_size: Texts that are summed up at once.

    Raises:
        ValueError: The folder is none, or lacks weights.
    """

    def __init__(self, folder: str, max_summary_length: int = 50, batch_size: int = 16):
        self._model, self._tokenizer = _load(folder, AutoModelForSeq2SeqLM, "summary", "t5-small")
        config = self._model.config
        self._max_length = min(self._tokenizer.model_max_length, getattr(config, "max_position_embeddings", 1024))
        self._max_summary_length = max_summary_length
        self._batch_size = batch_size
        # T5 learnt many tasks and is told which.
        self._prefix = "summarize: " if "t5" in config.model_type else ""
        self.device = "cpu"  # nlpaug asks

    @torch.inference_mode()
    def predict(self, texts: Sequence[str]) -> list[str]:
        """Return a summary of each of N texts; drawn with nlpaug's bounds, so that a text has more than one."""
        summaries = []
        for start in range(0, len(texts), self._batch_size):
            batch = self._tokenizer(
                [self._prefix + text for text in texts[start : start + self._batch_size]],
                padding=True,
                truncation=True,
                max_length=self._max_length,
                return_tensors="pt",
            )
            ids = self._model.generate(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                max_new_tokens=self._max_summary_length,
                num_beams=1,
                do_sample=True,
                top_k=50,
                top_p=0.9,
                temperature=1.0,
            )
            summaries += self._tokenizer.batch_decode(ids, skip_special_tokens=True)
        return summaries


def _load(folder: str, auto: type, augmenter: str, example: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return model and tokenizer of a folder whose file has every weight."""
    if not (Path(folder) / "config.json").is_file():
        raise FileNotFoundError(
            f"`{augmenter}` needs the folder of a model with its config.json, but `{folder}` is none. Download one: "
            f"hf download {example} --local-dir {example}"
        )
    model, report = auto.from_pretrained(folder, local_files_only=True, output_loading_info=True)
    missing = sorted(report["missing_keys"])
    if missing:
        raise ValueError(
            f"`{augmenter}` needs a model such as {example}, but that in `{folder}` lacks {len(missing)} weights, "
            f"such as {missing[0]}: what it says would be random."
        )
    return model.eval(), AutoTokenizer.from_pretrained(folder, local_files_only=True)
