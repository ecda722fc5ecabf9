import logging
import shutil

import numpy as np
import pytest
import torch

from modeling_bert_bilstm.inference import loading, onnx_backend
from modeling_bert_bilstm.inference.backends import build_backend, check_backend, compute_probabilities
from modeling_bert_bilstm.inference.onnx import write_onnx
from tests.inference.test_onnx import build_batch


pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

BATCHES = [[3], [16], [17], [90], [12, 2, 7], [5, 40, 16, 17, 64], [33] * 7]


@pytest.fixture
def telling_model(tiny_model):
    """The tiny model with answers that are far from 1/2."""
    with torch.no_grad():
        tiny_model.classifier.weight.mul_(20)
    return tiny_model


@pytest.fixture(params=[False, True], ids=["float32", "int8"])
def is_int8(request):
    return request.param


def compute_difference(backend, model, lengths):
    input_ids, mask = build_batch(lengths)
    with torch.no_grad():
        expected = model(torch.tensor(input_ids), attention_mask=torch.tensor(mask)).logits.numpy()
    found = backend.compute_logits(input_ids, mask)
    assert (found.dtype, found.shape) == (np.float32, expected.shape)
    kind = model.config.problem_type
    return np.abs(compute_probabilities(found, kind) - compute_probabilities(expected, kind)).max()


def test_it_gives_the_answers_of_torch(telling_model, tiny_tokenizer, is_int8):
    backend = onnx_backend.build(telling_model, tiny_tokenizer, int8=is_int8)
    assert (backend.name, backend.precision) == (("onnx_int8", "int8") if is_int8 else ("onnx", "float32"))
    differences = [compute_difference(backend, telling_model, lengths) for lengths in BATCHES]
    assert max(differences) < (0.05 if is_int8 else 1e-5)
    if is_int8:
        assert max(differences) > 1e-5  # it did compute in another way
    check_backend(backend, telling_model)


@pytest.mark.parametrize("is_faster", [False, True])
def test_it_is_built_by_name_in_the_precision_that_is_chosen(
    tiny_model, tiny_tokenizer, is_int8, is_faster, monkeypatch
):
    monkeypatch.setattr(loading, "is_bfloat16_faster", lambda device_type: is_faster)
    name = "onnx_int8" if is_int8 else "onnx"
    precision = loading.choose_precision(name, "auto", loading.choose_device_type(name))
    assert build_backend(name, tiny_model, tiny_tokenizer, precision=precision).name == name


def test_a_file_beside_the_model_is_used(tiny_model, tiny_tokenizer, tmp_path, monkeypatch, caplog):
    (tmp_path / "onnx").mkdir()
    write_onnx(tiny_model, tiny_tokenizer, tmp_path / "onnx" / "model.onnx")
    shutil.copyfile(tmp_path / "onnx" / "model.onnx", tmp_path / "onnx" / "model_int8.onnx")
    monkeypatch.setattr(onnx_backend, "write_onnx", None)
    for int8 in (False, True):
        backend = onnx_backend.build(tiny_model, tiny_tokenizer, folder=tmp_path, int8=int8)
        assert compute_difference(backend, tiny_model, [20, 3]) < 1e-6
    assert caplog.text == ""


@pytest.mark.parametrize("change", ["weights", "window"])
def test_a_file_of_another_model_is_not_used(telling_model, tiny_tokenizer, tmp_path, caplog, change):
    (tmp_path / "onnx").mkdir()
    write_onnx(telling_model, tiny_tokenizer, tmp_path / "onnx" / "model.onnx")
    if change == "weights":
        with torch.no_grad():
            telling_model.classifier.bias.add_(torch.tensor([1.0, 0.0]))
    else:
        telling_model.config.window_overlap = 9
    with caplog.at_level(logging.WARNING):
        backend = onnx_backend.build(telling_model, tiny_tokenizer, folder=tmp_path)
    assert "holds other weights than the model beside it" in caplog.text
    assert compute_difference(backend, telling_model, [40, 3]) < 1e-5


@pytest.mark.parametrize(("int8", "precision"), [(False, "bfloat16"), (True, "bfloat16"), (True, "float32")])
def test_a_precision_that_it_has_not_is_refused(tiny_model, tiny_tokenizer, int8, precision):
    with pytest.raises(ValueError, match=f"`precision` must be one of .*, got '{precision}'"):
        onnx_backend.build(tiny_model, tiny_tokenizer, precision=precision, int8=int8)
