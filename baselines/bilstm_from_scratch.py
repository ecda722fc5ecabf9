"""A BiLSTM over word vectors, without a pretrained encoder (the mini project), with or without GloVe to start from.

Shapes: B reviews, T words, E embedding width, H LSTM width a direction, C classes.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from transformers.modeling_outputs import SequenceClassifierOutput

from modeling_bert_bilstm.modeling_bert_bilstm import PaddingExactBiLSTM, pool_max

from .base import check_reviews
from .fine_tuning import FineTuningSettings, fine_tune
from .glove import GLOVE_PACKAGE, load_glove
from .mean_vectors import split_words
from .rows import predict
from .transformer_from_scratch import PADDING, UNKNOWN, build_seeded, train_word_tokenizer


SPECIAL_TOKENS = [PADDING, UNKNOWN]
_PADDING_ID, _UNKNOWN_ID = range(2)


class BiLSTMNetwork(nn.Module):
    """Embeddings -> BiLSTM of 2 layers x 128 -> maximum over real words -> linear, with dropout before each of them.

    Args:
        vocabulary_size: Words, special ones included.
        num_labels: C.
        embedding_size: E.
    """

    def __init__(self, vocabulary_size: int, num_labels: int, embedding_size: int = 256):
        super().__init__()
        lstm_hidden_size, dropout = 128, 0.4
        self.embedding = nn.Embedding(vocabulary_size, embedding_size, padding_idx=_PADDING_ID)
        self.dropout = nn.Dropout(dropout)
        self.lstm = PaddingExactBiLSTM(
            embedding_size, lstm_hidden_size, num_layers=2, dropout=dropout, batch_first=True, bidirectional=True
        )
        self.classifier = nn.Linear(2 * lstm_hidden_size, num_labels)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SequenceClassifierOutput:
        """Classify reviews padded behind: (B, T), (B, T) -> logits (B, C)."""
        states = self.dropout(self.embedding(input_ids))  # (B, T, E)
        states = self.lstm(states, attention_mask.sum(dim=1))  # (B, T, 2H)
        pooled = pool_max(states, attention_mask.bool())  # (B, 2H)
        return SequenceClassifierOutput(logits=self.classifier(self.dropout(pooled)))


class BiLSTMFromScratch:
    """The mini project's BiLSTM, its vocabulary and its training.

    Args:
        num_labels: C.
        seed: Of first weights, order and dropout.
        num_epochs: Times that each review is seen.
        batch_size: Reviews a step.
        learning_rate: Peak, which falls to 0 over all steps.
        max_review_length: Words that are read of a review, from its beginning.
    """

    glove: str | Path | None = None

    def __init__(
        self,
        *,
        num_labels: int,
        seed: int,
        num_epochs: int = 10,
        batch_size: int = 64,
        learning_rate: float = 1e-3,
        max_review_length: int = 512,
    ):
        self.num_labels = num_labels
        self.max_review_length = max_review_length
        self.settings = FineTuningSettings(
            num_epochs=num_epochs, batch_size=batch_size, learning_rate=learning_rate, seed=seed
        )

    def fit(
        self,
        texts: Sequence[str],
        labels: Sequence[int],
        validation: tuple[Sequence[str], Sequence[int]] | None = None,
    ) -> None:
        """Learn vocabulary and weights from the training reviews; validation chooses the epoch."""
        labels = check_reviews(texts, labels, self.num_labels)
        self._tokenizer = train_word_tokenizer((" ".join(split_words(text)) for text in texts), SPECIAL_TOKENS)
        vectors = self._look_up_glove()
        self._model = build_seeded(
            BiLSTMNetwork,
            self.settings.seed,
            vocabulary_size=self._tokenizer.get_vocab_size(),
            num_labels=self.num_labels,
            **({} if vectors is None else {"embedding_size": vectors[0].shape[1]}),
        )
        if vectors is not None:
            self._start_from(*vectors)
        self.record = fine_tune(
            self._model, self.encode, texts, labels, validation, settings=self.settings, pad_token_id=_PADDING_ID
        )

    def _look_up_glove(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Return the vectors of the vocabulary, and which words have one: (V, E), bool (V,)."""
        if self.glove is None:
            return None
        words = [self._tokenizer.id_to_token(i) for i in range(self._tokenizer.get_vocab_size())]
        vectors, is_known = load_glove(self.glove).look_up(words)
        return torch.from_numpy(vectors), torch.from_numpy(is_known)

    def _start_from(self, vectors: torch.Tensor, is_known: torch.Tensor) -> None:
        """Put known vectors (V, E) into the network, and let unknown words spread as widely as known ones do."""
        weight = self._model.embedding.weight
        with torch.no_grad():
            if is_known.any():
                weight.mul_(vectors[is_known].std())  # drawn with deviation 1; padding is 0 and stays so
            weight[is_known] = vectors[is_known].to(weight.device)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the words of each review, one unknown word where there is none."""
        words = [" ".join(split_words(text)[: self.max_review_length]) for text in texts]
        return [review.ids or [_UNKNOWN_ID] for review in self._tokenizer.encode_batch(words)]

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Return the probability of each class: N reviews -> float64 (N, C)."""
        return predict(self._model, self.encode, texts, pad_token_id=_PADDING_ID)

    def count_parameters(self) -> int:
        """Return the weights of the network."""
        return sum(p.numel() for p in self._model.parameters())


class BiLSTMOnGlove(BiLSTMFromScratch):
    """The same, its embeddings started from GloVe, and as wide.

    Args:
        num_labels: C.
        seed: Of first weights, order and dropout.
        glove: What `load_glove` takes.
        num_epochs: Times that each review is seen.
        batch_size: Reviews a step.
        learning_rate: Peak, which falls to 0 over all steps.
        max_review_length: Words that are read of a review, from its beginning.
    """

    def __init__(
        self,
        *,
        num_labels: int,
        seed: int,
        glove: str | Path = GLOVE_PACKAGE,
        num_epochs: int = 10,
        batch_size: int = 64,
        learning_rate: float = 1e-3,
        max_review_length: int = 512,
    ):
        super().__init__(
            num_labels=num_labels,
            seed=seed,
            num_epochs=num_epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            max_review_length=max_review_length,
        )
        self.glove = glove
