"""The settings of a process: memory is really kept, threads are those of the launcher's table."""

import os
import platform
import re
import resource
import subprocess
import sys

import numpy as np
import pytest
import torch

from modeling_bert_bilstm.hardware import (
    ProcessSettings,
    choose_num_threads,
    limit_kept_kernels,
    measure_peak_memory,
    prepare_process,
    process,
)
from tests.conftest import REPOSITORY


# Prints the page faults of blocks that are allocated and freed, after some that must fault either way.
FAULTS = """
import resource, sys, torch
from modeling_bert_bilstm.hardware import prepare_process
if sys.argv[1] == "prepared":
    print(prepare_process().allocator)
for step in range(16):
    if step == 10:  # by then the heap has settled
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = torch.ones(50_000_000)
    del block
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
LAUNCHERS = ("ACCELERATE_MIXED_PRECISION", "TORCHELASTIC_RUN_ID", "OMP_NUM_THREADS", *process._NUM_LOCAL_PROCESSES)
needs_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")


@pytest.fixture(autouse=True)
def _as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
    torch.set_flush_denormal(False)


def count_faults(mode):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_", "LD_"))}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, mode],
        cwd=REPOSITORY,
        env={**kept, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.split("\n")[:-1]


@needs_glibc
def test_a_prepared_process_keeps_its_memory():
    (without,) = count_faults("as it comes")
    allocator, kept = count_faults("prepared")
    assert allocator == "glibc, memory kept"
    assert int(without) > 500  # 6 blocks of 200 MB in pages of 2 MB at most
    assert int(kept) < 0.1 * int(without)


@needs_glibc
def test_settings_are_told_in_one_line(monkeypatch):
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    settings = prepare_process(1)
    assert settings == prepare_process() == ProcessSettings("glibc, memory kept", 1, settings.flush_denormal)
    assert ProcessSettings("a", 1, True).describe() == "allocator a; 1 thread; denormals flushed"
    assert ProcessSettings("b", 3, False).describe() == "allocator b; 3 threads; denormals computed"


def test_numbers_next_to_zero_count_as_zero():
    tiny = torch.tensor([1e-40])
    torch.set_flush_denormal(False)
    assert (tiny / 2).item() > 0
    assert not prepare_process().flush_denormal or (tiny / 2).item() == 0


@pytest.mark.parametrize("name", ["jemalloc", "tcmalloc"])
def test_another_allocator_is_left_alone(name, monkeypatch):
    monkeypatch.setenv("LD_PRELOAD", f"/usr/lib/lib{name}.so.2")
    monkeypatch.setattr(process.ctypes, "CDLL", None)  # may not be called
    assert prepare_process().allocator == name


def test_without_mallopt_memory_comes_as_it_comes(monkeypatch):
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    monkeypatch.setattr(process.platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(process.ctypes, "CDLL", None)
    assert prepare_process().allocator == "as it comes"


def test_threads_are_set_only_on_request():
    before = torch.get_num_threads()
    assert prepare_process().num_threads == torch.get_num_threads() == before
    assert prepare_process(2).num_threads == torch.get_num_threads() == 2
    with pytest.raises(ValueError, match=re.escape("`num_threads` must be at least 1, got 0.")):
        prepare_process(0)


ACCELERATE, TORCHRUN = {"ACCELERATE_MIXED_PRECISION": "no"}, {"TORCHELASTIC_RUN_ID": "none"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),  # torch counts the cores itself
        ({"OMP_NUM_THREADS": "1"}, None),  # somebody's choice
        ({"OMP_NUM_THREADS": "3"}, None),
        ({**ACCELERATE, "OMP_NUM_THREADS": "1"}, 8),  # what accelerate writes where nobody has chosen
        ({**ACCELERATE, "OMP_NUM_THREADS": "3"}, None),
        ({**ACCELERATE, "LOCAL_WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}, 4),
        ({**TORCHRUN, "LOCAL_WORLD_SIZE": "3", "OMP_NUM_THREADS": "1"}, 2),
        ({"LOCAL_WORLD_SIZE": "3", "OMP_NUM_THREADS": "1"}, None),
        ({"OMPI_COMM_WORLD_LOCAL_SIZE": "2"}, 4),
        ({"LOCAL_WORLD_SIZE": "20"}, 1),
    ],
)
def test_each_process_gets_its_part_of_the_cores(environment, expected, monkeypatch):
    for name in LAUNCHERS:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(process, "count_cores", lambda: 16)
    monkeypatch.setattr(process.psutil, "cpu_count", lambda logical: 8)  # two threads a core
    assert choose_num_threads() == expected
    monkeypatch.setattr(process.psutil, "cpu_count", lambda logical: None)  # not known everywhere
    num_processes = int(environment.get("LOCAL_WORLD_SIZE", environment.get("OMPI_COMM_WORLD_LOCAL_SIZE", 1)))
    assert choose_num_threads() == (None if expected is None else max(1, 16 // num_processes))


def test_kernels_are_limited_unless_somebody_has_said_how_many(monkeypatch):
    for name, value, expected in (
        (None, None, (None, "64")),
        ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "7", (None, "7")),
        ("DNNL_PRIMITIVE_CACHE_CAPACITY", "7", ("7", None)),
    ):
        names = ("DNNL_PRIMITIVE_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY")
        for other in names:
            monkeypatch.delenv(other, raising=False)
        if name:
            monkeypatch.setenv(name, value)
        limit_kept_kernels()
        assert tuple(map(os.environ.get, names)) == expected
        monkeypatch.delenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", raising=False)


def test_memory_is_in_mib(monkeypatch):
    before = measure_peak_memory()["peak_memory_mib"]
    held = np.ones(64 * 2**17)  # 64 MiB
    after = measure_peak_memory()["peak_memory_mib"]
    maximum = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    assert after == pytest.approx(maximum, rel=0.05)
    assert after - before <= 80
    assert held.sum() == 64 * 2**17
    monkeypatch.setattr(process.Path, "exists", lambda path: False)  # a kernel that does not tell
    assert measure_peak_memory()["peak_memory_mib"] == pytest.approx(after, rel=0.05)
