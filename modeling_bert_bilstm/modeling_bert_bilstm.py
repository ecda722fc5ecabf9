"""BERT+BiLSTM for reviews of any length: windows -> encoder -> BiLSTM over the whole review -> pooling -> classes.

What is special here:
- nothing is cut: a review longer than the encoder's window is read in several, whose states are stitched back into one
  sequence, and the BiLSTM carries the thread from one window to the next; cost grows linearly with length;
- a review that fits one window gives exactly what the plain encoder gives;
- the score of a review never depends on its padding or on its batch mates;
- padding is hardly computed: the reviews of a batch are read in groups of like length.

Inside, real word pieces stand first in their row and padding last, whatever side the tokenizer pads on.

Shapes: B reviews, T word pieces, W windows, L word pieces a window, D encoder width, H LSTM width a direction,
S state width (2H, or D without LSTM), P pooled width, C classes.
"""

import inspect
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn
from transformers import CONFIG_MAPPING, MODEL_MAPPING, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from .configuration_bert_bilstm import BertBiLSTMConfig


if TYPE_CHECKING:  # never executed: makes the Hub's loader fetch all shipped files, so that a loaded copy can be saved
    from .pipeline_aggregate_polarity import AggregatePolarityPipeline  # noqa: F401
    from .polarity import decide_verdict  # noqa: F401 - transformers 4 does not follow the pipeline's own imports

SHIPPED_FILES = (
    "configuration_bert_bilstm.py",
    "modeling_bert_bilstm.py",
    "pipeline_aggregate_polarity.py",
    "polarity.py",
)

# What one more run of the model costs, in word pieces: with less padding than that, reviews are read together.
GROUP_COST_CPU = 256
GROUP_COST_GPU = 8192


# ---------------------------------------------------------------------------------------------------------------------
# Real word pieces first


def build_mask(attention_mask: torch.Tensor | None, inputs: torch.Tensor | None) -> torch.Tensor:
    """Return True for each real word piece, all of them where no mask is given: (B, T), (B, T, ...) -> (B, T)."""
    if inputs is None:
        raise ValueError("A batch needs `input_ids` or `inputs_embeds`, got neither.")
    if attention_mask is None:
        return torch.ones(inputs.shape[:2], dtype=torch.bool, device=inputs.device)
    if attention_mask.shape != inputs.shape[:2]:
        raise ValueError(
            f"`attention_mask` must have the shape of its batch, {tuple(inputs.shape[:2])}, "
            f"got {tuple(attention_mask.shape)}."
        )
    return attention_mask.bool()


def order_real_first(mask: torch.Tensor) -> torch.Tensor:
    """Return the order that puts real word pieces first and keeps all else as it is: (B, T) -> (B, T)."""
    places = torch.arange(mask.shape[1], device=mask.device)  # (T,)
    return torch.where(mask, places, places + mask.shape[1]).argsort(dim=1)


