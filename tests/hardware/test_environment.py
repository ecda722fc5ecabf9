"""What a run says of the machine: enough to repeat it, nothing that tells whose it was."""

import getpass
import json
import platform
from pathlib import Path

import pytest
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
    assert list(hardware) == ["processor", "instructions", "num_cores", "memory_gib", "accelerators"]
    assert hardware["processor"]
    assert hardware["instructions"] == [name for name in environment.INSTRUCTIONS if name in hardware["instructions"]]
    assert hardware["num_cores"] >= 1
    assert hardware["memory_gib"] > 0
    assert len(hardware["accelerators"]) == torch.cuda.device_count()


def test_no_host_user_or_path_is_told():
    words = json.dumps(environment.describe_environment()).replace('"', " ").replace(",", " ").split()
    assert platform.node() not in words
    assert getpass.getuser() not in words
    assert not any(word.startswith("/") or str(Path.home()) in word for word in words)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx2 avx512f avx512_bf16 amx_bf16 amx_tile", ["avx2", "avx512f", "avx512_bf16", "amx_bf16"]),
        ("fpu avx2 avx512f avx512_bf16 avx512_fp16", ["avx2", "avx512f", "avx512_bf16"]),
        ("fpu", []),
    ],
)
def test_two_processors_of_one_name_are_told_apart(tmp_path, monkeypatch, flags, expected):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nmodel name\t: A Processor\nflags\t\t: {flags}\n\n" * 2)
    read = environment._read_cpuinfo
    monkeypatch.setattr(environment, "_read_cpuinfo", lambda field: read(field, cpuinfo))
    hardware = environment.describe_environment()["hardware"]
    assert hardware["processor"] == "A Processor"
    assert hardware["instructions"] == expected


def test_without_cpuinfo_the_platform_tells_the_processor(tmp_path, monkeypatch):
    read = environment._read_cpuinfo
    monkeypatch.setattr(environment, "_read_cpuinfo", lambda field: read(field, tmp_path / "missing"))
    hardware = environment.describe_environment()["hardware"]
    assert hardware["processor"] == (platform.processor() or platform.machine())
    assert hardware["instructions"] == []


def test_a_missing_package_is_left_out(monkeypatch):
    monkeypatch.setattr(environment, "PACKAGES", ("torch", "never-heard-of"))
    assert list(environment.describe_environment()["versions"]) == ["python", "torch"]
