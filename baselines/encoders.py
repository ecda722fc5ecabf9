"""The encoders that experiments name: where each lies, and what tells it from others."""

import hashlib
from pathlib import Path

from transformers import AutoConfig

from modeling_bert_bilstm.data import PACKAGE_PREFIX, resolve_package
from modeling_bert_bilstm.data.packages import PACKAGES


# model_type, layers and width of the encoders that experiments name.
ENCODERS = {
    "all-MiniLM-L6-v2": ("bert", 6, 384),
    "gte-small": ("bert", 12, 384),
    "all-mpnet-base-v2": ("mpnet", 12, 768),
    "bert-base-uncased": ("bert", 12, 768),
    "distilbert-base-uncased": ("distilbert", 6, 768),
}
_FILES = (".json", ".txt", ".model", ".safetensors", ".bin")


def find_encoder(name: str, folder: Path | None) -> Path:
    """Return the folder of an encoder.

    Its kind and size are checked, not its weights: their fingerprint stands in the results.

    Args:
        name: What the experiment calls it.
        folder: The folder given: its own, or one that holds it under its name; None for the package that brings it.

    Raises:
        FileNotFoundError: It is in neither.
        ValueError: The folder holds an encoder of another kind or size.
    """
    choices = [] if folder is None else [folder / name, folder]
    found = next((choice for choice in choices if (choice / "config.json").is_file()), None)
    if found is None and name in PACKAGES:
        found = resolve_package(PACKAGE_PREFIX + name)
    if found is None:
        raise FileNotFoundError(
            f"The encoder {name!r} was not found: `--encoder` must be its folder, or one that holds `{name}`."
        )
    config = AutoConfig.from_pretrained(found)
    shape = (config.model_type, config.num_hidden_layers, config.hidden_size)
    if name in ENCODERS and shape != ENCODERS[name]:
        raise ValueError(
            f"{name!r} must have {_describe(ENCODERS[name])}, but the encoder in `{found}` has {_describe(shape)}."
        )
    if name not in ENCODERS and found.name != name:
        raise ValueError(
            f"{name!r} is none of the known encoders {sorted(ENCODERS)}, so that its folder must be called so, "
            f"got `{found}`."
        )
    return found


def _describe(shape: tuple[str, int, int]) -> str:
    return f"`model_type` {shape[0]!r}, {shape[1]} layers of width {shape[2]}"


def compute_folder_fingerprint(folder: Path | str) -> str:
    """Return the sha256 over the files of an encoder: weights, configuration, tokenizer."""
    digest = hashlib.sha256()
    for path in sorted(Path(folder).iterdir()):
        if path.suffix in _FILES:
            with path.open("rb") as file:
                digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
