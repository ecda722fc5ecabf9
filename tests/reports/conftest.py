"""Invented results, and the page and rows that are made of them."""

import numpy as np
import pytest

from baselines.experiment import load_experiment
from baselines.results import EXPERIMENTS, TestReviews, write_result, write_test_reviews
from reports import compare, measured


NUM_REVIEWS = 400
ENVIRONMENT = {"hardware": {"processor": "a processor", "num_cores": 3, "accelerators": []}, "versions": {}}


def write_fake(
    folder, corpus, system, accuracy, *, encoder="all-MiniLM-L6-v2", seeds=(1, 2, 3), name=None, options=None, **fields
):
    """Write results of a system that is right about this share of the reviews, the same ones for every seed but 5%.

    Options are those of the experiment of that name where there is one; `fields` stand in the records as they are.
    """
    experiment = name or f"{corpus}-{system}{'-minilm' if encoder else ''}"
    path = EXPERIMENTS / f"{experiment}.json"
    if options is None:
        options = load_experiment(path).options if path.exists() else {}
    num_labels = 5 if corpus == "sst5" else 2
    labels = np.random.default_rng(0).integers(0, num_labels, NUM_REVIEWS)
    easiness = np.random.default_rng(1).random(NUM_REVIEWS)
    for seed in seeds:
        generator = np.random.default_rng(seed)
        is_right = (easiness < accuracy) ^ (generator.random(NUM_REVIEWS) < 0.05)
        predictions = np.where(is_right, labels, (labels + 1) % num_labels)
        probabilities = np.full((NUM_REVIEWS, num_labels), 0.2 / (num_labels - 1))
        probabilities[np.arange(NUM_REVIEWS), predictions] = 0.8
        record = {
            "experiment": experiment,
            "system": system,
            "corpus": corpus,
            "encoder": encoder,
            "options": options,
            "seed": seed,
            "metrics": {
                "accuracy": float(is_right.mean()), "f1_macro": 0.5, "mcc": 0.4, "expected_calibration_error": 0.1,
            },
            "num_parameters": 1234,
            "train_seconds": 60.0 + seed,
            "reviews_per_second": 100.0,
            "peak_memory_mib": 900.0,
            "num_reviews": {"train": 10, "validation": 5, "test": NUM_REVIEWS},
            "train_label_counts": {str(i): 2 for i in range(num_labels)},
            "fingerprints": {"train": "a", "validation": "b", "test": corpus},
            "environment": ENVIRONMENT,
            **fields,
        }  # fmt: skip
        write_result(folder / corpus / f"{experiment}-{seed}.json", record, labels, probabilities)
    return labels


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """Results on two corpora; treat the folder as read only."""
    folder = tmp_path_factory.mktemp("results")
    for corpus in ("sst5", "imdb"):
        labels = write_fake(folder, corpus, "stock", 0.6)
        films = np.arange(NUM_REVIEWS) // 20 if corpus == "imdb" else None
        lengths = np.arange(NUM_REVIEWS) * (2 if corpus == "imdb" else 0) + 5
        write_test_reviews(folder / corpus, TestReviews(lengths, labels, films, "all-MiniLM-L6-v2"))
        write_fake(folder, corpus, "ours", 0.6, seeds=(1, 2))
        write_fake(folder, corpus, "ours_no_lstm", 0.75)
    write_fake(folder, "sst5", "tfidf", 0.3, encoder=None, seeds=(1,))
    write_fake(folder, "sst5", "frozen_smote", 0.8)
    write_fake(folder, "sst5", "frozen_bilstm", 0.5)
    write_fake(folder, "sst5", "ours_augmented", 0.6, name="sst5-ours_augmented_swap-minilm")
    write_fake(folder, "sst5", "stock", 0.9, encoder="gte-small", name="sst5-stock-gte")
    write_fake(folder, "sst5", "ours", 0.9, encoder="gte-small", name="sst5-ours-gte")
    return folder


@pytest.fixture(scope="session")
def page(results):
    return compare.render_page(results)


@pytest.fixture(scope="session")
def rows(results):
    return measured.load_rows(results)


def find_lines(text, start):
    """Return the lines of a table that begin with this cell."""
    return [line for line in text.splitlines() if line.startswith(f"| {start} |")]


def get_cells(line):
    """Return the cells of a line of a table."""
    return [cell.strip() for cell in line.strip("|").split("|")]
