"""The folder of a run: whether it may be written, and from which checkpoint a broken run goes on."""

import json
import re
from pathlib import Path

from transformers import PretrainedConfig


_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_NEEDED_TO_RESUME = ("config.json", "optimizer.pt", "scheduler.pt", "trainer_state.json")
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
_RESULT_FILES = ("results.json", "model.safetensors", "model.safetensors.index.json")

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


def resolve_resume(resume_from_checkpoint: str | bool | None, output_dir: Path) -> Path | None:
    """Return the checkpoint that a run goes on from, None where it starts from the beginning.

    Args:
        resume_from_checkpoint: None, `last` (or true) for the newest complete one of `output_dir`, or its folder.
            `last` without any starts from the beginning, so that a job may always be started with it.
        output_dir: The run folder.

    Raises:
        FileNotFoundError: The folder named is no complete checkpoint.
    """
    wanted = str(resume_from_checkpoint or "no")
    if wanted.lower() in ("no", "none", "false"):
        return None
    if wanted.lower() in ("last", "true", "yes"):
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
    """Make sure that no other run is written over.

    Raises:
        FileExistsError: The folder holds a run, and it was not asked to go on with it; or it is a file.
    """
    if output_dir.exists() and not output_dir.is_dir():
        raise FileExistsError(f"`--output_dir` must be a folder, but '{output_dir}' is a file.")
    found = [name for name in _RESULT_FILES if (output_dir / name).is_file()]
    found += [path.name for path in list_checkpoints(output_dir)]
    if found and str(resume_from_checkpoint or "no").lower() in ("no", "none", "false"):
        raise FileExistsError(
            f"The folder '{output_dir}' holds another run: {', '.join(found)}. Go on with that run with "
            "`--resume_from_checkpoint last`, or choose another folder with `--output_dir`."
        )


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
