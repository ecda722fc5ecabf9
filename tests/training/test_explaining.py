"""The words of a run's report: found on a bounded, drawn sample, and never at the cost of the run."""

import logging

import pytest

from modeling_bert_bilstm.training import explaining
from modeling_bert_bilstm.training.explaining import MIN_REVIEWS, draw_texts, find_important_words


def test_the_words_stand_in_the_reviews_that_were_drawn(build_split, tiny_model, tiny_tokenizer):
    splits = {"validation": build_split(9, seed=5), "test": build_split(40)}
    found = find_important_words(tiny_model, tiny_tokenizer, splits, 10_000)
    assert (found["method"], found["split"], found["num_reviews"]) == ("integrated_gradients", "test", 40)
    assert set(found["words"]) == {"negative", "positive"}
    reviews = [set(text.split()) for text in splits["test"]["text"]]
    for entries in found["words"].values():
        assert entries
        for entry in entries:
            assert entry["num_reviews"] == sum(entry["word"] in review for review in reviews) >= MIN_REVIEWS
        values = [entry["attribution"] for entry in entries]
        assert values == sorted(values, reverse=True)
    assert (
        find_important_words(tiny_model, tiny_tokenizer, {"validation": splits["test"]}, 99)["split"] == "validation"
    )


def test_the_sample_is_bounded_drawn_and_the_same_again(build_split):
    reviews = build_split(200)
    length_of = {text: len(ids) for text, ids in zip(reviews["text"], reviews["input_ids"], strict=True)}
    texts = draw_texts(reviews, 600, seed=1)
    assert 500 < sum(length_of[text] for text in texts) <= 600
    assert texts == draw_texts(reviews, 600, seed=1)
    assert texts != draw_texts(reviews, 600, seed=2)
    assert texts != reviews["text"][: len(texts)]
    assert set(draw_texts(reviews, 10**9, seed=1)) == set(reviews["text"])
    assert len(draw_texts(reviews, 1, seed=1)) == 1


@pytest.mark.parametrize("why", ["not asked for", "no reviews", "several labels"])
def test_where_there_is_nothing_to_find(why, build_split, tiny_model, tiny_tokenizer):
    splits = {} if why == "no reviews" else {"test": build_split(4)}
    if why == "several labels":
        tiny_model.config.problem_type = "multi_label_classification"
    num_word_pieces = 0 if why == "not asked for" else 100
    assert find_important_words(tiny_model, tiny_tokenizer, splits, num_word_pieces) is None


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), ValueError("a slow tokenizer")])
def test_a_failure_costs_no_results(error, build_split, tiny_model, tiny_tokenizer, monkeypatch, caplog):
    def fail(*args, **options):
        raise error

    monkeypatch.setattr(explaining, "compute_important_words", fail)
    with caplog.at_level(logging.WARNING):
        assert find_important_words(tiny_model, tiny_tokenizer, {"test": build_split(4)}, 100) is None
    assert f"left out of results.json: {error}. `--explained_word_pieces` sets" in caplog.text
