"""Rows are gathered from results that belong together, and refused where they do not."""

import json
import shutil

import pytest

from baselines.results import write_result
from reports import measured
from tests.reports.conftest import write_fake


@pytest.fixture
def copied(results, tmp_path):
    shutil.copytree(results, tmp_path / "r")
    return tmp_path / "r"


def change(path, change_record):
    record = json.loads(path.read_text(encoding="utf-8"))
    change_record(record)
    path.write_text(json.dumps(record), encoding="utf-8")


def test_a_row_is_compared_on_its_own_encoder(rows):
    small, large = (measured.find_row(rows["sst5"], "ours", name) for name in ("all-MiniLM-L6-v2", "gte-small"))
    for row in (small, large):
        reference = measured.find_reference(rows["sst5"], row)
        assert (reference.system, reference.encoder) == ("stock", row.encoder)
    tfidf = measured.find_row(rows["sst5"], "tfidf")
    assert measured.find_reference(rows["sst5"], tfidf).encoder == "all-MiniLM-L6-v2"
    assert measured.find_reference(rows["sst5"], measured.find_row(rows["sst5"], "stock", "gte-small")) is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, ""),
        ({"glove": "package:glove-6b-50d"}, ""),
        ({"augment": "synonym_embedding:{glove}"}, "augment synonym_embedding"),
        (
            {"encoder_attention_dropout": 0.0, "settings": {"num_epochs": 1, "learning_rate": 5e-05}},
            "encoder_attention_dropout 0, num_epochs 1, learning_rate 5e-05",
        ),
    ],
)
def test_options_are_told_in_words(options, words):
    assert measured.describe_options(options) == words


def test_results_of_other_reviews_are_refused(copied):
    change(copied / "sst5" / "sst5-ours-minilm-1.json", lambda record: record["fingerprints"].update(train="another"))
    with pytest.raises(ValueError, match=r"must be of the same reviews, but `sst5-.*have other ones"):
        measured.load_rows(copied)


def test_labels_in_another_order_are_refused(copied):
    path = copied / "sst5" / "sst5-ours-minilm-1.json"
    found = measured.Result(json.loads(path.read_text(encoding="utf-8")), path)
    write_result(path, found.record, found.labels[::-1], found.probabilities[::-1])
    with pytest.raises(ValueError, match="must be of the same reviews"):
        measured.load_rows(copied)


def test_predictions_that_contradict_the_accuracy_are_refused(copied):
    path = copied / "sst5" / "sst5-ours-minilm-1.json"
    found = measured.Result(json.loads(path.read_text(encoding="utf-8")), path)
    write_result(path, found.record, found.labels, found.probabilities[::-1])
    with pytest.raises(ValueError, match="`sst5-ours-minilm-1.json` says an accuracy of"):
        measured.load_rows(copied)


def test_seeds_of_unlike_options_are_refused(tmp_path):
    write_fake(tmp_path, "sst5", "ours", 0.6, name="an-own-one", seeds=(1,), options={"pooling": "max"})
    write_fake(tmp_path, "sst5", "ours", 0.6, name="an-own-one", seeds=(2,), options={"pooling": "cls"})
    with pytest.raises(ValueError, match=r"must have the same `options`, but `an-own-one-1.json` has .*max.*cls"):
        measured.load_rows(tmp_path)


@pytest.mark.parametrize("key", ["settings", "encoder_fingerprint"])
def test_what_only_some_seeds_tell_is_compared_among_them(tmp_path, key):
    """Of settings the seed is their own."""
    same, other = ({"seed": 2, "num_epochs": 3}, {"num_epochs": 4}) if key == "settings" else ("a", "b")
    write_fake(tmp_path, "sst5", "ours", 0.6, seeds=(1,))
    write_fake(tmp_path, "sst5", "ours", 0.6, seeds=(2,), **{key: same})
    write_fake(tmp_path, "sst5", "ours", 0.6, seeds=(3,), **{key: {**same, "seed": 3} if key == "settings" else same})
    assert measured.load_rows(tmp_path)["sst5"][0].seeds == [1, 2, 3]
    write_fake(tmp_path, "sst5", "ours", 0.6, seeds=(3,), **{key: other})
    with pytest.raises(ValueError, match=f"must have the same `{key}`"):
        measured.load_rows(tmp_path)


def test_weights_of_one_encoder_are_the_same_in_all_results(tmp_path):
    write_fake(tmp_path, "sst5", "ours", 0.6, encoder_fingerprint="a")
    write_fake(tmp_path, "imdb", "stock", 0.6)  # of before it was told
    write_fake(tmp_path, "sst5", "stock", 0.6, encoder="gte-small", name="sst5-stock-gte", encoder_fingerprint="b")
    measured.load_rows(tmp_path)
    write_fake(tmp_path, "imdb", "ours", 0.6, encoder_fingerprint="c")
    with pytest.raises(ValueError, match=r"`imdb-ours-minilm-1.json` and `sst5-ours-minilm-1.json` name one encoder"):
        measured.load_rows(tmp_path)


def test_what_was_not_run_is_named(tmp_path):
    write_fake(tmp_path, "imdb3", "stock", 0.6, seeds=(1,))
    assert measured.list_not_run("imdb3", measured.load_rows(tmp_path)["imdb3"]) == [
        "imdb3-majority",
        "imdb3-ours-minilm",
    ]


@pytest.mark.parametrize("wrong", [{"options": {"pooling": "max"}}, {"encoder": "gte-small"}])
def test_results_that_the_experiment_does_not_ask_for_are_refused(tmp_path, wrong):
    write_fake(tmp_path, "sst5", "ours", 0.6, **{"name": "sst5-ours-minilm", **wrong})
    with pytest.raises(ValueError, match=r"`sst5-ours-minilm-1.json` must be of what its experiment asks for"):
        measured.load_rows(tmp_path)
