import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from modeling_bert_bilstm.publishing import PublishingError, privacy
from modeling_bert_bilstm.publishing.privacy import find_private_traces


TOKEN = "hf_" + "AbCd1234" * 4


@pytest.fixture(autouse=True)
def _no_token(monkeypatch):
    monkeypatch.setattr(privacy, "get_token", lambda: None)


def find_in(tmp_path, name, content):
    (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return find_private_traces(tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        "/home/me/runs/a",
        "/data/reviews.csv",
        "/Users/me/model",
        "~/models/bert",
        r"C:\Users\me\model",
        "D:/models/bert",
        r"\\server\share\model",
        "file:///srv/model",
        "/anything/at/all",
    ],
)
def test_a_local_path_is_found_with_its_place(tmp_path, path):
    found = find_in(tmp_path, "results.json", {"arguments": {"data": [{"train_file": path}]}})
    assert found == [f"results.json, `arguments.data[0].train_file`: the local path {path!r}"]


def test_a_local_path_inside_a_text_is_found_with_its_line(tmp_path):
    found = find_in(
        tmp_path, "README.md", "# Title\n\nTrained with `--train_file /mnt/disk/reviews.csv`, on two cores.\n"
    )
    assert found == ["README.md, line 3: the local path '/mnt/disk/reviews.csv'"]


def test_a_local_path_as_a_key_is_found(tmp_path):
    assert find_in(tmp_path, "results.json", {"data": {"/tmp/x/train": 3}}) == [
        "results.json, `a key of data`: the local path '/tmp/x/train'"
    ]


@pytest.mark.parametrize("folder", ["home", "cwd"])
def test_the_home_and_the_working_folder_are_found_wherever_they_are(tmp_path, monkeypatch, folder):
    monkeypatch.setattr(Path, folder, classmethod(lambda cls: Path("/odd-place/me")))
    assert find_in(tmp_path, "results.json", {"note": "read from:/odd-place/me/x"}) == [
        "results.json, `note`: the local path '/odd-place/me'"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "https://huggingface.co/me/model",
        "stanfordnlp/imdb",
        "positive/negative",
        "1/2",
        "arXiv: 2502.18841",
        "s3://a/b/c",
    ],
)
def test_addresses_and_names_are_no_local_paths(tmp_path, text):
    assert find_in(tmp_path, "results.json", {"source": text}) == []
    assert find_in(tmp_path, "README.md", f"See {text}, or ({text}).") == []


@pytest.mark.parametrize("name", ["README.md", "config.json", "vocab.txt", "tokenizer.json"])
def test_a_token_is_found_and_never_repeated(tmp_path, name):
    text = json.dumps({"model": {"vocab": {TOKEN: 0}}}) if name.endswith(".json") else f"token {TOKEN}"
    found = find_in(tmp_path, name, text)
    assert found == [f"{name} holds an access token"]


def test_the_token_in_use_is_found_whatever_it_looks_like(tmp_path, monkeypatch):
    monkeypatch.setattr(privacy, "get_token", lambda: "unusual-token")
    assert find_in(tmp_path, "results.json", {"x": "unusual-token"}) == ["results.json holds an access token"]


def test_a_path_that_holds_a_token_is_not_repeated(tmp_path):
    found = find_in(tmp_path, "results.json", {"x": f"/home/me/{TOKEN}"})
    assert len(found) == 2
    assert TOKEN not in "".join(found)


def test_word_pieces_may_look_like_paths(tmp_path):
    assert find_in(tmp_path, "vocab.txt", "/home/\n~/x\n") == []
    entries = {"model": {"vocab": [["/home/me", -1.0]]}, "added_tokens": [{"content": "/data/x"}]}
    assert find_in(tmp_path, "tokenizer.json", entries) == []
    assert find_in(tmp_path, "tokenizer.json", {**entries, "source": "/data/x"}) != []


def test_metadata_and_names_of_weights_are_read(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.zeros(2)}, path, metadata={"format": "pt"})
    assert find_private_traces(tmp_path) == []
    save_file({"weight": torch.zeros(2)}, path, metadata={"source": "/home/me/bert"})
    assert find_private_traces(tmp_path) == ["model.safetensors, metadata.source: the local path '/home/me/bert'"]


def test_weights_that_were_cut_short_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.zeros(100)}, path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(PublishingError, match=re.escape("`model.safetensors` cannot be read as safetensors")):
        find_private_traces(tmp_path)


@pytest.mark.parametrize("place", ["metadata", "note", "producer"])
def test_onnx_files_are_looked_at_too(tmp_path, place):
    """An exporter may note the source line of each node; the names of nodes look like paths and are none."""
    onnx = pytest.importorskip("onnx")
    node = onnx.helper.make_node("Relu", ["x"], ["y"], name="/model/encoder/Relu")
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "main", values[:1], values[1:]))
    (tmp_path / "onnx").mkdir()
    onnx.save(model, tmp_path / "onnx" / "model.onnx")
    assert find_private_traces(tmp_path) == []
    if place == "metadata":
        onnx.helper.set_model_props(model, {"source": "/home/me/model.py"})
    elif place == "producer":
        model.producer_name = "/home/me/model.py"
    else:
        model.graph.node[0].doc_string = "/home/me/model.py(12): forward"
    onnx.save(model, tmp_path / "onnx" / "model.onnx")
    (trace,) = find_private_traces(tmp_path)
    assert trace.startswith("onnx/model.onnx, ")
    assert "/home/me/model.py" in trace


@pytest.mark.parametrize(("text", "found"), [("made of pages", 0), ("/home/me/plot.py", 1), (f"by {TOKEN}", 1)])
def test_what_a_picture_says_of_itself_is_looked_at(tmp_path, text, found):
    image, png = (pytest.importorskip(f"PIL.{name}") for name in ("Image", "PngImagePlugin"))
    notes = png.PngInfo()
    notes.add_itxt("Source", text, zip=True)
    image.new("L", (3, 5)).save(tmp_path / "a.png", pnginfo=notes)
    traces = find_private_traces(tmp_path)
    assert len(traces) == found
    assert TOKEN not in "".join(traces)


@pytest.mark.parametrize("ending", ["onnx", "safetensors"])
def test_a_token_in_the_metadata_of_weights_is_found(tmp_path, ending):
    metadata = {"id2label": json.dumps({"0": TOKEN})}
    if ending == "safetensors":
        save_file({"weight": torch.zeros(1)}, tmp_path / "model.safetensors", metadata)
    else:
        onnx = pytest.importorskip("onnx")
        model = onnx.helper.make_model(onnx.helper.make_graph([], "main", [], []))
        onnx.helper.set_model_props(model, metadata)
        onnx.save(model, tmp_path / "model.onnx")
    assert find_private_traces(tmp_path) == [f"model.{ending} holds an access token"]
