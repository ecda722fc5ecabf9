"""What a run was measured with: versions and hardware, and nothing that tells whose machine it was."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
import torch


PACKAGES = (
    "accelerate",
    "datasets",
    "evaluate",
    "huggingface_hub",
    "modeling_bert_bilstm",
    "nncf",
    "numpy",
    "onnx",
    "onnxruntime",
    "openvino",
    "safetensors",
    "tokenizers",
    "torch",
    "transformers",
)
# What decides how fast a CPU multiplies matrices, as Linux names it.
INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


def describe_environment() -> dict[str, dict[str, str | int | float | list[str]]]:
    """Return `versions` of Python and of the packages, and `hardware`.

    That is the processor, which of `INSTRUCTIONS` it has (empty where Linux does not tell), cores, memory and
    accelerators.
    """
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:  # a copy of this package that was never installed
            continue
    flags = _read_cpuinfo("flags").split()
    hardware = {
        "processor": _read_cpuinfo("model name") or platform.processor() or platform.machine(),
        "instructions": [name for name in INSTRUCTIONS if name in flags],
        "num_cores": count_cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "accelerators": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
    }
    return {"versions": versions, "hardware": hardware}


def _read_cpuinfo(field: str, cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return what Linux says of the first core, nothing elsewhere."""
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), "")


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
