"""The folder of a run: whether it may be written, what is written whole, from which checkpoint a run goes on."""

import json
import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from transformers import PretrainedConfig, Trainer

from ..configuration_bert_bilstm import BertBiLSTMConfig
from .mistakes import WritingError


logger = logging.getLogger(__name__)

_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_NEEDED_TO_RESUME = ("config.json", "optimizer.pt", "scheduler.pt", "trainer_state.json")
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
_RESULT_FILES = ("results.json", *_WEIGHTS)

# What a checkpoint and the run that goes on from it must agree on; the rest of the weights would be left untrained.
_FIELDS_TO_KEEP = ("lstm_hidden_size", "lstm_num_layers", "pooling", "id2label", "problem_type")


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints of a run folder, oldest first, complete or not."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.is_dir() and _CHECKPOINT.fullmatch(path.name)]
    return sorted(found, key=lambda path: int(path.name.split("-")[1]))


def find_missing(checkpoint: Path) -> list[str]:
    """Return what a checkpoint lacks to go on from; a run that was killed while writing leaves such a one."""
    missing = [name for name in _NEEDED_TO_RESUME if not (checkpoint / name).is_file()]
    if not any((checkpoint / name).is_file() for name in _WEIGHTS):
        missing.append(_WEIGHTS[0])
    if not missing:
        try:
            json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
        except ValueError:
            missing.append("the end of trainer_state.json")
    return missing


def find_last_checkpoint(folder: Path) -> Path | None:
    """Return the newest complete checkpoint of a run folder, None where there is none."""
    return next((path for path in reversed(list_checkpoints(folder)) if not find_missing(path)), None)


def read_resume(resume_from_checkpoint: str | bool | None) -> str | None:
    """Return what `--resume_from_checkpoint` asks for: None for nothing, `last`, or a folder."""
    wanted = str(resume_from_checkpoint or "no")
    if wanted.lower() in ("no", "none", "false"):
        return None
    return "last" if wanted.lower() in ("last", "true", "yes") else wanted


def resolve_resume(resume_from_checkpoint: str | bool | None, output_dir: Path) -> Path | None:
    """Return the checkpoint that a run goes on from, None where it starts from the beginning.

    Args:
        resume_from_checkpoint: None, `last` (or true) for the newest complete one of `output_dir`, or its folder.
            `last` without any starts from the beginning, so that a job may always be started with it.
        output_dir: The run folder.

    Raises:
        FileNotFoundError: The folder named is no complete checkpoint.
    """
    wanted = read_resume(resume_from_checkpoint)
    if wanted is None:
        return None
    if wanted == "last":
        return find_last_checkpoint(output_dir)
    checkpoint = Path(wanted).expanduser()
    missing = find_missing(checkpoint)
    if missing:
        last = find_last_checkpoint(output_dir)
        hint = f" The last complete one is '{last}'." if last else ""
        raise FileNotFoundError(
            f"`--resume_from_checkpoint` must be `last` or the folder of a complete checkpoint, but '{checkpoint}' "
            f"lacks {', '.join(missing)}.{hint}"
        )
    return checkpoint


def check_run_folder(output_dir: Path, resume_from_checkpoint: str | bool | None) -> None:
    """Make sure that no other run is written over, and say where `last` starts from the beginning.

    Raises:
        FileExistsError: The folder holds a run, and it was not asked to go on with it, or cannot be gone on with; or
            it is a file.
    """
    if output_dir.exists() and not output_dir.is_dir():
        raise FileExistsError(f"`--output_dir` must be a folder, but '{output_dir}' is a file.")
    results = [name for name in _RESULT_FILES if (output_dir / name).is_file()]
    checkpoints = [path.name for path in list_checkpoints(output_dir)]
    found = ", ".join(results + checkpoints)
    wanted = read_resume(resume_from_checkpoint)
    if wanted == "last":
        if find_last_checkpoint(output_dir) is None:
            _check_start(output_dir, results, checkpoints)
    elif found and wanted is None:
        raise FileExistsError(
            f"The folder '{output_dir}' holds another run: {found}. Go on with that run with "
            "`--resume_from_checkpoint last`, or choose another folder with `--output_dir`."
        )
    elif found and Path(wanted).expanduser().resolve().parent != output_dir.resolve():
        raise FileExistsError(
            f"The folder '{output_dir}' holds another run than the checkpoint '{wanted}': {found}. Choose another "
            "folder with `--output_dir`."
        )


