"""Training and scoring on a GPU beside what a user would otherwise run, and beside the GPU's own matrix rate.

usage: python -m benchmarks.gpu [--batch_size 64]

Needs torch, transformers and this checkout; the row of the HF Trainer needs accelerate. Weights and word pieces are
drawn, so nothing is downloaded. Each round times all rows in turn, and the median counts. Prints tables, then one JSON
line, which a run without --tiny also writes to benchmarks/results/gpu.json.

FLOPs are those of the model, 2 for a multiplication with its addition. Forward, a word piece: each layer of the
encoder 8 D^2 + 4 D I (projections, feed-forward) + 4 T D (attention), each of the BiLSTM 16 H (X + H). The backward
pass counts twice the forward. Left out: embeddings, norms, softmax, heads, and what is computed anew.
D encoder width, I feed-forward width, T word pieces that attention reads at once (a review, at most a window), H LSTM
width a direction, X width of what the LSTM reads.
"""

import argparse
import gc
import json
import statistics
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig, BertForSequenceClassification
from transformers.utils import is_accelerate_available, is_flash_attn_2_available

from modeling_bert_bilstm import BertBiLSTMConfig, BertBiLSTMForSequenceClassification
from modeling_bert_bilstm.hardware.environment import describe_environment
from modeling_bert_bilstm.inference.batches import LENGTH_MULTIPLE, pad_batch, plan_batches
from modeling_bert_bilstm.inference.torch_backend import build as build_torch_backend


RESULT = Path(__file__).resolve().parents[1] / "benchmarks" / "results" / "gpu.json"
AIMS = {"matrix_share": 0.40, "bilstm_cost": 0.15}  # of a training step: at least, at most
MATRIX = "matrix product"
ONE_BY_ONE = "stock head, one by one"
TRAINING_SHARE = 0.6  # of the time limit
OPTIONS = {  # default, value with --tiny, meaning
    "hidden_size": (768, 12, "width of the encoder"),
    "num_layers": (12, 2, "layers of the encoder"),
    "vocab_size": (30522, 99, "rows of the embedding table"),
    "window_length": (512, 32, "word pieces that the encoder reads at once"),
    "length": (512, 32, "word pieces of a training review, at most a window"),
    "batch_size": (64, 3, "reviews a training step"),
    "num_steps": (10, 2, "training steps timed together"),
    "num_reviews": (1024, 40, "reviews to score"),
    "max_word_pieces": (65536, 512, "padded size of our scoring batches in word pieces"),
    "matrix_size": (8192, 64, "side of the matrices of the matrix rate"),
    "num_rounds": (5, 2, "timed rounds over all rows"),
    "time_limit": (480, 480, "seconds after which remaining rounds are left out"),
}


@dataclass
class Row:
    """One way to do the work, and what was measured."""

    name: str
    build: Callable[["Row"], Callable[[], float]]  # what it returns does the work once and returns its seconds
    flops: int = 0  # of that work; `build` counts them
    notes: dict[str, str | bool | list[str] | None] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    run: Callable[[], float] | None = None
    failure: str = "no time left"


def attempt(row: Row, function: Callable) -> object:
    """Call `function`; where it fails, say why and give the row's memory back, so that the other rows go on."""
    try:
        return function()
    except torch.OutOfMemoryError:
        row.failure = "out of memory"
    except Exception as error:
        row.failure = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    row.run, row.seconds = None, []
    gc.collect()
    torch.cuda.empty_cache()
    return None


def measure(rows: list[Row], num_rounds: int, deadline: float) -> dict[str, dict]:
    """Time all rows in turn, until `deadline` by `time.monotonic`; return what was measured by the row's name."""
    for row in rows:
        if time.monotonic() < deadline:
            row.run = attempt(row, partial(row.build, row))
    for i in range(num_rounds + 1):  # the first round warms up
        for row in rows:
            if row.run is not None and time.monotonic() < deadline:
                seconds = attempt(row, row.run)
                row.seconds += [seconds] if seconds is not None and i > 0 else []
    measured = {}
    for row in rows:
        median = statistics.median(row.seconds) if row.seconds else None
        measured[row.name] = {"seconds": median, "num_rounds": len(row.seconds), **row.notes}
        measured[row.name] |= {"failure": "" if row.seconds else row.failure}
        measured[row.name] |= {"tflops_per_second": row.flops / median / 1e12 if row.flops and median else None}
        row.run = None
    gc.collect()
    torch.compiler.reset()
    return measured


