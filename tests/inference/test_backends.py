"""Backends: torch is exact, bfloat16 and compiled are near, what is broken is refused, the fastest is chosen."""

import copy
import logging
import shutil
import sys
import types

import numpy as np
import pytest
import torch
from torch._dynamo.eval_frame import _debug_get_cache_entry_list

from modeling_bert_bilstm.inference import backends, torch_backend
from modeling_bert_bilstm.inference.backends import (
    BACKENDS,
    BackendError,
    build_backend,
    check_backend,
    choose_backend,
    compute_probabilities,
    map_batches,
    time_backend,
)
from modeling_bert_bilstm.inference.batches import pad_batch


@pytest.fixture
def batch():
    """Reviews of one window of 16 and of several, in one batch: 4 rows of 45."""
    generator = np.random.default_rng(0)
    return pad_batch([generator.integers(5, 40, length) for length in (45, 17, 16, 3)], pad_token_id=0)


@pytest.fixture
def telling_model(tiny_model):
    """The tiny model with a classifier whose probabilities differ from review to review."""
    with torch.no_grad():
        tiny_model.classifier.weight *= 20
    return tiny_model


def score(model, batch):
    with torch.inference_mode():
        return model(*map(torch.from_numpy, batch)).logits


class FakeBackend:
    """Answers with the model's logits, moved and delayed as asked."""

    name, precision, num_workers, min_batches = "onnx", "float32", 1, 1

    def __init__(self, model, move=lambda logits: logits):
        self.model, self.move = model, move

    def compute_logits(self, input_ids, attention_mask):
        return self.move(score(self.model, (input_ids, attention_mask)).numpy())


def install(monkeypatch, module_name, build):
    """Stand in for a backend's module."""
    module = types.SimpleNamespace(build=build)
    monkeypatch.setitem(sys.modules, f"{backends.__package__}.{module_name}", module)


@pytest.fixture
def without_runtimes(monkeypatch):
    """No other runtime is installed, and compiling fails."""

    def refuse(*args, **kwargs):
        raise ImportError('Install it: pip install "modeling-bert-bilstm[onnx]"')

    install(monkeypatch, "onnx_backend", refuse)
    install(monkeypatch, "openvino_backend", refuse)
    monkeypatch.setattr(torch_backend.TorchBackend, "warm_up", refuse)
    monkeypatch.setattr(torch_backend, "is_bfloat16_faster", lambda device: False)


@pytest.fixture
def restored_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_torch_in_float32_is_the_model(telling_model, batch):
    backend = build_backend("torch", telling_model, None, precision="float32")
    assert (backend.name, backend.precision) == ("torch", "float32")
    found = backend.compute_logits(*batch)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, score(telling_model, batch).numpy())


def test_bfloat16_is_autocast_to_the_last_bit(telling_model, batch):
    backend = build_backend("torch", telling_model, None, precision="bfloat16")
    with torch.autocast("cpu", torch.bfloat16):
        expected = score(telling_model, batch).float().numpy()
    found = backend.compute_logits(*batch)
    np.testing.assert_array_equal(found, expected)
    exact = score(telling_model, batch).softmax(1).numpy()
    difference = np.abs(compute_probabilities(found, "single_label_classification") - exact).max()
    assert 0 < difference < 0.02, "it computes in bfloat16, and that changes little"


@pytest.mark.parametrize("is_faster", [True, False])
def test_auto_is_bfloat16_where_it_is_faster(tiny_model, is_faster, monkeypatch):
    monkeypatch.setattr(torch_backend, "is_bfloat16_faster", lambda device: is_faster)
    assert build_backend("torch", tiny_model, None).precision == ("bfloat16" if is_faster else "float32")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_model_is_not_changed(tiny_model, batch, precision):
    before = copy.deepcopy(tiny_model.state_dict())
    tiny_model.train()
    tiny_model.encoder.eval()  # frozen by the user
    is_training = [module.training for module in tiny_model.modules()]
    backend = build_backend("torch", tiny_model, None, precision=precision)
    first = backend.compute_logits(*batch)
    np.testing.assert_array_equal(backend.compute_logits(*batch), first), "there is no dropout"
    assert [module.training for module in tiny_model.modules()] == is_training
    for name, value in tiny_model.state_dict().items():
        assert value.dtype == before[name].dtype == torch.float32
        assert torch.equal(value, before[name])
    assert all(parameter.requires_grad for parameter in tiny_model.parameters())


@pytest.mark.skipif(not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="compiling needs a C++ compiler")
def test_compiled_is_torch_at_any_length_and_compiles_once(telling_model, batch, restored_threads):
    telling_model.encoder.encoder.layer = telling_model.encoder.encoder.layer[:1]  # half the time to compile
    torch._dynamo.reset()  # what other tests have compiled would be looked at first, and counted
    torch._dynamo.utils.counters.clear()
    torch.set_num_threads(2)
    backend = build_backend("torch_compiled", telling_model, None, precision="float32")
    assert backend.name == "torch_compiled"
    assert backend.num_workers == 2
    num_programs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    assert num_programs == 2, "one for all cores, one for a core"
    for num_rows, num_columns in ((4, 45), (2, 16), (1, 30), (3, 7), (1, 5)):
        part = [array[:num_rows, :num_columns] for array in batch]
        found = backend.compute_logits(*part)
        np.testing.assert_allclose(found, score(telling_model, part).numpy(), atol=1e-5)
    list(map_batches(backend, lambda batch: batch, [batch] * 8))
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == num_programs
    programs = [program._torchdynamo_orig_callable for program in backend.model.encoder.programs.values()]
    in_list = [len(_debug_get_cache_entry_list(program.__code__)) for program in programs]
    assert in_list == [1, 1], "threads that look in a list of several at once miss what is there"


