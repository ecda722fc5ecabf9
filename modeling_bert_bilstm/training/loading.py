"""From the name of an encoder or of a trained model to a model that is ready to train."""

import difflib
from pathlib import Path
from typing import NamedTuple

from transformers import AutoConfig, AutoTokenizer, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from ..configuration_bert_bilstm import BertBiLSTMConfig
from ..data import PACKAGE_PREFIX, resolve_package
from ..modeling_bert_bilstm import BertBiLSTMForSequenceClassification
from .batching import prepare_tokenizer
from .model_options import ModelArguments


_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")

# What architectures call the dropout of their states, and of their attention.
_HIDDEN_DROPOUTS = ("hidden_dropout_prob", "hidden_dropout", "dropout", "embedding_dropout", "mlp_dropout")
_ATTENTION_DROPOUTS = ("attention_probs_dropout_prob", "attention_dropout")

# Fields of a trained model whose change would throw weights away, and those that may change when it is continued.
_SHAPE_FIELDS = ("lstm_hidden_size", "lstm_num_layers", "pooling")
_FREE_FIELDS = ("lstm_dropout", "encoder_dropout", "classifier_dropout", "window_length", "window_overlap")


class ModelSource(NamedTuple):
    """Where a model is read from, and the name under which a report speaks of it."""

    location: str
    name: str


def resolve_model(reference: str | None) -> ModelSource:
    """Return where `--model_name_or_path` leads: a checked folder, or an id on the Hub.

    Raises:
        ValueError: Nothing was named.
        FileNotFoundError: There is no such folder, or no model in it; the message says what is missing.
    """
    if reference is None:
        raise ValueError(
            "`--model_name_or_path` is needed and not set: an encoder such as bert-base-uncased, "
            "package:all-MiniLM-L6-v2 or a folder, or a folder that train.py wrote."
        )
    if reference.startswith(PACKAGE_PREFIX):
        return ModelSource(str(resolve_package(reference)), reference.removeprefix(PACKAGE_PREFIX))
    folder = Path(reference).expanduser()
    if folder.is_dir():
        _check_model_folder(folder)
        return ModelSource(str(folder), folder.resolve().name)
    # An id on the Hub has one or two parts, as a relative path may have; where its first part is a folder, it is one.
    is_path = folder.is_absolute() or len(folder.parts) > 2 or reference.startswith((".", "~"))
    if is_path or (len(folder.parts) == 2 and folder.parent.is_dir()):
        raise FileNotFoundError(f"The model folder '{folder}' does not exist.{_name_nearest(folder)}")
    return ModelSource(reference, reference)


def _check_model_folder(folder: Path) -> None:
    missing = [] if (folder / "config.json").is_file() else ["config.json"]
    if not any((folder / name).is_file() for name in _WEIGHTS):
        missing.append(_WEIGHTS[0])
    if not missing:
        return
    inside = sorted(path.parent.name for path in folder.glob("*/config.json"))
    hint = f" A model stands in its sub-folder '{folder / inside[-1]}'." if inside else ""
    raise FileNotFoundError(
        f"The folder '{folder}' holds no model: {' and '.join(missing)} missing.{hint} "
        "Name a folder that train.py or `save_pretrained` wrote."
    )


def _name_nearest(path: Path) -> str:
    if not path.parent.is_dir():
        return f" Nor does '{path.parent}'."
    names = sorted(entry.name for entry in path.parent.iterdir() if entry.is_dir())
    near = difflib.get_close_matches(path.name, names, n=1)
    return f" The nearest is '{path.parent / near[0]}'." if near else f" '{path.parent}' holds {names}."


def load_tokenizer(arguments: ModelArguments, source: ModelSource) -> PreTrainedTokenizerBase:
    """Return the tokenizer, which neither cuts nor pads by itself.

    Raises:
        FileNotFoundError: There is none.
        ValueError: There is one, but it cannot be loaded as asked.
    """
    place = resolve_model(arguments.tokenizer_name) if arguments.tokenizer_name else source
    try:
        tokenizer = AutoTokenizer.from_pretrained(place.location, **_build_hub_options(arguments))
    except (OSError, ValueError) as error:
        _refuse_remote_code(place, error)
        if isinstance(error, OSError) or "backend tokenizer" in str(error):  # it found no file to build one from
            raise FileNotFoundError(
                f"No tokenizer was found with {place.name!r}: {error} Name one with `--tokenizer_name`."
            ) from error
        raise ValueError(f"The tokenizer of {place.name!r} cannot be loaded: {error}") from error
    if len(tokenizer) <= len(tokenizer.all_special_ids):  # what transformers makes of a folder without its files
        raise FileNotFoundError(
            f"No tokenizer was found with {place.name!r}: its vocabulary is missing. Name one with `--tokenizer_name`."
        )
    return prepare_tokenizer(tokenizer)


def load_config(arguments: ModelArguments, source: ModelSource) -> PretrainedConfig:
    """Return the configuration of an encoder or of a trained model; reading it is the test that there is one.

    Raises:
        FileNotFoundError: There is no such encoder.
        ValueError: It brings code along that may not be run.
    """
    place = resolve_model(arguments.config_name) if arguments.config_name else source
    try:
        config = AutoConfig.from_pretrained(place.location, **_build_hub_options(arguments))
    except (OSError, ValueError) as error:
        _refuse_remote_code(place, error)
        if isinstance(error, ValueError):
            raise
        flag = "--config_name" if arguments.config_name else "--model_name_or_path"
        raise FileNotFoundError(
            f"The encoder {place.name!r} is neither a folder here nor a model on the Hub within reach: {error} "
            f"Check `{flag}`; without a network, name a folder or package:all-MiniLM-L6-v2."
        ) from error
    if type(config).__module__.startswith("transformers_modules."):
        raise ValueError(f"The encoder {place.name!r} needs code of its own, which a saved model lacks. Name another.")
    return config


