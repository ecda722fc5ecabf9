"""What the configuration says of the labels: names, polarity, shares."""

import pytest

from modeling_bert_bilstm.training.data_options import DataArguments
from modeling_bert_bilstm.training.review_splits import build_label_fields


def build(counts, class_weights=None, **options):
    return build_label_fields(DataArguments(**options), {"train": {"label_counts": counts}}, class_weights)


def test_names_and_shares():
    fields = build({"negative": 3, "positive": 7})
    assert fields["id2label"] == {0: "negative", 1: "positive"}
    assert fields["label_prior"] == pytest.approx([4 / 12, 8 / 12])
    assert fields["label_confusion"] is None  # that of an earlier training tells nothing of this one
    assert build({"negative": 3, "positive": 7}, ["balanced"])["label_prior"] == pytest.approx([0.5, 0.5])


def test_shares_of_the_train_reviews_alone():
    counts = {"label_counts": {"negative": 3, "positive": 7}}
    assert "label_prior" not in build_label_fields(DataArguments(), {"test": counts}, None)


def test_polarity_is_that_of_our_schemes_or_as_given_and_else_none():
    assert list(build({"negative": 1, "neutral": 1, "positive": 1})["label_polarity"]) == [-1.0, 0.0, 1.0]
    names = {"comedy": 1, "drama": 2}
    assert build(names)["label_polarity"] is None
    assert build(names, label_polarity=[0.5, -0.25])["label_polarity"] == [0.5, -0.25]


@pytest.mark.parametrize("task", ["do_regression", "multi_label"])
def test_no_polarity_where_a_review_has_not_one_label(task):
    fields = build({"negative": 1, "positive": 2}, **{task: True})
    assert fields.get("label_polarity") is None
    assert "label_prior" not in fields
