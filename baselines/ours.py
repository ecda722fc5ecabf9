"""Our own model: an encoder that reads whole reviews in windows, a BiLSTM over all of a review, pooling, classes.

Its options take it apart: no LSTM, no more of a review than the stock head reads, one pooling or another, and each
remedy for classes of unlike size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from modeling_bert_bilstm import BertBiLSTMForSequenceClassification
from modeling_bert_bilstm.augmentation import augment_minority, build_augmenter, choose_sources
from modeling_bert_bilstm.training.losses import compute_class_weights

from .base import check_reviews
from .fine_tuned_system import FineTunedSystem
from .fine_tuning import Labelled


BALANCES = (None, "class_weights", "oversampling")


class Ours(FineTunedSystem):
    """`BertBiLSTMForSequenceClassification` on an encoder, both trained.

    Args:
        num_labels: Classes.
        seed: Of all that is drawn.
        encoder: A folder that `AutoModel.from_pretrained` reads, its tokenizer in it.
        lstm_num_layers: Layers of the BiLSTM; 0 pools the encoder's states.
        pooling: How a review becomes one vector.
        balance: `class_weights` lets each class count the same in the loss; `oversampling` repeats reviews of the
            smaller classes until all are as large as the largest.
        augment: Changed copies of reviews of the smaller classes, made by this augmenter of
            `modeling_bert_bilstm.augmentation.build_augmenter`.
        augment_ratio: Size of the smaller classes afterwards, as a share of the largest. Default: the same.
        encoder_hidden_dropout: Dropout inside the encoder. Default: the encoder's own, which is slow on a CPU and
            worth it (docs/log.md).
        encoder_attention_dropout: Likewise on its attention.
        max_review_length: Word pieces that are read of a review. Default: all.
        settings: Fields of `FineTuningSettings` that are to differ.

    Raises:
        ValueError: No encoder was given, or an option is unknown.
    """

    def __init__(
        self,
        *,
        num_labels: int,
        seed: int,
        encoder: Path | str | None = None,
        lstm_num_layers: int = 1,
        pooling: str | Sequence[str] = ("mean", "max"),
        balance: str | None = None,
        augment: str | None = None,
        augment_ratio: float | None = None,
        encoder_hidden_dropout: float | None = None,
        encoder_attention_dropout: float | None = None,
        max_review_length: int | None = None,
        settings: Mapping[str, object] | None = None,
    ):
        if balance not in BALANCES:
            raise ValueError(f"`balance` must be one of {BALANCES}, got {balance!r}.")
        super().__init__(
            num_labels=num_labels, seed=seed, encoder=encoder, max_review_length=max_review_length, settings=settings
        )
        self.head = {"lstm_num_layers": lstm_num_layers, "pooling": pooling}
        self.balance = balance
        self.augment, self.augment_ratio = augment, augment_ratio
        self.encoder_options = {
            "encoder_hidden_dropout": encoder_hidden_dropout,
            "encoder_attention_dropout": encoder_attention_dropout,
        }

    def build_model(self) -> BertBiLSTMForSequenceClassification:
        """Return the encoder under a fresh head."""
        return self.build_bert_bilstm(self.encoder_options, **self.head)

    def fit(self, texts: Sequence[str], labels: Sequence[int], validation: Labelled | None = None) -> None:
        """Train on texts, balanced as the options say, and their classes; `validation` stays as it is."""
        labels = check_reviews(texts, labels, self.num_labels)
        if self.augment is not None:
            texts, labels = self._augment(texts, labels)
        if self.balance == "oversampling":
            places = oversample_places(labels, self.settings.seed)
            texts, labels = [texts[i] for i in places], labels[places]
        elif self.balance == "class_weights":
            counts = np.bincount(labels, minlength=self.num_labels).tolist()
            self.settings = replace(self.settings, class_weights=compute_class_weights(["balanced"], counts))
        super().fit(texts, labels, validation)

    def _augment(self, texts: Sequence[str], labels: np.ndarray) -> tuple[list[str], np.ndarray]:
        seed = self.settings.seed
        augmenter = build_augmenter(self.augment, seed)
        texts, labels, _ = augment_minority(texts, labels, augmenter, ratio=self.augment_ratio, seed=seed)
        return texts, np.asarray(labels)


def oversample_places(labels: np.ndarray, seed: int) -> np.ndarray:
    """Return the places of all reviews in their order, then those drawn again until all classes are equally large.

    No review is drawn again twice before every other of its class was drawn again once. A class without reviews stays
    so.

    Args:
        labels: Class of each review (N,).
        seed: Another seed draws others.
    """
    drawn = np.array(choose_sources(labels.tolist(), seed=seed), dtype=np.int64)
    return np.concatenate([np.arange(len(labels)), drawn])
