"""A pretrained encoder as it is, one vector a review, under logistic regression (Wu et al. 2024).

Shapes: N reviews, B reviews of a batch, T word pieces, D encoder width, C classes.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from transformers import AutoTokenizer
from transformers.modeling_outputs import SequenceClassifierOutput

from modeling_bert_bilstm import BertBiLSTMForSequenceClassification
from modeling_bert_bilstm.configuration_bert_bilstm import compute_max_encoder_length
from modeling_bert_bilstm.modeling_bert_bilstm import pool_mean
from modeling_bert_bilstm.training.batching import prepare_tokenizer

from .base import check_reviews
from .logistic_regression import TunedLogisticRegression
from .rows import build_encode, compute_logits, encode_rows


POOLINGS = ("cls", "mean")


class PooledEncoder(nn.Module):
    """A frozen encoder whose output is one vector a review.

    Args:
        encoder: Folder that `AutoModel.from_pretrained` reads.
        pooling: `cls` for the state of the first word piece, `mean` for the mean over all real ones.
    """

    def __init__(self, encoder: Path, pooling: str):
        super().__init__()
        # Comes in float32 and without a pooler, which nothing here would use.
        self.encoder = BertBiLSTMForSequenceClassification.from_encoder_pretrained(encoder).encoder
        self.encoder.requires_grad_(False)
        self.pooling = pooling
        self.eval()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SequenceClassifierOutput:
        """Return the vectors in place of logits: (B, T), (B, T) -> (B, D)."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state  # (B, T, D)
        pooled = states[:, 0] if self.pooling == "cls" else pool_mean(states, attention_mask.bool())  # (B, D)
        return SequenceClassifierOutput(logits=pooled)


class FrozenEncoderClassifier:
    """Vectors of a frozen encoder, then logistic regression.

    Args:
        num_labels: C.
        seed: Not used, for nothing is drawn.
        encoder: Folder that `AutoModel.from_pretrained` reads. A review longer than it can read is cut there.
        pooling: `cls`, as in the paper, or `mean`.

    Raises:
        ValueError: An unknown pooling.
    """

    def __init__(self, *, num_labels: int, seed: int, encoder: Path, pooling: str = "cls"):
        if pooling not in POOLINGS:
            raise ValueError(f"`pooling` must be one of {list(POOLINGS)}, got {pooling!r}.")
        self.num_labels = num_labels
        self._model = PooledEncoder(encoder, pooling).to("cuda" if torch.cuda.is_available() else "cpu")
        tokenizer = prepare_tokenizer(AutoTokenizer.from_pretrained(encoder))
        self._pad_token_id = tokenizer.pad_token_id
        self._encode = build_encode(tokenizer, compute_max_encoder_length(self._model.encoder.config))
        self._regression = TunedLogisticRegression(num_labels, standardise=True)

    def fit(
        self,
        texts: Sequence[str],
        labels: Sequence[int],
        validation: tuple[Sequence[str], Sequence[int]] | None = None,
    ) -> None:
        """Learn the regression; validation chooses its strength of regularisation."""
        labels = check_reviews(texts, labels, self.num_labels)
        if validation is not None:
            validation = (
                self.compute_features(validation[0]),
                check_reviews(*validation, num_labels=self.num_labels),
            )
        self._regression.fit(self.compute_features(texts), labels, validation)

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Return the probability of each class: N reviews -> float64 (N, C)."""
        return self._regression.predict_proba(self.compute_features(texts))

    def compute_features(self, texts: Sequence[str]) -> np.ndarray:
        """Return the vector of each review in the order given: N reviews -> float64 (N, D)."""
        return compute_logits(self._model, encode_rows(self._encode, texts), self._pad_token_id)

    def count_parameters(self) -> int:
        """Return the weights of encoder and regression."""
        return sum(p.numel() for p in self._model.parameters()) + self._regression.count_parameters()
