"""Reviews of all requests that wait for a worker, and the batches of word pieces that are made of them.

A batch is formed at the moment a worker is free: the oldest review goes, with those near to it in length that make
the batch that wastes least, under a budget of word pieces. A lone review never waits for others to come.

Shapes: N reviews, C classes.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import numpy as np

from ..batches import LENGTH_MULTIPLE, choose_neighbours, round_up


# Below so many word pieces a batch gains nothing from being split among the workers that are free.
_MIN_WORD_PIECES = 512
# What a batch costs besides its word pieces, as a share of the most that it may have: calls, and steps of the LSTM
# that few rows share. Measured on a CPU, where it is about 200 word pieces of MiniLM (docs/log.md).
_BATCH_COST = 1 / 20
_MAX_TRIALS = 2
# Word pieces a second that are taken for granted until some were measured; only told to clients as time to wait.
_FIRST_RATE = 5_000.0


class QueueFullError(Exception):
    """As many reviews wait as may wait.

    Attributes:
        retry_after: Seconds until there is likely to be room.
    """

    def __init__(self, message: str, retry_after: int):
        super().__init__(message)
        self.retry_after = retry_after


class ScoringError(Exception):
    """A review could not be scored, tried again on its own."""


@dataclass(eq=False)
class _Waiting:
    """A review that waits: its word pieces, or what else a worker shall do; and whom to tell."""

    payload: np.ndarray | tuple
    answer: asyncio.Future
    num_word_pieces: int
    is_review: bool = True
    num_trials: int = 0

    @property
    def goes_alone(self) -> bool:
        return not self.is_review or self.num_trials > 0


class Batcher:
    """Hands batches to workers, as many at once as there are, and gives each review its own answer.

    Args:
        submit: Sends `("score", [word pieces, ...])`, or another payload as it was given, to a free worker and returns
            what it answers: for reviews their probabilities (N, C). Raises where the worker failed or died.
        num_workers: Batches that are with workers at once.
        max_word_pieces: Word pieces a batch, padding included; a longer review is a batch of its own.
        max_waiting: Reviews that may wait, those with workers not counted.
    """

    def __init__(
        self,
        submit: Callable[[tuple], Awaitable[object]],
        *,
        num_workers: int,
        max_word_pieces: int,
        max_waiting: int,
    ):
        self._submit = submit
        self._num_workers = num_workers
        self._max_word_pieces = max_word_pieces
        self._max_waiting = max_waiting
        self._waiting: deque[_Waiting] = deque()
        self._news = asyncio.Event()
        self._num_idle = 0
        self._rate = _FIRST_RATE
        self._lanes: list[asyncio.Task] = []

    def start(self) -> None:
        """Begin to hand out batches, on the running event loop."""
        self._lanes = [asyncio.create_task(self._work()) for _ in range(self._num_workers)]

    async def stop(self) -> None:
        """Hand out no more."""
        for lane in self._lanes:
            lane.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)

    @property
    def num_waiting(self) -> int:
        """Reviews that wait for a worker, and whose client still waits for them."""
        return len(self._list_waiting())

    async def score(self, encoded: list[np.ndarray]) -> list[np.ndarray]:
        """Return the probabilities of each review in the order given, (C,) each.

        Cancelled, as by a client that is gone, it leaves nothing waiting.

        Raises:
            QueueFullError: They cannot all wait; none of them does then.
            ScoringError: One of them could not be scored.
        """
        return await self._wait_for([_Waiting(pieces, _new_answer(), len(pieces)) for pieces in encoded])

    async def run(self, payload: tuple, num_word_pieces: int) -> object:
        """Return what a worker answers to another payload, which has its turn as a review has."""
        return (await self._wait_for([_Waiting(payload, _new_answer(), num_word_pieces, is_review=False)]))[0]

    async def _wait_for(self, items: list[_Waiting]) -> list:
        waiting = self._list_waiting()
        if len(waiting) + len(items) > self._max_waiting:
            retry_after = 1 + round(sum(item.num_word_pieces for item in waiting) / self._rate)
            raise QueueFullError(
                f"{len(waiting):,} reviews wait, and at most {self._max_waiting:,} may. Send it again in "
                f"{retry_after} s.",
                retry_after,
            )
        self._waiting.extend(items)
        self._news.set()
        answers = [item.answer for item in items]
        try:
            return await asyncio.gather(*answers)
        finally:
            for answer in answers:
                answer.cancel()

    def _list_waiting(self) -> deque[_Waiting]:
        """Forget what nobody waits for any more, and return the rest."""
        if any(item.answer.done() for item in self._waiting):
            self._waiting = deque(item for item in self._waiting if not item.answer.done())
        return self._waiting

    async def _work(self) -> None:
        """Take a batch, have it computed, tell each review its answer; again and again."""
        while True:
            batch = await self._take()
            started = time.perf_counter()
            try:
                answers = await self._submit(_build_payload(batch))
            except Exception as error:  # of the worker, whatever it was: its reviews are tried again, each on its own
                self._try_again(batch, error)
                continue
            self._tell(batch, answers if batch[0].is_review else [answers])
            pieces = sum(item.num_word_pieces for item in batch)
            rate = self._num_workers * pieces / max(1e-6, time.perf_counter() - started)
            self._rate += 0.2 * (rate - self._rate)

    async def _take(self) -> list[_Waiting]:
        self._num_idle += 1
        try:
            while not self._list_waiting():
                self._news.clear()
                await self._news.wait()
            batch = self._choose()
        finally:
            self._num_idle -= 1
        chosen = set(map(id, batch))
        self._waiting = deque(item for item in self._waiting if id(item) not in chosen)
        return batch

    def _choose(self) -> list[_Waiting]:
        """Return the oldest that waits, with those near to it in length that make the best batch."""
        oldest = self._waiting[0]
        if oldest.goes_alone:
            return [oldest]
        reviews = [item for item in self._waiting if not item.goes_alone]
        order = sorted(range(len(reviews)), key=lambda number: reviews[number].num_word_pieces)
        lengths = np.array([reviews[number].num_word_pieces for number in order])
        share = sum(round_up(int(length), LENGTH_MULTIPLE) for length in lengths) // self._num_idle
        budget = min(self._max_word_pieces, max(_MIN_WORD_PIECES, share))
        batch_cost = _BATCH_COST * self._max_word_pieces
        chosen = order[choose_neighbours(lengths, order.index(0), budget, batch_cost, LENGTH_MULTIPLE)]
        return [reviews[number] for number in sorted(chosen)]

    def _try_again(self, batch: list[_Waiting], error: Exception) -> None:
        for item in reversed(batch):
            item.num_trials += 1
            if item.num_trials < _MAX_TRIALS:
                self._waiting.appendleft(item)
            elif not item.answer.done():
                item.answer.set_exception(ScoringError(f"The review could not be scored ({type(error).__name__})."))
        self._news.set()

    def _tell(self, batch: list[_Waiting], answers: object) -> None:
        for item, answer in zip(batch, answers, strict=True):
            if not item.answer.done():
                item.answer.set_result(answer)


def _new_answer() -> asyncio.Future:
    return asyncio.get_running_loop().create_future()


def _build_payload(batch: list[_Waiting]) -> tuple:
    return ("score", [item.payload for item in batch]) if batch[0].is_review else batch[0].payload
