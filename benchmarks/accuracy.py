"""What speed and length cost in accuracy: each backend, and each way to read a long review, on the same reviews.

usage: python -m benchmarks.accuracy runs/quickstart --test_file imdb/test.parquet

The file holds labelled reviews (columns text and label, as everywhere); 2,000 of them are drawn by a fixed seed. The
study `backends` compares the probabilities of each backend with those of torch in float32; `reading` compares windows
of several lengths and overlaps, and reviews that are cut, with whole ones. Each prints a table and a JSON line, and
writes benchmarks/results/accuracy_{backends,reading}.json.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from transformers import AutoTokenizer

from benchmarks.output import write_result
from benchmarks.scoring import OURS
from modeling_bert_bilstm import BertBiLSTMForSequenceClassification
from modeling_bert_bilstm.data import ReviewSource, load_reviews
from modeling_bert_bilstm.hardware.environment import describe_environment
from modeling_bert_bilstm.inference import ReviewScorer
from modeling_bert_bilstm.inference.backends import compute_probabilities
from modeling_bert_bilstm.inference.batches import pad_batch, plan_batches
from modeling_bert_bilstm.inference.torch_backend import build
from modeling_bert_bilstm.training.batching import cut_review


ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
LONG = 512  # word pieces above which a review counts as long
WINDOWS = ((512, 64), (384, 48), (256, 0), (256, 32), (256, 64), (192, 24), (128, 0), (128, 16), (128, 32), (64, 8))
CUTS = {
    "first 128": (128, "head"),
    "first 256": (256, "head"),
    "first 512": (512, "head"),
    "head and tail, 256": (256, "head_tail"),
    "head and tail, 512": (512, "head_tail"),
}


def draw_reviews(path: Path, num_reviews: int) -> tuple[list[str], np.ndarray]:
    """Return reviews and their labels (0 negative, 1 positive), the same ones each time."""
    reviews = load_reviews(ReviewSource(path))
    places = np.random.default_rng(0).permutation(len(reviews))[:num_reviews]
    texts, labels = reviews["text"][:], np.asarray(reviews["label"][:])
    return [texts[i] for i in places], labels[places]


def compute_log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean negative log probability of the right class: (N, C), (N,) -> a number of at least 0."""
    return float(-np.log(probabilities[np.arange(len(labels)), labels].clip(1e-7)).mean())


def measure_backends(folder: Path, texts: list[str], labels: np.ndarray) -> list[dict]:
    """Return, for each backend that is installed, how far it is from torch in float32, and how often it is right."""
    rows, exact = [], None
    for backend, precision in OURS:
        try:
            scorer = ReviewScorer(folder, backend=backend, precision=precision)
        except (ImportError, RuntimeError) as error:
            print(f"left out: {backend} {precision}: {error}")
            continue
        start = time.perf_counter()
        probabilities = scorer.score(texts)
        seconds = time.perf_counter() - start
        exact = probabilities if exact is None else exact  # torch in float32 comes first
        difference = np.abs(probabilities - exact).max(axis=1)
        rows.append(
            {
                "backend": backend,
                "precision": scorer.backend.precision,
                "accuracy": float((probabilities.argmax(axis=1) == labels).mean()),
                "largest_difference": float(difference.max()),
                "difference_99_percent": float(np.quantile(difference, 0.99)),
                "mean_difference": float(difference.mean()),
                "seconds": seconds,
            }
        )
        print(rows[-1], flush=True)
    return rows


def measure_reading(folder: Path, texts: list[str], labels: np.ndarray) -> list[dict]:
    """Return accuracy and seconds of windows of several lengths and overlaps, and of reviews that are cut."""
    model = BertBiLSTMForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    encoded = tokenizer(texts)["input_ids"]
    is_long = np.array([len(ids) > LONG for ids in encoded])
    default = (model.config.window_length, model.config.window_overlap)
    ways = {f"whole, windows of {length}, overlap {overlap}": (length, overlap) for length, overlap in WINDOWS}
    ways |= dict.fromkeys(CUTS, default)
    rows = []
    for name, (length, overlap) in ways.items():
        model.config.window_length, model.config.window_overlap = length, overlap
        read = [cut_review(ids, *CUTS[name]) for ids in encoded] if name in CUTS else encoded
        start = time.perf_counter()
        probabilities = score_word_pieces(model, tokenizer, read)
        seconds = time.perf_counter() - start
        is_right = probabilities.argmax(axis=1) == labels
        rows.append(
            {
                "name": name,
                "accuracy": float(is_right.mean()),
                "accuracy_long": float(is_right[is_long].mean()),
                "num_long": int(is_long.sum()),
                "log_loss": compute_log_loss(probabilities, labels),
                "seconds": seconds,
            }
        )
        print(rows[-1], flush=True)
    return rows


def score_word_pieces(model: BertBiLSTMForSequenceClassification, tokenizer, encoded: list[list[int]]) -> np.ndarray:
    """Return the probabilities of reviews that are word pieces already: N reviews -> (N, C)."""
    backend = build(model, tokenizer, precision="auto", folder=None, compiled=False)
    logits = np.empty((len(encoded), model.config.num_labels))
    for places in plan_batches([len(ids) for ids in encoded], 4096, 16):
        batch = pad_batch([encoded[i] for i in places], tokenizer.pad_token_id, 16)
        logits[places] = backend.compute_logits(*batch)
    return compute_probabilities(logits, model.config.problem_type)


def render_table(result: dict) -> str:
    """Render the Markdown table of either result."""
    if "backend" in result["rows"][0]:
        lines = [
            "| backend | precision | accuracy | largest difference | 99% within | mean difference |",
            "|---|---|---|---|---|---|",
        ]
        for row in result["rows"]:
            lines.append(
                f"| {row['backend']} | {row['precision']} | {row['accuracy']:.4f} | {row['largest_difference']:.4f} "
                f"| {row['difference_99_percent']:.4f} | {row['mean_difference']:.5f} |"
            )
    else:
        long = result["rows"][0]["num_long"]
        lines = [
            f"| read | accuracy | of the {long} with more than {LONG} word pieces | log loss | seconds |",
            "|---|---|---|---|---|",
        ]
        for row in result["rows"]:
            lines.append(
                f"| {row['name']} | {row['accuracy']:.4f} | {row['accuracy_long']:.4f} | {row['log_loss']:.4f} "
                f"| {row['seconds']:.1f} |"
            )
    hardware, versions = result["environment"]["hardware"], result["environment"]["versions"]
    lines.append(
        f"\n{result['num_reviews']:,} reviews of {result['test_file']}; {result['model']}; {hardware['processor']}, "
        f"{hardware['num_cores']} cores, torch {versions['torch']}."
    )
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder of a trained run")
    parser.add_argument("--test_file", type=Path, required=True, help="labelled reviews it was not trained on")
    parser.add_argument("--num_reviews", type=int, default=2000, help="reviews to draw")
    parser.add_argument("--study", choices=("backends", "reading"), help="default: both")
    arguments = parser.parse_args(argv)
    texts, labels = draw_reviews(arguments.test_file, arguments.num_reviews)
    studies = {"backends": measure_backends, "reading": measure_reading}
    for study, measure in studies.items():
        if arguments.study not in (None, study):
            continue
        result = {
            "model": arguments.model.name,
            "test_file": "/".join(arguments.test_file.parts[-2:]),
            "num_reviews": len(texts),
            "rows": measure(arguments.model, texts, labels),
            "environment": describe_environment(),
        }
        write_result(result, render_table(result), RESULTS / f"accuracy_{study}.json")


if __name__ == "__main__":
    main()
