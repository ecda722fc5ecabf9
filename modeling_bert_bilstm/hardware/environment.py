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


def describe_environment() -> dict[str, dict[str, str | int | float | list[str]]]:
    """Return `versions` of Python and of the packages, and `hardware`: processor, cores, memory, accelerators."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:  # a copy of this package that was never installed
            continue
    hardware = {
        "processor": _read_processor(),
        "num_cores": count_cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "accelerators": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
    }
    return {"versions": versions, "hardware": hardware}


def _read_processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
