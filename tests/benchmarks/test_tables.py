"""Tables and charts of the benchmarks: every number in them comes from the result, and what is measured is counted."""

import json

import numpy as np
import pytest
import torch

from benchmarks import accuracy, bilstm, length, scoring, training, trainings
from modeling_bert_bilstm.inference.torch_backend import build
from reports import speed


ENVIRONMENT = {
    "hardware": {"processor": "a processor", "num_cores": 3, "memory_gib": 1.0, "accelerators": []},
    "versions": {"torch": "9.9"},
}


def build_length_result(memory=100.0):
    rows = [
        {"length": 128 * 2**i, "num_windows": i + 1, "seconds": 0.01 * 2**i, "ratio": 1.0, "memory_mib": memory}
        for i in range(4)
    ]
    return {"encoder": "tiny", "num_rounds": 3, "rows": rows, "environment": ENVIRONMENT}


def test_length_says_time_for_a_thousand_word_pieces():
    table = length.render_table(build_length_result())
    assert "| 128 | 1 | 10 | 78.1 | 1.00 | 100 |" in table
    assert "a processor, 3 cores, torch 9.9" in table


def test_length_leaves_unknown_memory_empty():
    assert "| 1.00 |  |" in length.render_table(build_length_result(memory=None))


@pytest.mark.parametrize("memory", [100.0, None])
def test_the_chart_is_a_picture(tmp_path, memory):
    pytest.importorskip("matplotlib")
    length.draw_chart(build_length_result(memory), tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_memory_at_the_peak_grows_with_what_is_held(tiny_model):
    memory = length.measure_memory(build(tiny_model, precision="float32"), (64, 128))
    assert set(memory) == {64, 128}
    assert all(value is None or value >= 0 for value in memory.values())


def test_scoring_ranks_by_speed_and_shares_the_matrix_rate():
    rows = [
        {
            "name": name,
            "seconds": seconds,
            "reviews_per_second": 100 / seconds,
            "flops": 4e9,
            "word_pieces": 5000,
        }
        for name, seconds in ((scoring.STOCK_ONE_BY_ONE, 2.0), (scoring.ONE_BY_ONE, 8.0))
    ]
    result = {
        "encoder": "tiny", "num_reviews": 100, "mean_word_pieces": 50.0, "num_rounds": 1, "matrix_rate": 4e9,
        "rows": rows, "environment": ENVIRONMENT,
    }  # fmt: skip
    lines = scoring.render_table(result).splitlines()
    assert lines[2] == f"| {scoring.ONE_BY_ONE} | 12.5 | 1.00 | 0.25 | 625 | 12% |"
    assert lines[3] == f"| {scoring.STOCK_ONE_BY_ONE} | 50.0 | 4.00 | 1.00 | 2,500 | 50% |"


def test_every_way_is_timed_as_often_as_the_others():
    calls = []
    rows = {name: lambda texts, n=name: calls.append((n, len(texts))) for name in ("a", "b")}
    assert set(scoring.measure(rows, ["x"] * 40, 2)) == {"a", "b"}
    assert calls == [("a", 32), ("b", 32), ("a", 40), ("b", 40), ("a", 40), ("b", 40)]


def test_training_compares_with_both_peers():
    rates = {training.PADDED: 100.0, training.TRAINER: 200.0, training.OURS: 400.0, training.OURS_FAST: 800.0}
    result = {"encoder": "tiny", "num_rounds": 1, "word_pieces_per_second": rates, "environment": ENVIRONMENT}
    assert f"| {training.OURS_FAST} | 800 | 8.00 | 4.00 |" in training.render_table(result)


def test_the_cost_of_the_bilstm_is_that_over_the_model_without():
    def build(seconds, memory):
        return {"seconds": seconds, "peak_memory_mib": [memory] * 3, "precision": ["float32"] * 3}

    systems = {bilstm.NO_LSTM: build([0.1, 0.2, 0.1], 1000.0), bilstm.OURS: build([0.11, 0.2, 0.12], 1100.4)}
    result = {
        "encoder": "tiny", "num_rounds": 3, "num_steps": 4, "shapes": {"scoring": [32, 256]},
        "work": {"scoring": systems}, "environment": ENVIRONMENT,
    }  # fmt: skip
    lines = bilstm.render_table(result).splitlines()
    assert lines[2] == "| scoring | 32 x 256 | ours_no_lstm | 100 |  | 1,000 |  |"
    assert lines[3] == "| scoring | 32 x 256 | ours | 120 | 1.10 [1.00, 1.20] | 1,100 | 1.10 [1.10, 1.10] |"
    assert "of 4 batches" in lines[-1]
    assert "float32, a processor, 3 cores" in lines[-1]


@pytest.mark.parametrize(
    ("work", "system"), [(work, name) for work, (_, names) in bilstm.WORK.items() for name in names]
)
def test_every_system_is_measured_with_no_dropout_in_the_encoder(work, system, encoder_folder, monkeypatch):
    monkeypatch.setitem(bilstm.WORK, work, ((2, 20), bilstm.WORK[work][1]))
    monkeypatch.setattr(bilstm, "prepare_process", lambda: None)  # this process has more to do
    found = bilstm.measure_work(system, work, encoder_folder, num_steps=1)
    assert found["seconds"] > 0
    assert found["peak_memory_mib"] > 10
    model = bilstm.build_model(system, encoder_folder)
    encoder = getattr(model, "encoder", None) or model.base_model
    assert {layer.p for layer in encoder.modules() if isinstance(layer, torch.nn.Dropout)} == {0.0}
    assert any(isinstance(layer, torch.nn.LSTM) for layer in model.modules()) == (system == bilstm.OURS)


def test_log_loss_is_that_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    probabilities = np.random.default_rng(0).dirichlet([1, 1], 20)
    labels = np.arange(20) % 2
    assert accuracy.compute_log_loss(probabilities, labels) == pytest.approx(metrics.log_loss(labels, probabilities))


def test_variants_of_a_training_differ_in_one_option_alone(tmp_path):
    for study in trainings.SEEDS:
        variants = list(trainings.list_variants(study, tmp_path).values())
        flags = [{flag for flag in variant if flag.startswith("--")} for variant in variants]
        assert len(variants) > 1
        assert len({tuple(variant) for variant in variants}) == len(variants)
        assert all(abs(len(one) - len(other)) <= 2 for one in flags for other in flags)


def test_a_training_that_is_there_is_not_run_again(tmp_path, monkeypatch):
    run = []
    monkeypatch.setattr(trainings, "RESULTS", tmp_path)
    monkeypatch.setattr(trainings, "train", lambda name, seed, flags: run.append((name, seed)) or {"name": name})
    (tmp_path / "windows-window_128-1.json").write_text("{}", encoding="utf-8")
    trainings.main(["windows"])
    assert ("window_128", 1) not in run
    assert len(run) == 5
    assert json.loads((tmp_path / "windows-window_512-2.json").read_text(encoding="utf-8")) == {"name": "window_512"}


def test_the_page_on_speed_is_rendered_from_the_results():
    assert speed.PAGE.read_text(encoding="utf-8") == speed.render_page()
    assert "](length.png)" in speed.render_page()
    assert speed.CHART.exists()


def test_only_real_word_pieces_after_the_warm_up_count(monkeypatch):
    clock = training.StepClock(len)
    moments = iter([1.0, 2.0, 4.0, 7.0])
    monkeypatch.setattr(training.time, "perf_counter", lambda: next(moments))
    for size in (900, 800, 30, 20, 10):  # the last was fetched ahead and never trained on
        clock([{"input_ids": [1] * size}])
    for _ in range(4):
        clock.on_step_end()
    assert clock.compute_rate() == (30 + 20) / (7 - 2)
