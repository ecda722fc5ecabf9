"""What the systems with a fine-tuned encoder have in common: their parts of `System`, their settings.

Shapes: N reviews, C classes.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from transformers import AutoConfig, AutoTokenizer, PretrainedConfig, PreTrainedModel, set_seed

from modeling_bert_bilstm import BertBiLSTMForSequenceClassification
from modeling_bert_bilstm.training.batching import prepare_tokenizer
from modeling_bert_bilstm.training.loading import adapt_encoder
from modeling_bert_bilstm.training.model_options import ModelArguments

from .base import check_reviews
from .fine_tuning import FineTuningRecord, FineTuningSettings, Labelled, fine_tune
from .rows import build_encode, predict


# Of our model, and of every system that is to differ from it in the head alone.
OUR_SETTINGS = FineTuningSettings(
    num_epochs=3,
    batch_size=32,
    learning_rate=1e-4,
    head_learning_rate=1e-3,  # it starts from nothing
    weight_decay=0.01,
    warmup_ratio=0.1,
)


class FineTunedSystem(ABC):
    """A `System` whose model is built on an encoder and trained by `fine_tune`.

    Args:
        num_labels: Classes.
        seed: Of the first weights, the order of the reviews and dropout.
        encoder: A folder that `AutoModel.from_pretrained` reads, its tokenizer in it.
        max_review_length: Word pieces that are read of a review, from its beginning and with the frame. Default: that
            of the system.
        settings: Fields of `FineTuningSettings` that are to differ from those of the system.

    Raises:
        ValueError: No encoder was given, or a setting is unknown.
    """

    SETTINGS: ClassVar[FineTuningSettings] = OUR_SETTINGS
    MAX_REVIEW_LENGTH: ClassVar[int | None] = None

    def __init__(
        self,
        *,
        num_labels: int,
        seed: int,
        encoder: Path | str | None = None,
        max_review_length: int | None = None,
        settings: Mapping[str, object] | None = None,
    ):
        if encoder is None:
            raise ValueError(f"{type(self).__name__} needs `encoder`, a folder with an encoder and its tokenizer.")
        self.num_labels = num_labels
        self.encoder = str(encoder)
        self.settings = replace(self.get_default_settings(), **_check_settings(settings or {}), seed=seed)
        self.encoder_config: PretrainedConfig = AutoConfig.from_pretrained(self.encoder)
        tokenizer = prepare_tokenizer(AutoTokenizer.from_pretrained(self.encoder))
        self.pad_token_id = tokenizer.pad_token_id
        self.max_review_length = max_review_length or self.get_default_length()
        self.encode = build_encode(tokenizer, self.max_review_length)
        self.model: PreTrainedModel | None = None
        self.record: FineTuningRecord | None = None

    def get_default_settings(self) -> FineTuningSettings:
        """Return the settings of the system."""
        return self.SETTINGS

    def get_default_length(self) -> int | None:
        """Return how many word pieces the system reads of a review, None for all."""
        return self.MAX_REVIEW_LENGTH

    @abstractmethod
    def build_model(self) -> PreTrainedModel:
        """Return the model before its training; what is new in it is drawn from torch's generator."""

    def build_bert_bilstm(
        self,
        encoder_options: Mapping[str, float | int | None],
        model_class: type[BertBiLSTMForSequenceClassification] = BertBiLSTMForSequenceClassification,
        **fields,
    ) -> BertBiLSTMForSequenceClassification:
        """Return a fresh head on the encoder.

        Args:
            encoder_options: What differs in the encoder, see `build_encoder_config`.
            model_class: The class of the model.
            **fields: Fields of `BertBiLSTMConfig`.
        """
        config = build_encoder_config(self.encoder_config, **encoder_options)
        return model_class.from_encoder_pretrained(
            self.encoder, {"config": config}, num_labels=self.num_labels, **fields
        )

    def fit(self, texts: Sequence[str], labels: Sequence[int], validation: Labelled | None = None) -> None:
        """Train on texts and their classes; `validation` chooses the epoch where the settings let it."""
        labels = check_reviews(texts, labels, self.num_labels)
        set_seed(self.settings.seed)
        self.model = self.build_model()
        self.record = fine_tune(
            self.model,
            self.encode,
            texts,
            labels,
            validation,
            settings=self.settings,
            pad_token_id=self.pad_token_id,
        )

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Return the probability of each class: N texts -> float64 (N, C)."""
        return predict(self.get_model(), self.encode, texts, pad_token_id=self.pad_token_id)

    def count_parameters(self) -> int:
        """Return the number of weights, frozen ones included."""
        return sum(p.numel() for p in self.get_model().parameters())

    def get_model(self) -> PreTrainedModel:
        """Return the trained model.

        Raises:
            ValueError: There is none yet.
        """
        if self.model is None:
            raise ValueError(f"{type(self).__name__} has not been trained. Call `fit` first.")
        return self.model


def build_encoder_config(config: PretrainedConfig, **options: float | int | None) -> PretrainedConfig:
    """Return a copy of an encoder's configuration with other layers or dropout.

    Args:
        config: It stays as it is.
        **options: `num_encoder_layers`, `encoder_hidden_dropout`, `encoder_attention_dropout`, as train.py has them.
    """
    config = copy.deepcopy(config)
    adapt_encoder(config, ModelArguments(**options))
    return config


def _check_settings(settings: Mapping[str, object]) -> Mapping[str, object]:
    known = sorted(field.name for field in fields(FineTuningSettings) if field.name != "seed")
    unknown = sorted(settings.keys() - set(known))
    if unknown:
        raise ValueError(f"`settings` must be among {known}, got {unknown}.")
    return settings
