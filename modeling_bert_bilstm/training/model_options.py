"""Which model to train: its options. Each is a flag of train.py, and a key of a recipe."""

from dataclasses import dataclass, field

from ..configuration_bert_bilstm import POOLINGS


@dataclass
class ModelArguments:
    """Which encoder, which head on it, and which of its weights stay as they are."""

    model_name_or_path: str | None = field(
        default=None,
        metadata={
            "help": "The encoder to start from: an id on the Hub, a folder, or `package:all-MiniLM-L6-v2`. A folder "
            "that train.py wrote is continued, head and all."
        },
    )
    config_name: str | None = field(
        default=None, metadata={"help": "Take the encoder's configuration from here. Default: where its weights are."}
    )
    tokenizer_name: str | None = field(
        default=None, metadata={"help": "Take the tokenizer from here. Default: where the weights are."}
    )
    cache_dir: str | None = field(
        default=None, metadata={"help": "Folder for what comes from the Hub. Default: the usual cache."}
    )
    model_revision: str = field(default="main", metadata={"help": "Branch, tag or commit of the encoder on the Hub."})
    token: str | None = field(
        default=None, metadata={"help": "Access token for a private repository. Default: the one of `hf auth login`."}
    )
    trust_remote_code: bool = field(
        default=False,
        metadata={
            "help": "Run the code that a tokenizer on the Hub brings along; read it first. The encoder must be an "
            "architecture of transformers itself: one with its own code is not supported."
        },
    )
    ignore_mismatched_sizes: bool = field(
        default=False,
        metadata={"help": "Continue a model with another number of labels: its classifier then starts afresh."},
    )
    attn_implementation: str | None = field(
        default=None, metadata={"help": "Attention of the encoder: eager, sdpa, flash_attention_2. Default: the best."}
    )
    num_encoder_layers: int | None = field(
        default=None, metadata={"help": "Keep only the first layers of the encoder. Default: all of them."}
    )
    lstm_hidden_size: int = field(default=128, metadata={"help": "Width of the LSTM in each direction."})
    lstm_num_layers: int = field(
        default=1, metadata={"help": "Number of BiLSTM layers. 0 pools the encoder's states, to compare heads."}
    )
    lstm_dropout: float = field(default=0.0, metadata={"help": "Dropout between LSTM layers, in [0, 1)."})
    encoder_dropout: float = field(
        default=0.0, metadata={"help": "Dropout between the encoder's states and the LSTM, in [0, 1)."}
    )
    classifier_dropout: float = field(
        default=0.2, metadata={"help": "Dropout between the pooled vector and the classifier, in [0, 1)."}
    )
    pooling: list[str] = field(
        default_factory=lambda: ["mean", "max"],
        metadata={"help": "How a review becomes one vector; several are joined side by side.", "choices": POOLINGS},
    )
    window_length: int | None = field(
        default=None,
        metadata={"help": "Word pieces that the encoder reads at once. Default: its longest input, at most 256."},
    )
    window_overlap: int | None = field(
        default=None,
        metadata={"help": "Word pieces that two windows of a review share, for context. Default: 1/8 of a window."},
    )
    encoder_hidden_dropout: float | None = field(
        default=None,
        metadata={"help": "Dropout on the encoder's own states, in [0, 1). Default: as the encoder says."},
    )
    encoder_attention_dropout: float | None = field(
        default=None,
        metadata={
            "help": "Dropout on the encoder's attention, in [0, 1). Default: as the encoder says. 0 is much faster on "
            "a CPU, where dropout keeps attention off its fused kernel."
        },
    )
    freeze_encoder_layers: str = field(
        default="0",
        metadata={"help": "Leave the first so many layers of the encoder as they are; `all`: the whole encoder."},
    )
    freeze_embeddings: bool = field(
        default=False,
        metadata={"help": "Leave the encoder's embeddings as they are: faster, with fewer weights to fit."},
    )

    def __post_init__(self):
        """Check what no other class checks."""
        if self.freeze_encoder_layers != "all" and not self.freeze_encoder_layers.isdecimal():
            raise ValueError(
                "`--freeze_encoder_layers` must be `all` or a whole number of at least 0, "
                f"got {self.freeze_encoder_layers!r}."
            )
        for name in ("encoder_hidden_dropout", "encoder_attention_dropout"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise ValueError(f"`--{name}` must be a number in [0, 1), got {value!r}.")
