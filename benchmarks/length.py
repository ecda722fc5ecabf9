"""Cost of reading by length: time and memory for one review, from 128 word pieces to sixteen thousand.

usage: python -m benchmarks.length

Each round times all lengths in turn, so that a slow moment of the machine falls on all of them; the median of the
rounds counts. Memory is the peak of the process while a review is read, less what it held before (Linux). Prints a
table, then one JSON line, which it writes to benchmarks/results/length.json; `python -m reports.render` puts the table
into docs/architecture.md and draws reports/length.png.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.output import write_result
from modeling_bert_bilstm import BertBiLSTMForSequenceClassification
from modeling_bert_bilstm.data import resolve_package
from modeling_bert_bilstm.hardware.environment import describe_environment
from modeling_bert_bilstm.hardware.process import prepare_process
from modeling_bert_bilstm.inference.torch_backend import TorchBackend, build
from modeling_bert_bilstm.modeling_bert_bilstm import plan_windows


ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "length.json"
LENGTHS = (128, 256, 512, 1024, 2048, 4096, 8192, 16384)
REFERENCE = 512  # word pieces that the others are compared with
STATUS = Path("/proc/self/status")


def read_once(backend: TorchBackend, length: int) -> float:
    """Return the seconds that one review of random word pieces takes."""
    vocab_size = backend.model.config.vocab_size
    input_ids = np.random.default_rng(length).integers(vocab_size // 2, vocab_size, (1, length))  # no special tokens
    start = time.perf_counter()
    backend.compute_logits(input_ids, np.ones_like(input_ids))
    return time.perf_counter() - start


def measure_seconds(backend: TorchBackend, lengths: tuple[int, ...], num_rounds: int) -> dict[int, float]:
    """Return the median seconds that one review of each length takes."""
    seconds: dict[int, list[float]] = {length: [] for length in lengths}
    for _ in range(num_rounds + 1):
        for length in lengths:
            seconds[length].append(read_once(backend, length))
    return {length: statistics.median(times[1:]) for length, times in seconds.items()}  # the first round warms up


def measure_memory(backend: TorchBackend, lengths: tuple[int, ...]) -> dict[int, float | None]:
    """Return the MiB that reading one review of each length adds to the process at its peak, None where unknown."""
    memory: dict[int, float | None] = {}
    read_once(backend, min(lengths))  # what every review needs is no cost of its length
    for length in lengths:
        try:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak so far
            before = _read_status("VmRSS")
            read_once(backend, length)
            memory[length] = max(0.0, _read_status("VmHWM") - before)  # the counters lag a little
        except OSError:
            memory[length] = None
    return memory


def _read_status(field: str) -> float:
    lines = STATUS.read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


def render_table(result: dict) -> str:
    """Render the Markdown table of a result."""
    lines = [
        f"| word pieces | windows | ms a review | ms for 1,000 word pieces | against {REFERENCE} | MiB |",
        "|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        memory = "" if row["memory_mib"] is None else f"{row['memory_mib']:,.0f}"
        lines.append(
            f"| {row['length']:,} | {row['num_windows']} | {1e3 * row['seconds']:,.0f} "
            f"| {1e6 * row['seconds'] / row['length']:.1f} | {row['ratio']:.2f} | {memory} |"
        )
    hardware, versions = result["environment"]["hardware"], result["environment"]["versions"]
    lines.append(
        f"\n{result['encoder']}, bf16, batch of one, {hardware['processor']}, {hardware['num_cores']} cores, "
        f"torch {versions['torch']}; median of {result['num_rounds']} rounds."
    )
    return "\n".join(lines)


def draw_chart(result: dict, path: Path) -> None:
    """Draw time for 1,000 word pieces and memory over length, and save the chart."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = result["rows"]
    lengths = [row["length"] for row in rows]
    figure, (time_axis, memory_axis) = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    time_axis.plot(lengths, [1e6 * row["seconds"] / row["length"] for row in rows], "o-", color="black")
    time_axis.set(xscale="log", xlabel="word pieces in the review", ylabel="ms for 1,000 word pieces")
    time_axis.set_ylim(bottom=0)
    known = [row for row in rows if row["memory_mib"]]
    if known:
        memory_axis.plot(
            [row["length"] for row in known], [row["memory_mib"] for row in known], "o-", color="black",
            label="measured",
        )  # fmt: skip
        last = known[-1]
        linear = [last["memory_mib"] * length / last["length"] for length in lengths]
        memory_axis.plot(lengths, linear, ":", color="grey", label="in proportion to length")
        memory_axis.legend(frameon=False)
    memory_axis.set(xscale="log", yscale="log", xlabel="word pieces in the review", ylabel="MiB at the peak")
    for axis in (time_axis, memory_axis):
        axis.set_xticks(lengths, [f"{length:,}" for length in lengths], rotation=45)
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    pyplot.close(figure)


def main(argv: list[str] | None = None) -> dict:
    """Measure, print, write; return the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model_name_or_path", default="package:all-MiniLM-L6-v2", help="encoder to read with")
    parser.add_argument("--num_rounds", type=int, default=5, help="timed rounds over all lengths")
    arguments = parser.parse_args(argv)

    name = arguments.model_name_or_path
    encoder = resolve_package(name) if name.startswith("package:") else name
    torch.manual_seed(0)
    model = BertBiLSTMForSequenceClassification.from_encoder_pretrained(encoder).eval()
    backend = build(model, precision="bfloat16")
    memory = measure_memory(backend, LENGTHS)  # before the process keeps what it once held
    prepare_process()
    seconds = measure_seconds(backend, LENGTHS, arguments.num_rounds)

    config, rows = model.config, []
    for length in LENGTHS:
        plan = plan_windows(torch.tensor([length]), length, config.window_length, config.window_overlap)
        rows.append(
            {
                "length": length,
                "num_windows": len(plan.rows),
                "seconds": seconds[length],
                "ratio": seconds[length] / length / (seconds[REFERENCE] / REFERENCE),
                "memory_mib": memory[length],
            }
        )
    result = {
        "encoder": name.split(":")[-1].rstrip("/").split("/")[-1],
        "window_length": config.window_length,
        "window_overlap": config.window_overlap,
        "num_rounds": arguments.num_rounds,
        "rows": rows,
        "environment": describe_environment(),
    }
    write_result(result, render_table(result), RESULT)
    return result


if __name__ == "__main__":
    main()
