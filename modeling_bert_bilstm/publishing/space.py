"""A Space: the page of inference/demo.py beside a model on the Hub, with the part of this package that it runs on."""

import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from huggingface_hub import SpaceCard, SpaceCardData

from .errors import PublishingError
from .privacy import find_private_traces


PACKAGE = Path(__file__).parents[1]
ROOMS = ("attribution", "extras", "hardware", "inference")  # what inference may import, and itself
SERVER = "inference/server.py", "inference/serving"  # a Space has Gradio's
WRITTEN = ("README.md", "app.py", "requirements.txt")

# What those rooms import. Gradio is not among them: the Space installs it by the version in its README.
REQUIREMENTS = (
    "captum",
    "filelock",
    "huggingface_hub",
    "matplotlib",
    "numpy",
    "psutil",
    "pyarrow",
    "rich",
    "safetensors",
    "torch",
    "transformers",
)
_MAX_DESCRIPTION = 60  # characters that the Hub allows

_APP = '''"""The page of {repo_id}: a review with the words that moved it, a file of reviews with its films."""

from huggingface_hub import snapshot_download

from modeling_bert_bilstm.inference.demo import launch


launch(snapshot_download("{repo_id}", revision="{revision}", ignore_patterns=["onnx/*"]), name="{repo_id}")
'''
_README = """---
{metadata}
---

# {title}

Paste a review and see which words moved it; upload a CSV file of reviews and see what they say of each film. The model
is [{repo_id}](https://huggingface.co/{repo_id}) at `{revision}`.

`modeling_bert_bilstm/` is the part of the package that the page runs on. Outside of a Space:

```bash
pip install gradio=={gradio} -r requirements.txt
python app.py
```

If the model is private, the Space needs a secret `HF_TOKEN` that may read it.
"""


def build_space_folder(
    folder: str | Path, space_id: str, repo_id: str, *, revision: str = "main", license_id: str = "apache-2.0"
) -> list[str]:
    """Write the files of a Space and return their names, sorted.

    The Space runs on the versions that are installed here. An earlier Space folder at the same place is replaced.

    Args:
        folder: Where to write; a folder that does not exist, is empty, or is an earlier Space folder.
        space_id: The Space, `owner/name`.
        repo_id: The repo of the model, `owner/name`.
        revision: Its commit.
        license_id: License of the Space, as the Hub spells it.

    Raises:
        PublishingError: The packages of the page are not installed, the folder holds other things, or something
            private would be published.
    """
    folder = Path(folder)
    versions = {name: _find_version(name) for name in ("gradio", *REQUIREMENTS)}
    if folder.is_dir():
        list_space_files(folder)  # refuses what is no Space
        shutil.rmtree(folder)
    _copy_package(folder / PACKAGE.name)
    fields = {"repo_id": repo_id, "revision": revision, "title": space_id.split("/")[1], "gradio": versions["gradio"]}
    metadata = SpaceCardData(
        title=fields["title"],
        sdk="gradio",
        sdk_version=versions["gradio"],
        python_version=f"{sys.version_info.major}.{sys.version_info.minor}",
        app_file="app.py",
        license=license_id,
        models=[repo_id],
        short_description="What reviews say of films"[:_MAX_DESCRIPTION],
    )
    card = _README.format(metadata=metadata.to_yaml(), **fields)
    SpaceCard(card)  # raises where the Hub would refuse the metadata
    requirements = "".join(f"{name}=={versions[name]}\n" for name in REQUIREMENTS)
    for name, text in (("README.md", card), ("app.py", _APP.format(**fields)), ("requirements.txt", requirements)):
        (folder / name).write_text(text, encoding="utf-8")
    if traces := find_private_traces(folder):
        raise PublishingError(f"Nothing private may be published, but these files hold it: {'; '.join(traces)}.")
    return list_space_files(folder)


def list_space_files(folder: str | Path) -> list[str]:
    """Return the names of the files in a Space folder, sorted.

    Raises:
        PublishingError: The folder holds something that is not part of a Space.
    """
    paths = [path.relative_to(folder) for path in Path(folder).rglob("*") if not path.is_dir()]
    names = sorted(path.as_posix() for path in paths if "__pycache__" not in path.parts)
    others = [name for name in names if name not in WRITTEN and not is_vendored(name)]
    if others:
        raise PublishingError(f"`{folder}` holds {others}, which no Space of ours holds. Give another folder.")
    return names


def is_vendored(name: str) -> bool:
    """Say whether a file of a Space is one of this package."""
    return name.startswith(f"{PACKAGE.name}/") and name.endswith(".py")


def _copy_package(target: Path) -> None:
    sources = [*PACKAGE.glob("*.py"), *(path for room in ROOMS for path in (PACKAGE / room).rglob("*.py"))]
    for path in sources:
        name = path.relative_to(PACKAGE)
        if name.as_posix().startswith(SERVER):
            continue
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def _find_version(name: str) -> str:
    """The installed version, without what says how it was built."""
    try:
        return version(name).partition("+")[0]
    except PackageNotFoundError as error:
        raise PublishingError(
            f"`--space` publishes the versions that the page runs on here, but {name} is not installed. Install it: "
            'pip install "modeling-bert-bilstm[demo]"'
        ) from error