@pytest.mark.parametrize(
    ("problem_type", "expected"),
    [
        ("single_label_classification", [[0.5, 0.5], [1.0, 0.0]]),
        ("multi_label_classification", [[0.7310586, 0.7310586], [1.0, 0.0]]),
        ("regression", [[1.0, 1.0], [900.0, -900.0]]),
    ],
)
def test_probabilities_of_each_kind(problem_type, expected):
    logits = np.array([[1, 1], [900, -900]], dtype=np.float32)
    logits.flags.writeable = False  # as some runtimes hand theirs out
    found = compute_probabilities(logits, problem_type)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize(
    ("move", "message"),
    [
        (lambda logits: logits[:, ::-1], "differs from torch in float32 by"),
        (lambda logits: logits + [0.2, 0], "differs from torch in float32 by"),
        (lambda logits: np.full_like(logits, np.nan), "by nan"),
        (lambda logits: logits[:, :1], "expected"),
    ],
)
def test_a_backend_with_other_answers_is_refused(telling_model, move, message, monkeypatch):
    check_backend(FakeBackend(telling_model), telling_model)
    install(monkeypatch, "onnx_backend", lambda model, tokenizer, **options: FakeBackend(model, move))
    with pytest.raises(BackendError, match=message):
        build_backend("onnx", telling_model, None)


def test_whole_numbers_of_8_bits_may_differ_more(telling_model):
    backend = FakeBackend(telling_model, lambda logits: logits + [0.2, 0])
    backend.name = "onnx_int8"
    check_backend(backend, telling_model)
    backend.move = lambda logits: logits + [0.9, 0]
    with pytest.raises(BackendError, match=r"in the mean on 7 reviews; up to 0\.05"):
        check_backend(backend, telling_model)


@pytest.mark.parametrize("name", [name for name in BACKENDS if not name.startswith("torch")])
def test_other_runtimes_are_told_what_they_need(telling_model, tiny_tokenizer, name, monkeypatch, tmp_path):
    calls = []

    def build(model, tokenizer, **options):
        assert not model.training
        assert tokenizer is tiny_tokenizer
        calls.append(options)
        return FakeBackend(model)

    install(monkeypatch, f"{name.removesuffix('_int8')}_backend", build)
    telling_model.train()
    build_backend(name, telling_model, tiny_tokenizer, precision="float32", folder=tmp_path)
    assert calls == [{"precision": "float32", "folder": tmp_path, "int8": name.endswith("_int8")}]


def test_unknown_names_are_refused(tiny_model):
    with pytest.raises(ValueError, match=r"`backend` must be 'auto' or one of \('torch', .*, got 'tensorrt'"):
        build_backend("tensorrt", tiny_model, None)
    with pytest.raises(ValueError, match=r"`precision` must be one of .*'bfloat16'\), got 'fp16'"):
        build_backend("torch", tiny_model, None, precision="fp16")
    with pytest.raises(ValueError, match="use `choose_backend`"):
        build_backend("auto", tiny_model, None)


def test_a_runtime_that_is_missing_says_how_to_install_it(tiny_model, without_runtimes):
    with pytest.raises(ImportError, match=r"pip install \"modeling-bert-bilstm\[onnx\]\""):
        build_backend("openvino", tiny_model, None)


def test_auto_leaves_out_what_fails_and_says_why(tiny_model, batch, without_runtimes, caplog, monkeypatch):
    monkeypatch.setattr(backends.logger, "info", lambda *args: None)
    with caplog.at_level(logging.INFO, logger=backends.__name__):
        assert choose_backend(tiny_model, None, [batch]).name == "torch"
    left_out = [record.args[0] for record in caplog.records]
    assert left_out == ["torch_compiled", "onnx", "openvino"]
    assert "pip install" in caplog.records[1].getMessage()
    assert {record.levelno for record in caplog.records} == {logging.INFO}, "a missing extra is no fault"


@pytest.mark.parametrize("fastest", ["torch", "onnx", "openvino"])
def test_auto_takes_the_fastest(telling_model, batch, without_runtimes, fastest, monkeypatch):
    for name in ("onnx", "openvino"):
        backend = FakeBackend(telling_model)
        backend.name = name
        install(monkeypatch, f"{name}_backend", lambda model, tokenizer, backend=backend, **options: backend)
    seconds = {"torch": 3.0, "onnx": 2.5, "openvino": 2.0, fastest: 1.0}
    monkeypatch.setattr(backends, "time_backend", lambda backend, sample: seconds[backend.name])
    assert choose_backend(telling_model, None, [batch]).name == fastest


def test_auto_without_any_backend_tells_all_reasons(tiny_model, batch, without_runtimes, monkeypatch):
    def fail(backend, sample):
        raise MemoryError("too large")

    monkeypatch.setattr(backends, "time_backend", fail)
    with pytest.raises(BackendError, match=r"torch: too large; .*openvino: Install it"):
        choose_backend(tiny_model, None, [batch])


def test_a_backend_keeps_the_weights_that_it_was_built_with(telling_model, batch):
    backend = build_backend("torch", telling_model, None, precision="float32")
    before = backend.compute_logits(*batch)
    with torch.no_grad():
        for parameter in telling_model.parameters():
            parameter.mul_(1.5)
    np.testing.assert_array_equal(backend.compute_logits(*batch), before)


def test_the_best_round_counts_and_the_first_does_not(telling_model, batch, monkeypatch):
    moments = iter([0.0, 1.0, 10.0, 15.0, 20.0, 23.0])  # rounds of 1, 5 and 3 seconds
    monkeypatch.setattr(backends.time, "perf_counter", lambda: next(moments))
    assert time_backend(FakeBackend(telling_model), [batch]) == 3.0
