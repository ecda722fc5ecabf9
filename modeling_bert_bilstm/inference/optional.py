"""Packages that one backend needs and nothing else does."""

import importlib
from types import ModuleType


def import_optional(package: str, extra: str) -> ModuleType:
    """Return a package that an extra of this one brings.

    Raises:
        ImportError: It is not installed; the message has the line that installs it.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f"This needs {package.split('.')[0]}, which cannot be imported ({error}). Install it: "
            f'pip install "modeling-bert-bilstm[{extra}]"'
        ) from error
