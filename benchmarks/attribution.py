"""Whether the words that attributions name matter: the deletion test, completeness and cost, on real test reviews.

usage: python -m benchmarks.attribution IMDB_RUN IMDB_FILE SST5_RUN SST5_FILE

A run is a folder that train.py wrote; the files hold the test reviews (aclImdb as Parquet, Stanford trees). Reviews
are drawn at random. Of each, the label that the model predicts is explained by both methods; then a share of its words
is deleted, those that speak most for the label, or as many at random, and what is left is scored again. Prints tables,
then one JSON line, which it writes to benchmarks/results/attribution.json; `python -m reports.render` puts it into
reports/attribution.md. With `--kept FILE` each measured review is kept there, and a run that was stopped goes on.

Shapes: R reviews, S shares.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from modeling_bert_bilstm.attribution import METHODS, WordAttributions
from modeling_bert_bilstm.attribution.reading import compute_scores
from modeling_bert_bilstm.data import ReviewSource, load_reviews
from modeling_bert_bilstm.hardware import describe_environment
from modeling_bert_bilstm.inference.explain import ReviewExplainer


RESULT = Path(__file__).resolve().parent / "results" / "attribution.json"
SHARES = (0.1, 0.2, 0.3, 0.5)  # of a review's words
RANDOM = "random words"
NUM_DRAWS = 3  # of random words
SEED = 42


def delete_words(attributions: WordAttributions, numbers: Sequence[int]) -> str:
    """Return the review without the words of these numbers."""
    text, parts, place = attributions.text, [], 0
    for begin, end in attributions.spans[sorted(numbers)].tolist():
        parts.append(text[place:begin])
        place = end
    return "".join([*parts, text[place:]])


def list_shortened(attributions: WordAttributions, order: np.ndarray) -> list[str]:
    """Return the review without the first words of an order, for each of `SHARES`: S."""
    counts = [max(1, round(share * len(order))) for share in SHARES]
    return [delete_words(attributions, order[:count].tolist()) for count in counts]


def score_texts(explainer: ReviewExplainer, texts: list[str], label: str) -> np.ndarray:
    """Return the log-odds of a label for each text."""
    model, number = explainer.model, explainer.labels.index(label)
    batch = explainer.tokenizer(texts, padding=True, return_tensors="pt", verbose=False)
    with torch.inference_mode():
        logits = model(batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)).logits
    return compute_scores(logits, model.config.problem_type)[:, number].double().cpu().numpy()


def measure_review(explainer: ReviewExplainer, text: str, generator: np.random.Generator) -> dict:
    """Return how far the score falls without the top words and without random ones, and what the methods cost."""
    found, seconds = {}, {}
    for method in METHODS:
        started = time.process_time()  # other work on the machine does not count
        found[method] = explainer.attribute(text, method=method)
        seconds[method] = time.process_time() - started
    one = found[METHODS[0]]
    orders = {method: found[method].rank() for method in METHODS}
    orders |= {f"{RANDOM} {draw}": generator.permutation(len(one.words)) for draw in range(NUM_DRAWS)}
    shortened = [text for order in orders.values() for text in list_shortened(one, order)]
    drops = one.score - score_texts(explainer, shortened, one.label).reshape(len(orders), len(SHARES))
    fell = dict(zip(METHODS, drops.tolist(), strict=False)) | {RANDOM: drops[len(METHODS) :].mean(axis=0).tolist()}
    return {
        "num_words": len(one.words),
        "difference": one.score - one.baseline_score,
        "drops": fell,
        "errors": {method: found[method].completeness_error for method in METHODS},
        "num_steps": found[METHODS[0]].num_steps,
        "seconds": seconds,
    }


def measure_corpus(name: str, explainer: ReviewExplainer, texts: Sequence[str], kept: Path | None) -> list[dict]:
    """Return what `measure_review` says of each review, those that are kept already included: R."""
    rows = {}
    if kept is not None and kept.exists():
        lines = map(json.loads, kept.read_text(encoding="utf-8").splitlines())
        rows = {line["number"]: line for line in lines if line["corpus"] == name}
    for number, text in enumerate(texts):
        if number in rows:
            continue
        row = measure_review(explainer, text, np.random.default_rng([SEED, number]))
        rows[number] = {"corpus": name, "number": number, **row}
        if kept is not None:
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps(rows[number]) + "\n")
    return [rows[number] for number in range(len(texts))]


def summarise(rows: Sequence[dict]) -> dict:
    """Return means over reviews, with standard errors, of what was measured of each."""
    drops = {name: np.array([row["drops"][name] for row in rows]) for name in (*METHODS, RANDOM)}  # (R, S)
    summary = {"num_reviews": len(rows), "median_words": float(np.median([row["num_words"] for row in rows]))}
    for name, fell in drops.items():
        ahead = fell - drops[RANDOM]  # (R, S)
        summary[name] = {
            "drop": fell.mean(axis=0).tolist(),
            "drop_error": (fell.std(axis=0) / len(rows) ** 0.5).tolist(),
            "ahead": ahead.mean(axis=0).tolist(),
            "ahead_error": (ahead.std(axis=0) / len(rows) ** 0.5).tolist(),
            "wins": (ahead > 0).mean(axis=0).tolist(),
        }
    for method in METHODS:
        errors = np.array([row["errors"][method] for row in rows])
        summary[method] |= {
            "median_error": float(np.median(errors)),
            "largest_error": float(errors.max()),
            "complete": float((errors <= 0.05).mean()),
            "seconds": float(np.median([row["seconds"][method] for row in rows])),
        }
    steps, counts = np.unique([row["num_steps"] for row in rows], return_counts=True)
    summary["num_steps"] = dict(zip(map(str, steps.tolist()), counts.tolist(), strict=True))
    return summary


def draw_texts(source: ReviewSource, num_reviews: int, num_labels: int) -> list[str]:
    """Return reviews drawn at random."""
    texts = load_reviews(source, num_labels=num_labels)["text"][:]
    chosen = np.random.default_rng(SEED).permutation(len(texts))[:num_reviews]
    return [texts[i] for i in chosen]


def render_table(summary: dict, shares: Sequence[float]) -> str:
    """Render how far the score falls, a row for each way to choose the words that are deleted, as Markdown."""
    head = " | ".join(f"{share:.0%} deleted" for share in shares)
    lines = [f"| words deleted | {head} | fell further than with random words, {shares[1]:.0%} deleted |"]
    lines.append("|---" * (len(shares) + 2) + "|")
    for name in (*METHODS, RANDOM):
        row = summary[name]
        cells = [f"{drop:.2f} ± {error:.2f}" for drop, error in zip(row["drop"], row["drop_error"], strict=True)]
        wins = f"{row['wins'][1]:.0%} of reviews" if name in METHODS else ""
        lines.append(f"| {name.replace('_', ' ')} | {' | '.join(cells)} | {wins} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> dict:
    """Measure, print, write; return the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("imdb_run", type=Path, help="folder of a run of two classes")
    parser.add_argument("imdb_file", type=Path, help="the IMDb test reviews")
    parser.add_argument("sst5_run", type=Path, help="folder of a run of five classes")
    parser.add_argument("sst5_file", type=Path, help="the SST test trees")
    add = parser.add_argument
    add("--num_sentences", type=int, default=100, help="of SST-5 (default: %(default)s)")
    add("--num_reviews", type=int, default=40, help="of IMDb, ten times as long (default: %(default)s)")
    parser.add_argument("--kept", type=Path, help="file to keep each measured review in, and to go on from")
    arguments = parser.parse_args(argv)
    result = {"shares": SHARES, "num_draws": NUM_DRAWS, "corpora": {}, "environment": describe_environment()}
    for name, run, file, num_labels, num_texts in (
        ("sst5", arguments.sst5_run, arguments.sst5_file, 5, arguments.num_sentences),
        ("imdb", arguments.imdb_run, arguments.imdb_file, 2, arguments.num_reviews),
    ):
        texts = draw_texts(ReviewSource(file), num_texts, num_labels)
        rows = measure_corpus(name, ReviewExplainer(run), texts, arguments.kept)
        record = json.loads((run / "results.json").read_text(encoding="utf-8"))
        summary = {"run": record["name"], "encoder": record["model"]["encoder"], **summarise(rows)}
        result["corpora"][name] = summary
        print(f"{name}\n{render_table(summary, SHARES)}")
        RESULT.write_text(
            json.dumps(result, indent=1) + "\n", encoding="utf-8"
        )  # of one corpus is better than of none
    print(json.dumps(result))
    return result


if __name__ == "__main__":
    main()
