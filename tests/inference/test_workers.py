"""Batches side by side: results in order, threads shared while they run and given back, errors passed on."""

import threading
import time

import pytest
import torch

from modeling_bert_bilstm.inference.workers import map_side_by_side


@pytest.mark.parametrize("num_workers", [1, 2, 3])
@pytest.mark.parametrize("num_items", [0, 1, 5, 20])
def test_results_stand_in_order(num_workers, num_items):
    assert list(map_side_by_side(lambda i: i * i, range(num_items), num_workers, 2 * num_workers)) == [
        i * i for i in range(num_items)
    ]


def test_many_items_run_side_by_side_and_few_do_not():
    barrier = threading.Barrier(3, timeout=20)  # broken unless three are under way at once
    list(map_side_by_side(lambda i: barrier.wait(), range(6), 3, 6))
    names = set(map_side_by_side(lambda i: threading.current_thread().name, range(5), 3, 6))
    assert names == {threading.current_thread().name}


def test_threads_are_shared_and_given_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert set(map_side_by_side(lambda i: torch.get_num_threads(), range(8), 2, 4)) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_an_error_reaches_the_caller():
    def fail(i):
        if i == 3:
            raise ValueError("no batch 3")

    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="no batch 3"):
        list(map_side_by_side(fail, range(8), 2, 4))
    assert torch.get_num_threads() == before


def test_two_users_at_once_leave_the_threads_as_they_were():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    started, ended = threading.Event(), threading.Event()
    found = []

    def use_meanwhile():
        found.extend(map_side_by_side(lambda i: torch.get_num_threads(), range(4), 2, 2))
        ended.set()

    def first(i):
        started.set()
        assert ended.wait(20)

    try:
        users = [threading.Thread(target=lambda: list(map_side_by_side(first, range(2), 2, 2)))]
        users[0].start()
        assert started.wait(20)
        users.append(threading.Thread(target=use_meanwhile))
        users[1].start()
        for user in users:
            user.join()
        assert set(found) == {2}
        late = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
        late.start()
        late.join()
        assert found[-1] == torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)


def test_closing_leaves_out_what_has_not_begun():
    done = []
    results = map_side_by_side(lambda i: done.append(i) or time.sleep(0.01), range(500), 2, 2)
    next(results)
    results.close()
    assert len(done) < 100
    time.sleep(0.1)
    assert len(done) < 100
