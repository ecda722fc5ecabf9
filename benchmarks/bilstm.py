"""What the BiLSTM costs on a CPU, in time and memory: our model with it and without it, and the stock head.

usage: python -m benchmarks.bilstm

Each system does each work in a process of its own, whose peak of memory is its own, all in turn, round after round; of
long reviews the stock head reads nothing beyond 512 word pieces and is left out. A step of training is forward,
backward and optimizer, without dropout in the encoder, which would hide what the head costs. Word pieces are random,
which changes no cost. Prints a table, then one JSON line, which it writes to benchmarks/results/bilstm.json.
"""

import argparse
import json
import statistics
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from benchmarks.apart import measure_apart
from benchmarks.output import write_result
from benchmarks.scoring import ENCODER
from modeling_bert_bilstm import BertBiLSTMForSequenceClassification
from modeling_bert_bilstm.data import resolve_package
from modeling_bert_bilstm.hardware import is_bfloat16_faster, measure_peak_memory, prepare_process
from modeling_bert_bilstm.hardware.environment import describe_environment


ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "bilstm.json"
NUM_WARM_UP, NUM_STEPS = 2, 5
OURS, NO_LSTM, STOCK = "ours", "ours_no_lstm", "stock"  # as baselines/base.py names them
# The work, the shape of its batches (reviews, word pieces of each), and who does it.
WORK: dict[str, tuple[tuple[int, int], tuple[str, ...]]] = {
    "a training step": ((32, 256), (STOCK, NO_LSTM, OURS)),
    "scoring": ((32, 256), (STOCK, NO_LSTM, OURS)),
    "scoring, long reviews": ((4, 2048), (NO_LSTM, OURS)),
}


def build_model(system: str, encoder: str | Path) -> PreTrainedModel:
    """Return a system on an encoder, with no dropout inside it."""
    options = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    if system == STOCK:
        return AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=2, **options)
    return BertBiLSTMForSequenceClassification.from_encoder_pretrained(
        encoder, options, lstm_num_layers=int(system == OURS)
    )


def measure_work(system: str, work: str, encoder: str | Path, num_steps: int = NUM_STEPS) -> dict[str, object]:
    """Return the least seconds of a batch, the peak of memory of this process and the precision it computed in."""
    prepare_process()
    model = build_model(system, encoder)
    (num_reviews, length), _ = WORK[work]
    input_ids = torch.randint(5, model.config.vocab_size, (num_reviews, length))
    labels = torch.arange(num_reviews) % 2
    precision = "bfloat16" if is_bfloat16_faster() else "float32"
    autocast = torch.autocast("cpu", torch.bfloat16) if precision == "bfloat16" else nullcontext()
    is_training = "training" in work
    model.train(is_training)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    seconds = []
    for _ in range(NUM_WARM_UP + num_steps):
        start = time.perf_counter()
        with torch.inference_mode(not is_training), autocast:
            loss = model(input_ids, labels=labels).loss
        if is_training:
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        seconds.append(time.perf_counter() - start)
    return {"seconds": min(seconds[NUM_WARM_UP:]), **measure_peak_memory(), "precision": precision}


def render_against(numbers: list[float], others: list[float]) -> str:
    """Return what numbers come to against others of the same rounds: the median ratio, and the least and greatest."""
    ratios = [number / other for number, other in zip(numbers, others, strict=True)]
    return f"{statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"


def render_table(result: dict) -> str:
    """Render the Markdown table of a result."""
    lines = [
        "| work | reviews x word pieces | system | ms | times without LSTM | memory, MiB | times without LSTM |",
        "|---|---|---|---|---|---|---|",
    ]
    for work, systems in result["work"].items():
        num_reviews, length = result["shapes"][work]
        for system, found in systems.items():
            cells = [work, f"{num_reviews} x {length:,}", system]
            for key, factor in (("seconds", 1000), ("peak_memory_mib", 1)):
                against = render_against(found[key], systems[NO_LSTM][key]) if system != NO_LSTM else ""
                cells += [f"{factor * statistics.median(found[key]):,.0f}", against]
            lines.append(f"| {' | '.join(cells)} |")
    hardware, versions = result["environment"]["hardware"], result["environment"]["versions"]
    told = [found["precision"] for systems in result["work"].values() for found in systems.values()]
    precisions = dict.fromkeys(precision for rounds in told for precision in rounds)
    cores = "1 core" if hardware["num_cores"] == 1 else f"{hardware['num_cores']} cores"
    lines.append(
        f"\nMedians of {result['num_rounds']} rounds in turn, in brackets the least and greatest; in each the fastest "
        f"of {result['num_steps']} batches in a process of its own. {result['encoder']}, {' and '.join(precisions)}, "
        f"{hardware['processor']}, {cores}, torch {versions['torch']}. `python -m benchmarks.bilstm` measures it."
    )
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> dict | None:
    """Measure, print, write; return the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num_rounds", type=int, default=3, help="rounds over all systems")
    parser.add_argument("--system", help=argparse.SUPPRESS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.output is not None:
        measured = measure_work(arguments.system, arguments.work, resolve_package(ENCODER))
        arguments.output.write_text(json.dumps(measured), encoding="utf-8")
        return None
    found: dict[str, dict[str, list]] = {work: {name: [] for name in systems} for work, (_, systems) in WORK.items()}
    for number in range(arguments.num_rounds):
        for work, systems in found.items():
            for system, rounds in systems.items():
                rounds.append(measure_apart("benchmarks.bilstm", "--system", system, "--work", work))
                print(f"round {number + 1}, {work}, {system}: {rounds[-1]['seconds']:.3f} s", file=sys.stderr)
    result = {
        "encoder": "all-MiniLM-L6-v2",
        "num_rounds": arguments.num_rounds,
        "num_steps": NUM_STEPS,
        "shapes": {work: shape for work, (shape, _) in WORK.items()},
        "work": {
            work: {
                system: {key: [measured[key] for measured in rounds] for key in rounds[0]}
                for system, rounds in systems.items()
            }
            for work, systems in found.items()
        },
        "environment": describe_environment(),
    }
    write_result(result, render_table(result), RESULT)
    return result


if __name__ == "__main__":
    main()
