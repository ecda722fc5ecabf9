"""train.py from flags to run folder, on a tiny encoder and invented reviews."""

import csv
import errno
import json
import re
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
import torch
from safetensors import SafetensorError
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import train
from modeling_bert_bilstm import BertBiLSTMForSequenceClassification
from modeling_bert_bilstm.training.batching import cut_review
from modeling_bert_bilstm.training.mistakes import WritingError
from tests.conftest import build_reviews


SMALL = ["--window_length", "16", "--window_overlap", "4", "--lstm_hidden_size", "5"]
FAST = ["--use_cpu", "--disable_tqdm", "true", "--learning_rate", "5e-3", "--num_train_epochs", "1"]


def write_csv(path, rows, columns=("text", "label")):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Flags that name three files of invented reviews."""
    folder = tmp_path_factory.mktemp("reviews")
    flags = []
    for seed, (split, size) in enumerate({"train": 40, "validation": 12, "test": 14}.items()):
        rows = zip(*build_reviews(size, seed=seed, max_words=50), strict=True)
        flags += [f"--{split}_file", write_csv(folder / f"{split}.csv", rows)]
    return flags


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture(scope="module")
def run(files, encoder_folder, tmp_path_factory):
    """A finished run of two epochs, from a recipe; treat it as read only."""
    folder = tmp_path_factory.mktemp("runs")
    recipe = folder / "tiny.yaml"
    recipe.write_text("num_train_epochs: 9\nlearning_rate: 5e-3\npredict_splits: [train, test]\n", encoding="utf-8")
    argv = [str(recipe), "--model_name_or_path", str(encoder_folder), "--output_dir", str(folder / "run")]
    more_steps = ["--num_train_epochs", "2", "--per_device_train_batch_size", "2"]
    return train.main([*argv, *files, *SMALL, *FAST, *more_steps])


def read_results(folder):
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


def start(encoder_folder, tmp_path, *flags):
    folder = ["--model_name_or_path", str(encoder_folder), "--output_dir", str(tmp_path / "run")]
    return train.main([*folder, *SMALL, *FAST, *flags])


def test_the_run_folder_is_complete(run):
    names = {path.name for path in run.iterdir()}
    assert names >= {"model.safetensors", "config.json", "tokenizer.json", "results.json", "predictions"}
    assert names >= {"modeling_bert_bilstm.py", "configuration_bert_bilstm.py", "pipeline_aggregate_polarity.py"}
    assert {path.name for path in (run / "predictions").iterdir()} == {"train.parquet", "test.parquet"}


def test_results_tell_all(run, encoder_folder):
    results = read_results(run)
    assert results["format_version"] == 1
    assert results["name"] == "tiny"
    assert results["task"] == "single_label"
    assert results["model"]["encoder"] == "tiny-bert"
    assert results["arguments"]["training"]["num_train_epochs"] == 2
    assert results["labels"] == ["negative", "positive"]
    assert results["data"]["splits"]["train"]["label_counts"] == {"negative": 20, "positive": 20}
    assert set(results["metrics"]) == {"train", "validation", "test"}
    assert {"accuracy", "f1_macro", "mcc", "expected_calibration_error", "confusion_matrix", "loss"} <= set(
        results["metrics"]["test"]
    )
    assert [row["epoch"] for row in results["history"]] == [1, 2]
    assert {"train_accuracy", "validation_loss", "test_accuracy", "seconds"} <= set(results["history"][0])
    assert results["train_seconds"] == pytest.approx(sum(row["seconds"] for row in results["history"]))
    assert results["calibration"]["temperature"] > 0
    assert set(results["environment"]) == {"versions", "hardware", "process"}
    assert str(encoder_folder.parent) not in json.dumps(results)


def test_the_saved_model_gives_the_predictions(run, files):
    """The temperature is in the weights: the folder alone gives the probabilities that were written and measured."""
    model, tokenizer = AutoModelForSequenceClassification.from_pretrained(run), AutoTokenizer.from_pretrained(run)
    with open(files[5], encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table = pd.read_parquet(run / "predictions" / "test.parquet")
    assert table["label"].tolist() == [int(row["label"]) for row in rows]
    with torch.no_grad():
        logits = torch.cat([model(**tokenizer(row["text"], return_tensors="pt")).logits for row in rows])
    written = np.stack(table["probabilities"])
    np.testing.assert_allclose(written, logits.softmax(1).numpy(), atol=1e-5)
    assert model.config.calibration_temperature == read_results(run)["calibration"]["temperature"]
    accuracy = (written.argmax(1) == table["label"]).mean()
    assert accuracy == read_results(run)["metrics"]["test"]["accuracy"]
    assert model.config.label_prior == pytest.approx([0.5, 0.5], abs=0.2)
    assert sum(model.config.label_prior) == pytest.approx(1)
    assert np.sum(model.config.label_confusion, axis=1) == pytest.approx([1, 1])
    assert model.config.label_polarity == [-1.0, 1.0]


def test_a_run_is_not_started_over_another(run, files, encoder_folder):
    flags = ["--model_name_or_path", str(encoder_folder), *files, *SMALL, *FAST, "--output_dir", str(run)]
    before = (run / "results.json").read_bytes()
    with pytest.raises(FileExistsError, match="holds another run: results.json"):
        train.main(flags)
    assert (run / "results.json").read_bytes() == before


def test_a_run_is_continued_and_evaluated_from_its_folder(run, files, tmp_path, capsys):
    """Evaluated alone, a run folder gives the metrics that its own training reported."""
    flags = ["--model_name_or_path", str(run), *files[4:], "--use_cpu", "--disable_tqdm", "true"]
    folder = train.main([*flags, "--no_do_train", "--output_dir", str(tmp_path / "measured")])
    found, expected = read_results(folder), read_results(run)
    assert found["metrics"]["test"].pop("confusion_matrix") == expected["metrics"]["test"].pop("confusion_matrix")
    assert found["metrics"]["test"] == pytest.approx(expected["metrics"]["test"], abs=1e-5)
    assert set(found["metrics"]) == {"test"}
    assert found["model"]["encoder"] == "tiny-bert"
    assert found["history"] == []
    assert not (folder / "model.safetensors").exists()
    assert "accuracy" in capsys.readouterr().out

    folder = train.main(["--model_name_or_path", str(run), *files, *FAST, "--output_dir", str(tmp_path / "more")])
    assert read_results(folder)["history"][0]["train_loss"] < expected["history"][0]["train_loss"]


def test_a_finished_run_can_be_resumed_for_more_epochs(files, encoder_folder, tmp_path):
    folder = start(encoder_folder, tmp_path, *files)
    start(encoder_folder, tmp_path, *files, "--resume_from_checkpoint", "last", "--num_train_epochs", "2")
    assert [row["epoch"] for row in read_results(folder)["history"]] == [1, 2]
    with pytest.raises(ValueError, match=re.escape("was trained with `lstm_hidden_size` 5, but this run has 6.")):
        start(encoder_folder, tmp_path, *files, "--resume_from_checkpoint", "last", "--lstm_hidden_size", "6")


@pytest.mark.parametrize("where", ["model", "predictions", "results"])
def test_a_full_disk_at_the_end_costs_no_training(where, files, encoder_folder, tmp_path, monkeypatch):
    """No file is cut short; with room again, the run goes on from its last checkpoint and trains nothing."""
    run_folder, seen = tmp_path / "run", []

    def fill_disk(path):
        path = Path(path)
        if path.name != {"model": "model.part", "predictions": "test.parquet.part"}.get(where, "results.json.part"):
            return
        path = path / "model.safetensors" if path.is_dir() else path
        path.write_bytes(b"cut short")
        seen.append(path)
        raise SafetensorError("I/O error") if where == "model" else OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        save, table = BertBiLSTMForSequenceClassification.save_pretrained, pyarrow.parquet.write_table
        text = Path.write_text
        patch.setattr(
            BertBiLSTMForSequenceClassification,
            "save_pretrained",
            lambda self, path, **kwargs: save(self, path, **kwargs) or fill_disk(path),
        )
        patch.setattr(
            pyarrow.parquet, "write_table", lambda rows, path, **kw: table(rows, path, **kw) or fill_disk(path)
        )
        patch.setattr(
            Path, "write_text", lambda self, *args, **kwargs: text(self, *args, **kwargs) and fill_disk(self)
        )
        with pytest.raises(WritingError, match=f"could not all be written to '{run_folder}'; those that") as caught:
            start(encoder_folder, tmp_path, *files)
    (checkpoint,) = run_folder.glob("checkpoint-*")
    assert f"`--resume_from_checkpoint last` then goes on from '{checkpoint}'" in str(caught.value)
    assert seen
    assert not list(run_folder.rglob("*.part"))
    assert not (run_folder / "results.json").exists()
    assert (run_folder / "model.safetensors").exists() == (where != "model")
    start(encoder_folder, tmp_path, *files, "--resume_from_checkpoint", "last")
    assert [row["epoch"] for row in read_results(run_folder)["history"]] == [1]
    assert {path.name for path in (run_folder / "predictions").iterdir()} == {"validation.parquet", "test.parquet"}
    AutoModelForSequenceClassification.from_pretrained(run_folder)


@pytest.mark.parametrize("flags", [["--no_do_eval"], ["--eval_strategy", "no"]])
def test_train_and_test_are_recorded_without_validation(flags, files, encoder_folder, tmp_path):
    history = read_results(start(encoder_folder, tmp_path, *files, *flags))["history"]
    recorded = {f"{split}_{name}" for split in ("train", "test") for name in ("loss", "accuracy")}
    assert [set(row) for row in history] == [{"epoch", "seconds"} | recorded]


def test_options_reach_the_run(files, encoder_folder, tmp_path):
    folder = start(
        encoder_folder, tmp_path, *files, "--freeze_encoder_layers", "all", "--class_weights", "balanced",
        "--label_smoothing_factor", "0.1", "--early_stopping_patience", "1", "--bf16", "--group_by_length",
        "--max_review_length", "12", "--truncation_strategy", "head_tail", "--report_to", "tensorboard",
        "--gradient_accumulation_steps", "2", "--shuffle_train_dataset",
    )  # fmt: skip
    results = read_results(folder)
    assert results["model"]["num_trainable_parameters"] < results["model"]["num_parameters"]
    encoder = AutoModelForSequenceClassification.from_pretrained(folder).encoder
    plain = AutoModelForSequenceClassification.from_pretrained(run_folder_of(encoder_folder, tmp_path, files)).encoder
    for name, value in plain.state_dict().items():
        assert encoder.state_dict()[name].equal(value), name
    assert list(folder.rglob("events.out.tfevents*"))


@pytest.mark.parametrize("limit", [None, 20])
def test_training_reviews_alone_are_cut(limit, files, encoder_folder, tmp_path):
    flags = ["--model_name_or_path", str(encoder_folder), *files, *SMALL, *FAST, "--output_dir", str(tmp_path / "run")]
    whole = train.prepare_run(flags).splits
    flags += ["--max_train_review_length", "12", "--truncation_strategy", "head_tail"]
    found = train.prepare_run([*flags, *(["--max_review_length", str(limit)] if limit else [])]).splits
    for name, longest in {"train": 12, "validation": limit, "test": limit}.items():
        expected = [cut_review(ids, longest, "head_tail") for ids in whole[name]["input_ids"]]
        assert max(len(ids) for ids in whole[name]["input_ids"]) > 30
        assert found[name]["input_ids"][:] == expected


def run_folder_of(encoder_folder, tmp_path, files):
    """A run that changes nothing, whose encoder is the pretrained one."""
    flags = ["--output_dir", str(tmp_path / "still"), "--learning_rate", "0", "--save_strategy", "no"]
    return start(encoder_folder, tmp_path, *files, *flags)


def test_several_labels(encoder_folder, tmp_path):
    texts, labels = build_reviews(24)
    rows = [
        (text, json.dumps(["long"] * (len(text) > 60) + ["good"] * label))
        for text, label in zip(texts, labels, strict=True)
    ]
    folder = start(
        encoder_folder, tmp_path, "--train_file", write_csv(tmp_path / "a.csv", rows), "--multi_label",
        "--validation_size", "6", "--save_strategy", "no",
    )  # fmt: skip
    results = read_results(folder)
    assert (results["task"], results["labels"]) == ("multi_label", ["good", "long"])
    assert "subset_accuracy" in results["metrics"]["validation"]
    assert np.stack(pd.read_parquet(folder / "predictions" / "validation.parquet")["label"]).shape == (6, 2)
    assert AutoModelForSequenceClassification.from_pretrained(folder).config.label_prior is None


def test_regression(encoder_folder, tmp_path):
    texts, labels = build_reviews(24)
    rows = [(text, 7.5 * label + 1) for text, label in zip(texts, labels, strict=True)]
    folder = start(
        encoder_folder, tmp_path, "--train_file", write_csv(tmp_path / "a.csv", rows), "--do_regression",
        "--test_size", "5", "--validation_size", "6", "--save_strategy", "no",
    )  # fmt: skip
    results = read_results(folder)
    assert results["task"] == "regression"
    assert set(results["metrics"]["test"]) == {"mse", "mae", "pearson", "loss", "num_reviews"}
    assert "train_accuracy" not in results["history"][0]
    assert AutoModelForSequenceClassification.from_pretrained(folder).config.problem_type == "regression"


def test_no_validation_at_all(files, encoder_folder, tmp_path):
    folder = start(encoder_folder, tmp_path, *files[:2], "--validation_size", "0", "--save_strategy", "no")
    assert read_results(folder)["metrics"] == {}
    with pytest.raises(ValueError, match="need validation reviews, and there are none. Set `--validation_size`"):
        start(encoder_folder, tmp_path / "b", *files[:2], "--validation_size", "0", "--early_stopping_patience", "1")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "There are no reviews to read: none of `--dataset_name`"),
        (["--text_column", "review"], "The data needs the columns"),
        (
            ["--do_regression", "--class_weights", "balanced"],
            "`--class_weights` and `--label_smoothing_factor` need one",
        ),
        (["--num_labels", "7"], "`num_labels` must be one of"),
        (["--class_weights", "1", "2", "3"], "must have one number for each of the 2 classes, got 3."),
        (["--freeze_encoder_layers", "9"], "must be `all` or at most 2"),
        (["--label_column", "text"], "label"),
    ],
)
def test_what_cannot_be_done_is_said(flags, message, files, encoder_folder, tmp_path):
    with pytest.raises(ValueError, match=re.escape(message)):
        start(encoder_folder, tmp_path, *(files if flags else []), *flags)
    assert not (tmp_path / "run" / "results.json").exists()


def test_reviews_of_one_class(encoder_folder, tmp_path):
    path = write_csv(tmp_path / "a.csv", [(f"good film {i}", "positive") for i in range(9)])
    with pytest.raises(ValueError, match=re.escape("must have at least two of the labels ['negative', 'positive']")):
        start(encoder_folder, tmp_path, "--train_file", path)
