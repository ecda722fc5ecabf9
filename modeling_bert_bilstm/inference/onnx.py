"""Write a trained model as ONNX files that onnxruntime alone reads, and compare their answers with torch.

python -m modeling_bert_bilstm.inference.onnx runs/imdb

Both files take `input_ids` and `attention_mask`, int64 of shape (B, T) with any B and any T: windows are planned
inside. They give `logits`, float32 of shape (B, C). Their metadata hold the names of the labels and what else a user
needs to know.
"""

import argparse
import copy
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.logging import tqdm

from ..extras import import_optional
from .backends import MAX_MEAN_INT8_DIFFERENCE, compute_differences, compute_probabilities
from .batches import pad_batch
from .loading import load_model
from .onnx_int8 import quantize_onnx
from .onnx_session import open_session, run_session
from .samples import draw_reviews
from .torch_backend import TorchBackend, share_model
from .tracing import LogitsOnly, build_example, compute_fingerprint, trace_quietly


FILES = ("model.onnx", "model_int8.onnx")
MAX_DIFFERENCE = 1e-4  # in probability, from rounding in another order

_OPSET = 17  # the newest that the exporter writes without a conversion
_NUM_LENGTHS = 64
_ROWS = 4  # reviews of a batch of the comparison


class OnnxExportError(RuntimeError):
    """A file does not give the answers of the model."""


@dataclass(frozen=True)
class OnnxFile:
    """A file and how far its answers are from those of torch in float32.

    Attributes:
        path: Where it is.
        num_bytes: Its size.
        max_difference: The largest difference of a probability.
        mean_difference: The mean over the reviews of their largest difference.
    """

    path: Path
    num_bytes: int
    max_difference: float
    mean_difference: float


@dataclass(frozen=True)
class OnnxExport:
    """The files written.

    Attributes:
        float32: The file that equals the model.
        int8: The smaller one, whose encoder multiplies whole numbers.
        num_reviews: How many reviews were compared.
        max_length: Word pieces of the longest of them.
    """

    float32: OnnxFile
    int8: OnnxFile
    num_reviews: int
    max_length: int

    def render(self) -> str:
        """Return the table that the command prints."""
        head = f"{'file':<18}{'bytes':>14}{'largest difference':>20}{'mean difference':>18}"
        rows = [
            f"{file.path.name:<18}{file.num_bytes:>14,}{file.max_difference:>20.1e}{file.mean_difference:>18.1e}"
            for file in (self.float32, self.int8)
        ]
        compared = f"In probability, against torch in float32, {self.num_reviews} reviews of 2 to {self.max_length:,}"
        return "\n".join([head, *rows, f"{compared} word pieces."])


