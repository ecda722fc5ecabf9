"""Configuration of BERT+BiLSTM: which encoder, how it is read in windows, the BiLSTM, the pooling, the labels.

Everything that a copy on the Hub must know stands here and so in config.json: label names, the polarity of each
label, the shares of the labels that its probabilities are calibrated for, how it errs, the window length.
"""

from collections.abc import Sequence

from transformers import AutoConfig, PretrainedConfig


POOLINGS = ("last", "max", "mean", "attention", "cls")

# Written to every config.json, so that any saved folder loads with `trust_remote_code=True`.
AUTO_MAP = {
    "AutoConfig": "configuration_bert_bilstm.BertBiLSTMConfig",
    "AutoModel": "modeling_bert_bilstm.BertBiLSTMForSequenceClassification",
    "AutoModelForSequenceClassification": "modeling_bert_bilstm.BertBiLSTMForSequenceClassification",
}
CUSTOM_PIPELINES = {
    "aggregate-polarity": {
        "impl": "pipeline_aggregate_polarity.AggregatePolarityPipeline",
        "pt": ["AutoModelForSequenceClassification"],
        "type": "text",
    }
}

# Encoders whose position table starts with unused rows, `pad_token_id + 1` of them (fairseq's convention).
_OFFSET_POSITIONS = ("camembert", "data2vec-text", "mpnet", "roberta", "xlm-roberta", "xlm-roberta-xl")
# Measured on whole IMDb reviews: as accurate as 512 or more so, for less work in the attention (reports/speed.md).
_DEFAULT_WINDOW_LENGTH = 256


def compute_max_encoder_length(encoder_config: PretrainedConfig) -> int | None:
    """Return the longest input of an encoder in word pieces, special tokens included; None where it has no limit."""
    num_positions = getattr(encoder_config, "max_position_embeddings", None)
    if num_positions is None or num_positions < 1:
        return None
    if encoder_config.model_type in _OFFSET_POSITIONS:
        num_positions -= encoder_config.pad_token_id + 1
    return num_positions


def compute_label_polarity(num_labels: int) -> list[float]:
    """Return the polarity in [-1, 1] of each of `num_labels` classes that run from most negative to most positive.

    Two classes are -1 and 1; an odd number has a neutral class of 0 in its middle; an even number has none, so that
    four classes are -1, -0.5, 0.5 and 1, the values that the same four have among five.
    """
    steps = num_labels // 2
    negative = [-(steps - i) / steps for i in range(steps)]
    middle = [0.0] * (num_labels % 2)
    return negative + middle + [-value for value in reversed(negative)]


