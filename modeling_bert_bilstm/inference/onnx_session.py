"""An ONNX file, opened and run by ONNX Runtime on the CPU.

Shapes: B reviews, T word pieces, C classes.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..extras import import_optional


if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def open_session(path: Path) -> "InferenceSession":
    """Open a file for the CPU, with as many threads as torch has.

    Raises:
        ImportError: onnxruntime is not installed.
    """
    onnxruntime = import_optional("onnxruntime", "onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run_session(session: "InferenceSession", input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
    """Score a padded batch: int64 (B, T), (B, T) -> float32 (B, C)."""
    return session.run(["logits"], {"input_ids": input_ids, "attention_mask": attention_mask})[0]