def export_onnx(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    output_dir: str | Path,
    *,
    show_progress: bool = True,
) -> OnnxExport:
    """Write model.onnx and model_int8.onnx, each once its answers are found to be those of the model.

    Args:
        model: In float32; it is not changed.
        tokenizer: The model's.
        output_dir: Where to write; files of the same names are replaced.
        show_progress: Show a bar while answers are compared.

    Raises:
        ImportError: onnx or onnxruntime is not installed.
        OnnxExportError: A probability differs by more than 1e-4, in int8 by more than 0.05 in the mean. The file is
            not written; model.onnx stays if only the int8 file is refused.
    """
    import_optional("onnxruntime", "onnx")
    output_dir = Path(output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    lengths = [int(length) for length in np.linspace(2, 4 * model.config.window_length, _NUM_LENGTHS)]
    reviews = draw_reviews(tokenizer, lengths)
    with tempfile.TemporaryDirectory(dir=output_dir, prefix=".onnx_") as partial:
        paths = [Path(partial) / name for name in FILES]
        write_onnx(model, tokenizer, paths[0])
        quantize_onnx(*paths)
        differences = _compare(paths, model, reviews, show_progress)  # (2, 64)
        limits = ((np.max, MAX_DIFFERENCE), (np.mean, MAX_MEAN_INT8_DIFFERENCE))
        for path, found, (measure, limit) in zip(paths, differences, limits, strict=True):
            if not measure(found) <= limit:  # not a number is too far as well
                raise OnnxExportError(
                    f"{path.name} must be within {limit:g} of torch in probability, found {measure(found):.2g}, most "
                    f"on a review of {lengths[int(found.argmax())]:,} word pieces. It was not written."
                )
            os.replace(path, output_dir / path.name)
    files = [
        OnnxFile(output_dir / name, (output_dir / name).stat().st_size, float(found.max()), float(found.mean()))
        for name, found in zip(FILES, differences, strict=True)
    ]
    return OnnxExport(*files, num_reviews=len(lengths), max_length=lengths[-1])


def write_onnx(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, path: Path) -> None:
    """Write a model in float32, without looking at its answers.

    Raises:
        ImportError: onnx is not installed.
    """
    onnx = import_optional("onnx", "onnx")
    recorded = share_model(copy.deepcopy(model).cpu() if model.device.type != "cpu" else model)
    # Recorded from its parts, attention is free of the guards that an exporter puts around the fused function.
    recorded.set_attn_implementation("eager")
    with trace_quietly():
        torch.onnx.export(
            LogitsOnly(recorded),
            build_example(model.config),
            str(path),
            dynamo=False,  # the other exporter makes the number of windows a constant
            opset_version=_OPSET,
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={
                "input_ids": {0: "reviews", 1: "word_pieces"},
                "attention_mask": {0: "reviews", 1: "word_pieces"},
                "logits": {0: "reviews"},
            },
        )
    graph = onnx.load(path)
    onnx.helper.set_model_props(graph, build_metadata(model, tokenizer))
    onnx.save(graph, path)


def build_metadata(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> dict[str, str]:
    """Return what a file says of itself: labels, padding, and which weights it holds."""
    config = model.config
    return {
        "id2label": json.dumps({str(i): config.id2label[i] for i in sorted(config.id2label)}, ensure_ascii=False),
        "label_polarity": json.dumps(config.label_polarity),
        "problem_type": config.problem_type,
        "pad_token_id": str(tokenizer.pad_token_id),
        "fingerprint": compute_fingerprint(model),
    }


def _compare(
    paths: Sequence[Path], model: PreTrainedModel, reviews: Sequence[list[int]], show_progress: bool
) -> np.ndarray:
    """Return the largest difference in probability of each review for each file, (2, N)."""
    sessions = [open_session(path) for path in paths]
    reference, problem_type = TorchBackend(model, "float32"), model.config.problem_type
    pad_token_id = getattr(model.config.encoder_config, "pad_token_id", None) or 0
    differences = np.zeros((len(paths), len(reviews)))
    step = -(-len(reviews) // _ROWS)
    with tqdm(total=len(reviews), unit="review", desc="Comparing with torch", disable=not show_progress) as bar:
        for start in range(step):
            rows = slice(start, None, step)  # short and long reviews side by side
            input_ids, attention_mask = pad_batch(reviews[rows], pad_token_id)
            if start % 2:  # padding in front must not matter either
                input_ids, attention_mask = _move_padding_to_front(input_ids, attention_mask)
            expected = compute_probabilities(reference.compute_logits(input_ids, attention_mask), problem_type)
            for found, session in zip(differences, sessions, strict=True):
                logits = run_session(session, input_ids, attention_mask)
                found[rows] = compute_differences(compute_probabilities(logits, problem_type), expected)
            bar.update(len(input_ids))
    return differences


def _move_padding_to_front(input_ids: np.ndarray, attention_mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(attention_mask, axis=1, kind="stable")  # (B, T)
    return np.take_along_axis(input_ids, order, axis=1), np.take_along_axis(attention_mask, order, axis=1)


def main(argv: list[str] | None = None) -> OnnxExport:
    """Export the model in a folder as the command line says, print the comparison and return it."""
    parser = argparse.ArgumentParser(
        prog="python -m modeling_bert_bilstm.inference.onnx",
        description="Write a trained model as ONNX files that onnxruntime alone reads, compared with torch.",
    )
    parser.add_argument("folder", type=Path, help="folder that train.py wrote, or an id on the Hub")
    parser.add_argument("--output", type=Path, metavar="DIR", help="where to write (default: FOLDER/onnx)")
    arguments = parser.parse_args(argv)
    model, tokenizer, folder = load_model(str(arguments.folder), None, may_use_gpu=False)
    if folder is None and arguments.output is None:
        parser.error(f"--output is needed: there is no folder {str(arguments.folder)!r} to write to.")
    export = export_onnx(model, tokenizer, arguments.output or folder / "onnx")
    sys.stdout.write(f"{export.render()}\n")
    return export


if __name__ == "__main__":
    try:
        main()
    except (ImportError, OSError, OnnxExportError, ValueError) as error:
        sys.exit(f"modeling_bert_bilstm.inference.onnx: {error}")
