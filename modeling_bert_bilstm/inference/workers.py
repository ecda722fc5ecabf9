"""Batches side by side, one core each, where that beats all cores on one batch.

All cores on one batch wait for each other after every operation, and for whatever else the machine does; a core with a
batch of its own waits for nobody.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch


Item = TypeVar("Item")
Result = TypeVar("Result")

_lock = threading.Lock()
_users: list[int] = []  # the threads of torch as each of those at work found them; the first found the real number


def map_side_by_side(
    function: Callable[[Item], Result], items: Sequence[Item], num_workers: int, min_items: int
) -> Iterator[Result]:
    """Yield the result for each item in their order; few items are done one after the other, by the calling thread.

    Close it to stop early: what has not begun is then left out.

    Args:
        function: Computes with torch, or on its own; called from several threads at once.
        items: What to call it with.
        num_workers: Threads, which share the threads that torch computes with.
        min_items: From how many items on they are done side by side.
    """
    if num_workers == 1 or len(items) < min_items:
        yield from map(function, items)
        return
    with _share_threads() as num_threads:
        share = max(1, num_threads // num_workers)
        with ThreadPoolExecutor(num_workers, initializer=torch.set_num_threads, initargs=(share,)) as executor:
            yield from executor.map(function, items)


@contextlib.contextmanager
def _share_threads() -> Iterator[int]:
    """Tell how many threads there are to share, and give them back: what a worker sets holds for threads to come."""
    with _lock:
        _users.append(_users[0] if _users else torch.get_num_threads())
        num_threads = _users[0]
    try:
        yield num_threads
    finally:
        with _lock:
            _users.pop()
        torch.set_num_threads(num_threads)
