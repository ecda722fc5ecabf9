"""Logits by OpenVINO on the CPU, in float32, in bfloat16, or with the encoder in int8.

The model is converted from torch, not from its ONNX file: so attention stays one operation, which OpenVINO runs as one
fused kernel, and each direction of the LSTM one sequence.

Shapes: B reviews, T word pieces, C classes.
"""

import contextlib
import logging
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..extras import import_optional
from ..hardware.rates import is_bfloat16_faster
from .batches import pad_batch
from .samples import draw_reviews
from .torch_backend import share_model
from .tracing import LogitsOnly, build_example, trace_quietly


if TYPE_CHECKING:
    from openvino import CompiledModel, Model

_NUM_CALIBRATION_REVIEWS = 12
_MAX_CALIBRATION_LENGTH = 384  # word pieces
# How far outliers are moved from what comes into a product to its weights; the library's own 0.95 is for decoders.
_SMOOTH_QUANT_ALPHA = 0.5


def build(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    precision: str = "auto",
    folder: Path | None = None,
    int8: bool = False,
) -> "OpenVinoBackend":
    """Return a backend of a model that is converted now.

    Args:
        model: In float32, on the CPU. It is not changed.
        tokenizer: The model's; read where `int8` is True, to find the usual values of the model.
        precision: `float32`, `bfloat16`, or `auto`: bfloat16 where it was measured to be faster. Where `int8` is True,
            it holds for what is not quantised.
        folder: Not needed here.
        int8: Multiply whole numbers of 8 bits.

    Raises:
        ImportError: openvino, or for int8 nncf, is not installed.
    """
    openvino = import_optional("openvino", "openvino")
    if precision == "auto":
        precision = "bfloat16" if is_bfloat16_faster() else "float32"
    converted = convert_model(model)
    if int8:
        converted = quantize_model(converted, model, tokenizer)
    num_threads = torch.get_num_threads()
    options = {
        "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
        "INFERENCE_NUM_THREADS": num_threads,
        "NUM_STREAMS": num_threads,  # a core each for as many batches
    }
    return OpenVinoBackend(openvino.Core().compile_model(converted, "CPU", options), "int8" if int8 else precision)


class OpenVinoBackend:
    """A compiled model, see `build`."""

    def __init__(self, compiled: "CompiledModel", precision: str):
        self.name = "openvino_int8" if precision == "int8" else "openvino"
        self.precision = precision
        self.compiled = compiled
        self.num_workers = int(compiled.get_property("NUM_STREAMS"))
        self.min_batches = 2  # a request has one core, however few there are
        self._of_thread = threading.local()

    def compute_logits(self, input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        """Score a padded batch: int64 (B, T), (B, T) -> float32 (B, C)."""
        if not hasattr(self._of_thread, "request"):  # a request serves one thread at a time
            self._of_thread.request = self.compiled.create_infer_request()
        inputs = [np.ascontiguousarray(array) for array in (input_ids, attention_mask)]
        return np.array(self._of_thread.request.infer(inputs)[0], dtype=np.float32)


def convert_model(model: PreTrainedModel) -> "Model":
    """Return the model in OpenVINO's form, for any number of reviews and any length.

    Raises:
        ImportError: openvino is not installed.
    """
    openvino = import_optional("openvino", "openvino")
    example = build_example(model.config)
    with trace_quietly():
        # Recorded here: OpenVINO's own call records twice, once with gradients, and stumbles over the difference.
        recorded = torch.jit.trace(LogitsOnly(share_model(model)), example, check_trace=False)
        return openvino.convert_model(recorded, example_input=example)


def quantize_model(converted: "Model", model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> "Model":
    """Return a converted model whose products are of whole numbers, scaled by what some reviews bring about.

    Raises:
        ImportError: nncf is not installed.
    """
    nncf = import_optional("nncf", "openvino")
    nncf.set_log_level(logging.ERROR)
    max_length = min(_MAX_CALIBRATION_LENGTH, model.config.window_length)
    lengths = np.linspace(8, max_length, _NUM_CALIBRATION_REVIEWS).astype(int)
    batches = [list(pad_batch([review], 0)) for review in draw_reviews(tokenizer, lengths)]
    smooth_quant = nncf.AdvancedSmoothQuantParameters(matmul=_SMOOTH_QUANT_ALPHA)
    with contextlib.redirect_stdout(sys.stderr):  # where progress belongs
        return nncf.quantize(
            converted,
            nncf.Dataset(batches),
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=len(batches),
            advanced_parameters=nncf.AdvancedQuantizationParameters(smooth_quant_alphas=smooth_quant),
            # The thread through a long review would gather what is lost at each step.
            ignored_scope=nncf.IgnoredScope(types=["LSTMSequence"], validate=False),
        )
