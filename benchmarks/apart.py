"""A measurement in a process of its own: its threads, its memory and what it has compiled are nobody else's."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path


ROOT = Path(__file__).resolve().parents[1]


def measure_apart(module: str, *flags: str) -> object:
    """Run a module of this folder, which writes what it measured to the file behind `--output`, and return that.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "measured.json")
        command = [sys.executable, "-m", module, *flags, "--output", str(output)]
        subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
        return json.loads(output.read_text(encoding="utf-8"))
