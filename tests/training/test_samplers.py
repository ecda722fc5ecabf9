"""The order of reviews: each once an epoch, little padding, again the same after a resume, fair to processes."""

import re

import numpy as np
import pytest
from accelerate.data_loader import BatchSamplerShard

from modeling_bert_bilstm.training.samplers import LongestFirstSampler, ReviewSampler, WordPieceBatchSampler


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("num_reviews", [1, 7, 64, 203])
def test_each_epoch_has_every_review_once_in_an_order_of_its_own(grouped, num_reviews):
    lengths = np.random.default_rng(0).integers(3, 500, num_reviews) if grouped else None
    sampler = ReviewSampler(num_reviews, seed=5, lengths=lengths, batch_size=4)
    orders = []
    for epoch in (0, 1):
        sampler.set_epoch(epoch)
        orders.append(list(sampler))
        assert sorted(orders[-1]) == list(range(num_reviews))
    again = ReviewSampler(num_reviews, seed=5, lengths=lengths, batch_size=4)
    again.set_epoch(1)
    assert list(again) == orders[1]  # whatever was drawn before
    if num_reviews > 7:
        assert orders[0] != orders[1]
        assert list(ReviewSampler(num_reviews, seed=6, lengths=lengths, batch_size=4)) != orders[0]


def count_padding(order, lengths, batch_size):
    batches = [lengths[order[i : i + batch_size]] for i in range(0, len(order), batch_size)]
    return sum(batch.max() * len(batch) - batch.sum() for batch in batches)


def test_grouping_by_length_saves_most_of_the_padding():
    lengths = np.random.default_rng(0).integers(3, 500, 1003)
    mixed = ReviewSampler(1003, seed=1)
    grouped = ReviewSampler(1003, seed=1, lengths=lengths, batch_size=8)
    assert count_padding(list(grouped), lengths, 8) < 0.1 * count_padding(list(mixed), lengths, 8)
    means = [lengths[list(grouped)[i : i + 8]].mean() for i in range(0, 1000, 8)]
    assert 0.2 < np.mean(np.diff(means) > 0) < 0.8  # but batches are not in the order of length


def test_evaluation_goes_from_long_to_short():
    assert list(LongestFirstSampler(np.array([3, 9, 5, 9]))) == [1, 3, 2, 0]


SHAPES = {  # reviews, word pieces a batch, processes
    "one_review": (1, 100, 1),
    "few": (7, 600, 2),
    "a_batch_each": (9, 1, 3),
    "some": (203, 1000, 1),
    "shared": (203, 1000, 4),
    "many": (3001, 4096, 3),
}


def draw_lengths(num_reviews, seed=0):
    return np.random.default_rng(seed).lognormal(5, 0.8, num_reviews).astype(int) + 3


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(5))
def test_each_epoch_has_every_review_once_and_as_many_batches(shape, seed):
    num_reviews, max_word_pieces, num_processes = SHAPES[shape]
    lengths = draw_lengths(num_reviews, seed)
    sampler = WordPieceBatchSampler(lengths, max_word_pieces, seed, num_processes)
    assert len(sampler) % num_processes == 0
    epochs = []
    for epoch in range(6):
        sampler.set_epoch(epoch)
        batches = list(sampler)
        assert len(batches) == len(sampler)
        assert sorted(place for batch in batches for place in batch) == list(range(num_reviews))
        for batch in batches:
            assert len(batch) == 1 or len(batch) * lengths[batch].max() <= max_word_pieces
        epochs.append(batches)
    again = WordPieceBatchSampler(lengths, max_word_pieces, seed, num_processes)
    again.set_epoch(4)
    assert list(again) == epochs[4]  # whatever was drawn before
    if num_reviews > 7:
        assert epochs[0] != epochs[1]


@pytest.mark.parametrize("shape", SHAPES)
def test_processes_share_the_batches_evenly(shape):
    """As accelerate shares them: nothing is repeated to make the shares equal."""
    num_reviews, max_word_pieces, num_processes = SHAPES[shape]
    sampler = WordPieceBatchSampler(draw_lengths(num_reviews), max_word_pieces, 1, num_processes)
    shares = [BatchSamplerShard(sampler, num_processes, rank) for rank in range(num_processes)]
    batches = [list(share) for share in shares]
    assert {len(one) for one in batches} == {len(sampler) // num_processes} == {len(share) for share in shares}
    assert sorted(place for one in batches for batch in one for place in batch) == list(range(num_reviews))


def test_word_piece_batches_have_little_padding_and_are_mixed():
    lengths = draw_lengths(4000)
    sampler = WordPieceBatchSampler(lengths, 4096, seed=1)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        batches = list(sampler)
        padded = sum(len(batch) * lengths[batch].max() for batch in batches)
        assert lengths.sum() > 0.95 * padded
        assert padded > 0.9 * 4096 * len(batches)  # and are full
        means = [lengths[batch].mean() for batch in batches]
        assert 0.2 < np.mean(np.diff(means) > 0) < 0.8  # not in the order of length
    first, second = ({frozenset(batch) for batch in batches} for batches in (sampler, list(sampler)))
    assert first == second
    sampler.set_epoch(7)
    assert len(first & {frozenset(batch) for batch in sampler}) < 0.1 * len(first)  # new company each epoch


def test_reviews_that_cannot_be_shared_evenly():
    message = (
        "`--train_batch_word_pieces` 5 makes at least 9 batches of the 9 reviews, but 2 processes can only share 8."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        WordPieceBatchSampler(np.full(9, 5), 5, seed=0, num_processes=2)
    assert len(WordPieceBatchSampler(np.full(9, 5), 10, seed=0, num_processes=2)) == 6
