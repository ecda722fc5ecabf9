import sys

import pytest
import torch

from modeling_bert_bilstm import BertBiLSTMConfig, BertBiLSTMForSequenceClassification
from modeling_bert_bilstm.inference import openvino_backend
from modeling_bert_bilstm.inference.backends import check_backend
from modeling_bert_bilstm.inference.tracing import compute_fingerprint
from tests.conftest import TINY_ENCODER, VOCABULARY
from tests.inference.test_onnx_backend import BATCHES, compute_difference, telling_model  # noqa: F401


pytest.importorskip("openvino")


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("bfloat16", 0.02)])
def test_it_gives_the_answers_of_torch(telling_model, precision, tolerance):  # noqa: F811
    backend = openvino_backend.build(telling_model, None, precision=precision)
    assert (backend.name, backend.precision) == ("openvino", precision)
    assert max(compute_difference(backend, telling_model, lengths) for lengths in BATCHES) < tolerance
    check_backend(backend, telling_model)


def test_int8_gives_nearly_the_answers_of_torch(telling_model, tiny_tokenizer, capsys):  # noqa: F811
    pytest.importorskip("nncf")
    backend = openvino_backend.build(telling_model, tiny_tokenizer, precision="float32", int8=True)
    assert (backend.name, backend.precision) == ("openvino_int8", "int8")
    differences = [compute_difference(backend, telling_model, lengths) for lengths in BATCHES]
    assert 1e-5 < max(differences) < 0.1
    check_backend(backend, telling_model)
    assert capsys.readouterr().out == ""


def test_auto_is_what_was_measured(tiny_model, monkeypatch):
    for is_faster, precision in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(openvino_backend, "is_bfloat16_faster", lambda is_faster=is_faster: is_faster)
        assert openvino_backend.build(tiny_model, None).precision == precision


@pytest.mark.parametrize(
    ("encoder", "fields"),
    [
        ({}, {"lstm_num_layers": 2, "pooling": ["last", "attention", "cls"]}),
        ({"model_type": "roberta", "pad_token_id": 1}, {"lstm_num_layers": 0, "num_labels": 5}),
    ],
    ids=["two layers", "roberta, no lstm"],
)
def test_other_heads_and_encoders_are_converted_too(encoder, fields):
    torch.manual_seed(3)
    encoder_config = {**TINY_ENCODER, "vocab_size": len(VOCABULARY), **encoder}
    config = BertBiLSTMConfig(encoder_config, lstm_hidden_size=7, window_length=16, **fields)
    model = BertBiLSTMForSequenceClassification(config).eval()
    backend = openvino_backend.build(model, None, precision="float32")
    assert max(compute_difference(backend, model, lengths) for lengths in ([37, 16, 5, 17], [9])) < 1e-5


def test_attention_and_lstm_stay_whole_and_the_model_as_it_was(tiny_model):
    before = compute_fingerprint(tiny_model)
    converted = openvino_backend.convert_model(tiny_model.train())
    kinds = [operation.get_type_name() for operation in converted.get_ops()]
    assert kinds.count("ScaledDotProductAttention") == 2  # layers
    assert kinds.count("LSTMSequence") == 2  # directions
    assert tiny_model.training
    assert compute_fingerprint(tiny_model) == before


@pytest.mark.parametrize(("package", "int8"), [("openvino", False), ("nncf", True)])
def test_a_missing_package_is_named_with_its_install_line(tiny_model, tiny_tokenizer, monkeypatch, package, int8):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf'needs {package}, .* pip install "modeling-bert-bilstm\[openvino\]"'):
        openvino_backend.build(tiny_model, tiny_tokenizer, precision="float32", int8=int8)
