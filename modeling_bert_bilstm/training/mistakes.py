"""A user's mistake, or a full disk, ends a script with one line that says what to do; all else keeps its traceback."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


# What is raised for bad input: a bad value or kind, a file or model that is missing, a package, the network.
MISTAKES = (ValueError, TypeError, OSError, ImportError)

# Launchers end all processes as soon as one has ended. The first one must have spoken by then.
_SECONDS_FOR_THE_FIRST_PROCESS = 10


class WritingError(OSError):
    """What a run has computed could not be written; the message says what is whole and how to go on."""


@contextmanager
def end_on_mistake(script: str, kinds: tuple[type[Exception], ...] = MISTAKES) -> Iterator[None]:
    """End the script with one line and exit status 1 where bad input is found inside.

    `python -X dev` shows the traceback instead. Of several processes the first speaks; another one does so too if
    nobody has ended it a while later, since the mistake may be its alone.

    Args:
        script: Name that the line begins with.
        kinds: The exceptions that end it so.
    """
    try:
        yield
    except kinds as error:
        if sys.flags.dev_mode:
            raise
        if os.environ.get("RANK", "0") != "0":
            time.sleep(_SECONDS_FOR_THE_FIRST_PROCESS)
        message = " ".join(str(error).split()) or type(error).__name__
        sys.exit(f"{script}: {message}")
