"""From reviews to batches: nothing lost unasked, nothing tokenized twice, no padding that can be avoided."""

import json
import re

import datasets
import pytest
import torch

from modeling_bert_bilstm.training.batching import (
    ReviewCollator,
    compute_frame,
    compute_lengths,
    cut_review,
    prepare_tokenizer,
    tokenize_reviews,
)
from tests.conftest import build_reviews, build_tiny_tokenizer


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def build_dataset(num_reviews=12, **options):
    texts, labels = build_reviews(num_reviews, **options)
    return datasets.Dataset.from_dict({"id": [str(i) for i in range(num_reviews)], "text": texts, "labels": labels})


def test_a_prepared_tokenizer_neither_cuts_nor_pads(tmp_path):
    tokenizer = build_tiny_tokenizer()
    tokenizer.backend_tokenizer.enable_truncation(5)
    tokenizer.backend_tokenizer.enable_padding(length=7)
    tokenizer.padding_side = "left"
    prepare_tokenizer(tokenizer)
    tokenizer.save_pretrained(tmp_path)
    state = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    assert state["truncation"] is None
    assert state["padding"] is None
    saved = type(tokenizer).from_pretrained(tmp_path)
    for one in (tokenizer, saved):
        assert len(one("good " * 3000)["input_ids"]) == 3002
        assert len(one("good")["input_ids"]) == 3
        assert one.model_max_length == 1_000_000
        assert one.padding_side == "right"


def test_training_leaves_no_cut_in_the_tokenizer():
    tokenizer = prepare_tokenizer(build_tiny_tokenizer())
    tokenize_reviews(build_dataset(), tokenizer, max_review_length=6, truncation_strategy="head_tail")
    assert tokenizer.backend_tokenizer.truncation is None
    assert tokenizer.backend_tokenizer.padding is None


def test_whole_reviews_by_default(tiny_tokenizer):
    reviews = build_dataset(max_words=200)
    tokenized = tokenize_reviews(reviews, tiny_tokenizer)
    assert tokenized["input_ids"][:] == tiny_tokenizer(reviews["text"][:])["input_ids"]
    assert max(compute_lengths(tokenized)) > 100
    assert tokenized["labels"][:] == reviews["labels"][:]
    assert tokenized["id"][:] == reviews["id"][:]


@pytest.mark.parametrize(
    ("strategy", "expected"), [("head", [2, 5, 6, 7, 8, 9, 10, 3]), ("head_tail", [2, 5, 20, 21, 22, 23, 24, 3])]
)
def test_the_body_is_cut_and_the_frame_stays(strategy, expected):
    review = [2, *range(5, 25), 3]
    assert cut_review(review, 8, strategy) == expected
    assert cut_review(review, 22, strategy) == review
    assert cut_review(review, None, strategy) == review


@pytest.mark.parametrize("strategy", ["head", "head_tail"])
@pytest.mark.parametrize("frame", [(1, 1), (1, 0), (0, 1), (2, 2)])
def test_every_cut_has_the_length_asked_for(strategy, frame):
    review = list(range(30))
    for length in range(sum(frame) + 1, 31):
        cut = cut_review(review, length, strategy, frame)
        assert len(cut) == length
        assert cut[: frame[0]] == review[: frame[0]]
        assert cut[len(cut) - frame[1] :] == review[len(review) - frame[1] :]
        assert cut == sorted(set(cut))  # nothing twice, nothing out of order


def test_the_frame_is_found(tiny_tokenizer):
    assert compute_frame(tiny_tokenizer) == (1, 1)


def test_reviews_are_tokenized_once(tiny_tokenizer, monkeypatch):
    reviews = build_dataset()
    first = tokenize_reviews(reviews, tiny_tokenizer, max_review_length=9)
    monkeypatch.setattr("modeling_bert_bilstm.training.batching._tokenize_batch", None)  # may not be called again
    again = tokenize_reviews(build_dataset(), tiny_tokenizer, max_review_length=9)
    assert again["input_ids"][:] == first["input_ids"][:]
    # Labels are no part of the cache: the same texts under another scheme keep their own.
    other = reviews.remove_columns("labels").add_column("labels", [1 - label for label in reviews["labels"]])
    assert tokenize_reviews(other, tiny_tokenizer, max_review_length=9)["labels"][:] == other["labels"][:]
    with pytest.raises(TypeError):
        tokenize_reviews(reviews, tiny_tokenizer, max_review_length=8)
    with pytest.raises(TypeError):
        tokenize_reviews(reviews, tiny_tokenizer, max_review_length=9, overwrite_cache=True)


def test_two_workers_give_the_same(tiny_tokenizer):
    expected = tokenize_reviews(build_dataset(), tiny_tokenizer)["input_ids"][:]
    reviews = tokenize_reviews(build_dataset(), tiny_tokenizer, num_workers=2, overwrite_cache=True)
    assert reviews["input_ids"][:] == expected


def test_lengths_follow_a_selection(tiny_tokenizer):
    reviews = tokenize_reviews(build_dataset(), tiny_tokenizer).select([7, 2, 5])
    assert compute_lengths(reviews).tolist() == [len(ids) for ids in reviews["input_ids"]]


def test_a_batch_is_as_long_as_its_longest_review(tiny_tokenizer):
    rows = [{"input_ids": [2, 9, 3], "labels": 1}, {"input_ids": [2, 9, 9, 9, 3], "labels": 0}]
    batch = ReviewCollator(tiny_tokenizer)(rows)
    assert batch["input_ids"].tolist() == [[2, 9, 3, 0, 0], [2, 9, 9, 9, 3]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert batch["labels"].tolist() == [1, 0]
    assert batch["labels"].dtype == torch.long
    assert ReviewCollator(tiny_tokenizer, pad_to_multiple_of=8)(rows)["input_ids"].shape == (2, 8)
    assert ReviewCollator(tiny_tokenizer, pad_to_length=11)(rows)["attention_mask"].sum() == 8
    assert "labels" not in ReviewCollator(tiny_tokenizer)([{"input_ids": [2, 3]}])


@pytest.mark.parametrize("labels", [[0.5, 2.0], [[1.0, 0.0], [0.0, 1.0]], [[1, 0], [1, 1]]])
def test_numbers_and_several_labels_are_floats(tiny_tokenizer, labels):
    batch = ReviewCollator(tiny_tokenizer)([{"input_ids": [2, 3], "labels": label} for label in labels])
    assert batch["labels"].dtype == torch.float
    assert batch["labels"].tolist() == labels


def test_a_tokenizer_without_padding_is_refused():
    tokenizer = build_tiny_tokenizer()
    tokenizer.pad_token = None
    with pytest.raises(ValueError, match=re.escape("needs a padding token, but has none. Set its `pad_token`")):
        ReviewCollator(tokenizer)