def _refuse_remote_code(place: ModelSource, error: Exception) -> None:
    if "trust_remote_code" in str(error):
        raise ValueError(
            f"{place.name!r} brings code of its own along, which is not run unasked. Read it, then allow it with "
            "`--trust_remote_code`."
        ) from error


def load_model(
    arguments: ModelArguments, source: ModelSource, config: PretrainedConfig, **label_fields
) -> PreTrainedModel:
    """Return a model: a fresh head on a pretrained encoder, or a trained model to continue.

    Args:
        arguments: Options of the model.
        source: Where it is read from.
        config: Its configuration, of `load_config`.
        **label_fields: Fields of the configuration that say what is learnt: `num_labels`, `id2label`, `label2id`,
            `label_polarity`, `label_prior`, `problem_type`.

    Raises:
        ValueError: A trained model has other labels or another head than asked for.
    """
    if config.model_type == BertBiLSTMConfig.model_type:
        return _continue_model(arguments, source, config, label_fields)
    adapt_encoder(config, arguments)
    options = {**_build_hub_options(arguments), "config": config, **_build_attention_option(arguments)}
    head = {name: getattr(arguments, name) for name in (*_SHAPE_FIELDS, *_FREE_FIELDS)}
    return BertBiLSTMForSequenceClassification.from_encoder_pretrained(
        source.location, options, **head, **label_fields
    )


def check_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Make sure that the model knows every word piece of the tokenizer.

    Raises:
        ValueError: The tokenizer is another model's.
    """
    if len(tokenizer) > model.config.vocab_size:
        raise ValueError(
            f"The tokenizer has {len(tokenizer)} word pieces, but the encoder knows {model.config.vocab_size}: it is "
            "another encoder's. Check `--tokenizer_name`."
        )


def adapt_encoder(config: PretrainedConfig, arguments: ModelArguments) -> None:
    """Write the options about the encoder itself into its configuration.

    Raises:
        ValueError: The encoder has fewer layers than asked for, or no such dropout.
    """
    num_layers = arguments.num_encoder_layers
    if num_layers is not None:
        if not 1 <= num_layers <= config.num_hidden_layers:
            raise ValueError(
                f"`--num_encoder_layers` must be in 1 to {config.num_hidden_layers}, the layers of this encoder, "
                f"got {num_layers}."
            )
        config.num_hidden_layers = num_layers
    for option, fields in (
        ("encoder_hidden_dropout", _HIDDEN_DROPOUTS),
        ("encoder_attention_dropout", _ATTENTION_DROPOUTS),
    ):
        value = getattr(arguments, option)
        found = [name for name in fields if hasattr(config, name)]
        if value is not None and not found:
            raise ValueError(f"`--{option}` is set, but the {config.model_type!r} encoder has none of {fields}.")
        for name in found if value is not None else ():
            setattr(config, name, value)


def _continue_model(
    arguments: ModelArguments, source: ModelSource, config: PretrainedConfig, label_fields: dict
) -> PreTrainedModel:
    """Load a trained model with its head; options that were given change what may change."""
    given = {name: getattr(arguments, name) for name in (*_SHAPE_FIELDS, *_FREE_FIELDS)}
    given = {name: value for name, value in given.items() if value != getattr(ModelArguments(), name)}
    for name in _SHAPE_FIELDS:
        if name in given and given[name] != getattr(config, name):
            raise ValueError(
                f"`--{name}` is {given[name]!r}, but the trained model {source.name!r} has {getattr(config, name)!r}. "
                "Leave it out, or start from an encoder."
            )
    names = list(label_fields["id2label"].values())
    trained = list(config.id2label.values())
    if names != trained and not arguments.ignore_mismatched_sizes:
        raise ValueError(
            f"The labels of the data are {names}, but the trained model {source.name!r} has {trained}. Set "
            "`--num_labels` to its number, or start its classifier afresh with `--ignore_mismatched_sizes`."
        )
    if arguments.num_encoder_layers is not None:
        raise ValueError("`--num_encoder_layers` cuts an encoder; a trained model keeps its layers. Leave it out.")
    adapt_encoder(config.encoder_config, arguments)
    if names != trained:
        config.label_polarity = config.label_prior = config.label_confusion = None
    elif label_fields.get("label_polarity") is None:
        label_fields = {**label_fields, "label_polarity": config.label_polarity}
    fields = {**config.to_dict(), **given, **label_fields, "encoder_config": config.encoder_config}
    return BertBiLSTMForSequenceClassification.from_pretrained(
        source.location,
        config=BertBiLSTMConfig(**fields),
        ignore_mismatched_sizes=arguments.ignore_mismatched_sizes,
        **_build_hub_options(arguments),
        **_build_attention_option(arguments),
    )


def _build_hub_options(arguments: ModelArguments) -> dict[str, str | bool]:
    options = {
        "revision": arguments.model_revision,
        "cache_dir": arguments.cache_dir,
        "token": arguments.token,
        "trust_remote_code": arguments.trust_remote_code,
    }
    return {name: value for name, value in options.items() if value not in (None, False)}


def _build_attention_option(arguments: ModelArguments) -> dict[str, str]:
    return {} if arguments.attn_implementation is None else {"attn_implementation": arguments.attn_implementation}
