"""Batches side by side, one core each, where that beats all cores on one batch.

All cores on one batch wait for each other after every operation, and for whatever else the machine does; a core with a
batch of its own waits for nobody.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch


Item = TypeVar("Item")
Result = TypeVar("Result")


def map_side_by_side(function: Callable[[Item], Result], items: Sequence[Item], num_workers: int) -> Iterator[Result]:
    """Yield the result for each item in their order; few items are done one after the other, by all cores.

    Args:
        function: Computes with torch, or on its own; called from several threads at once.
        items: What to call it with.
        num_workers: Threads, which share the threads that torch computes with.
    """
    if num_workers == 1 or len(items) < 2 * num_workers:
        yield from map(function, items)
        return
    num_threads = torch.get_num_threads()
    share = max(1, num_threads // num_workers)
    try:
        with ThreadPoolExecutor(num_workers, initializer=torch.set_num_threads, initargs=(share,)) as executor:
            yield from executor.map(function, items)
    finally:
        torch.set_num_threads(num_threads)  # what threads to come start with