def read_clock(device: torch.device) -> float:
    """Return the time in seconds at which the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def time_calls(function: Callable[[], object], num_calls: int, device: torch.device) -> float:
    """Return the seconds of one call, the mean of `num_calls` timed together."""
    start = read_clock(device)
    for _ in range(num_calls):
        function()
    return (read_clock(device) - start) / num_calls


def find_synchronisation(function: Callable[[], object], device: torch.device) -> str | None:
    """Return the line where `function` makes the host wait for the GPU; "" where nowhere, None without a GPU."""
    if device.type != "cuda":
        return None
    torch.cuda.set_sync_debug_mode("error")
    try:
        function()
    except RuntimeError as error:
        if "synchroniz" not in str(error):
            raise
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f"{Path(frame.filename).name}:{frame.lineno} {frame.line}"
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return ""


def count_forward_flops(config: BertConfig | BertBiLSTMConfig, batch_size: int, length: int) -> int:
    """Count the FLOPs of one forward pass by the formula above; word pieces that windows share count once."""
    encoder = getattr(config, "encoder_config", config)
    width, inputs, window = encoder.hidden_size, encoder.hidden_size, getattr(config, "window_length", length)
    layer = 8 * width**2 + 4 * width * encoder.intermediate_size + 4 * min(length, window) * width
    word_piece = encoder.num_hidden_layers * layer
    for _ in range(getattr(config, "lstm_num_layers", 0)):
        word_piece += 16 * config.lstm_hidden_size * (inputs + config.lstm_hidden_size)
        inputs = 2 * config.lstm_hidden_size
    return batch_size * length * word_piece


def build_model(settings: argparse.Namespace, head: str, attention: str = "sdpa") -> torch.nn.Module:
    """Return a model with drawn weights: `head` is "ours", "mean" (mean pooling in place of the BiLSTM) or "stock"."""
    encoder_config = BertConfig(
        vocab_size=settings.vocab_size,
        hidden_size=settings.hidden_size,
        num_hidden_layers=settings.num_layers,
        num_attention_heads=max(1, settings.hidden_size // 64),
        intermediate_size=4 * settings.hidden_size,
        max_position_embeddings=settings.window_length,
        attn_implementation=attention,
    )
    with settings.device:
        if head == "stock":
            return BertForSequenceClassification(encoder_config)
        options = {"attn_implementation": attention, "window_length": settings.window_length}
        options |= {"lstm_num_layers": 0, "pooling": "mean"} if head == "mean" else {}
        config = BertBiLSTMConfig(encoder_config, **options)
        return BertBiLSTMForSequenceClassification(config)


def build_product(settings: argparse.Namespace, row: Row) -> Callable[[], float]:
    """Return what multiplies large matrices in bfloat16: the rate that a model could reach at best."""
    size, device = settings.matrix_size, settings.device
    left, right = (torch.randn(size, size, dtype=torch.bfloat16, device=device) for _ in range(2))
    row.flops = 2 * size**3
    return lambda: time_calls(lambda: left @ right, 20 if device.type == "cuda" else 1, device)


# ---------------------------------------------------------------------------------------------------------------------
# Training


def build_step(settings: argparse.Namespace, head: str, attention: str, is_compiled: bool, row: Row) -> Callable:
    """Return what trains for `num_steps`, whose batches come from the host, and note in `row` what a step does."""
    device, model = settings.device, build_model(settings, head, attention).train()
    row.flops = 3 * count_forward_flops(model.config, settings.batch_size, settings.length)
    if is_compiled:
        (model.bert if head == "stock" else model.encoder).compile()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    batch = {"input_ids": torch.randint(5, settings.vocab_size, (settings.batch_size, settings.length))}
    batch |= {"attention_mask": torch.ones_like(batch["input_ids"]), "labels": torch.arange(settings.batch_size) % 2}
    batch = {name: x.pin_memory() if device.type == "cuda" else x for name, x in batch.items()}

    def compute_gradients() -> None:
        on_device = {name: x.to(device, non_blocking=True) for name, x in batch.items()}
        with torch.autocast(device.type, torch.bfloat16):
            loss = model(**on_device).loss
        loss.backward()

    def step() -> None:
        compute_gradients()
        optimizer.step()
        optimizer.zero_grad()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        step()
    messages = {str(warning.message) for warning in caught}
    row.notes["lstm_warnings"] = sorted(
        message[:200] for message in messages if "contiguous" in message or "cudnn" in message.lower()
    )
    row.notes["synchronises_at"] = find_synchronisation(compute_gradients, device)
    return lambda: time_calls(step, settings.num_steps, device)


def build_trainer(settings: argparse.Namespace, row: Row) -> Callable[[], float]:
    """Return what trains the stock head with transformers' Trainer; the start of a training is not timed."""
    if not is_accelerate_available() or torch.cuda.device_count() > 1:
        raise ImportError("the Trainer needs accelerate, and this comparison at most one visible GPU")
    from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

    model = build_model(settings, "stock")
    row.flops = 3 * count_forward_flops(model.config, settings.batch_size, settings.length)
    ids = torch.randint(5, settings.vocab_size, ((settings.num_steps + 1) * settings.batch_size, settings.length))
    reviews = [{"input_ids": ids, "attention_mask": [1] * len(ids), "labels": 1} for ids in ids.tolist()]

    class Clock(TrainerCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            if state.global_step == 1:
                self.start = read_clock(settings.device)

        def on_train_end(self, args, state, control, **kwargs):
            self.seconds = read_clock(settings.device) - self.start

    def train() -> float:
        with tempfile.TemporaryDirectory() as folder:
            options = {"optim": "adamw_torch_fused", "bf16": True}
            is_named = "train_sampling_strategy" in TrainingArguments.__dataclass_fields__
            options |= {"train_sampling_strategy": "group_by_length"} if is_named else {"group_by_length": True}
            options |= {"num_train_epochs": 1, "save_strategy": "no", "logging_strategy": "no", "report_to": "none"}
            options |= {"max_grad_norm": 0.0, "disable_tqdm": True, "use_cpu": settings.device.type == "cpu"}
            arguments = TrainingArguments(folder, per_device_train_batch_size=settings.batch_size, **options)
            trainer = Trainer(model, arguments, train_dataset=reviews, callbacks=[clock := Clock()])
            trainer.remove_callback(PrinterCallback)
            trainer.train()
        model.__dict__.pop("forward", None)  # the Trainer wraps it anew each time
        return clock.seconds / settings.num_steps

    return train


def list_training_rows(settings: argparse.Namespace) -> list[Row]:
    """Return the ways to train."""
    named = {"BERT+BiLSTM": "ours", "mean pooling": "mean", "stock head": "stock"}
    ways = [(name, "sdpa", "") for name in named]
    ways += [(name, "sdpa", ", compiled") for name in named if settings.is_compiled]
    ways += [("BERT+BiLSTM", "flash_attention_2", ", flash attention")] if is_flash_attn_2_available() else []
    rows = [Row(MATRIX, partial(build_product, settings))]
    for name, attention, ending in ways:
        build = partial(build_step, settings, named[name], attention, ending == ", compiled")
        rows.append(Row(name + ending, build))
    return [*rows, Row("stock head, HF Trainer", partial(build_trainer, settings))]


# ---------------------------------------------------------------------------------------------------------------------
# Scoring


def draw_reviews(settings: argparse.Namespace) -> list[np.ndarray]:
    """Return word pieces of reviews about as long as IMDb's: 290 in the mean, at most 1,500 at windows of 512."""
    generator, scale = np.random.default_rng(0), settings.window_length / 512
    lengths = np.exp(generator.normal(np.log(290) - 0.66**2 / 2, 0.66, settings.num_reviews)).clip(20, 1500) * scale
    return [generator.integers(5, settings.vocab_size, max(2, int(length))) for length in lengths]


def build_stock_scorer(
    settings: argparse.Namespace, is_sorted: bool, batch_size: int, dtype: torch.dtype, row: Row
) -> Callable[[], float]:
    """Return what scores all reviews, cut at the window, with the stock head in batches of `batch_size` reviews."""
    model = build_model(settings, "stock").eval().to(dtype)
    reviews = [review[: settings.window_length] for review in draw_reviews(settings)]
    reviews = sorted(reviews, key=lambda review: -len(review)) if is_sorted else reviews
    row.flops = sum(count_forward_flops(model.config, 1, len(review)) for review in reviews)

    @torch.inference_mode()
    def score() -> None:
        for start in range(0, len(reviews), batch_size):
            ids, mask = (
                torch.from_numpy(x).to(settings.device) for x in pad_batch(reviews[start : start + batch_size], 0)
            )
            model(ids, attention_mask=mask).logits.float().cpu()

    return lambda: time_calls(score, 1, settings.device)


def build_our_scorer(settings: argparse.Namespace, is_compiled: bool, row: Row) -> Callable[[], float]:
    """Return what scores all reviews, whole, as `ReviewScorer` does."""
    model = build_model(settings, "ours").eval()
    backend = build_torch_backend(model, precision="bfloat16", compiled=is_compiled)
    reviews = draw_reviews(settings)
    row.flops = sum(count_forward_flops(model.config, 1, len(review)) for review in reviews)

    def score() -> None:
        for places in plan_batches([len(review) for review in reviews], settings.max_word_pieces, LENGTH_MULTIPLE):
            backend.compute_logits(*pad_batch([reviews[i] for i in places], 0, LENGTH_MULTIPLE))

    return lambda: time_calls(score, 1, settings.device)


def list_scoring_rows(settings: argparse.Namespace) -> list[Row]:
    """Return the ways to score."""
    stock, half = partial(build_stock_scorer, settings), torch.bfloat16
    rows = [
        Row(MATRIX, partial(build_product, settings)),
        Row(ONE_BY_ONE, partial(stock, False, 1, half)),
        Row(f"{ONE_BY_ONE}, float32", partial(stock, False, 1, torch.float32)),
        Row("stock head, batches of 32 as given", partial(stock, False, 32, half)),
        Row("stock head, batches of 32 sorted by length", partial(stock, True, 32, half)),
        Row("BERT+BiLSTM, sorted, by word pieces", partial(build_our_scorer, settings, False)),
    ]
    if settings.is_compiled:
        rows.append(Row("BERT+BiLSTM, sorted, by word pieces, compiled", partial(build_our_scorer, settings, True)))
    return rows


# ---------------------------------------------------------------------------------------------------------------------
# Result


def compute_ratios(result: dict) -> None:
    """Add to the rows what a second does and what it is against the matrix rate and the stock head's way."""
    settings = result["settings"]
    units = {"training": ("word_pieces", settings["batch_size"] * settings["length"])}
    units["scoring"] = ("reviews", settings["num_reviews"])
    for part, (unit, count) in units.items():
        rows = result[part]
        base = rows["stock head" if part == "training" else ONE_BY_ONE]["seconds"]
        for name, row in rows.items():
            matrix, mine = rows[MATRIX]["tflops_per_second"], row["tflops_per_second"]
            row["matrix_share"] = mine / matrix if mine and matrix else None
            if name != MATRIX:
                row[f"{unit}_per_second"] = row["seconds"] and count / row["seconds"]
                row["against_stock"] = base / row["seconds"] if base and row["seconds"] else None
    shares = [row["matrix_share"] for name, row in result["training"].items() if name.startswith("BERT+BiLSTM")]
    result["matrix_share"] = max((share for share in shares if share), default=None)
    result["bilstm_cost"] = {}
    for ending in ("", ", compiled"):
        ours, mean = (
            result["training"].get(name + ending, {}).get("seconds") for name in ("BERT+BiLSTM", "mean pooling")
        )
        if ours and mean:
            result["bilstm_cost"]["compiled" if ending else "as it comes"] = ours / mean - 1


def render_table(result: dict) -> str:
    """Render the Markdown tables of a result."""
    settings, environment, lines = result["settings"], result["environment"], []
    for part, unit, base in (("training", "word_pieces", "stock head"), ("scoring", "reviews", ONE_BY_ONE)):
        lines += [f"| {part} | ms | {unit.replace('_', ' ')}/s | TFLOP/s | of the matrix rate | against {base} |"]
        lines += ["|---|---|---|---|---|---|"]
        for name, row in result[part].items():
            columns = (("seconds", 1e3, ",.2f"), (f"{unit}_per_second", 1, ",.0f"), ("tflops_per_second", 1, ",.1f"))
            columns += (("matrix_share", 1, ".1%"), ("against_stock", 1, ".2f"))
            cells = ["" if row.get(key) is None else f"{factor * row[key]:{form}}" for key, factor, form in columns]
            cells[0] = cells[0] or row["failure"].replace("|", "/")
            lines.append(f"| {name} | {' | '.join(cells)} |")
        lines.append("")
    costs = ", ".join(f"{cost:.1%} {way}" for way, cost in result["bilstm_cost"].items()) or "not measured"
    lines.append(f"The BiLSTM adds to a step: {costs}; aim: at most {result['aims']['bilstm_cost']:.0%}.")
    share = "not measured" if result["matrix_share"] is None else f"{result['matrix_share']:.1%}"
    lines.append(f"Training reaches of the matrix rate: {share}; aim: at least {result['aims']['matrix_share']:.0%}.")
    for name, row in result["training"].items():
        if row.get("synchronises_at") is not None:
            lines.append(f"{name}: the host waits for the GPU at {row['synchronises_at'] or 'no place'}.")
        lines += [f"{name}: {message}" for message in row.get("lstm_warnings", [])]
    lines.append(
        f"\n{settings['num_layers']} x {settings['hidden_size']} encoder, training at {settings['batch_size']} x "
        f"{settings['length']} word pieces, scoring {settings['num_reviews']:,} reviews, bf16 where "
        f"nothing else is said; {environment['device']}, torch {environment['versions']['torch']}; "
        f"median of {settings['num_rounds']} rounds."
    )
    return "\n".join(lines)


def parse_settings(argv: list[str] | None) -> argparse.Namespace:
    """Read the flags; `--tiny` changes their defaults."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, (default, _, meaning) in OPTIONS.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{meaning} (default: {default})")
    parser.add_argument("--device", type=torch.device, default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--tiny", action="store_true", help="sizes that take seconds on a CPU")
    parser.add_argument("--output", type=Path, help=f"JSON file (default: {RESULT.name} of a run without --tiny)")
    settings = parser.parse_args(argv)
    if settings.tiny:
        parser.set_defaults(**{name: tiny for name, (_, tiny, _) in OPTIONS.items()})
        settings = parser.parse_args(argv)
    if settings.length > settings.window_length:
        parser.error(f"`--length` must be at most a window, {settings.window_length}, got {settings.length}.")
    settings.output = settings.output or (None if settings.tiny else RESULT)
    settings.is_compiled = settings.device.type == "cuda"
    return settings


def main(argv: list[str] | None = None) -> dict:
    """Measure, print, write; return the result."""
    start, settings = time.monotonic(), parse_settings(argv)
    torch.manual_seed(0)
    device = settings.device
    result = {"settings": {name: getattr(settings, name) for name in OPTIONS}, "environment": describe_environment()}
    result["environment"]["device"] = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    result["environment"]["versions"] |= {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    deadline = start + settings.time_limit
    training_deadline = start + TRAINING_SHARE * settings.time_limit
    result["training"] = measure(list_training_rows(settings), settings.num_rounds, training_deadline)
    result["scoring"] = measure(list_scoring_rows(settings), settings.num_rounds, deadline)
    result["mean_word_pieces"] = float(np.mean([len(review) for review in draw_reviews(settings)]))
    result["aims"] = AIMS
    compute_ratios(result)
    print(render_table(result))
    print(json.dumps(result))
    if settings.output is not None:
        settings.output.parent.mkdir(parents=True, exist_ok=True)
        settings.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


if __name__ == "__main__":
    main()
