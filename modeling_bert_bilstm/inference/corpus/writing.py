"""Files that are there whole or not at all, whenever the process or the machine stops."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def write_whole(path: Path, draft_folder: Path) -> Iterator[Path]:
    """Give a draft to write in place of a file, which it becomes once it is whole and on the disk.

    Args:
        path: The file.
        draft_folder: Where the draft is, on the same disk.
    """
    draft = draft_folder / f"{path.name}.draft"
    yield draft
    _flush(draft, os.O_RDWR)
    os.replace(draft, path)
    if os.name == "posix":  # elsewhere a folder cannot be opened
        _flush(path.parent, os.O_RDONLY)


def _flush(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, content: Mapping, draft_folder: Path) -> None:
    """Write a JSON file whole or not at all."""
    with write_whole(path, draft_folder) as draft:
        draft.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