def gather_states(states: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Reorder the word pieces of each review: (B, T, X), (B, T) -> (B, T, X)."""
    return states.gather(1, index[..., None].expand(-1, -1, states.shape[-1]))


# ---------------------------------------------------------------------------------------------------------------------
# Windows


class Windows(NamedTuple):
    """Where each window reads in its review, and which window gives each word piece its one state."""

    rows: torch.Tensor  # (W,) the review of a window
    positions: torch.Tensor  # (W, L) the place in that review of each word piece of the window
    mask: torch.Tensor  # (W, L) 1 for a real word piece
    sources: torch.Tensor  # (B, T) the state of each word piece among the W * L states of all windows


def plan_windows(lengths: torch.Tensor, num_positions: int, window_length: int, overlap: int) -> Windows:
    """Plan the windows of a batch whose real word pieces stand first.

    Each window is framed by the first and the last word piece of its review ([CLS] and [SEP]). The windows of a review
    are equally long, so that none is left with little context, and a word piece in an overlap takes its state from the
    window whose edge is farther away.

    Args:
        lengths: Real word pieces of each review, of shape `(B,)`.
        num_positions: T, the padded length of the batch in word pieces.
        window_length: Longest window in word pieces, frame included.
        overlap: Word pieces that two neighbouring windows share.
    """
    lengths = lengths.clamp(min=1)[:, None]  # (B, 1) an empty review is read as one word piece of padding
    body = (lengths - 2).clamp(min=0)  # (B, 1) word pieces between the frame
    fresh = window_length - 2 - overlap  # word pieces that each further window adds, at most
    counts = torch.where(lengths > window_length, ceil_divide(body - overlap, fresh), 1)  # (B, 1) windows of a review
    strides = ceil_divide(body - overlap, counts).clamp(min=1)  # (B, 1) word pieces between the starts of two windows

    # Ends of ranges stay tensors, so that an exporter records them instead of the numbers of its example.
    index = torch.arange(counts.max(), device=lengths.device)[None]  # (1, K)
    starts = index * strides  # (B, K)
    sizes = torch.minimum((body - starts).clamp(max=strides + overlap) + 2, lengths)  # (B, K) frame included
    sizes = sizes.masked_fill(index >= counts, 0)  # (B, K)

    rows, columns = sizes.nonzero(as_tuple=True)  # (W,), (W,) only windows that hold something are computed
    sizes_kept, starts_kept = sizes[rows, columns][:, None], starts[rows, columns][:, None]  # (W, 1)
    slots = torch.arange(sizes.max(), device=lengths.device)[None]  # (1, L)
    positions = torch.where(slots < sizes_kept - 1, starts_kept + slots, lengths[rows] - 1)  # (W, L) [SEP] at the end
    positions = positions.masked_fill(slots == 0, 0)  # [CLS] at the start

    places = torch.arange(num_positions, device=lengths.device)[None]  # (1, T)
    owners = ((places - 1 - overlap // 2) // strides).clamp(min=0).minimum(counts - 1)  # (B, T)
    ranks = (sizes > 0).long().flatten().cumsum(0).view_as(sizes) - 1  # (B, K) the number of a window among the W
    sources = ranks.gather(1, owners) * slots.shape[1] + places - owners * strides  # (B, T)
    sources = sources.masked_fill(places >= lengths, 0)  # (B, T) padding may point anywhere
    return Windows(rows, positions, (slots < sizes_kept).long(), sources)


def plan_groups(lengths: list[int], window_length: int, overlap: int, group_cost: int) -> list[list[int]]:
    """Put reviews of like length together, so that hardly any padding is computed: B lengths -> rows of each group.

    From the longest review on, a group takes reviews with as many windows until its padding costs more than a group.

    Args:
        lengths: Real word pieces of each review.
        window_length: Longest window in word pieces, frame included.
        overlap: Word pieces that two neighbouring windows share.
        group_cost: What one more run of the model costs, in word pieces.
    """
    groups: list[list[int]] = []
    padding, group_windows = 0, 0
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        num_windows = 1
        if lengths[row] > window_length:
            num_windows = ceil_divide(lengths[row] - 2 - overlap, window_length - 2 - overlap)
        padding += lengths[groups[-1][0]] - lengths[row] if groups else 0
        if not groups or padding > group_cost or num_windows != group_windows:
            groups.append([])
            padding, group_windows = 0, num_windows
        groups[-1].append(row)
    return groups


def ceil_divide(numerator: torch.Tensor | int, denominator: torch.Tensor | int) -> torch.Tensor | int:
    """Divide whole numbers and round up, also where `//` rounds to zero, as it does in ONNX."""
    return (numerator + denominator - 1) // denominator


# ---------------------------------------------------------------------------------------------------------------------
# BiLSTM


class PaddingExactBiLSTM(nn.LSTM):
    """A bidirectional LSTM whose states of real word pieces do not depend on the padding behind them.

    It has the weights of `nn.LSTM` and equals `pack_padded_sequence`, without its copy of lengths to the CPU: each
    direction runs on its own, the backward one over the real word pieces in reverse.
    """

    def forward(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return the states of both directions side by side: (B, T, D), (B,) -> (B, T, 2H)."""
        places = torch.arange(states.shape[1], device=states.device)[None]  # (1, T)
        lengths = lengths[:, None]  # (B, 1)
        mirror = torch.where(places < lengths, lengths - 1 - places, places)  # (B, T) its own inverse
        for layer in range(self.num_layers):
            if layer > 0:
                states = nn.functional.dropout(states, self.dropout, self.training)
            forward = self._run_direction(states, f"l{layer}")  # (B, T, H)
            backward = self._run_direction(gather_states(states, mirror), f"l{layer}_reverse")  # (B, T, H)
            states = torch.cat([forward, gather_states(backward, mirror)], dim=-1)  # (B, T, 2H)
        return states

    def _run_direction(self, states: torch.Tensor, suffix: str) -> torch.Tensor:
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        weights = [getattr(self, f"{name}_{suffix}") for name in names]
        if _computes_in_float16_on_cpu(states):
            with torch.autocast("cpu", enabled=False):
                return _run_lstm(states.float(), [weight.float() for weight in weights]).to(states.dtype)
        return _run_lstm(states, weights)


def _run_lstm(states: torch.Tensor, weights: list[torch.Tensor]) -> torch.Tensor:
    """One layer in one direction: (B, T, X) -> (B, T, H)."""
    start = states.new_zeros(1, states.shape[0], weights[1].shape[1])  # (1, B, H)
    is_training = torch.is_grad_enabled()  # cuDNN keeps what the backward pass needs only if told so
    return torch._VF.lstm(states, (start, start), weights, True, 1, 0.0, is_training, False, True)[0]


def _computes_in_float16_on_cpu(states: torch.Tensor) -> bool:
    """Whether torch would look for an LSTM in float16 on the CPU, which it has none of to train with."""
    if states.device.type != "cpu":
        return False
    is_autocast = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.float16
    return is_autocast or states.dtype == torch.float16


# ---------------------------------------------------------------------------------------------------------------------
# Pooling; every function takes states whose real word pieces stand first


def pool_last(states: torch.Tensor, lengths: torch.Tensor, is_bidirectional: bool) -> torch.Tensor:
    """Last state of each direction: (B, T, S), (B,) -> (B, S); the backward one ends at the first word piece."""
    last = states[torch.arange(states.shape[0], device=states.device), (lengths - 1).clamp(min=0)]  # (B, S)
    if not is_bidirectional:
        return last
    half = states.shape[-1] // 2
    return torch.cat([last[:, :half], states[:, 0, half:]], dim=-1)


def pool_mean(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean over real word pieces: (B, T, S), (B, T) -> (B, S)."""
    return states.masked_fill(~mask[..., None], 0).sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)


def pool_max(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Largest value of each channel over real word pieces: (B, T, S), (B, T) -> (B, S)."""
    return states.masked_fill(~mask[..., None], torch.finfo(states.dtype).min).amax(dim=1)


def pool_attention(states: torch.Tensor, mask: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """Mean over real word pieces weighted by softmax of their scores: (B, T, S), (B, T), (B, T) -> (B, S)."""
    weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(dim=1)  # (B, T)
    return (weights[..., None] * states.masked_fill(~mask[..., None], 0)).sum(dim=1)


# ---------------------------------------------------------------------------------------------------------------------
# Model


class BertBiLSTMPreTrainedModel(PreTrainedModel):
    """Weights' first values, and what the encoder inside may do."""

    config_class = BertBiLSTMConfig
    base_model_prefix = "encoder"
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    accepts_loss_kwargs = False  # else Trainer leaves the loss of multi-label and regression unscaled by accumulation
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True

    def _init_weights(self, module: nn.Module) -> None:
        if not isinstance(module, nn.LSTM):
            super()._init_weights(module)
            return
        for name, parameter in module.named_parameters(recurse=False):
            if getattr(parameter, "_is_hf_initialized", False):  # loaded; a slice of it would not know
                continue
            if name.startswith("weight_ih"):
                nn.init.xavier_uniform_(parameter)
            elif name.startswith("weight_hh"):
                nn.init.orthogonal_(parameter)
            else:
                nn.init.zeros_(parameter)
            if name.startswith("bias_ih"):  # an open forget gate lets the thread run far (Jozefowicz et al. 2015)
                nn.init.ones_(parameter[module.hidden_size : 2 * module.hidden_size])


class BertBiLSTMForSequenceClassification(BertBiLSTMPreTrainedModel):
    """A BERT-like encoder over a review of any length, a BiLSTM over its states, and a classifier."""

    def __init__(self, config: BertBiLSTMConfig):
        super().__init__(config)
        self.num_labels = config.num_labels
        encoder_config = config.encoder_config
        self.encoder = AutoModel.from_config(encoder_config, **_build_pooler_options(encoder_config.model_type))
        # DistilBERT and ModernBERT take no segments.
        self.encoder_inputs = frozenset(inspect.signature(self.encoder.forward).parameters)
        state_size = encoder_config.hidden_size
        self.encoder_dropout = nn.Dropout(config.encoder_dropout)
        self.lstm = None
        if config.lstm_num_layers > 0:
            self.lstm = PaddingExactBiLSTM(
                state_size,
                config.lstm_hidden_size,
                num_layers=config.lstm_num_layers,
                dropout=config.lstm_dropout if config.lstm_num_layers > 1 else 0.0,
                batch_first=True,
                bidirectional=True,
            )
            state_size = 2 * config.lstm_hidden_size
        self.attention = nn.Linear(state_size, 1) if "attention" in config.pooling else None
        self.classifier_dropout = nn.Dropout(config.classifier_dropout)
        self.classifier = nn.Linear(state_size * len(config.pooling), config.num_labels)
        self.post_init()

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> SequenceClassifierOutput | tuple:
        """Score a batch of reviews.

        Args:
            input_ids: Word pieces framed by the tokenizer's special tokens, of shape `(B, T)` with any T.
            attention_mask: 1 for a real word piece, 0 for padding on either side, of shape `(B, T)`. Default: all 1.
            token_type_ids: Segments, of shape `(B, T)`; left out where the encoder knows none.
            inputs_embeds: Embeddings in place of `input_ids`, of shape `(B, T, D)`.
            labels: Classes of shape `(B,)`; for several labels a review, 0 or 1 of shape `(B, C)`; for regression
                numbers of shape `(B,)`.
            output_attentions: Also return the encoder's attentions, one entry a window: `(W, heads, L, L)` a layer.
            output_hidden_states: Also return the encoder's stitched states `(B, T, D)` and those of the BiLSTM
                `(B, T, 2H)`, real word pieces first.
            return_dict: False for a plain tuple.

        Returns:
            Logits of shape `(B, C)`, with a loss where labels were given.
        """
        inputs = {"input_ids": input_ids, "token_type_ids": token_type_ids, "inputs_embeds": inputs_embeds}
        mask = build_mask(attention_mask, input_ids if inputs_embeds is None else inputs_embeds)  # (B, T)
        lengths = mask.sum(dim=1)  # (B,)
        inputs = self.put_real_first(inputs, mask)  # (B, T, ...)
        hidden_states, attentions = None, None
        if output_attentions or output_hidden_states or not self._is_cheaper_in_groups(lengths):
            logits, hidden_states, attentions = self.classify(inputs, lengths, output_attentions)  # (B, C)
        else:
            logits = self.classify_in_groups(inputs, lengths)  # (B, C)

        loss = None
        if labels is not None:
            loss = self.loss_function(labels, logits.float(), self.config)
        output = SequenceClassifierOutput(
            loss=loss,
            logits=logits,
            hidden_states=hidden_states if output_hidden_states else None,
            attentions=attentions,
        )
        return output if return_dict is not False else output.to_tuple()

    def put_real_first(self, inputs: dict[str, torch.Tensor | None], mask: torch.Tensor) -> dict[str, torch.Tensor]:
        """Reorder what the encoder knows of `inputs`, real word pieces first: (B, T, ...), (B, T) -> (B, T, ...)."""
        order = order_real_first(mask)  # (B, T)
        rows = torch.arange(mask.shape[0], device=mask.device)[:, None]  # (B, 1)
        return {name: x[rows, order] for name, x in inputs.items() if x is not None and name in self.encoder_inputs}

    def _is_cheaper_in_groups(self, lengths: torch.Tensor) -> bool:
        """Whether to look at the lengths: a GPU would have to wait for them, which only pays without training."""
        if len(lengths) == 1 or torch.jit.is_tracing() or torch.compiler.is_compiling():
            return False
        return lengths.device.type == "cpu" or not self.training

    def classify_in_groups(self, inputs: dict[str, torch.Tensor], lengths: torch.Tensor) -> torch.Tensor:
        """Classify reviews of like length together: (B, T, ...), (B,) -> (B, C)."""
        group_cost = GROUP_COST_CPU if lengths.device.type == "cpu" else GROUP_COST_GPU
        sizes = lengths.tolist()
        groups = plan_groups(sizes, self.config.window_length, self.config.window_overlap, group_cost)
        logits = []
        for rows in groups:
            longest = max(1, sizes[rows[0]])  # word pieces
            chosen = torch.tensor(rows, device=lengths.device)  # (G,) of B
            group = {name: x[chosen, :longest] for name, x in inputs.items()}  # (G, T', ...)
            logits.append(self.classify(group, lengths[chosen])[0])  # (G, C)
        places = torch.tensor([row for rows in groups for row in rows], device=lengths.device).argsort()  # (B,)
        return torch.cat(logits)[places]

    def classify(
        self, inputs: dict[str, torch.Tensor], lengths: torch.Tensor, output_attentions: bool | None = None
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...], tuple[torch.Tensor, ...] | None]:
        """Return logits, states of encoder and BiLSTM, attentions: (B, T, ...), (B,) -> (B, C), (B, T, S) each, ..."""
        states, attentions = self.encode(inputs, lengths, output_attentions)  # (B, T, D)
        hidden_states = (states,)
        states = self.encoder_dropout(states)
        if self.lstm is not None:
            states = self.lstm(states, lengths)  # (B, T, 2H)
            hidden_states += (states,)
        pooled = self.pool(states, lengths)  # (B, P)
        return self.classifier(self.classifier_dropout(pooled)), hidden_states, attentions

    def encode(
        self, inputs: dict[str, torch.Tensor], lengths: torch.Tensor, output_attentions: bool | None = None
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...] | None]:
        """Run the encoder so that each word piece gets one state.

        Args:
            inputs: `input_ids` or `inputs_embeds`, and `token_type_ids` if any, of shape `(B, T, ...)`, real word
                pieces first.
            lengths: Real word pieces of each review, of shape `(B,)`.
            output_attentions: Also return the encoder's attentions.

        Returns:
            States of shape `(B, T, D)`, and attentions of shape `(W, heads, L, L)` a layer or None.
        """
        first = next(iter(inputs.values()))  # (B, T, ...)
        num_positions, config = first.shape[1], self.config
        windows = None
        if torch.jit.is_tracing() or num_positions > config.window_length:  # an export must serve any length
            windows = plan_windows(lengths, num_positions, config.window_length, config.window_overlap)
            inputs = {name: x[windows.rows[:, None], windows.positions] for name, x in inputs.items()}
            attention_mask = windows.mask  # (W, L)
        else:
            attention_mask = (
                torch.arange(num_positions, device=first.device)[None] < lengths[:, None]
            ).long()  # (B, T)
        options = {"output_attentions": True} if output_attentions else {}
        output = self.encoder(**inputs, attention_mask=attention_mask, **options)
        states = output.last_hidden_state  # (W, L, D), or (B, T, D) where every review fits one window
        if windows is not None:
            states = states.flatten(0, 1)[windows.sources]  # (B, T, D)
        return states, output.attentions if output_attentions else None

    def pool(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Join the poolings that the config names, in its order: (B, T, S), (B,) -> (B, P)."""
        mask = torch.arange(states.shape[1], device=states.device)[None] < lengths[:, None]  # (B, T)
        pooled = []
        for name in self.config.pooling:
            if name == "last":
                pooled.append(pool_last(states, lengths, self.lstm is not None))  # (B, S)
            elif name == "cls":
                pooled.append(states[:, 0])  # (B, S)
            elif name == "attention":
                pooled.append(pool_attention(states, mask, self.attention(states).squeeze(-1)))  # (B, S)
            else:
                pooled.append({"mean": pool_mean, "max": pool_max}[name](states, mask))  # (B, S)
        return torch.cat(pooled, dim=-1)

    @classmethod
    def from_encoder_pretrained(
        cls, encoder: str | Path, encoder_options: dict | None = None, **config_fields
    ) -> "BertBiLSTMForSequenceClassification":
        """Start a fine-tune: the weights of a pretrained encoder under a fresh BiLSTM and classifier.

        Args:
            encoder: A model id on the Hub or a folder that `AutoModel.from_pretrained` reads.
            encoder_options: What else `AutoModel.from_pretrained` takes: `revision`, `token`, `attn_implementation`,
                `dtype`, or a field of the encoder's configuration such as `num_hidden_layers`.
            **config_fields: Fields of `BertBiLSTMConfig`, `id2label` and the like.

        Raises:
            ValueError: The model found is no plain encoder.
        """
        options = dict(encoder_options or {})
        hub_options = options.keys() & {"revision", "token", "cache_dir", "subfolder"}
        found, _ = PretrainedConfig.get_config_dict(encoder, **{name: options[name] for name in hub_options})
        if found.get("model_type") == cls.config_class.model_type:
            raise ValueError(
                f"{str(encoder)!r} is a whole {cls.config_class.model_type!r} model, not an encoder. "
                f"Load it with `{cls.__name__}.from_pretrained`."
            )
        options.setdefault("dtype", torch.float32)  # a checkpoint in half precision is for reading, not for training
        options.update(_build_pooler_options(found.get("model_type")))
        pretrained = AutoModel.from_pretrained(encoder, **options)
        config_fields.setdefault("attn_implementation", pretrained.config._attn_implementation)
        config = cls.config_class(encoder_config=pretrained.config, **config_fields)
        model = cls(config).to(pretrained.dtype)
        model.encoder = pretrained  # its config stays one object with ours: resizing or another attention tells both
        return model

    def fold_temperature(self, temperature: float) -> None:
        """Divide all further logits by `temperature`, so that every user of the weights gets calibrated scores."""
        if not temperature > 0:
            raise ValueError(f"`temperature` must be above 0, got {temperature!r}.")
        with torch.no_grad():
            self.classifier.weight.div_(temperature)
            self.classifier.bias.div_(temperature)
        self.config.calibration_temperature *= temperature

    def save_pretrained(self, save_directory: str | Path, is_main_process: bool = True, **kwargs) -> None:
        """Save as every model of transformers does, with the code files that a stranger needs to load the folder."""
        super().save_pretrained(save_directory, is_main_process=is_main_process, **kwargs)
        source = Path(__file__).parent
        if not is_main_process or source.resolve() == Path(save_directory).resolve():
            return
        for name in SHIPPED_FILES:
            shutil.copyfile(source / name, Path(save_directory) / name)

    def get_input_embeddings(self) -> nn.Module:
        """Return the encoder's table of word pieces."""
        return self.encoder.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the encoder's table of word pieces."""
        self.encoder.set_input_embeddings(value)


def _build_pooler_options(model_type: str | None) -> dict[str, bool]:
    """Options that leave out the encoder's pooler, which would be unused weights."""
    try:
        model_class = MODEL_MAPPING[CONFIG_MAPPING[model_type]]
    except KeyError:
        raise ValueError(
            f"The encoder must be one that `AutoModel` knows by its `model_type`, got {model_type!r}."
        ) from None
    return {"add_pooling_layer": False} if "add_pooling_layer" in inspect.signature(model_class).parameters else {}
