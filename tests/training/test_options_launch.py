"""`accelerate launch train.py RECIPE`, typed as the quickstart types it, but on a tiny encoder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from examples import quickstart
from tests.conftest import REPOSITORY, build_reviews


class _Typed(Exception):
    pass


@pytest.fixture
def typed(monkeypatch):
    """The first command of the quickstart."""

    def stop(*command):
        raise _Typed(command)

    monkeypatch.setattr(quickstart, "RUN", quickstart.ROOT / "runs" / "not-yet-run")
    monkeypatch.setattr(quickstart, "run", stop)
    with pytest.raises(_Typed) as caught:
        quickstart.main()
    return list(caught.value.args[0])


def test_accelerate_launch_runs_a_recipe(typed, encoder_folder, tmp_path):
    assert typed[:2] == ["accelerate", "launch"]
    typed[typed.index("recipes/quickstart.yaml")] = str(tmp_path / "tiny.yaml")
    typed[typed.index("--output_dir") + 1] = str(tmp_path / "run")
    texts, labels = build_reviews(16)
    pd.DataFrame({"text": texts, "label": labels}).to_csv(tmp_path / "a.csv", index=False)
    recipe = {
        "model_name_or_path": str(encoder_folder),
        "train_file": str(tmp_path / "a.csv"),
        "validation_size": 4,
        "test_size": None,
        "window_length": 16,
        "window_overlap": 4,
        "num_train_epochs": 1,
        "num_cpu_threads": 1,
        "report_to": "none",
    }
    (tmp_path / "tiny.yaml").write_text(json.dumps(recipe), encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        typed,
        cwd=REPOSITORY,
        env={**os.environ, "PATH": path, "HF_DATASETS_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads((tmp_path / "run" / "results.json").read_text(encoding="utf-8"))
    assert results["name"] == "tiny"
    assert results["metrics"]["validation"]["num_reviews"] == 4
    assert [row["epoch"] for row in results["history"]] == [1]
