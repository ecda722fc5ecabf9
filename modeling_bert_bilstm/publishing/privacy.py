"""What must never be published: tokens, and traces of the machine that trained."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from huggingface_hub import get_token
from safetensors import SafetensorError, safe_open

from ..extras import import_optional
from .errors import PublishingError


_TOKEN = re.compile(r"\b(?:hf_|api_org_)[A-Za-z0-9]{16,}|\bgh[pousr]_[A-Za-z0-9]{36}|\bAKIA[A-Z0-9]{16}\b")
_ROOTS = "|".join(
    "Users Volumes content data gpfs home kaggle lustre media mnt nfs opt private root scratch srv tmp var work "
    "workspace".split()
)
_LOCAL_PATH = re.compile(
    rf"(?<![\w.:/~-])(?:/(?:{_ROOTS})/|~/|[A-Za-z]:[\\/](?!/)|\\\\\w+\\)[^\s\"'`|,)]*|file:/[^\s\"'`|,)]*"
)
_WHOLE_PATH = re.compile(r"/[^/\s]+(?:/[^/\s]+)+/?")
# Word pieces may look like anything; a path in them is a piece of text that the encoder was trained on.
_VOCABULARIES = ("added_tokens.json", "merges.txt", "vocab.json", "vocab.txt")
_VOCABULARY_KEYS = ("added_tokens", "model")


def find_private_traces(folder: Path) -> list[str]:
    """Return a line for each token and each local path in the files of a folder: where it is and what it is.

    Looked at are text files, keys and values of JSON, the metadata and names of safetensors, and what ONNX files and
    pictures say of themselves. A token is never repeated in the answer.

    Raises:
        PublishingError: A weights file cannot be read.
    """
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        read_notes = _NOTES_OF.get(path.suffix)
        content = json.dumps(read_notes(path)).encode() if read_notes else path.read_bytes()
        if _holds_token(content.decode("utf-8", errors="replace")):
            found.append(f"{name} holds an access token")
        found += [f"{name}, {place}: {trace}" for place, trace in _find_traces(path, content)]
    return found


def _find_traces(path: Path, content: bytes) -> Iterator[tuple[str, str]]:
    if path.suffix == ".model" or path.name in _VOCABULARIES:
        return
    if path.suffix in _NOTES_OF:
        for place, text in _walk(json.loads(content)):
            yield from _describe(place, text)
    elif path.suffix == ".json":
        entries = json.loads(content)
        if path.name == "tokenizer.json":
            entries = {key: value for key, value in entries.items() if key not in _VOCABULARY_KEYS}
        for place, text in _walk(entries):
            yield from _describe(f"`{place}`", text)
    else:
        for number, line in enumerate(content.decode("utf-8").splitlines(), start=1):
            yield from _describe(f"line {number}", line)


def _describe(place: str, text: str) -> Iterator[tuple[str, str]]:
    found = _LOCAL_PATH.search(text) or _WHOLE_PATH.fullmatch(text)
    here = [folder for folder in (str(Path.home()), str(Path.cwd())) if len(folder) > 1 and f"{folder}/" in text]
    if found or here:
        trace = found.group() if found else here[0]
        yield place, "an access token" if _holds_token(trace) else f"the local path {trace!r}"


def _holds_token(text: str) -> bool:
    token = get_token()
    return bool(_TOKEN.search(text)) or (token is not None and len(token) > 7 and token in text)


def _walk(value: object, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield the place and the text of every key and every string of a JSON value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            inner_place = f"{place}.{key}" if place else str(key)
            yield f"a key of {place}" if place else "a key", str(key)
            yield from _walk(inner, inner_place)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _walk(inner, f"{place}[{number}]")
    elif isinstance(value, str):
        yield place, value


def read_safetensors_header(path: Path) -> dict[str, object]:
    """Return the metadata and the tensor names of a weights file.

    Raises:
        PublishingError: The file is cut short or is not a safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as weights:
            return {"metadata": weights.metadata() or {}, "tensors": list(weights.keys())}
    except SafetensorError as error:
        raise PublishingError(
            f"`{path.name}` cannot be read as safetensors ({error}). Was it copied whole? Save the model again."
        ) from error


def _read_onnx_notes(path: Path) -> dict[str, object]:
    """Return what an ONNX file says beside its graph; exporters can note lines of source files for each node there."""
    model = import_optional("onnx", "onnx").load(path)
    return {
        "metadata": {entry.key: entry.value for entry in model.metadata_props},
        "producer": [model.producer_name, model.producer_version, model.domain, model.graph.name],
        "notes": [model.doc_string, model.graph.doc_string, *(node.doc_string for node in model.graph.node)],
    }


def _read_png_notes(path: Path) -> dict[str, object]:
    """Return the texts that a picture holds beside its points, such as the program or the file that it was made of."""
    with import_optional("PIL.Image", "report").open(path) as picture:
        picture.load()  # texts may stand behind the points
        notes = {**picture.info, "exif": dict(picture.getexif())}
    return json.loads(json.dumps(notes, default=lambda value: str(value)))


# What files of numbers say of themselves, each by its library.
_NOTES_OF = {".onnx": _read_onnx_notes, ".png": _read_png_notes, ".safetensors": read_safetensors_header}