class BertBiLSTMConfig(PretrainedConfig):
    """Configuration of `BertBiLSTMForSequenceClassification`.

    Args:
        encoder_config: Configuration of the encoder, or its dictionary with `model_type`. Default: `BertConfig()`.
        lstm_hidden_size: Width H of the LSTM in each direction.
        lstm_num_layers: Number of BiLSTM layers; 0 pools the encoder's states directly.
        lstm_dropout: Dropout between LSTM layers, in [0, 1).
        encoder_dropout: Dropout between the encoder's states and the LSTM, in [0, 1).
        classifier_dropout: Dropout between the pooled vector and the classifier, in [0, 1).
        pooling: One or more of `POOLINGS`; several are joined side by side.
        window_length: Word pieces that the encoder reads at once, special tokens included; a longer review is read
            in several windows. Default: the encoder's longest input, at most 256.
        window_overlap: Word pieces that two neighbouring windows share. Default: an eighth of `window_length`.
        label_polarity: Polarity in [-1, 1] of each label; None where the labels have none. Default: `"even"`, spaced
            evenly from the most negative label to the most positive, and none for several labels or regression.
        label_prior: Share in (0, 1] of each label that the probabilities are calibrated for, summing to 1: that of the
            training data, corrected by validation reviews. Default: unknown.
        label_confusion: Share of each predicted label among the validation reviews of each true one: C rows of C
            shares, each row summing to 1. Default: unknown.
        calibration_temperature: The temperature that was folded into the classifier after training; for the record.

    Raises:
        ValueError: A field is outside its range; the message names the field, what is allowed and what was found.
    """

    model_type = "bert_bilstm"
    sub_configs = {"encoder_config": AutoConfig}  # noqa: RUF012 - the form that transformers reads

    def __init__(
        self,
        encoder_config: PretrainedConfig | dict | None = None,
        lstm_hidden_size: int = 128,
        lstm_num_layers: int = 1,
        lstm_dropout: float = 0.0,
        encoder_dropout: float = 0.0,
        classifier_dropout: float = 0.2,
        pooling: str | Sequence[str] = ("mean", "max"),
        window_length: int | None = None,
        window_overlap: int | None = None,
        label_polarity: Sequence[float] | str | None = "even",
        label_prior: Sequence[float] | None = None,
        label_confusion: Sequence[Sequence[float]] | None = None,
        calibration_temperature: float = 1.0,
        **kwargs,
    ):
        # Before `super().__init__`, so that `attn_implementation` reaches the encoder.
        self.encoder_config = _build_encoder_config(encoder_config)
        self.lstm_hidden_size = lstm_hidden_size
        self.lstm_num_layers = lstm_num_layers
        self.lstm_dropout = lstm_dropout
        self.encoder_dropout = encoder_dropout
        self.classifier_dropout = classifier_dropout
        self.pooling = [pooling] if isinstance(pooling, str) else list(pooling)
        max_encoder_length = compute_max_encoder_length(self.encoder_config)
        self.window_length = window_length or min(max_encoder_length or _DEFAULT_WINDOW_LENGTH, _DEFAULT_WINDOW_LENGTH)
        self.window_overlap = self.window_length // 8 if window_overlap is None else window_overlap
        self.calibration_temperature = calibration_temperature

        # A copy on the Hub prefixes these with its repo; a copy of the copy must name its own files again.
        kwargs["auto_map"] = dict(AUTO_MAP)
        kwargs["custom_pipelines"] = {task: dict(entry) for task, entry in CUSTOM_PIPELINES.items()}
        super().__init__(**kwargs)

        self.problem_type = self.problem_type or (
            "regression" if self.num_labels == 1 else "single_label_classification"
        )
        if label_polarity == "even":
            is_single = self.problem_type == "single_label_classification"
            label_polarity = compute_label_polarity(self.num_labels) if is_single else None
        self.label_polarity = None if label_polarity is None else list(label_polarity)
        self.label_prior = None if label_prior is None else list(label_prior)
        self.label_confusion = None if label_confusion is None else [list(row) for row in label_confusion]
        self._check_sizes(max_encoder_length)
        self._check_labels()

    @property
    def vocab_size(self) -> int:
        """Number of rows in the encoder's embedding table; `resize_token_embeddings` sets it."""
        return self.encoder_config.vocab_size

    @vocab_size.setter
    def vocab_size(self, value: int) -> None:
        self.encoder_config.vocab_size = value

    def _check_sizes(self, max_encoder_length: int | None) -> None:
        if not isinstance(self.lstm_hidden_size, int) or self.lstm_hidden_size < 1:
            raise ValueError(
                f"`lstm_hidden_size` must be a whole number of at least 1, got {self.lstm_hidden_size!r}."
            )
        if not isinstance(self.lstm_num_layers, int) or self.lstm_num_layers < 0:
            raise ValueError(f"`lstm_num_layers` must be a whole number of at least 0, got {self.lstm_num_layers!r}.")
        for name in ("lstm_dropout", "encoder_dropout", "classifier_dropout"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 <= value < 1:
                raise ValueError(f"`{name}` must be a number in [0, 1), got {value!r}.")
        unknown = [name for name in self.pooling if name not in POOLINGS]
        if unknown or not self.pooling or len(set(self.pooling)) < len(self.pooling):
            raise ValueError(f"`pooling` must be one or more of {POOLINGS}, each once, got {self.pooling!r}.")
        if max_encoder_length is not None and self.window_length > max_encoder_length:
            raise ValueError(
                f"`window_length` must be at most {max_encoder_length}, the longest input of this "
                f"{self.encoder_config.model_type!r} encoder in word pieces, got {self.window_length!r}."
            )
        if self.window_length < 3:
            raise ValueError(f"`window_length` must be at least 3, got {self.window_length!r}.")
        if not 0 <= self.window_overlap < self.window_length - 2:
            raise ValueError(
                f"`window_overlap` must be at least 0 and less than `window_length` - 2 = {self.window_length - 2}, "
                f"got {self.window_overlap!r}."
            )

    def _check_labels(self) -> None:
        for name in ("label_polarity", "label_prior", "label_confusion"):
            values = getattr(self, name)
            if values is not None and len(values) != self.num_labels:
                raise ValueError(f"`{name}` must have one value a label, {self.num_labels} in all, got {values!r}.")
        if self.label_polarity and not all(-1 <= value <= 1 for value in self.label_polarity):
            raise ValueError(f"`label_polarity` must hold values in [-1, 1], got {self.label_polarity!r}.")
        if self.label_prior and (min(self.label_prior) <= 0 or abs(sum(self.label_prior) - 1) > 1e-3):
            raise ValueError(f"`label_prior` must hold positive shares that sum to 1, got {self.label_prior!r}.")
        for row in self.label_confusion or ():
            if len(row) != self.num_labels or min(row) < 0 or abs(sum(row) - 1) > 1e-3:
                raise ValueError(
                    f"`label_confusion` must hold {self.num_labels} shares that sum to 1 a true label, got {row!r}."
                )


def _build_encoder_config(encoder_config: PretrainedConfig | dict | None) -> PretrainedConfig:
    if encoder_config is None:
        encoder_config = {"model_type": "bert"}
    if isinstance(encoder_config, dict):
        fields = dict(encoder_config)
        model_type = fields.pop("model_type", "bert")
        encoder_config = AutoConfig.for_model(model_type, **fields)
    if not isinstance(encoder_config, PretrainedConfig):
        raise TypeError(
            "`encoder_config` must be a configuration of transformers or its dictionary, "
            f"got {type(encoder_config).__name__}."
        )
    encoder_config._name_or_path = ""  # a folder on the machine of training is nobody's business
    return encoder_config
