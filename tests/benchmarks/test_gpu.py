"""The GPU benchmark at sizes that a CPU computes in seconds."""

import contextlib
import io
import json
import statistics
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import gpu
from tests.conftest import REPOSITORY


TRAINING = [gpu.MATRIX, "BERT+BiLSTM", "mean pooling", "stock head", "stock head, HF Trainer"]
OPTIONAL = ["accelerate", "datasets", "evaluate", "nlpaug", "sklearn", "pandas", "matplotlib", "onnxruntime"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One tiny run: its result, the file it wrote, the lines it printed."""
    path = tmp_path_factory.mktemp("gpu") / "new" / "gpu.json"
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        result = gpu.main(["--tiny", "--device", "cpu", "--output", str(path)])
    return result, path, printed.getvalue().splitlines()


@pytest.fixture
def settings():
    """Tiny settings."""
    return gpu.parse_settings(["--tiny", "--device", "cpu"])


def build_failing(error):
    def build(row):
        raise error

    return build


# ---------------------------------------------------------------------------------------------------------------------
# A run


def test_every_row_is_there_and_measured(run):
    result, _, _ = run
    assert list(result["training"]) == TRAINING
    assert sum(name.startswith("stock head") for name in result["scoring"]) == 4
    assert "BERT+BiLSTM, sorted, by word pieces" in result["scoring"]
    for row in [*result["training"].values(), *result["scoring"].values()]:
        assert row["failure"] == ""
        assert row["num_rounds"] == 2
        assert row["seconds"] > 0


def test_ratios_follow_from_the_seconds(run):
    result, _, _ = run
    rows, settings = result["training"], result["settings"]
    ours, mean, stock = (rows[name] for name in ("BERT+BiLSTM", "mean pooling", "stock head"))
    assert result["bilstm_cost"] == {"as it comes": pytest.approx(ours["seconds"] / mean["seconds"] - 1)}
    assert ours["against_stock"] == pytest.approx(stock["seconds"] / ours["seconds"])
    word_pieces = settings["batch_size"] * settings["length"]
    assert ours["word_pieces_per_second"] == pytest.approx(word_pieces / ours["seconds"])
    rate = 2 * settings["matrix_size"] ** 3 / rows[gpu.MATRIX]["seconds"] / 1e12
    assert ours["matrix_share"] == pytest.approx(ours["tflops_per_second"] / rate)
    assert result["matrix_share"] == ours["matrix_share"]
    row = result["scoring"]["BERT+BiLSTM, sorted, by word pieces"]
    assert row["reviews_per_second"] == pytest.approx(settings["num_reviews"] / row["seconds"])
    assert row["against_stock"] == pytest.approx(result["scoring"][gpu.ONE_BY_ONE]["seconds"] / row["seconds"])


def test_equal_work_counts_equal_flops(run):
    rows = run[0]["training"]
    flops = {name: row["tflops_per_second"] * row["seconds"] for name, row in rows.items()}
    assert flops["mean pooling"] == pytest.approx(flops["stock head"])
    assert flops["stock head, HF Trainer"] == pytest.approx(flops["stock head"])
    assert flops["BERT+BiLSTM"] > flops["mean pooling"]


def test_the_file_holds_the_result_and_renders_as_printed(run):
    result, path, printed = run
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert stored == json.loads(json.dumps(result))
    table = gpu.render_table(stored)
    assert printed == [*table.splitlines(), json.dumps(result)]
    assert all(f"| {name} |" in table for name in [*stored["training"], *stored["scoring"]])
    assert len({line.count("|") for line in table.splitlines() if line.startswith("|")}) == 1
    assert "aim: at most 15%" in table
    assert "aim: at least 40%" in table


def test_it_runs_without_optional_packages_and_prints_one_line_of_json_last():
    blocked = f"import sys; sys.modules.update(dict.fromkeys({OPTIONAL}))\n"
    code = blocked + "from benchmarks import gpu; gpu.main(['--tiny', '--device', 'cpu', '--num_rounds', '1'])"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=300)
    result = json.loads(done.stdout.splitlines()[-1])
    assert "accelerate" in result["training"]["stock head, HF Trainer"].pop("failure")
    assert result["training"]["stock head, HF Trainer"]["seconds"] is None
    assert result["training"]["BERT+BiLSTM"]["num_rounds"] == 1
    assert not any(line.startswith("{") for line in done.stdout.splitlines()[:-1])


# ---------------------------------------------------------------------------------------------------------------------
# FLOPs


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize(("batch_size", "length"), [(1, 32), (3, 17)])
def test_flops_of_the_encoder_are_those_that_torch_counts(settings, attention, batch_size, length):
    model = gpu.build_model(settings, "mean", attention).eval()
    ids = torch.randint(5, settings.vocab_size, (batch_size, length))
    fused = torch.nn.attention.SDPBackend.MATH  # the counter knows no fused kernel of the CPU
    with FlopCounterMode(display=False) as counter, torch.nn.attention.sdpa_kernel(fused), torch.no_grad():
        model.encoder(ids)
    assert counter.get_total_flops() == gpu.count_forward_flops(model.config, batch_size, length)


def test_flops_of_the_bilstm_are_those_of_its_matrices(settings):
    ours, mean = (gpu.build_model(settings, head).config for head in ("ours", "mean"))
    ours.lstm_num_layers, ours.lstm_hidden_size = 2, 7
    lstm = torch.nn.LSTM(settings.hidden_size, 7, num_layers=2, bidirectional=True)
    num_weights = sum(x.numel() for name, x in lstm.named_parameters() if name.startswith("weight"))
    added = gpu.count_forward_flops(ours, 3, 17) - gpu.count_forward_flops(mean, 3, 17)
    assert added == 2 * num_weights * 3 * 17


def test_a_training_review_is_one_window(settings):
    settings.window_length = 1000  # more than the default of the package
    assert gpu.build_model(settings, "ours").config.window_length == 1000


def test_flops_grow_linearly_beyond_a_window(settings):
    config = gpu.build_model(settings, "ours").config
    window, double = (gpu.count_forward_flops(config, 1, n * settings.window_length) for n in (1, 2))
    assert double == 2 * window


# ---------------------------------------------------------------------------------------------------------------------
# Rounds


def test_rows_take_turns_and_the_first_round_does_not_count():
    seen = []

    def build(row):
        def work():
            seen.append(row.name)
            return float(len(seen))

        return work

    measured = gpu.measure([gpu.Row("a", build), gpu.Row("b", build)], 3, time.monotonic() + 60)
    assert seen == ["a", "b"] * 4
    assert measured["a"]["seconds"] == statistics.median([3.0, 5.0, 7.0])
    assert measured["b"]["num_rounds"] == 3


def test_a_row_that_fails_leaves_the_others_alone():
    def build_late(row):
        row.flops, calls = 10**12, iter([0.5, 0.5])

        def work():
            seconds = next(calls, None)
            if seconds is None:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
            return seconds

        return work

    rows = [
        gpu.Row("early", build_failing(torch.OutOfMemoryError("CUDA out of memory."))),
        gpu.Row("late", build_late),
        gpu.Row("broken", build_failing(TypeError("no such option\nat all"))),
        gpu.Row("sound", lambda row: lambda: 0.25),
    ]
    measured = gpu.measure(rows, 2, time.monotonic() + 60)
    assert measured["early"]["failure"] == measured["late"]["failure"] == "out of memory"
    assert measured["late"]["seconds"] is measured["late"]["tflops_per_second"] is None
    assert measured["broken"]["failure"] == "TypeError: no such option"
    assert (measured["sound"]["seconds"], measured["sound"]["failure"]) == (0.25, "")


def test_rounds_end_when_time_is_up(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(gpu.time, "monotonic", lambda: next(clock))
    rows = [gpu.Row(name, lambda row: lambda: 0.5) for name in "ab"]
    measured = gpu.measure(rows, 9, 7)  # two looks at the clock to build, two for the first round, three are left
    assert [row["num_rounds"] for row in measured.values()] == [2, 1]
    assert {row["failure"] for row in measured.values()} == {""}


def test_no_time_left_is_said_and_rendered():
    result = gpu.main(["--tiny", "--device", "cpu", "--time_limit", "0"])
    assert {row["failure"] for row in result["training"].values()} == {"no time left"}
    assert result["matrix_share"] is None
    assert "not measured" in gpu.render_table(result)


# ---------------------------------------------------------------------------------------------------------------------
# What only a GPU runs, as far as a CPU can tell


def test_a_synchronisation_is_found_where_it_happens(monkeypatch):
    modes = []
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", modes.append)

    def synchronise():
        raise RuntimeError("called a synchronizing CUDA operation")

    device = torch.device("cuda")
    assert gpu.find_synchronisation(synchronise, device).startswith("test_gpu.py:")
    assert gpu.find_synchronisation(lambda: None, device) == ""
    assert modes == ["error", "default"] * 2
    with pytest.raises(RuntimeError, match="else"):
        gpu.find_synchronisation(lambda: build_failing(RuntimeError("something else"))(None), device)
    assert gpu.find_synchronisation(synchronise, torch.device("cpu")) is None


def test_compiled_rows_compile_the_encoder_alone(settings, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module, **options: compiled.append(type(module).__name__))
    settings.is_compiled = True
    training = {row.name: row for row in gpu.list_training_rows(settings)}
    for name in ("BERT+BiLSTM", "mean pooling", "stock head"):
        row = training[f"{name}, compiled"]
        row.build(row)
    assert compiled == ["BertModel"] * 3


def test_our_compiled_scorer_is_the_package_s_own(settings, monkeypatch):
    options = []
    monkeypatch.setattr(gpu, "build_torch_backend", lambda model, **given: options.append(given))
    settings.is_compiled = True
    for row in gpu.list_scoring_rows(settings)[-2:]:
        row.build(row)
    assert options == [{"precision": "bfloat16", "compiled": compiled} for compiled in (False, True)]


def test_flash_attention_is_a_row_where_it_is_installed(settings, monkeypatch):
    assert not any("flash" in row.name for row in gpu.list_training_rows(settings))
    monkeypatch.setattr(gpu, "is_flash_attn_2_available", lambda: True)
    assert sum("flash" in row.name for row in gpu.list_training_rows(settings)) == 1


# ---------------------------------------------------------------------------------------------------------------------
# Settings


def test_reviews_are_as_long_as_imdb_reviews():
    settings = SimpleNamespace(window_length=512, num_reviews=4096, vocab_size=30522)
    lengths = np.array([len(review) for review in gpu.draw_reviews(settings)])
    assert lengths.mean() == pytest.approx(290, rel=0.04)
    assert lengths.max() == 1500
    assert 0.05 < (lengths > 512).mean() < 0.2


def test_a_flag_overrides_tiny_and_a_training_review_fits_a_window(capsys):
    assert gpu.parse_settings(["--tiny", "--batch_size", "5"]).batch_size == 5
    assert gpu.parse_settings(["--tiny"]).output is None
    assert gpu.parse_settings([]).output == gpu.RESULT
    with pytest.raises(SystemExit):
        gpu.parse_settings(["--length", "513"])
    assert "at most a window" in capsys.readouterr().err
