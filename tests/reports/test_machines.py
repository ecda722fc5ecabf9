"""Costs are told machine by machine, and left out where they say nothing."""

import pytest

from reports import measured
from reports.machines import (
    letter_machines,
    render_cost,
    render_each_cost,
    render_effort,
    render_machines,
    render_remarks,
    render_untold,
)
from tests.reports.conftest import ENVIRONMENT, write_fake


GPU = {"hardware": {**ENVIRONMENT["hardware"], "accelerators": ["a GPU"]}, "versions": {}}


@pytest.fixture
def row(tmp_path):
    """Seeds 1 and 2 on a processor, 3 on a GPU that holds 2,000 MiB."""
    write_fake(tmp_path, "sst5", "ours", 0.6, seeds=(1, 2))
    write_fake(
        tmp_path, "sst5", "ours", 0.6, seeds=(3,), environment=GPU, train_seconds=7.0, peak_accelerator_memory_mib=2e3
    )
    return measured.load_rows(tmp_path)["sst5"][0]


def test_machines_have_a_mean_of_their_own(row):
    assert render_machines(row, letter_machines([row])) == "a, b"
    assert render_cost(row, "train_seconds") == "62; 7"  # 61 and 62 on the processor
    assert render_each_cost(row, "train_seconds") == "61; 62; 7"


@pytest.mark.parametrize(
    ("allocator", "machine"),
    [("tcmalloc", "a processor, 3 cores, tcmalloc"), ("glibc, memory kept", "a processor, 3 cores")],
)
def test_another_allocator_is_another_machine(tmp_path, allocator, machine):
    """Memory that one holds says nothing about what the other would."""
    write_fake(tmp_path, "sst5", "stock", 0.6, seeds=(1,))
    process = {"allocator": allocator, "num_threads": 1, "flush_denormal": True}
    write_fake(tmp_path, "sst5", "ours", 0.6, seeds=(1,), process=process)
    rows = measured.load_rows(tmp_path)["sst5"]
    assert list(letter_machines(rows)) == list(dict.fromkeys(["a processor, 3 cores", machine]))


@pytest.mark.parametrize(
    ("instructions", "machine"),
    [
        (["avx2", "avx512f"], "a processor, 3 cores, no AMX"),
        (["avx2", "avx512f", "avx512_bf16", "amx_bf16"], "a processor, 3 cores"),
    ],
)
def test_a_processor_without_amx_is_another_machine(tmp_path, instructions, machine):
    """Two of one name may differ in it, and one is half as fast."""
    write_fake(tmp_path, "sst5", "stock", 0.6, seeds=(1,))
    environment = {**ENVIRONMENT, "hardware": {**ENVIRONMENT["hardware"], "instructions": instructions}}
    write_fake(tmp_path, "sst5", "ours", 0.6, seeds=(1,), environment=environment)
    rows = measured.load_rows(tmp_path)["sst5"]
    assert list(letter_machines(rows)) == list(dict.fromkeys(["a processor, 3 cores", machine]))


def test_memory_is_that_of_the_gpu_where_one_is_used(row, tmp_path):
    assert render_cost(row, "peak_memory_mib") == "900; 2,000"
    write_fake(tmp_path, "imdb", "tfidf", 0.6, encoder=None, environment=GPU, peak_accelerator_memory_mib=0.0)
    assert render_cost(measured.load_rows(tmp_path)["imdb"][0], "peak_memory_mib") == "900"


def test_what_numbers_do_not_tell_stands_under_the_table(row, tmp_path):
    write_fake(tmp_path, "imdb", "ours", 0.6, seeds=(2,), remark="trained otherwise")
    other = measured.load_rows(tmp_path)["imdb"][0]
    assert render_remarks([row]) == ""
    assert render_remarks([row, other, other]) == "\n\nimdb-ours-minilm, seed 2: trained otherwise."


def test_rows_that_do_not_tell_how_they_were_trained_are_named(row, tmp_path):
    write_fake(tmp_path, "imdb", "tfidf", 0.6, encoder=None)
    write_fake(tmp_path, "imdb", "stock", 0.6, precision="float32")
    told = measured.load_rows(tmp_path)["imdb"]
    assert render_untold(told) == ""
    assert render_untold([row, *told]).endswith("more: ours.")


def test_the_effort_is_that_of_all_seeds(row):
    """61 and 62 s of training on the processor and 7 s on the GPU; 400 reviews at 100 a second each."""
    assert render_effort([row] * 100).startswith(f"The 300 results here took {100 * 142 / 3600:.1f} hours")
    assert "held 0.9 GiB at most" in render_effort([row])


@pytest.mark.parametrize(("rate", "shown"), [(30_000.0, "30,000"), (50_000.0, "")])
def test_a_rate_of_a_few_milliseconds_is_left_out(tmp_path, rate, shown):
    """400 reviews: 13 ms and 8 ms."""
    write_fake(tmp_path, "sst5", "majority", 0.2, encoder=None, seeds=(1,), reviews_per_second=rate)
    row = measured.load_rows(tmp_path)["sst5"][0]
    assert render_cost(row, "reviews_per_second") == shown
