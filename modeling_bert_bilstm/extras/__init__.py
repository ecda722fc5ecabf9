"""Packages that an extra of this one brings, imported where they are needed, with the line that installs them."""

import importlib
from types import ModuleType


# What is installed under another name than it is imported by.
_INSTALLED_AS = {"imblearn": "imbalanced-learn", "sklearn": "scikit-learn", "PIL": "pillow"}


def import_optional(package: str, extra: str, user: str = "This") -> ModuleType:
    """Return a package, or a module of one, that an extra of this one brings.

    Args:
        package: Its name as it is imported.
        extra: The extra's name, as in setup.py.
        user: What needs it, as the message begins.

    Raises:
        ImportError: It cannot be imported; the message has the line that installs it.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        top = package.split(".")[0]
        raise ImportError(
            f"{user} needs {_INSTALLED_AS.get(top, top)}, which cannot be imported ({error}). Install it: "
            f'pip install "modeling-bert-bilstm[{extra}]"'
        ) from error
