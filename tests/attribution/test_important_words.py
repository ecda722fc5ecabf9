"""Important words: the mean of what single reviews say, in batches and within bounds."""

import numpy as np
import pytest

from modeling_bert_bilstm.attribution import (
    METHODS,
    attribute_words,
    compute_important_words,
    methods,
    reading,
)
from tests.conftest import build_reviews


TEXTS = [*build_reviews(12, seed=5)[0], "Lovely ! LOVELY <br /> 9", "lovely lovely 2001"]


@pytest.fixture(scope="module")
def by_hand(five_class_model, tiny_tokenizer):
    """For each label the mean attribution of each word of `TEXTS` by captum, and in how many reviews it stands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(methods, "STEPS", (4,))
        return {
            label: average(five_class_model, tiny_tokenizer, label)
            for label in five_class_model.config.id2label.values()
        }


def average(model, tokenizer, label):
    found = {}
    for text in TEXTS:
        brought = {}
        attributions = attribute_words(model, tokenizer, text, label=label, method=METHODS[0])
        for word, value in zip(attributions.words, attributions.values, strict=True):
            brought[word.lower()] = brought.get(word.lower(), 0) + value
        for word, value in brought.items():
            found.setdefault(word, []).append(value)
    return {word: (np.mean(values), len(values)) for word, values in found.items() if word.isalpha()}


@pytest.mark.parametrize("limit", [4_096, 50, 1])
def test_they_are_the_means_of_single_reviews(limit, five_class_model, tiny_tokenizer, by_hand, monkeypatch):
    monkeypatch.setattr(reading, "_CPU_WORD_PIECES", limit)
    important = compute_important_words(five_class_model, tiny_tokenizer, TEXTS, num_words=100, min_reviews=2)
    assert list(important) == list(five_class_model.config.id2label.values())
    for label, rows in important.items():
        expected = {word: found for word, found in by_hand[label].items() if found[0] > 1e-6 and found[1] >= 2}
        assert {row["word"] for row in rows if row["attribution"] > 1e-6} == set(expected)
        values = [row["attribution"] for row in rows]
        assert values == sorted(values, reverse=True)
        for row in rows:
            mean, count = by_hand[label][row["word"]]
            assert row["attribution"] == pytest.approx(mean, abs=1e-5)
            assert row["num_reviews"] == count


def test_two_labels_mirror_each_other(telling_model, tiny_tokenizer):
    options = {"num_words": 100, "min_reviews": 1}
    found = compute_important_words(telling_model, tiny_tokenizer, TEXTS, **options)
    shared = {row["word"] for row in found["negative"]} & {row["word"] for row in found["positive"]}
    assert found["negative"]
    assert found["positive"]
    assert not shared
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(methods, "STEPS", (4,))
        for label in ("negative", "positive"):
            one = compute_important_words(telling_model, tiny_tokenizer, TEXTS[:1], **options)[label][0]
            alone = attribute_words(telling_model, tiny_tokenizer, TEXTS[0], label=label, method=METHODS[0])
            brought = sum(v for w, v in zip(alone.words, alone.values, strict=True) if w == one["word"])
            assert one["attribution"] == pytest.approx(brought, abs=1e-5)


def test_how_many(telling_model, tiny_tokenizer):
    important = compute_important_words(telling_model, tiny_tokenizer, TEXTS, num_words=3, min_reviews=3)
    assert all(len(rows) <= 3 for rows in important.values())
    assert max(map(len, important.values())) == 3
    assert all(row["num_reviews"] >= 3 for rows in important.values() for row in rows)
    assert compute_important_words(telling_model, tiny_tokenizer, []) == {"negative": [], "positive": []}


def test_reviews_are_read_until_there_are_so_many_word_pieces(telling_model, tiny_tokenizer):
    options = {"num_words": 100, "min_reviews": 1}
    first = len(tiny_tokenizer(TEXTS[0])["input_ids"])
    for limit in (1, first):
        bounded = compute_important_words(telling_model, tiny_tokenizer, TEXTS, **options, max_word_pieces=limit)
        assert bounded == compute_important_words(telling_model, tiny_tokenizer, TEXTS[:1], **options)
    both = first + len(tiny_tokenizer(TEXTS[1])["input_ids"])
    bounded = compute_important_words(telling_model, tiny_tokenizer, TEXTS, **options, max_word_pieces=both)
    assert bounded == compute_important_words(telling_model, tiny_tokenizer, TEXTS[:2], **options)
