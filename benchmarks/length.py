"""Cost of reading by length: milliseconds for 1,000 word pieces, from one window to sixteen thousand.

usage: python -m benchmarks.length --model_name_or_path package:all-MiniLM-L6-v2

Each round times all lengths in turn, so that a slow moment of the machine falls on all of them; the median of the
rounds counts. Prints a table, then one JSON line, which it writes to benchmarks/results/length.json;
`python -m reports.render` puts the table into docs/architecture.md.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import torch

from modeling_bert_bilstm import BertBiLSTMForSequenceClassification
from modeling_bert_bilstm.data import resolve_package
from modeling_bert_bilstm.evaluation.environment import describe_environment


ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "length.json"
LENGTHS = (512, 1024, 2048, 4096, 8192, 16384)


def measure(model: torch.nn.Module, lengths: tuple[int, ...], num_rounds: int) -> dict[int, float]:
    """Return the median seconds that one review of each length takes."""
    seconds = {length: [] for length in lengths}
    vocab_size = model.config.vocab_size
    for _ in range(num_rounds + 1):
        for length in lengths:
            ids = torch.randint(1000, vocab_size, (1, length))
            start = time.perf_counter()
            with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
                model(ids)
            seconds[length].append(time.perf_counter() - start)
    return {length: statistics.median(times[1:]) for length, times in seconds.items()}  # the first round warms up


def render_table(result: dict) -> str:
    """Render the Markdown table of a result."""
    lines = [
        "| word pieces | windows | ms a review | ms for 1,000 word pieces | against 512 |",
        "|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        lines.append(
            f"| {row['length']:,} | {row['num_windows']} | {1e3 * row['seconds']:,.0f} "
            f"| {1e6 * row['seconds'] / row['length']:.1f} | {row['ratio']:.2f} |"
        )
    hardware, versions = result["environment"]["hardware"], result["environment"]["versions"]
    lines.append(
        f"\n{result['encoder']}, bf16 autocast, batch of one, {hardware['processor']}, {hardware['num_cores']} cores, "
        f"torch {versions['torch']}; median of {result['num_rounds']} rounds."
    )
    return "\n".join(lines)


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
    seconds = measure(model, LENGTHS, arguments.num_rounds)

    config = model.config
    fresh = config.window_length - 2 - config.window_overlap
    rows = []
    for length in LENGTHS:
        num_windows = 1 if length <= config.window_length else -(-(length - 2 - config.window_overlap) // fresh)
        ratio = seconds[length] / length / (seconds[512] / 512)
        rows.append({"length": length, "num_windows": num_windows, "seconds": seconds[length], "ratio": ratio})
    result = {
        "encoder": name.split(":")[-1].rstrip("/").split("/")[-1],
        "num_rounds": arguments.num_rounds,
        "rows": rows,
        "environment": describe_environment(),
    }
    print(render_table(result))
    print(json.dumps(result))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


if __name__ == "__main__":
    main()
