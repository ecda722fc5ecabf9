import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from modeling_bert_bilstm import BertBiLSTMConfig, BertBiLSTMForSequenceClassification
from modeling_bert_bilstm.inference import onnx as onnx_export
from modeling_bert_bilstm.inference.onnx_int8 import quantize_rows
from modeling_bert_bilstm.inference.samples import draw_reviews
from modeling_bert_bilstm.inference.tracing import compute_fingerprint
from tests.conftest import REPOSITORY, TINY_ENCODER, VOCABULARY


onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def exported(model_folder, tmp_path_factory):
    """What the command wrote of the tiny model, whose windows are of 16 word pieces."""
    folder = tmp_path_factory.mktemp("onnx")
    return onnx_export.main([str(model_folder), "--output", str(folder)])


def build_batch(lengths, *, seed=0, padding_in_front=False):
    """Return random word pieces of these lengths and their mask: int64 (B, T) each."""
    generator = np.random.default_rng(seed)
    mask = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype(np.int64)
    mask = mask[:, ::-1].copy() if padding_in_front else mask
    return generator.integers(4, len(VOCABULARY), mask.shape) * mask, mask


def compare(model, path, lengths, **options):
    """Return the largest difference in logits between a file and the model."""
    input_ids, mask = build_batch(lengths, **options)
    with torch.no_grad():
        expected = model(torch.tensor(input_ids), attention_mask=torch.tensor(mask)).logits.numpy()
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(["logits"], {"input_ids": input_ids, "attention_mask": mask})
    return np.abs(found - expected).max()


@pytest.mark.parametrize(
    "lengths",
    [[2], [1], [15], [16], [17], [26, 27, 28], [64, 2], [3, 90, 16, 41, 17], [5, 4, 3, 2, 6, 7, 8], [300]],
    ids=str,
)
@pytest.mark.parametrize("padding_in_front", [False, True])
def test_the_file_equals_the_model_for_any_number_of_reviews_and_any_length(
    exported, tiny_model, lengths, padding_in_front
):
    assert compare(tiny_model, exported.float32.path, lengths, padding_in_front=padding_in_front) < 1e-6


@pytest.mark.parametrize(
    ("encoder", "fields"),
    [
        ({}, {"lstm_num_layers": 2, "pooling": ["last", "attention", "cls"], "window_overlap": 5}),
        ({}, {"lstm_num_layers": 0, "num_labels": 5, "window_overlap": 0}),
        ({"model_type": "roberta", "pad_token_id": 1}, {"num_labels": 1}),
        ({"model_type": "distilbert"}, {"num_labels": 3, "problem_type": "multi_label_classification"}),
    ],
    ids=["two layers", "no lstm", "roberta", "distilbert"],
)
def test_other_heads_and_encoders_are_exported_too(encoder, fields, tiny_tokenizer, tmp_path):
    torch.manual_seed(3)
    encoder_config = {**TINY_ENCODER, "vocab_size": len(VOCABULARY), **encoder}
    config = BertBiLSTMConfig(encoder_config, **{"lstm_hidden_size": 7, "window_length": 16, **fields})
    model = BertBiLSTMForSequenceClassification(config).eval()
    path = tmp_path / "model.onnx"
    onnx_export.write_onnx(model, tiny_tokenizer, path)
    assert compare(model, path, [37, 16, 5, 17]) < 1e-6
    assert compare(model, path, [9]) < 1e-6


def test_the_model_is_not_changed(tiny_model, tiny_tokenizer, tmp_path):
    tiny_model.train()
    before = compute_fingerprint(tiny_model)
    onnx_export.write_onnx(tiny_model, tiny_tokenizer, tmp_path / "model.onnx")
    assert tiny_model.training
    assert tiny_model.config._attn_implementation == tiny_model.encoder.config._attn_implementation == "sdpa"
    assert compute_fingerprint(tiny_model) == before
    assert compare(tiny_model.eval(), tmp_path / "model.onnx", [20, 3]) < 1e-6  # without the dropout of training


def test_lengths_from_two_word_pieces_to_four_windows_were_compared(exported):
    assert (exported.num_reviews, exported.max_length) == (64, 64)
    assert exported.float32.max_difference <= 1e-6
    assert 0 < exported.int8.mean_difference <= exported.int8.max_difference <= 0.1
    head, *rows, last = exported.render().splitlines()
    assert [row.split()[:2] for row in rows] == [
        [file.path.name, f"{file.path.stat().st_size:,}"] for file in (exported.float32, exported.int8)
    ]
    assert last.endswith("64 reviews of 2 to 64 word pieces.")


