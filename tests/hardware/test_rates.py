"""Rates are of the device at hand; bfloat16 is chosen where it is measured to be faster, and measured once."""

import pytest
import torch

from modeling_bert_bilstm.hardware import is_bfloat16_faster, measure_matrix_rate, rates


@pytest.fixture(autouse=True)
def _not_measured_yet():
    rates._measure_speedup.cache_clear()
    yield
    rates._measure_speedup.cache_clear()


def fake_clock(monkeypatch, seconds):
    """Let a product in each precision take so many seconds, the first of each ten times as many."""
    seen = []

    def time_products(left, right, num_products=1):
        seen.append(left.dtype)
        return seconds[left.dtype] * num_products * (10 if seen.count(left.dtype) == 1 else 1)

    monkeypatch.setattr(rates, "_time_products", time_products)
    return seen


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_rate_is_of_the_best_round(dtype, monkeypatch):
    assert measure_matrix_rate(dtype, size=64, num_rounds=2) > 1e6
    seen = fake_clock(monkeypatch, {dtype: 0.5})
    assert measure_matrix_rate(dtype, size=10, num_rounds=3) == 2 * 10**3 / 0.5
    assert seen == [dtype] * 4


@pytest.mark.parametrize(("seconds", "expected"), [(0.5, True), (0.8, True), (0.9, False), (3.0, False)])
def test_bfloat16_must_be_faster_by_a_fifth(seconds, expected, monkeypatch):
    seen = fake_clock(monkeypatch, {torch.float32: 1.0, torch.bfloat16: seconds})
    assert is_bfloat16_faster() is expected
    assert seen[:4] == [torch.float32, torch.bfloat16] * 2  # in turn
    num_products = len(seen)
    assert is_bfloat16_faster(torch.device("cpu")) is expected
    assert len(seen) == num_products  # once a process


def test_this_machine_is_measured():
    assert rates._measure_speedup() > 0
    assert isinstance(is_bfloat16_faster(), bool)


@pytest.mark.parametrize("has_it", [False, True])
def test_a_gpu_is_asked(has_it, monkeypatch):
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation: has_it and not including_emulation
    )
    monkeypatch.setattr(rates, "_measure_speedup", None)  # may not be called
    assert is_bfloat16_faster("cuda") is has_it
    assert is_bfloat16_faster("cuda:1") is has_it
    assert not is_bfloat16_faster("mps")
