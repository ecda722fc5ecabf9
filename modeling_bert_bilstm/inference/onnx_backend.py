"""Logits by ONNX Runtime on the CPU, in float32 or with an encoder in int8.

Shapes: B reviews, T word pieces, C classes.
"""

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from .onnx import FILES, write_onnx
from .onnx_int8 import quantize_onnx
from .onnx_session import open_session, run_session
from .tracing import compute_fingerprint


if TYPE_CHECKING:
    from onnxruntime import InferenceSession

logger = logging.getLogger(__name__)


def build(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    precision: str = "auto",
    folder: Path | None = None,
    int8: bool = False,
) -> "OnnxBackend":
    """Return a backend of the file in `folder / "onnx"` if it is this model's, else of one written now.

    Args:
        model: In float32, on the CPU. It is not changed.
        tokenizer: The model's.
        precision: `auto`, or `float32` where `int8` is False: the CPU has no other here.
        folder: Where the model was loaded from.
        int8: Compute the encoder in whole numbers of 8 bits.

    Raises:
        ImportError: onnxruntime, or onnx to write a file, is not installed.
        ValueError: The precision is none of this backend.
    """
    allowed = ("auto",) if int8 else ("auto", "float32")
    if precision not in allowed:
        raise ValueError(
            f"ONNX Runtime computes in {'int8' if int8 else 'float32'} here: `precision` must be one of {allowed}, "
            f"got {precision!r}."
        )
    session = _open_file_of(model, folder, FILES[int8])
    if session is None:
        with tempfile.TemporaryDirectory(prefix="onnx_") as temporary:
            paths = [Path(temporary) / name for name in FILES]
            write_onnx(model, tokenizer, paths[0])
            if int8:
                quantize_onnx(*paths)
            session = open_session(paths[int8])
    return OnnxBackend(session, int8)


class OnnxBackend:
    """An open file, see `build`."""

    def __init__(self, session: "InferenceSession", is_int8: bool):
        self.name = "onnx_int8" if is_int8 else "onnx"
        self.precision = "int8" if is_int8 else "float32"
        self.num_workers = self.min_batches = 1  # its own threads share a batch
        self._session = session

    def compute_logits(self, input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        """Score a padded batch: int64 (B, T), (B, T) -> float32 (B, C)."""
        return run_session(self._session, input_ids, attention_mask)


def _open_file_of(model: PreTrainedModel, folder: Path | None, name: str) -> "InferenceSession | None":
    path = folder / "onnx" / name if folder else None
    if path is None or not path.is_file():
        return None
    session = open_session(path)
    if session.get_modelmeta().custom_metadata_map.get("fingerprint") == compute_fingerprint(model):
        return session
    logger.warning("`%s` holds other weights than the model beside it; it is not used. Export it again.", path)
    return None
