"""From a recipe and flags to options: `train.py RECIPE.yaml --any_flag value`, where flags win over the recipe.

In a recipe, `key: null` sets an option to none where it may be none.
"""

import difflib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args, get_type_hints

import yaml
from transformers import HfArgumentParser
from transformers.hf_argparser import string_to_bool

from .data_options import DataArguments
from .model_options import ModelArguments
from .training_options import ReviewTrainingArguments


__all__ = ["DataArguments", "ModelArguments", "ReviewTrainingArguments", "build_parser", "parse_arguments"]

# Options of transformers' run_classification.py that there are not: what does the same here.
_EQUIVALENTS = {
    "metric_name": "All metrics are always computed; `--metric_for_best_model` names the one that chooses.",
    "remove_columns": "No column is read but those of `--text_column`, `--label_column` and the like.",
    "remove_splits": "No split is read but `--train_split_name`, `--validation_split_name` and `--test_split_name`.",
    "shuffle_seed": "`--shuffle_train_dataset` mixes by `--split_seed`, and each epoch by `--seed`.",
    "use_fast_tokenizer": "The tokenizer is always the fast one, where the encoder has one.",
}


class _Parser(HfArgumentParser):
    """A parser that raises what it has to say, so that a caller can catch it, and takes no shortened flag."""

    def error(self, message: str) -> None:
        raise ValueError(message)


def build_parser() -> HfArgumentParser:
    """Return the parser of all flags of train.py."""
    return _Parser(
        (ModelArguments, DataArguments, ReviewTrainingArguments),
        prog="train.py",
        usage="train.py [RECIPE.yaml] [--flag value ...]",
        allow_abbrev=False,
    )


def parse_arguments(
    argv: Sequence[str] | None = None,
) -> tuple[ModelArguments, DataArguments, ReviewTrainingArguments]:
    """Read a recipe and flags.

    Args:
        argv: What was typed behind `train.py`: a recipe (YAML or JSON) or none, then flags. Default: the command line.

    Raises:
        FileNotFoundError: The recipe does not exist.
        ValueError: A flag or key is unknown, or its value does not fit; the message names it.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    parser = build_parser()
    flags = []
    if argv and not argv[0].startswith("-"):
        recipe = Path(argv.pop(0))
        parser.set_defaults(run_name=recipe.stem)
        flags = _read_recipe(recipe, parser)
    _check_flags(argv, parser)
    model, data, training = parser.parse_args_into_dataclasses([*flags, *argv], look_for_args_file=False)
    return model, data, training


def _read_recipe(path: Path, parser: HfArgumentParser) -> list[str]:
    """Turn the entries of a recipe into flags, each checked on its own so that an error can name it.

    None cannot be typed: it becomes the parser's default, which a flag still wins over.
    """
    flags = []
    for key, value in _load_entries(path).items():
        flag = f"--{key}"
        if flag not in parser._option_string_actions:
            raise ValueError(f"The recipe '{path}' has the unknown key `{key}`.{_name_nearest(flag, parser, '')}")
        if value is None:
            _set_none(key, path, parser)
            continue
        words = [flag, *_to_words(value, parser._option_string_actions[flag].type is string_to_bool)]
        try:
            parser.parse_known_args(words)
        except ValueError as error:
            raise ValueError(f"The recipe '{path}' has `{key}: {value}`: {error}.") from error
        flags += words
    return flags


def _load_entries(path: Path) -> dict:
    if not path.is_file():
        names = [found.name for ending in ("yaml", "json") for found in path.parent.glob(f"*.{ending}")]
        near = difflib.get_close_matches(path.name, names, n=1)
        hint = f" Did you mean '{path.with_name(near[0])}'?" if near else ""
        raise FileNotFoundError(f"The recipe '{path}' does not exist.{hint}")
    kind, load = ("JSON", json.loads) if path.suffix == ".json" else ("YAML", yaml.safe_load)
    try:
        entries = load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"The recipe '{path}' must be {kind} in UTF-8, but cannot be read: {error}.") from error
    if not isinstance(entries, dict):
        raise ValueError(
            f"The recipe '{path}' must hold one `option: value` a line, but holds {type(entries).__name__}."
        )
    return entries


def _set_none(key: str, path: Path, parser: HfArgumentParser) -> None:
    name = parser._option_string_actions[f"--{key}"].dest
    hints = {name: hint for group in parser.dataclass_types for name, hint in get_type_hints(group).items()}
    if type(None) not in get_args(hints.get(name)):
        raise ValueError(
            f"The recipe '{path}' has `{key}: null`, but `{name}` is never none: its default is "
            f"{parser.get_default(name)!r}. Leave it out for that, or give it a value."
        )
    parser.set_defaults(**{name: None})


def _to_words(value: object, is_switch: bool) -> list[str]:
    """Write a YAML value as it would be typed."""
    if isinstance(value, bool):
        # YAML reads `eval_strategy: no` as false; where no switch is meant, say again what was written.
        return [str(value).lower() if is_switch or value else "no"]
    if isinstance(value, list):
        return [word for item in value for word in _to_words(item, is_switch)]
    if isinstance(value, dict):
        return [json.dumps(value)]
    return [str(value)]


def _check_flags(argv: Sequence[str], parser: HfArgumentParser) -> None:
    for word in argv:
        flag = word.split("=")[0]
        if flag.startswith("--") and flag not in parser._option_string_actions:
            raise ValueError(f"The flag `{flag}` is unknown.{_name_nearest(flag, parser)}")


def _name_nearest(flag: str, parser: HfArgumentParser, prefix: str = "--") -> str:
    equivalent = _EQUIVALENTS.get(flag.removeprefix("--").replace("-", "_"))
    if equivalent is not None:
        return f" {equivalent}"
    known = [name for name in parser._option_string_actions if "-" not in name.removeprefix("--")]
    near = difflib.get_close_matches(flag.replace("-", "_").replace("__", "--", 1), known, n=1)
    return f" The nearest is `{prefix}{near[0].removeprefix('--')}`." if near else " `--help` lists all."
