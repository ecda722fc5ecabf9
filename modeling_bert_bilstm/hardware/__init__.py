"""The machine: what it is, how fast it multiplies, and the settings of a process that make the most of it."""

from .environment import describe_environment
from .process import (
    ProcessSettings,
    choose_num_threads,
    limit_kept_kernels,
    measure_peak_memory,
    prepare_process,
)
from .rates import is_bfloat16_faster, measure_matrix_rate


__all__ = [
    "ProcessSettings",
    "choose_num_threads",
    "describe_environment",
    "is_bfloat16_faster",
    "limit_kept_kernels",
    "measure_matrix_rate",
    "measure_peak_memory",
    "prepare_process",
]