def _check_start(output_dir: Path, results: list[str], checkpoints: list[str]) -> None:
    """Make sure that a start from the beginning, where `last` was asked for, loses no results."""
    if results:
        raise FileExistsError(
            f"The folder '{output_dir}' holds a run without a complete checkpoint to go on from: "
            f"{', '.join(results + checkpoints)}. Choose another folder with `--output_dir`; there, "
            f"`--model_name_or_path {output_dir}` trains its model further, if it has one."
        )
    state = f"has only incomplete checkpoints ({', '.join(checkpoints)})" if checkpoints else "has no checkpoint yet"
    logger.warning("'%s' %s: training starts from the beginning.", output_dir, state)


def check_same_model(config: PretrainedConfig, checkpoint: Path) -> None:
    """Make sure that a checkpoint fits the model of this run.

    Raises:
        ValueError: They differ; the message names the field.
    """
    kept = type(config).from_pretrained(checkpoint)
    for name in _FIELDS_TO_KEEP:
        before, now = getattr(kept, name), getattr(config, name)
        if before != now:
            raise ValueError(
                f"The checkpoint '{checkpoint}' was trained with `{name}` {before!r}, but this run has {now!r}. "
                "Give it the options of the run that it goes on with, or choose another `--output_dir`."
            )


def check_trained(
    config: PretrainedConfig, name: str, resume_from_checkpoint: str | bool | None, *, has_fresh_classifier: bool
) -> None:
    """Make sure that a run that does not train measures what has been trained.

    Args:
        config: Of the model that it measures.
        name: Of that model.
        resume_from_checkpoint: As typed.
        has_fresh_classifier: Whether other labels than those of the model are allowed.

    Raises:
        ValueError: It would measure random weights.
    """
    if read_resume(resume_from_checkpoint) is not None:
        raise ValueError(
            "`--resume_from_checkpoint` goes on with training, which `--no_do_train` leaves out. Drop one of them; to "
            "measure a checkpoint or a run, name a folder that train.py wrote with `--model_name_or_path`, and "
            "another `--output_dir`."
        )
    if config.model_type != BertBiLSTMConfig.model_type:
        raise ValueError(
            f"`--no_do_train` measures a trained model, but {name!r} is an encoder, whose classifier would be random. "
            "Name a folder that train.py wrote with `--model_name_or_path`."
        )
    if has_fresh_classifier:
        raise ValueError(
            "`--ignore_mismatched_sizes` starts a classifier afresh, which `--no_do_train` would measure untrained. "
            "Drop one of them."
        )


@contextmanager
def write_whole(path: Path) -> Iterator[Path]:
    """Give a draft to write in place of a file, which it becomes once it is whole; else it is removed."""
    draft = path.with_name(f"{path.name}.part")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def save_model_whole(trainer: Trainer, run_folder: Path) -> None:
    """Write model, tokenizer and code into the run folder, each file whole or not at all; by all processes."""
    draft = run_folder / "model.part"
    try:
        trainer.save_model(str(draft), _internal_call=True)
        for path in draft.iterdir() if trainer.args.should_save else ():
            os.replace(path, run_folder / path.name)
    finally:
        if trainer.args.should_save:
            shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def explain_failed_writing(run_folder: Path) -> Iterator[None]:
    """Say how to go on where the results of a run cannot be written.

    Raises:
        WritingError: They cannot.
    """
    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:  # each library has its own for a full disk
        last = find_last_checkpoint(run_folder)
        way = (
            f"`--resume_from_checkpoint last` then goes on from '{last}' and writes them."
            if last
            else "There is no checkpoint to go on from: run it again, with `--save_strategy epoch` to have one."
        )
        raise WritingError(
            f"The results could not all be written to '{run_folder}'; those that are there are whole. {error}. If "
            f"the disk is full, make room. {way}"
        ) from error
