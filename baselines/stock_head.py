"""The encoder with transformers' own classification head, trained as three papers do and as we train our model."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from torch import nn
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from modeling_bert_bilstm.configuration_bert_bilstm import compute_max_encoder_length

from .fine_tuned_system import OUR_SETTINGS, FineTunedSystem, build_encoder_config
from .fine_tuning import FineTuningSettings


class StockSetting(NamedTuple):
    """How a paper trains an encoder with a plain head.

    Attributes:
        settings: How it learns.
        max_review_length: Word pieces that are read of a review, the frame included.
        encoder_hidden_dropout: Dropout of the encoder's states, None for its own.
        encoder_attention_dropout: Likewise of its attention.
    """

    settings: FineTuningSettings
    max_review_length: int = 512
    encoder_hidden_dropout: float | None = None
    encoder_attention_dropout: float | None = None


STOCK_SETTINGS = {
    # As `Ours`, so that the two differ in the head alone.
    "ours": StockSetting(OUR_SETTINGS),
    # Gao 2025: 148 word pieces and their frame.
    "gao": StockSetting(
        FineTuningSettings(num_epochs=20, batch_size=64, learning_rate=1e-5, keep_best_epoch=False),
        max_review_length=150,
        encoder_hidden_dropout=0.2,
        encoder_attention_dropout=0.3,
    ),
    # The case study's 500 steps of warm-up are a fifth of its training on IMDb, and most of one on SST-5: where they
    # are more than a quarter of all steps, `FineTuningSettings` makes them a tenth.
    "case_study": StockSetting(
        FineTuningSettings(num_epochs=3, batch_size=32, learning_rate=2e-5, warmup_steps=500, keep_best_epoch=False)
    ),
    # The mini project pads every review to 512 word pieces, which costs time and changes nothing.
    "mini_project": StockSetting(
        FineTuningSettings(num_epochs=3, batch_size=32, learning_rate=2e-5, weight_decay=0.01, keep_best_epoch=False)
    ),
}


class StockHead(FineTunedSystem):
    """`AutoModelForSequenceClassification` on an encoder, all of it trained.

    A review is read as far as the encoder's positions reach.

    Args:
        num_labels: Classes.
        seed: Of all that is drawn.
        encoder: A folder that `AutoModel.from_pretrained` reads, its tokenizer in it.
        setting: One of `STOCK_SETTINGS`.
        max_review_length: Word pieces that are read of a review, from its beginning and with the frame. Default: those
            of the setting.
        encoder_hidden_dropout: Dropout inside the encoder, in place of the setting's.
        encoder_attention_dropout: Likewise on its attention.
        settings: Fields of `FineTuningSettings` that are to differ.

    Raises:
        ValueError: No encoder was given, or the setting is unknown.
    """

    def __init__(
        self,
        *,
        num_labels: int,
        seed: int,
        encoder: Path | str | None = None,
        setting: str = "ours",
        max_review_length: int | None = None,
        encoder_hidden_dropout: float | None = None,
        encoder_attention_dropout: float | None = None,
        settings: Mapping[str, object] | None = None,
    ):
        if setting not in STOCK_SETTINGS:
            raise ValueError(f"`setting` must be one of {sorted(STOCK_SETTINGS)}, got {setting!r}.")
        self.setting = STOCK_SETTINGS[setting]
        super().__init__(
            num_labels=num_labels, seed=seed, encoder=encoder, max_review_length=max_review_length, settings=settings
        )
        self.encoder_options = {}
        for name, value in (
            ("encoder_hidden_dropout", encoder_hidden_dropout),
            ("encoder_attention_dropout", encoder_attention_dropout),
        ):
            self.encoder_options[name] = getattr(self.setting, name) if value is None else value

    def get_default_settings(self) -> FineTuningSettings:
        """Return the settings of the paper."""
        return self.setting.settings

    def get_default_length(self) -> int:
        """Return the length of the paper, or that of the encoder's positions if it is less."""
        longest = compute_max_encoder_length(self.encoder_config) or self.setting.max_review_length
        return min(longest, self.setting.max_review_length)

    def build_model(self) -> PreTrainedModel:
        """Return the encoder under a fresh head; where the encoder is to have no dropout, its head keeps its own."""
        config = build_encoder_config(self.encoder_config, **self.encoder_options)
        config.num_labels = self.num_labels
        model = AutoModelForSequenceClassification.from_pretrained(self.encoder, config=config, dtype="float32")
        own_dropout = getattr(self.encoder_config, "hidden_dropout_prob", None)
        if own_dropout is not None and self.encoder_options["encoder_hidden_dropout"] == 0:
            inside = set(model.base_model.modules())
            for module in model.modules():
                if isinstance(module, nn.Dropout) and module not in inside:
                    module.p = own_dropout
        return model
