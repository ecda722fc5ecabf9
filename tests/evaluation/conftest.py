"""A finished run for the tests of the report: invented answers, written by what train.py writes them with."""

import json

import datasets
import numpy as np
import pytest

from modeling_bert_bilstm.evaluation.metrics import compute_metrics
from modeling_bert_bilstm.training.predictions import write_predictions


LABELS = ["negative", "positive"]


def build_history(num_epochs):
    return [
        {"epoch": i, "train_loss": 1 / i, "validation_loss": 0.5 + 0.1 / i, "train_accuracy": 1 - 0.4 / i,
         "validation_accuracy": 0.6 + 0.01 * i, "seconds": 2.0}
        for i in range(1, num_epochs + 1)
    ]  # fmt: skip


def build_words(labels):
    return {
        label: [{"word": f"word{i}", "attribution": 2 - 0.1 * i - 0.3 * j, "num_reviews": 9 + i} for i in range(20)]
        for j, label in enumerate(labels)
    }


def draw_answers(num_reviews, num_labels, *, temperature=1.7, seed=0):
    """Return true labels and calibrated probabilities, sharper for some reviews than for others."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(num_labels, size=num_reviews)
    logits = generator.normal(size=(num_reviews, num_labels)) * 2
    logits[np.arange(num_reviews), labels] += generator.exponential(2, size=num_reviews)
    odds = np.exp(logits / temperature)
    return labels, odds / odds.sum(axis=1, keepdims=True)


@pytest.fixture
def write_run(tmp_path):
    """Return a function that writes a run folder; a part of results.json that is given as None is left out."""

    def write(name="run", *, labels=LABELS, answers=None, texts=None, num_reviews=300, **changes):
        true, probabilities = answers or draw_answers(num_reviews, len(labels))
        texts = texts or [f"review {i}, of {i % 7} films" for i in range(len(true))]
        reviews = datasets.Dataset.from_dict(
            {
                "id": [str(i) for i in range(len(true))],
                "labels": true,
                "text": texts,
                "input_ids": [[2] * (3 + i % 90) for i in range(len(true))],
            }
        )
        write_predictions(tmp_path / name / "predictions" / "test.parquet", reviews, probabilities)
        metrics = compute_metrics(true, probabilities)
        results = {
            "format_version": 1,
            "name": name,
            "task": "single_label",
            "model": {"encoder": "tiny-bert", "num_parameters": 5391},
            "arguments": {
                "model": {"model_name_or_path": "tiny-bert"},
                "data": {
                    "train_file": "my reviews.csv",
                    "num_labels": 3,
                    "split_by_group": True,
                    "test_groups": ["a b", "c"],
                },
                "training": {"learning_rate": 3e-5},
            },
            "labels": list(labels),
            "data": {"source": "my reviews.csv", "splits": {"test": {"num_reviews": len(true)}}},
            "metrics": {"test": metrics},
            "calibration": {"temperature": 1.7, "expected_calibration_error_after": 0.1},
            "history": build_history(3),
            "environment": {"versions": {"torch": "2.13.0"}},
            "important_words": {
                "method": "gradient_times_input",
                "split": "test",
                "num_reviews": 200,
                "min_reviews": 5,
                "words": build_words(labels),
            },
            **changes,
        }
        results = {part: value for part, value in results.items() if value is not None}
        (tmp_path / name / "results.json").write_text(json.dumps(results), encoding="utf-8")
        return tmp_path / name

    return write


@pytest.fixture
def forget(write_run):
    """Return a function that takes columns from the predictions of a run, as one of an earlier version has them."""
    import pyarrow.parquet

    def take(run_folder, *columns):
        path = run_folder / "predictions" / "test.parquet"
        pyarrow.parquet.write_table(pyarrow.parquet.read_table(path).drop_columns(list(columns)), path)

    return take