def test_the_files_say_what_they_are(exported, tiny_model, tiny_tokenizer):
    for file in (exported.float32, exported.int8):
        session = onnxruntime.InferenceSession(file.path, providers=["CPUExecutionProvider"])
        metadata = session.get_modelmeta().custom_metadata_map
        assert json.loads(metadata["id2label"]) == {"0": "negative", "1": "positive"}
        assert json.loads(metadata["label_polarity"]) == [-1, 1]
        assert metadata["problem_type"] == "single_label_classification"
        assert metadata["pad_token_id"] == str(tiny_tokenizer.pad_token_id)
        assert metadata["fingerprint"] == compute_fingerprint(tiny_model)
        assert [(i.name, i.type, i.shape) for i in session.get_inputs()] == [
            (name, "tensor(int64)", ["reviews", "word_pieces"]) for name in ("input_ids", "attention_mask")
        ]


def test_the_int8_file_holds_the_encoder_in_bytes_and_the_head_in_float(exported):
    graph = onnx.load(exported.int8.path).graph
    kinds = {entry.name: entry.data_type for entry in graph.initializer}
    assert kinds["model.encoder.embeddings.word_embeddings.weight.int8"] == onnx.TensorProto.INT8
    assert not any(name.endswith("word_embeddings.weight") for name in kinds)
    products = [node for node in graph.node if node.op_type == "MatMulInteger"]
    assert len(products) == 2 * 6  # six matrices a layer
    assert [node.op_type for node in graph.node if "LSTM" in node.op_type] == ["LSTM", "LSTM"]


def test_rows_of_bytes_are_within_half_a_step(tmp_path):
    table = np.random.default_rng(0).normal(size=(9, 5)).astype(np.float32)
    table[4] = 0
    numbers, scales = quantize_rows(table)
    assert (numbers.dtype, scales.shape) == (np.int8, (9, 1))
    assert np.all(np.abs(numbers * scales - table) <= scales / 2 + 1e-7)
    assert np.all(np.abs(numbers).max(axis=1) == [127, 127, 127, 127, 0, 127, 127, 127, 127])


def test_another_answer_is_refused_and_not_written(tiny_model, tiny_tokenizer, tmp_path, monkeypatch):
    write = onnx_export.write_onnx

    def write_another(model, tokenizer, path):
        write(model, tokenizer, path)
        graph = onnx.load(path)
        bias = next(entry for entry in graph.graph.initializer if entry.name == "model.classifier.bias")
        bias.CopyFrom(onnx.numpy_helper.from_array(np.array([0.5, -0.5], np.float32), bias.name))
        onnx.save(graph, path)

    monkeypatch.setattr(onnx_export, "write_onnx", write_another)
    with pytest.raises(
        onnx_export.OnnxExportError, match=r"model.onnx must be within 0.0001 .*, found 0.* word pieces"
    ):
        onnx_export.export_onnx(tiny_model, tiny_tokenizer, tmp_path / "onnx", show_progress=False)
    assert list((tmp_path / "onnx").iterdir()) == []


def test_an_int8_file_that_is_too_far_off_is_refused_alone(tiny_model, tiny_tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_export, "MAX_MEAN_INT8_DIFFERENCE", 1e-9)
    with pytest.raises(onnx_export.OnnxExportError, match="model_int8.onnx must be within 1e-09"):
        onnx_export.export_onnx(tiny_model, tiny_tokenizer, tmp_path, show_progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_is_named_with_its_install_line(tiny_model, tiny_tokenizer, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf'needs {package}, .* pip install "modeling-bert-bilstm\[onnx\]"'):
        onnx_export.export_onnx(tiny_model, tiny_tokenizer, tmp_path)


def test_the_command_writes_beside_the_model_and_fails_in_one_line(model_folder, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "modeling_bert_bilstm.inference.onnx", str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("modeling_bert_bilstm.inference.onnx: ")
    assert "Traceback" not in done.stderr


def test_drawn_reviews_have_their_lengths_and_frames(tiny_tokenizer):
    lengths = [2, 3, 40, 700]
    reviews = draw_reviews(tiny_tokenizer, lengths)
    assert [len(review) for review in reviews] == lengths
    assert {(review[0], review[-1]) for review in reviews} == {(2, 3)}
    assert not any({2, 3} & set(review[1:-1]) for review in reviews)
    assert reviews == draw_reviews(tiny_tokenizer, lengths)
    assert reviews != draw_reviews(tiny_tokenizer, lengths, seed=1)
