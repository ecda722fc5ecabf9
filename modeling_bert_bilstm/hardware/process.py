"""The settings of a process that cost or save time: how memory is kept, threads, and numbers next to zero."""

import ctypes
import os
import platform
import sys
from pathlib import Path
from typing import NamedTuple

import psutil
import torch

from .environment import count_cores


AS_IT_COMES = "as it comes"
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of glibc's malloc.h
_KEPT_KERNELS = 64

# The name under which each launcher says how many processes it has started on this machine.
_NUM_LOCAL_PROCESSES = (
    "LOCAL_WORLD_SIZE",
    "MPI_LOCALNRANKS",
    "OMPI_COMM_WORLD_LOCAL_SIZE",
    "MV2_COMM_WORLD_LOCAL_SIZE",
)
# What `accelerate launch` and `torchrun` leave behind in a process that they start.
_LAUNCHED = ("ACCELERATE_MIXED_PRECISION", "TORCHELASTIC_RUN_ID")


class ProcessSettings(NamedTuple):
    """What is on in this process.

    Attributes:
        allocator: Who hands out memory: "glibc, memory kept", "jemalloc", "tcmalloc" or "as it comes".
        num_threads: Threads of a computation on the CPU.
        flush_denormal: Whether numbers next to zero, which some processors compute slowly, count as zero.
    """

    allocator: str
    num_threads: int
    flush_denormal: bool

    def describe(self) -> str:
        """Return the settings in one line."""
        threads = "1 thread" if self.num_threads == 1 else f"{self.num_threads} threads"
        return f"allocator {self.allocator}; {threads}; denormals {'flushed' if self.flush_denormal else 'computed'}"


def prepare_process(num_threads: int | None = None) -> ProcessSettings:
    """Keep memory between steps, flush denormals and set the threads; may be called again.

    glibc gives each large block back to the system and faults it in again, zeroed, for the next step; in a virtual
    machine that is a quarter of a training step. Told to keep it, the process holds its peak until it ends. Call it
    before the first computation: the threads take over from the one that starts them that denormals are flushed.

    Args:
        num_threads: Threads of a computation on the CPU. Default: left as they are; see `choose_num_threads`.

    Raises:
        ValueError: There cannot be so many threads.
    """
    if num_threads is not None and num_threads < 1:
        raise ValueError(f"`num_threads` must be at least 1, got {num_threads!r}.")
    allocator = _keep_memory()
    flush_denormal = torch.set_flush_denormal(True)
    if num_threads is not None:
        torch.set_num_threads(num_threads)
    return ProcessSettings(allocator, torch.get_num_threads(), flush_denormal)


def _keep_memory() -> str:
    """Tell glibc to map no block of its own for a large request, and to give nothing back; return the allocator."""
    preloaded = os.environ.get("LD_PRELOAD", "")
    for name in ("jemalloc", "tcmalloc"):
        if name in preloaded:
            return name
    if platform.libc_ver()[0] != "glibc":
        return AS_IT_COMES
    mallopt = ctypes.CDLL(None).mallopt
    is_kept = mallopt(_M_MMAP_MAX, 0) == 1 and mallopt(_M_TRIM_THRESHOLD, -1) == 1
    return "glibc, memory kept" if is_kept else AS_IT_COMES


def limit_kept_kernels() -> None:
    """Let oneDNN, which computes on the CPU, keep fewer kernels; call it before the first computation.

    It keeps those of the last 1,024 shapes, each of a good part of a MiB, so that a process that scores batches of
    ever other shapes seems to leak. A batch needs a handful. A number that somebody has set stays.
    """
    if "DNNL_PRIMITIVE_CACHE_CAPACITY" not in os.environ:
        os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(_KEPT_KERNELS))


def choose_num_threads() -> int | None:
    """Return how many threads this process should compute with on the CPU, None to leave them as they are.

    `accelerate launch` and `torchrun` write OMP_NUM_THREADS=1 where nobody has said a number, which leaves all other
    cores idle; there, and where several processes share the machine, each gets its part of the cores. Any other
    OMP_NUM_THREADS is somebody's choice and stays, and torch alone on the machine counts the cores itself.
    """
    num_processes = next((int(os.environ[name]) for name in _NUM_LOCAL_PROCESSES if os.environ.get(name)), 1)
    is_launched = any(name in os.environ for name in _LAUNCHED)
    chosen = os.environ.get("OMP_NUM_THREADS")
    if (chosen and not (is_launched and chosen == "1")) or (not chosen and num_processes == 1):
        return None
    # Two threads of one core share its multiplier, so that a core counts once, as torch counts it.
    num_cores = min(count_cores(), psutil.cpu_count(logical=False) or count_cores())
    return max(1, num_cores // num_processes)


def measure_peak_memory() -> dict[str, float]:
    """Return the most memory that this process has held so far, and has held on the GPU, in MiB."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    peaks = [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")]
    if not peaks:  # some kernels do not tell; bytes on macOS, else KiB
        import resource  # not on Windows

        unit = 2**20 if sys.platform == "darwin" else 2**10
        peaks = [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit]
    found = {"peak_memory_mib": round(peaks[0], 1)}
    if torch.cuda.is_available():
        found["peak_accelerator_memory_mib"] = round(torch.cuda.max_memory_allocated() / 2**20, 1)
    return found
