"""What a run writes about itself: results.json, from which every number that a person sees is rendered."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path

from transformers import PreTrainedModel

from ..data import PACKAGE_PREFIX
from .data_options import DataArguments
from .loading import ModelSource
from .model_options import ModelArguments
from .run_folder import write_whole
from .training_options import ReviewTrainingArguments


FORMAT_VERSION = 1
TASK_OF_PROBLEM = {
    "single_label_classification": "single_label",
    "multi_label_classification": "multi_label",
    "regression": "regression",
}

_CONFIG_FIELDS = (
    "lstm_hidden_size",
    "lstm_num_layers",
    "lstm_dropout",
    "encoder_dropout",
    "classifier_dropout",
    "pooling",
    "window_length",
    "window_overlap",
)
_REPORTED_KINDS = (str, bool, int, float, list, dict, type(None))
# Secrets, places on this machine, and what says nothing about the result.
_UNREPORTED = {
    "cache_dir",
    "dataloader_pin_memory",
    "disable_tqdm",
    "greater_is_better",
    "hub_token",
    "local_rank",
    "output_dir",
    "overwrite_cache",
    "preprocessing_num_workers",
    "resume_from_checkpoint",
    "run_name",
    "token",
}


def describe_options(*groups: ModelArguments | DataArguments | ReviewTrainingArguments) -> dict[str, dict]:
    """Return the options that differ from their defaults, without secrets and without absolute paths."""
    return {name: _describe_group(group) for name, group in zip(("model", "data", "training"), groups, strict=True)}


def _describe_group(group: ModelArguments | DataArguments | ReviewTrainingArguments) -> dict:
    described = {}
    # Compared with the defaults of the fields: a second `TrainingArguments` would reset the processes of this run.
    for field in fields(group):
        value = getattr(group, field.name)
        default = field.default if field.default_factory is MISSING else field.default_factory()
        is_unset = value == default or (_says_nothing(value) and _says_nothing(default))
        if field.init and field.name not in _UNREPORTED and not is_unset and isinstance(value, _REPORTED_KINDS):
            described[field.name] = _shorten_path(value)
    return described


def _says_nothing(value: object) -> bool:
    """Whether Trainer means by it that an option is not set; a number, 0 too, is set."""
    return value is None or value is False or (isinstance(value, str | list) and value in ("", "no", "none", []))


def _shorten_path(value: object) -> object:
    if isinstance(value, str) and value.startswith("nlpaug:") and value.count(":") > 1:
        augmenter, _, path = value.rpartition(":")
        return f"{augmenter}:{_shorten_path(path)}"
    is_path = isinstance(value, str) and (value.startswith(("~", "..")) or Path(value).is_absolute())
    return Path(value).name if is_path else getattr(value, "value", value)


def describe_model(model: PreTrainedModel, source: ModelSource) -> dict:
    """Return the encoder's name, the number of weights, and the fields of the head."""
    return {
        "encoder": _find_encoder_name(source),
        "num_parameters": model.num_parameters(),
        "num_trainable_parameters": model.num_parameters(only_trainable=True),
        "config": {name: getattr(model.config, name) for name in _CONFIG_FIELDS},
    }


def _find_encoder_name(source: ModelSource) -> str:
    """Return the name of the encoder; a trained model that is continued says it in its own results."""
    earlier = Path(source.location) / "results.json"
    if earlier.is_file():
        return json.loads(earlier.read_text(encoding="utf-8"))["model"]["encoder"]
    return source.name


def describe_data(arguments: DataArguments, report: Mapping[str, Mapping]) -> dict:
    """Return where the reviews come from, how many each split has, and what was dropped."""
    source = arguments.dataset_name or arguments.train_file or arguments.test_file or arguments.validation_file
    name = source.removeprefix(PACKAGE_PREFIX)
    if Path(name).exists():
        name = Path(name).resolve().name
    if arguments.dataset_config_name:
        name = f"{name} ({arguments.dataset_config_name})"
    kept = ("num_reviews", "label_counts", "fingerprint")
    prefix = "dropped_"
    dropped = {
        split: {
            reason.removeprefix(prefix): count
            for reason, count in counts.items()
            if reason.startswith(prefix) and count
        }
        for split, counts in report.items()
    }
    return {
        "source": name,
        "splits": {split: {entry: counts[entry] for entry in kept} for split, counts in report.items()},
        "dropped": {split: reasons for split, reasons in dropped.items() if reasons},
    }


def write_json(path: Path, content: Mapping) -> None:
    """Write a JSON file whole or not at all."""
    with write_whole(path) as draft:
        draft.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def render_summary(results: Mapping, folder: Path) -> str:
    """Return the few lines that train.py prints at its end."""
    splits = list(results["metrics"])
    names = [
        name
        for name, value in results["metrics"].get(splits[-1] if splits else "", {}).items()
        if not isinstance(value, list)
    ]
    lines = ["", f"{results['name']}: {results['model']['encoder']}, {results['model']['num_parameters']:,} weights"]
    if splits:
        lines.append(f"{'':30}" + "".join(f"{split:>12}" for split in splits))
    for name in names:
        values = (results["metrics"][split].get(name) for split in splits)
        lines.append(f"{name:30}" + "".join(_render_number(value) for value in values))
    lines.append(f"training {results['train_seconds']:.1f} s, evaluation {results['evaluate_seconds']:.1f} s")
    lines.append(_render_data(results["data"]))
    lines.append(f"run folder: {folder}")
    return "\n".join(lines)


def _render_data(data: Mapping) -> str:
    """Return how many reviews each split has, and how many of its source were dropped, and why."""
    shown = []
    for split, counts in data["splits"].items():
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in data["dropped"].get(split, {}).items())
        shown.append(f"{split} {counts['num_reviews']:,}" + (f" (dropped: {reasons})" if reasons else ""))
    return f"reviews: {', '.join(shown)}"


def _render_number(value: float | int | None) -> str:
    if value is None:
        return f"{'-':>12}"
    return f"{value:12,}" if isinstance(value, int) else f"{value:12.4f}"
