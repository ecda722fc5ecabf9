"""`--augment`: the train split grows and is counted, and no other split is touched."""

import json
import logging
import sys
from collections import Counter

import pandas as pd
import pytest

import train
from modeling_bert_bilstm.data import ReviewSource, load_splits
from modeling_bert_bilstm.training import augmenting
from modeling_bert_bilstm.training.augmenting import augment_train_split
from modeling_bert_bilstm.training.data_options import DataArguments
from tests.conftest import build_reviews


@pytest.fixture
def file(tmp_path):
    """24 reviews, 18 of them negative, with a rating and a film each."""
    texts, _ = build_reviews(24)
    columns = {"text": texts, "label": [int(i % 4 == 3) for i in range(24)], "stars": [1.5] * 24, "film": ["x"] * 24}
    pd.DataFrame(columns).to_csv(tmp_path / "a.csv", index=False)
    return tmp_path / "a.csv"


@pytest.fixture
def loaded(file):
    source = ReviewSource(str(file), rating_column="stars", group_column="film")
    return load_splits(train=source, validation_size=4, test_size=4)


def test_copies_stand_behind_the_originals_with_the_labels_of_their_sources(loaded):
    splits, report = loaded
    old, new = splits["train"], augment_train_split(splits, report, DataArguments(augment="swap"), 1)[0]["train"]
    assert new.features == old.features
    assert new.select(range(len(old))).to_dict() == old.to_dict()
    assert Counter(new["label"][:]) == {0: 12, 1: 12}
    sources = {row["id"]: row for row in old}
    for copy in new.select(range(len(old), len(new))):
        source = sources[copy["id"].split("#")[0]]
        assert source["label"] == copy["label"] == 1
        assert {**copy, "id": None, "text": None} == {**source, "id": None, "text": None}
        assert sorted(copy["text"].lower().split()) == sorted(source["text"].lower().split())
    assert len(set(new["id"][:])) == len(new)


def test_plain_copies_are_oversampling_and_need_no_nlpaug(loaded, monkeypatch):
    monkeypatch.setitem(sys.modules, "nlpaug", None)
    splits, report = loaded
    options = DataArguments(augment="copy")
    assert options.augment == "copy"
    old, new = splits["train"], augment_train_split(splits, report, options, 1)[0]["train"]
    assert Counter(new["label"][:]) == {0: 12, 1: 12}
    of_class = [row["text"] for row in old if row["label"] == 1]
    assert Counter(new["text"][:]) == Counter(old["text"][:]) + Counter(of_class * 2)  # four reviews, eight copies
    with pytest.raises(ValueError, match="or 'copy', got 'nlpaug:copy'"):
        DataArguments(augment="nlpaug:copy")


def test_every_other_split_is_the_very_same_object(loaded):
    splits, report = loaded
    new_splits, new_report = augment_train_split(splits, report, DataArguments(augment="keyboard"), 1)
    assert list(new_splits) == ["train", "validation", "test"]
    for name in ("validation", "test"):
        assert new_splits[name] is splits[name]
        assert new_report[name] is report[name]


def test_the_augmenter_sees_no_review_of_another_split(loaded, monkeypatch):
    seen = []

    class Spy:
        name, keeps_label = "spy", True

        def augment(self, texts):
            seen.extend(texts)
            return [f"{text} new" for text in texts]

    monkeypatch.setattr(augmenting, "build_augmenter", lambda spec, seed: Spy())
    splits, report = loaded
    augment_train_split(splits, report, DataArguments(augment="swap"), 1)
    assert seen
    assert set(seen) <= set(splits["train"]["text"][:])
    assert not set(seen) & {*splits["validation"]["text"], *splits["test"]["text"]}


def test_the_report_counts_the_copies(loaded):
    splits, report = loaded
    before = json.dumps(report)
    found = augment_train_split(splits, report, DataArguments(augment="swap", augment_ratio=0.75), 1)[1]["train"]
    assert json.dumps(report) == before
    assert report["train"]["label_counts"] == {"negative": 12, "positive": 4}
    assert found["label_counts"] == {"negative": 12, "positive": 9}
    assert (found["num_reviews"], found["augmented"]) == (21, 5)
    assert found["fingerprint"] != report["train"]["fingerprint"]


def test_the_seed_decides(loaded):
    one, same, other = (
        augment_train_split(*loaded, DataArguments(augment="nlpaug:swap"), seed)[0]["train"]["text"][:]
        for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other


def test_nothing_asked_for_or_nothing_to_train_on(loaded):
    splits, report = loaded
    found, found_report = augment_train_split(splits, report, DataArguments(), 1)
    assert found["train"] is splits["train"]
    assert found_report["train"] is report["train"]
    alone, _ = augment_train_split({"test": splits["test"]}, report, DataArguments(augment="swap"), 1)
    assert list(alone) == ["test"]


def test_classes_of_one_size_stay(loaded):
    splits, report = loaded
    found, found_report = augment_train_split(splits, report, DataArguments(augment="swap", augment_ratio=0.1), 1)
    assert found["train"] is splits["train"]
    assert found_report["train"] == {**report["train"], "augmented": 0}


@pytest.mark.parametrize(("name", "is_told"), [("spelling", True), ("swap", False)])
def test_that_a_label_may_no_longer_fit_is_said(name, is_told, loaded, caplog):
    with caplog.at_level(logging.WARNING):
        augment_train_split(*loaded, DataArguments(augment=name), 1)
    assert ("may change what a review says" in caplog.text) == is_told


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"augment": "nlpaug:shuffle"}, "`--augment`: An augmenter must be one of .*got 'nlpaug:shuffle'"),
        ({"augment_ratio": 0.5}, "`--augment_ratio` needs `--augment`"),
        ({"augment": "swap", "augment_ratio": 2.0}, r"`--augment_ratio` must be in \(0, 1\], got 2.0"),
        ({"augment": "swap", "multi_label": True}, "`--augment` needs one label a review"),
        ({"augment": "swap", "do_regression": True}, "`--augment` needs one label a review"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        DataArguments(**options)


@pytest.fixture
def flags(file, encoder_folder, tmp_path):
    options = """--validation_size 4 --test_size 4 --window_length 16 --window_overlap 4 --lstm_hidden_size 5 --use_cpu
        --disable_tqdm true --report_to none --save_strategy no --num_train_epochs 1""".split()
    flags = ["--model_name_or_path", str(encoder_folder), "--train_file", str(file), *options]
    return [*flags, "--output_dir", str(tmp_path / "run")]


def test_train_py_trains_on_the_copies_and_measures_on_none(flags):
    plain = train.prepare_run(flags)
    run = train.prepare_run([*flags, "--augment", "swap"])
    assert (len(plain.splits["train"]), len(run.splits["train"])) == (16, 24)
    assert list(run.trainer.model.config.label_prior) == [0.5, 0.5]
    for name in ("validation", "test"):
        assert run.splits[name].to_dict() == plain.splits[name].to_dict()
    results = json.loads((train.carry_out(run) / "results.json").read_text(encoding="utf-8"))
    assert results["arguments"]["data"]["augment"] == "nlpaug:swap"
    counts = {name: split["num_reviews"] for name, split in results["data"]["splits"].items()}
    assert counts == {"train": 24, "validation": 4, "test": 4}


def test_only_evaluating_augments_nothing(flags, model_folder):
    flags = ["--model_name_or_path", str(model_folder), *flags[2:]]
    place = flags.index("--lstm_hidden_size")
    del flags[place : place + 2]
    run = train.prepare_run([*flags, "--no_do_train", "--augment", "swap"])
    assert len(run.splits["train"]) == 16
