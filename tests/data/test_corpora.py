"""The common schema: what is kept, what is dropped and counted, what is refused."""

import json
import logging
import re

import datasets
import pytest

from modeling_bert_bilstm.data import ReviewSource, load_reviews
from modeling_bert_bilstm.data.corpora import build_reviews
from modeling_bert_bilstm.data.tables import ReviewTable
from modeling_bert_bilstm.data.targets import build_target


def write_rows(tmp_path, rows):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return ReviewSource(str(path))


def build_table(labels, **fields):
    texts = [f"review {i}" for i in range(len(labels))]
    return ReviewTable("here", [str(i) for i in range(len(labels))], texts, labels, **fields)


def test_every_dropped_row_is_counted_under_its_reason():
    texts = ["good", None, float("nan"), "", " \n", "bad", "bad", "bad", "fair", "worse"]
    labels = [9, 1, 1, 1, 1, None, "", float("nan"), 5, 1]
    table = ReviewTable("here", [str(i) for i in range(10)], texts, labels, label_kind="rating", ratings=labels)
    reviews, counts = build_reviews(table, build_target())
    assert counts == {
        "rows_read": 10,
        "dropped_missing": 2,
        "dropped_empty": 2,
        "dropped_unlabelled": 3,
        "dropped_outside_scheme": 1,
    }
    assert reviews["id"][:] == ["0", "9"]
    assert reviews["rating"][:] == [9.0, 1.0]


def test_what_was_dropped_is_logged(tmp_path, caplog):
    source = write_rows(tmp_path, [{"text": "good", "label": 1}, {"text": "", "label": 1}])
    with caplog.at_level(logging.INFO, logger="modeling_bert_bilstm"):
        load_reviews(source)
    assert "2 rows read, 1 reviews, {'dropped_empty': 1}" in caplog.text


def test_the_schema_is_typed(tmp_path):
    reviews = load_reviews(write_rows(tmp_path, [{"text": "good", "label": "POS"}]), num_labels=3)
    assert reviews.features["label"] == datasets.ClassLabel(names=["negative", "neutral", "positive"])
    assert reviews[0] == {"id": "0", "text": "good", "label": 2}


def test_texts_are_kept_as_they_are():
    table = build_table([1], groups=[7])
    reviews, _ = build_reviews(ReviewTable("here", ["0"], [" A<br />B "], [1], groups=[7]), build_target())
    assert reviews[0] == {"id": "0", "text": " A<br />B ", "label": 1, "group": "7"}
    assert build_reviews(table, build_target())[0]["group"][:] == ["7"]


def test_an_unknown_label_names_its_row(tmp_path):
    source = write_rows(tmp_path, [{"text": "good", "label": 1}, {"text": "bad", "label": "awful"}])
    with pytest.raises(ValueError, match=re.escape(f"In row 1 of `{source.path}`: The label 'awful' is none of")):
        load_reviews(source)


def test_a_label_outside_the_range_names_its_row(tmp_path):
    source = write_rows(tmp_path, [{"text": "good", "label": 1}, {"text": "bad", "label": -1}])
    with pytest.raises(ValueError, match=re.escape(f"In row 1 of `{source.path}`: The label -1 is outside 0 to 1")):
        load_reviews(source)


def test_a_review_that_is_no_text_is_an_error(tmp_path):
    with pytest.raises(
        ValueError, match="In row 0 of .*: A review must be a text, got int 1408. Check `--text_column`"
    ):
        load_reviews(write_rows(tmp_path, [{"text": 1408, "label": 1}]))


def test_no_review_left_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"No review of .* is left: .*'dropped_empty': 1"):
        load_reviews(write_rows(tmp_path, [{"text": "", "label": 1}]))


def test_class_names_of_the_source_win_over_its_numbers():
    reviews, counts = build_reviews(build_table([0, 1, -1, None], class_names=("pos", "neg")), build_target())
    assert reviews["label"][:] == [1, 0]
    assert counts["dropped_unlabelled"] == 2
    three, _ = build_reviews(build_table([0, 1], class_names=("neg", "pos")), build_target(num_labels=3))
    assert three["label"][:] == [0, 2]


def test_unknown_class_names_are_read_by_number_and_said(caplog):
    reviews, _ = build_reviews(build_table([0, 1], class_names=("1 star", "2 stars")), build_target())
    assert reviews["label"][:] == [0, 1]
    assert "calls its classes ('1 star', '2 stars'); they are read by number" in caplog.text


def test_own_label_names(tmp_path):
    source = write_rows(tmp_path, [{"text": "a", "label": "Horror"}, {"text": "b", "label": 0}])
    reviews = load_reviews(source, label_names=["comedy", "horror"])
    assert reviews["label"][:] == [1, 0]
    assert reviews.features["label"].names == ["comedy", "horror"]


def test_several_labels_take_their_names_from_the_data(tmp_path):
    rows = [{"text": "a", "label": ["sad", "long"]}, {"text": "b", "label": []}, {"text": "c"}]
    reviews = load_reviews(write_rows(tmp_path, rows), task="multi_label")
    assert reviews["label"][:] == [[1.0, 1.0], [0.0, 0.0]]
    source = write_rows(tmp_path, rows)
    assert load_reviews(source, task="multi_label", label_names=["sad", "odd", "long"])["label"][0] == [1, 0, 1]
    with pytest.raises(ValueError, match="In row 0 of .*: The label 'long' is none of"):
        load_reviews(source, task="multi_label", label_names=["sad", "odd"])


def test_regression_reads_numbers(tmp_path):
    reviews = load_reviews(write_rows(tmp_path, [{"text": "a", "label": "2.5"}]), task="regression")
    assert reviews["label"][:] == [2.5]
    assert reviews.features["label"] == datasets.Value("float32")
