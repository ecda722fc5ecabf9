"""What train.py sets in its process: threads by flag, launcher or device, and a line that says what is on."""

import logging
import types

import pytest
import torch

import train
from modeling_bert_bilstm.hardware import prepare_process, process
from modeling_bert_bilstm.training import process_setup
from modeling_bert_bilstm.training.process_setup import set_up_process


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
    torch.set_flush_denormal(False)


def build_options(device="cpu", num_cpu_threads=None, mixed_precision="no"):
    return types.SimpleNamespace(
        device=torch.device(device), num_cpu_threads=num_cpu_threads, mixed_precision=mixed_precision
    )


@pytest.mark.parametrize(
    ("device", "flag", "expected"), [("cpu", None, 3), ("cpu", 2, 2), ("cuda", None, None), ("cuda", 2, 2)]
)
def test_threads_are_left_alone_on_a_gpu(device, flag, expected, monkeypatch):
    asked = []
    monkeypatch.setattr(process_setup, "choose_num_threads", lambda: 3)
    monkeypatch.setattr(process_setup, "prepare_process", lambda threads: asked.append(threads) or prepare_process())
    set_up_process(build_options(device, flag))
    assert asked == [expected]


@pytest.mark.parametrize(
    ("mixed_precision", "expected"), [("no", "float32"), ("bf16", "bfloat16"), ("fp16", "float16")]
)
def test_the_line_says_what_is_on(mixed_precision, expected, caplog):
    with caplog.at_level(logging.INFO, "modeling_bert_bilstm"):
        settings, line = set_up_process(build_options(num_cpu_threads=1, mixed_precision=mixed_precision))
    assert line.startswith(f"process: allocator {settings['allocator']}; 1 thread; denormals ")
    assert line.endswith(f"; {expected}")
    assert caplog.messages == [line]
    assert list(settings) == ["allocator", "num_threads", "flush_denormal", "precision"]


def test_a_user_sees_the_line_before_anything_is_loaded(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name in process._LAUNCHED:
        monkeypatch.delenv(name, raising=False)
    folder = ["--output_dir", str(tmp_path / "run"), "--use_cpu", "--num_cpu_threads", "2"]
    with pytest.raises(FileNotFoundError):
        train.prepare_run([*folder, "--model_name_or_path", str(tmp_path / "nowhere")])
    shown = capsys.readouterr().out
    assert shown.count("process: allocator") == 1
    assert "; 2 threads; " in shown
    assert torch.get_num_threads() == 2
