"""The batcher: each review its own answer, batches of word pieces, nothing lost, nothing that nobody waits for."""

import asyncio
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling_bert_bilstm.inference.serving.batcher import Batcher, QueueFullError, ScoringError


class Workers:
    """Answers each review with its first word piece and its length; `gate` holds all up."""

    def __init__(self, generator=None, num_failures=0):
        self.batches, self.at_once, self.most_at_once = [], 0, 0
        self.generator, self.num_failures = generator, num_failures
        self.gate = asyncio.Event()
        self.gate.set()

    async def submit(self, payload):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.batches.append(payload)
            await self.gate.wait()
            await asyncio.sleep(0)  # a worker takes its time
            if self.generator is not None:
                for _ in range(self.generator.randrange(6)):  # others have their turn
                    await asyncio.sleep(0)
            if self.num_failures:
                self.num_failures -= 1
                raise RuntimeError("a worker died")
            if payload[0] != "score":
                return payload
            return np.array([[review[0], len(review)] for review in payload[1]])
        finally:
            self.at_once -= 1


def build_review(name, length):
    return np.array([name, *range(1, length)])


def run(use, workers, **options):
    """Run a coroutine function with a batcher that is at work."""

    async def run_it():
        batcher = Batcher(
            workers.submit, **{"num_workers": 2, "max_word_pieces": 4_096, "max_waiting": 1_000, **options}
        )
        batcher.start()
        try:
            return await use(batcher)
        finally:
            await batcher.stop()

    return asyncio.run(run_it())


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 900), min_size=1, max_size=4), min_size=1, max_size=12),
    st.integers(1, 3),
    st.integers(16, 2_000),
    st.integers(0, 1),
    st.integers(0, 10**6),
)
def test_each_review_gets_its_own_answer(requests, num_workers, max_word_pieces, num_failures, seed):
    generator = random.Random(seed)  # one of Hypothesis would end a worker where it has drawn enough
    workers = Workers(generator, num_failures)

    async def use(batcher):
        async def ask(number, lengths):
            for _ in range(generator.randrange(20)):
                await asyncio.sleep(0)
            reviews = [build_review(100 * number + i, length) for i, length in enumerate(lengths)]
            return (await batcher.score(reviews)), [[review[0], len(review)] for review in reviews]

        return await asyncio.gather(*(ask(number, lengths) for number, lengths in enumerate(requests)))

    answers = run(use, workers, num_workers=num_workers, max_word_pieces=max_word_pieces)
    for found, expected in answers:
        np.testing.assert_array_equal(found, expected)
    assert workers.most_at_once <= num_workers
    for _, reviews in workers.batches:
        longest = -(-max(map(len, reviews)) // 16) * 16
        assert len(reviews) == 1 or len(reviews) * longest <= max_word_pieces


def test_a_lone_review_does_not_wait_and_many_are_put_together():
    workers = Workers()

    async def use(batcher):
        await batcher.score([build_review(1, 30)])
        await batcher.score([build_review(i, 30) for i in range(20)])

    run(use, workers, num_workers=1)
    assert [len(reviews) for _, reviews in workers.batches] == [1, 20]


def test_free_workers_share_what_waits_and_the_oldest_goes_first():
    workers = Workers()

    async def use(batcher):
        await asyncio.sleep(0)
        await batcher.score([build_review(0, 200), *(build_review(i, 400) for i in range(1, 8))])

    run(use, workers, num_workers=2)
    assert len(workers.batches) == 2
    sizes = [sum(map(len, reviews)) for _, reviews in workers.batches]
    assert max(sizes) < 2 * min(sizes) + 400
    assert 0 in [review[0] for review in workers.batches[0][1]]


def test_what_is_no_review_goes_alone_and_in_turn():
    workers = Workers()

    async def use(batcher):
        workers.gate.clear()
        first = asyncio.create_task(batcher.score([build_review(0, 9)]))
        await asyncio.sleep(0.01)
        rest = [
            asyncio.create_task(batcher.run(("explain", "text"), 5)),
            asyncio.create_task(batcher.score([build_review(1, 9)])),
        ]
        await asyncio.sleep(0.01)
        workers.gate.set()
        await first
        return await asyncio.gather(*rest)

    explained, _ = run(use, workers, num_workers=1)
    assert explained == ("explain", "text")
    assert [kind for kind, *_ in workers.batches] == ["score", "explain", "score"]


def test_a_full_queue_refuses_all_of_a_request_and_takes_again_when_there_is_room():
    workers = Workers()

    async def use(batcher):
        workers.gate.clear()
        taken = [asyncio.create_task(batcher.score([build_review(0, 50)]))]
        await asyncio.sleep(0.01)
        taken += [asyncio.create_task(batcher.score([build_review(i, 50)])) for i in range(4)]
        await asyncio.sleep(0.01)
        with pytest.raises(QueueFullError, match="4 reviews wait, and at most 5 may. Send it again in 1 s") as refused:
            await batcher.score([build_review(7, 50)] * 2)
        assert (refused.value.retry_after, batcher.num_waiting) == (1, 4)
        taken[-1].cancel()
        await asyncio.sleep(0.01)
        assert batcher.num_waiting == 3
        taken.append(asyncio.create_task(batcher.score([build_review(8, 50)] * 2)))
        await asyncio.sleep(0.01)
        workers.gate.set()
        return await asyncio.gather(*taken, return_exceptions=True)

    answers = run(use, workers, num_workers=1, max_waiting=5)
    assert isinstance(answers[4], asyncio.CancelledError)
    assert sum(isinstance(answer, list) for answer in answers) == 5
    assert 3 not in [review[0] for _, reviews in workers.batches for review in reviews]


def test_the_time_to_come_again_grows_with_what_waits():
    workers = Workers()

    async def use(batcher):
        workers.gate.clear()
        asking = [asyncio.create_task(batcher.score([build_review(0, 2_000)]))]
        await asyncio.sleep(0.01)
        asking += [asyncio.create_task(batcher.score([build_review(i, 2_000)])) for i in range(10)]
        await asyncio.sleep(0.01)
        with pytest.raises(QueueFullError) as refused:
            await batcher.score([build_review(0, 5)])
        for task in asking:
            task.cancel()
        return refused.value.retry_after

    assert run(use, workers, num_workers=1, max_waiting=10) == 1 + 20_000 // 5_000


def test_the_reviews_of_a_failed_batch_are_tried_again_each_on_its_own():
    workers = Workers(num_failures=1)
    answers = run(lambda batcher: batcher.score([build_review(i, 9) for i in range(4)]), workers, num_workers=1)
    assert [int(answer[0]) for answer in answers] == [0, 1, 2, 3]
    assert [len(reviews) for _, reviews in workers.batches] == [4, 1, 1, 1, 1]


def test_a_review_that_fails_twice_is_told_and_the_others_are_answered():
    class Picky(Workers):
        async def submit(self, payload):
            self.num_failures = int(13 in [review[0] for review in payload[1]])
            return await super().submit(payload)

    async def use(batcher):
        names = (11, 12, 13, 14)
        return await asyncio.gather(*(batcher.score([build_review(i, 9)]) for i in names), return_exceptions=True)

    answers = run(use, Picky(), num_workers=1)
    assert [type(answer) for answer in answers] == [list, list, ScoringError, list]
    with pytest.raises(ScoringError, match="could not be scored"):
        raise answers[2]
