"""From a folder, an id on the Hub or a loaded model to what a scorer needs; the device and precision to score in."""

from pathlib import Path

import torch
from transformers import AutoTokenizer, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from ..configuration_bert_bilstm import BertBiLSTMConfig
from ..hardware import is_bfloat16_faster
from ..modeling_bert_bilstm import BertBiLSTMForSequenceClassification
from .backends import GPU_BACKENDS


# What measures whether bfloat16 is faster; the others compute in one precision.
_MEASURED_BACKENDS = (*GPU_BACKENDS, "openvino", "openvino_int8")


def choose_device_type(backend: str) -> str:
    """Return the type of the device that a backend, `auto` among them, computes on here."""
    return "cuda" if torch.cuda.is_available() and backend in (*GPU_BACKENDS, "auto") else "cpu"


def choose_precision(backend: str, precision: str, device_type: str) -> str:
    """Return what `auto` comes to on this machine, for processes that shall all compute alike.

    It stays `auto` for a backend that has a precision of its own.
    """
    if precision != "auto" or backend not in _MEASURED_BACKENDS:
        return precision
    return "bfloat16" if is_bfloat16_faster(device_type) else "float32"


def load_model(
    model: str | Path | PreTrainedModel, tokenizer: PreTrainedTokenizerBase | None, *, may_use_gpu: bool
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, Path | None]:
    """Return a float32 model, its tokenizer, and the folder that they are from, None where it is not known.

    Args:
        model: A folder, an id on the Hub, or a loaded model, which stays as it is.
        tokenizer: The model's; read from where the model is if None.
        may_use_gpu: Put a model that is loaded here on the GPU if there is one.

    Raises:
        TypeError: `model` is none of these.
        ValueError: It is a model of another kind or not in float32, or a loaded one comes without tokenizer.
    """
    if isinstance(model, str | Path):
        folder = Path(model) if Path(model).is_dir() else None
        _check_model_type(PreTrainedConfig.get_config_dict(model)[0].get("model_type"))
        loaded = BertBiLSTMForSequenceClassification.from_pretrained(model, dtype=torch.float32)
        device = "cuda" if may_use_gpu and torch.cuda.is_available() else "cpu"
        if tokenizer is None:
            tokenizer = AutoTokenizer.from_pretrained(model)
        return loaded.to(device).eval(), tokenizer, folder
    if not isinstance(model, PreTrainedModel):
        raise TypeError(f"`model` must be a folder, an id on the Hub or a loaded model, got {type(model).__name__}.")
    _check_model_type(model.config.model_type)
    if tokenizer is None:
        raise ValueError("A loaded model needs its tokenizer, found none. Pass it as `tokenizer`.")
    if model.dtype != torch.float32:
        raise ValueError(
            f"The model must be in float32, got {model.dtype}. Load it with `dtype=torch.float32`, and name what to "
            "compute in by `precision`."
        )
    return model, tokenizer, None


def _check_model_type(model_type: str | None) -> None:
    if model_type != BertBiLSTMConfig.model_type:
        raise ValueError(
            f"`model` must be of the type {BertBiLSTMConfig.model_type!r}, found {model_type!r}. "
            "Score another model with `transformers.pipeline`."
        )
