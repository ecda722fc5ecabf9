"""The one place that writes a publishable folder: what goes in is on a list, everything else stays at home."""

import json
import os
import shutil
import tempfile
from fnmatch import fnmatch
from pathlib import Path

from ..configuration_bert_bilstm import AUTO_MAP, CUSTOM_PIPELINES, BertBiLSTMConfig
from ..inference.loading import load_model
from ..inference.onnx import FILES as ONNX_FILES
from ..inference.onnx import OnnxExport, OnnxExportError, export_onnx
from ..modeling_bert_bilstm import SHIPPED_FILES
from .card_pictures import FILES as PICTURES
from .card_pictures import write_card_pictures
from .endpoint import HANDLER, write_handler
from .errors import PublishingError
from .model_card import render_model_card
from .privacy import find_private_traces, read_safetensors_header


WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "model-?????-of-?????.safetensors")
TOKENIZER = (
    "added_tokens.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
    "spiece.model",
    "spm.model",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
)
ONNX = tuple(f"onnx/{name}" for name in ONNX_FILES)  # where the Hub's own tools look
WRITTEN = ("README.md", "config.json", "results.json")
HUB_FILES = (*WEIGHTS, *TOKENIZER, *ONNX, *PICTURES, *WRITTEN, *SHIPPED_FILES, *HANDLER)

_INDEX = "model.safetensors.index.json"
_REQUIRED = ("config.json", "results.json", "tokenizer.json", "tokenizer_config.json")
# What a library notes down about the machine that it ran on.
_MACHINE_FIELDS = ("_name_or_path", "cache_dir", "is_local", "local_files_only", "name_or_path", "tokenizer_file")


def build_hub_folder(
    run_folder: str | Path,
    hub_folder: str | Path,
    *,
    repo_id: str | None = None,
    license_id: str = "apache-2.0",
    with_onnx: bool = False,
    with_handler: bool = False,
) -> list[str]:
    """Write the publishable folder of a run and return the names of its files.

    It holds the weights, config.json, the tokenizer, the shipped code of this installation, results.json, the model
    card and its pictures, with `with_onnx` the ONNX files and with `with_handler` what answers over HTTP too, nothing
    else. An earlier publishable folder at the same place is replaced, once the new one is complete.

    Args:
        run_folder: What train.py wrote.
        hub_folder: Where to write; a folder that does not exist, is empty, or is an earlier publishable folder.
        repo_id: The repo that the model card names, `owner/name`. Default: `YOUR_NAME/` and the name of the run.
        license_id: License of the weights, as the Hub spells it.
        with_onnx: Write onnx/model.onnx and onnx/model_int8.onnx too, compared with the model.
        with_handler: Write handler.py for Inference Endpoints, and a Dockerfile.

    Raises:
        FileNotFoundError: The run folder lacks a file; the message lists what is missing.
        ImportError: `with_onnx` needs onnx and onnxruntime.
        PublishingError: Something private would be published, an ONNX file does not give the model's answers, or
            `hub_folder` holds other things.
    """
    run_folder, hub_folder = Path(run_folder), Path(hub_folder)
    _check_run_folder(run_folder)
    _check_target(run_folder, hub_folder)
    hub_folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=hub_folder.parent, prefix=".hub_folder_") as partial:
        export = _write_onnx_files(run_folder, Path(partial)) if with_onnx else None
        _write_files(run_folder, Path(partial), repo_id=repo_id, license_id=license_id, export=export)
        if with_handler:
            write_handler(Path(partial))
        traces = find_private_traces(Path(partial))
        if traces:
            raise PublishingError(
                "Nothing private may be published, but these files hold it: " + "; ".join(traces) + ". "
                f"Remove it from `{run_folder}` and build again."
            )
        _replace_files(Path(partial), hub_folder)
    return list_hub_files(hub_folder)


def list_hub_files(hub_folder: str | Path) -> list[str]:
    """Return the names of the files in a publishable folder, sorted.

    Raises:
        PublishingError: The folder holds something that is not on the list of what is published.
    """
    names = sorted(
        path.relative_to(hub_folder).as_posix()
        for path in Path(hub_folder).rglob("*")
        if not path.is_dir() or not any(path.iterdir())  # an empty folder is no file, but none of ours either
    )
    others = [name for name in names if not _is_on(HUB_FILES, name)]
    if others:
        raise PublishingError(
            f"`{hub_folder}` holds {others}, which no publishable folder holds. Give another folder, or an empty one."
        )
    return names


def find_stale_files(names: list[str], hub_files: list[str]) -> list[str]:
    """Return which files of a repo are weights, tokenizer files or pictures of an earlier push that the new one lacks.

    A single old weights file beside new shards would be loaded in their stead; an old ONNX file or picture is of
    another model.
    """
    old = (*WEIGHTS, *TOKENIZER, *ONNX, *PICTURES)
    return [name for name in names if _is_on(old, name) and name not in hub_files]


