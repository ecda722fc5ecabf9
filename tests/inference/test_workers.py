"""Batches side by side: results in order, threads shared while they run and given back, errors passed on."""

import threading

import pytest
import torch

from modeling_bert_bilstm.inference.workers import map_side_by_side


@pytest.mark.parametrize("num_workers", [1, 2, 3])
@pytest.mark.parametrize("num_items", [0, 1, 5, 20])
def test_results_stand_in_order(num_workers, num_items):
    assert list(map_side_by_side(lambda i: i * i, range(num_items), num_workers)) == [i * i for i in range(num_items)]


def test_many_items_run_side_by_side_and_few_do_not():
    barrier = threading.Barrier(3, timeout=20)  # broken unless three are under way at once
    list(map_side_by_side(lambda i: barrier.wait(), range(6), 3))
    names = set(map_side_by_side(lambda i: threading.current_thread().name, range(5), 3))
    assert names == {threading.current_thread().name}


def test_threads_are_shared_and_given_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert set(map_side_by_side(lambda i: torch.get_num_threads(), range(8), 2)) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_an_error_reaches_the_caller():
    def fail(i):
        if i == 3:
            raise ValueError("no batch 3")

    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="no batch 3"):
        list(map_side_by_side(fail, range(8), 2))
    assert torch.get_num_threads() == before
