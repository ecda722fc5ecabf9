"""Batches for scoring: every review once, within the budget, padded no more than asked; buffers; word pieces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeling_bert_bilstm.inference.batches import (
    choose_neighbours,
    copy_tokenizer,
    encode_reviews,
    pad_batch,
    plan_batches,
    read_buffers,
    round_up,
)


LENGTHS = st.lists(st.integers(1, 700), max_size=60)
MULTIPLES = st.sampled_from([1, 8, 16])


@given(LENGTHS, st.integers(1, 2_000), MULTIPLES)
def test_each_review_is_in_one_batch_within_the_budget(lengths, max_word_pieces, multiple_of):
    batches = plan_batches(lengths, max_word_pieces, multiple_of)
    assert sorted(i for places in batches for i in places) == list(range(len(lengths)))
    for places in batches:
        padded = round_up(max(lengths[i] for i in places), multiple_of)
        assert len(places) == 1 or len(places) * padded <= max_word_pieces


@given(LENGTHS, st.integers(1, 2_000), MULTIPLES)
def test_longest_come_first_and_batches_are_full(lengths, max_word_pieces, multiple_of):
    batches = plan_batches(lengths, max_word_pieces, multiple_of)
    in_order = [lengths[i] for places in batches for i in places]
    assert in_order == sorted(lengths, reverse=True)
    for places in batches[:-1]:
        padded = round_up(max(lengths[i] for i in places), multiple_of)
        assert (len(places) + 1) * padded > max_word_pieces, "one more review would have fitted"


@given(st.lists(st.integers(1, 700), min_size=1, max_size=30), st.data(), st.integers(1, 3_000), MULTIPLES)
def test_neighbours_are_the_batch_that_wastes_least(lengths, data, max_word_pieces, multiple_of):
    lengths = np.sort(lengths)
    wanted = data.draw(st.integers(0, len(lengths) - 1))
    batch_cost = data.draw(st.sampled_from([1.0, 50.0, 1_000.0]))

    def waste(first, last):  # of work, by each word piece that is no padding
        size = (last - first) * round_up(int(lengths[last - 1]), multiple_of)
        fits = size <= max_word_pieces or last - first == 1
        return (size + batch_cost) / lengths[first:last].sum() if fits else np.inf

    chosen = choose_neighbours(lengths, wanted, max_word_pieces, batch_cost, multiple_of)
    assert chosen.start <= wanted < chosen.stop
    least = min(waste(i, j) for i in range(wanted + 1) for j in range(wanted + 1, len(lengths) + 1))
    assert waste(chosen.start, chosen.stop) == pytest.approx(least)


def test_neighbours_of_a_long_queue_are_found_at_once():
    lengths = np.sort(np.random.default_rng(0).integers(20, 900, 20_000))
    chosen = choose_neighbours(lengths, 10_000, 65_536, 3_000, 16)
    assert 50 < chosen.stop - chosen.start <= 1_025


@given(st.lists(st.lists(st.integers(1, 99), max_size=40), min_size=1, max_size=9), MULTIPLES)
def test_padding_stands_behind_and_is_no_longer_than_it_must(encoded, multiple_of):
    input_ids, attention_mask = pad_batch(encoded, pad_token_id=0, multiple_of=multiple_of)
    longest = max(1, *map(len, encoded), 0)
    assert input_ids.shape == attention_mask.shape
    assert input_ids.dtype == attention_mask.dtype == np.int64
    assert longest <= input_ids.shape[1] < longest + multiple_of
    assert input_ids.shape[1] % multiple_of == 0
    for review, ids, mask in zip(encoded, input_ids, attention_mask, strict=True):
        assert ids.tolist() == [*review, *[0] * (len(ids) - len(review))]
        assert mask.tolist() == [1] * len(review) + [0] * (len(ids) - len(review))


@given(st.integers(0, 30), st.integers(1, 12))
def test_buffers_hold_all_reviews_and_are_read_when_asked_for(num_reviews, buffer_reviews):
    num_read = 0

    def read():
        nonlocal num_read
        for i in range(num_reviews):
            num_read += 1
            yield f"review {i}"

    buffers = []
    for buffer in read_buffers(read(), buffer_reviews):
        buffers.append(buffer)
        assert num_read == sum(map(len, buffers))
    assert [text for buffer in buffers for text in buffer] == [f"review {i}" for i in range(num_reviews)]
    assert all(len(buffer) == buffer_reviews for buffer in buffers[:-1])


def test_what_is_no_text_is_refused_with_its_position():
    with pytest.raises(TypeError, match="found float at position 5"):
        list(read_buffers(["a"] * 5 + [float("nan")], 2))
    with pytest.raises(ValueError, match="position 1 holds half a surrogate pair"):
        list(read_buffers(["a", "b\ud83d"], 2))


@pytest.mark.parametrize("is_fast", [True, False])
def test_word_pieces_are_those_of_the_tokenizer(tiny_tokenizer, reviews, is_fast, monkeypatch):
    texts = [*reviews[0], "", "Superb! " * 60, "naïve 映画 \U0001f600"]
    tokenizer = copy_tokenizer(tiny_tokenizer)
    monkeypatch.setattr(type(tokenizer), "is_fast", property(lambda self: is_fast))
    found = encode_reviews(tokenizer, texts)
    assert [ids.tolist() for ids in found] == tiny_tokenizer(texts)["input_ids"]
    assert found[-3].tolist() == [2, 3], "an empty review is its frame"


def test_a_tokenizer_that_cuts_and_pads_is_left_so_and_its_copy_does_neither(tiny_tokenizer, reviews):
    tokenizer = copy_tokenizer(tiny_tokenizer)
    tokenizer.backend_tokenizer.enable_truncation(5)
    tokenizer.backend_tokenizer.enable_padding(length=9)
    found = encode_reviews(copy_tokenizer(tokenizer), reviews[0])
    assert [ids.tolist() for ids in found] == tiny_tokenizer(reviews[0])["input_ids"]
    assert tokenizer.backend_tokenizer.truncation["max_length"] == 5
    assert tokenizer.backend_tokenizer.padding["length"] == 9


def test_a_tokenizer_without_padding_token_is_refused(tiny_tokenizer):
    tokenizer = copy_tokenizer(tiny_tokenizer)
    tokenizer.pad_token = None
    with pytest.raises(ValueError, match="needs a padding token"):
        copy_tokenizer(tokenizer)