def _is_on(patterns: tuple[str, ...], name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _check_run_folder(run_folder: Path) -> None:
    if not run_folder.is_dir():
        raise FileNotFoundError(f"There is no run folder `{run_folder}`. Give the folder that train.py wrote.")
    present = sorted(path.name for path in run_folder.iterdir())
    missing = [name for name in _REQUIRED if name not in present]
    if not _list_weights(run_folder):
        missing.append("model.safetensors (or its shards)")
    if missing:
        raise FileNotFoundError(
            f"`{run_folder}` is not a finished run: it lacks {missing} and holds {present or 'nothing'}. "
            "Give the folder that train.py wrote, after its last line."
        )
    model_type = _read_json(run_folder / "config.json").get("model_type")
    if model_type != BertBiLSTMConfig.model_type:
        raise PublishingError(
            f"`{run_folder}` must hold a model of type {BertBiLSTMConfig.model_type!r}, found {model_type!r}."
        )


def _list_weights(run_folder: Path) -> list[str]:
    """Return the weights that the model is loaded from: one file, or the index and every shard that it names."""
    if (run_folder / "model.safetensors").is_file():
        return ["model.safetensors"]
    if not (run_folder / _INDEX).is_file():
        return []
    shards = sorted(set(_read_json(run_folder / _INDEX)["weight_map"].values()))
    missing = [name for name in shards if not (run_folder / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"`{run_folder}/{_INDEX}` names shards that are missing: {missing}. Save the model again."
        )
    return [_INDEX, *shards]


def _check_target(run_folder: Path, hub_folder: Path) -> None:
    if hub_folder.resolve() == run_folder.resolve():
        raise PublishingError(f"`{hub_folder}` is the run folder itself. Give another folder with `--output_dir`.")
    if hub_folder.is_dir() and list_hub_files(hub_folder) and not (hub_folder / "README.md").is_file():
        raise PublishingError(
            f"`{hub_folder}` holds files, but no model card, so it is no earlier publishable folder. "
            "Give another folder with `--output_dir`, or an empty one."
        )


def _write_files(
    run_folder: Path, target: Path, *, repo_id: str | None, license_id: str, export: OnnxExport | None
) -> None:
    tokenizer = [path.name for path in run_folder.iterdir() if _is_on(TOKENIZER, path.name)]
    for name in [*_list_weights(run_folder), *tokenizer]:
        shutil.copyfile(run_folder / name, target / name)
    for path in target.glob("*.safetensors"):
        read_safetensors_header(path)
    for name in SHIPPED_FILES:
        shutil.copyfile(Path(__file__).parents[1] / name, target / name)
    config = _without_machine_fields(_read_json(run_folder / "config.json"))
    # A model that was itself loaded from a repo names that repo here; the copy must name its own files.
    config |= {"auto_map": AUTO_MAP, "custom_pipelines": CUSTOM_PIPELINES}
    _write_json(target / "config.json", config)
    _write_json(target / "tokenizer_config.json", _build_tokenizer_config(target))
    results = _read_json(run_folder / "results.json")
    _write_json(target / "results.json", results)
    pictures = write_card_pictures(run_folder, target)
    card = render_model_card(results, config, repo_id=repo_id, license_id=license_id, export=export, pictures=pictures)
    (target / "README.md").write_text(card, encoding="utf-8")
    for path in target.rglob("*.*"):
        path.chmod(0o644)  # safetensors writes its files for their owner alone


def _write_onnx_files(run_folder: Path, target: Path) -> OnnxExport:
    model, tokenizer, _ = load_model(run_folder, None, may_use_gpu=False)
    try:
        return export_onnx(model, tokenizer, target / "onnx")
    except OnnxExportError as error:
        raise PublishingError(f"The ONNX files are not good enough to publish: {error}") from error


def _build_tokenizer_config(folder: Path) -> dict:
    fields = _without_machine_fields(_read_json(folder / "tokenizer_config.json"))
    if fields.get("tokenizer_class") == "TokenizersBackend":
        fields["tokenizer_class"] = "PreTrainedTokenizerFast"  # the name that transformers 4 knows, and 5 too
    return fields


def _without_machine_fields(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_machine_fields(inner) for key, inner in value.items() if key not in _MACHINE_FIELDS}
    return [_without_machine_fields(inner) for inner in value] if isinstance(value, list) else value


def _replace_files(source: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    for path in target.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in source.iterdir():
        os.replace(path, target / path.name)


def _read_json(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PublishingError(f"`{path}` is not JSON in UTF-8 ({error}). Was it written whole?") from error


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
