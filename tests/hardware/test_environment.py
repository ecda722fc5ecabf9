"""What a run says of the machine: enough to repeat it, nothing that tells whose it was."""

import getpass
import json
import platform
from pathlib import Path

import torch
import transformers

from modeling_bert_bilstm.hardware import environment


def test_versions_and_hardware_are_told():
    found = environment.describe_environment()
    assert list(found) == ["versions", "hardware"]
    assert found["versions"]["python"] == platform.python_version()
    assert found["versions"]["torch"] == torch.__version__
    assert found["versions"]["transformers"] == transformers.__version__
    assert set(found["versions"]) <= {"python", *environment.PACKAGES}
    hardware = found["hardware"]
    assert list(hardware) == ["processor", "num_cores", "memory_gib", "accelerators"]
    assert hardware["processor"]
    assert hardware["num_cores"] >= 1
    assert hardware["memory_gib"] > 0
    assert len(hardware["accelerators"]) == torch.cuda.device_count()


def test_no_host_user_or_path_is_told():
    words = json.dumps(environment.describe_environment()).replace('"', " ").replace(",", " ").split()
    assert platform.node() not in words
    assert getpass.getuser() not in words
    assert not any(word.startswith("/") or str(Path.home()) in word for word in words)


def test_a_missing_package_is_left_out(monkeypatch):
    monkeypatch.setattr(environment, "PACKAGES", ("torch", "never-heard-of"))
    assert list(environment.describe_environment()["versions"]) == ["python", "torch"]
