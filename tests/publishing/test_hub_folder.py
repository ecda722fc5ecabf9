import re
import stat
from pathlib import Path

import pytest

import modeling_bert_bilstm
from modeling_bert_bilstm.publishing import PublishingError, build_hub_folder, list_hub_files
from modeling_bert_bilstm.publishing.hub_folder import find_stale_files
from tests.publishing.run_folder import HUB_FILES, edit_json, read_json, write_json, write_run_folder


PACKAGE = Path(modeling_bert_bilstm.__file__).parent


@pytest.fixture
def run_folder(model_folder, tmp_path):
    return write_run_folder(model_folder, tmp_path / "run")


def test_exactly_the_listed_files_are_in_the_folder(run_folder, tmp_path):
    names = build_hub_folder(run_folder, tmp_path / "new" / "hub", repo_id="me/tiny")
    assert names == HUB_FILES
    hub = tmp_path / "new" / "hub"
    assert sorted(path.relative_to(hub).as_posix() for path in hub.rglob("*.*")) == HUB_FILES
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["hub"]


def test_weights_and_results_are_unchanged_and_the_run_folder_too(run_folder, tmp_path):
    before = {name: content for name, content in _read_files(run_folder).items()}
    build_hub_folder(run_folder, tmp_path / "hub")
    assert _read_files(run_folder) == before
    assert (tmp_path / "hub" / "model.safetensors").read_bytes() == before["model.safetensors"]
    assert read_json(tmp_path / "hub" / "results.json") == read_json(run_folder / "results.json")


def _read_files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_the_code_is_that_of_the_installed_package(run_folder, tmp_path):
    (run_folder / "polarity.py").write_text("stale = True\n", encoding="utf-8")
    (run_folder / "modeling_bert_bilstm.py").unlink()
    build_hub_folder(run_folder, tmp_path / "hub")
    shipped = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py"}
    assert {path.name for path in (tmp_path / "hub").glob("*.py")} == shipped
    assert all((tmp_path / "hub" / name).read_bytes() == (PACKAGE / name).read_bytes() for name in shipped)


def test_every_file_can_be_read_by_everybody(run_folder, tmp_path):
    assert stat.S_IMODE((run_folder / "model.safetensors").stat().st_mode) == 0o600
    build_hub_folder(run_folder, tmp_path / "hub")
    assert {stat.S_IMODE((tmp_path / "hub" / name).stat().st_mode) for name in HUB_FILES} == {0o644}


def test_the_config_names_its_own_code_and_nothing_local(run_folder, tmp_path):
    config = read_json(run_folder / "config.json")
    edit_json(
        run_folder / "config.json",
        _name_or_path="/home/me/runs/a",
        encoder_config={**config["encoder_config"], "_name_or_path": "/home/me/bert"},
        auto_map={"AutoModel": "other/repo--modeling_bert_bilstm.BertBiLSTMForSequenceClassification"},
        custom_pipelines={},
    )
    edit_json(run_folder / "tokenizer_config.json", name_or_path="/home/me/bert", is_local=True, local_files_only=True)
    build_hub_folder(run_folder, tmp_path / "hub")
    published = read_json(tmp_path / "hub" / "config.json")
    assert published["auto_map"] == config["auto_map"]
    assert set(published["auto_map"]) == {"AutoConfig", "AutoModel", "AutoModelForSequenceClassification"}
    assert set(published["custom_pipelines"]) == {"aggregate-polarity"}
    for text in (str(published), (tmp_path / "hub" / "tokenizer_config.json").read_text(encoding="utf-8")):
        assert not re.search("name_or_path|is_local|local_files_only", text)
    assert read_json(tmp_path / "hub" / "tokenizer_config.json")["tokenizer_class"] != "TokenizersBackend"


def test_something_private_is_refused_and_nothing_is_left_behind(run_folder, tmp_path):
    edit_json(run_folder / "results.json", seed="/home/me/seed")
    with pytest.raises(PublishingError, match=r"results.json, `seed`: the local path '/home/me/seed'.*build again"):
        build_hub_folder(run_folder, tmp_path / "hub")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_folder_without_a_model_lists_what_is_missing(run_folder, tmp_path):
    for name in ("model.safetensors", "results.json", "tokenizer.json"):
        (run_folder / name).unlink()
    wanted = (
        "lacks ['results.json', 'tokenizer.json', 'model.safetensors (or its shards)'] and holds ['checkpoint-2', "
    )
    with pytest.raises(FileNotFoundError, match=re.escape(wanted)):
        build_hub_folder(run_folder, tmp_path / "hub")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="holds nothing. Give the folder that train.py wrote"):
        build_hub_folder(tmp_path / "empty", tmp_path / "hub")
    with pytest.raises(FileNotFoundError, match="There is no run folder"):
        build_hub_folder(tmp_path / "none", tmp_path / "hub")


def test_another_kind_of_model_is_refused(run_folder, tmp_path):
    edit_json(run_folder / "config.json", model_type="bert")
    with pytest.raises(PublishingError, match="must hold a model of type 'bert_bilstm', found 'bert'"):
        build_hub_folder(run_folder, tmp_path / "hub")


def test_a_broken_json_file_is_named(run_folder, tmp_path):
    (run_folder / "results.json").write_text('{"name": ', encoding="utf-8")
    with pytest.raises(PublishingError, match=r"results.json` is not JSON in UTF-8 .* Was it written whole\?"):
        build_hub_folder(run_folder, tmp_path / "hub")


def test_an_earlier_publishable_folder_is_replaced(run_folder, tmp_path):
    build_hub_folder(run_folder, tmp_path / "hub")
    (tmp_path / "hub" / "vocab.txt").write_text("stale", encoding="utf-8")
    edit_json(run_folder / "results.json", name="second")
    assert build_hub_folder(run_folder, tmp_path / "hub") == HUB_FILES
    assert "# second" in (tmp_path / "hub" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["other files", "a model", "the run itself"])
def test_a_folder_that_holds_something_else_is_left_alone(run_folder, model_folder, tmp_path, kind):
    target = {"other files": tmp_path / "hub", "a model": tmp_path / "model", "the run itself": run_folder}[kind]
    message = {
        "other files": r"holds \['notes.txt'\], which no publishable folder holds",
        "a model": "holds files, but no model card",
        "the run itself": "is the run folder itself",
    }[kind]
    if kind == "other files":
        target.mkdir()
        (target / "notes.txt").write_text("mine", encoding="utf-8")
    if kind == "a model":
        target.mkdir()
        (target / "model.safetensors").write_bytes(b"mine")
    before = _read_files(target)
    with pytest.raises(PublishingError, match=message):
        build_hub_folder(run_folder, target)
    assert _read_files(target) == before


def test_a_failed_build_keeps_the_earlier_folder(run_folder, tmp_path):
    build_hub_folder(run_folder, tmp_path / "hub")
    before = _read_files(tmp_path / "hub")
    edit_json(run_folder / "results.json", seed="~/seed")
    with pytest.raises(PublishingError, match="Nothing private"):
        build_hub_folder(run_folder, tmp_path / "hub")
    assert _read_files(tmp_path / "hub") == before


def test_shards_are_published_with_their_index(tiny_model, model_folder, tmp_path):
    run_folder = write_run_folder(model_folder, tmp_path / "run")
    (run_folder / "model.safetensors").unlink()
    tiny_model.save_pretrained(run_folder, max_shard_size="8KB")
    names = build_hub_folder(run_folder, tmp_path / "hub")
    shards = sorted(path.name for path in run_folder.glob("model-*.safetensors"))
    assert len(shards) > 1
    assert [name for name in names if name.startswith("model")] == sorted(
        [*shards, "model.safetensors.index.json", "modeling_bert_bilstm.py"]
    )
    (run_folder / shards[0]).unlink()
    with pytest.raises(FileNotFoundError, match=re.escape(f"names shards that are missing: ['{shards[0]}']")):
        build_hub_folder(run_folder, tmp_path / "hub")


def test_a_stale_shard_beside_whole_weights_stays_at_home(run_folder, tmp_path):
    (run_folder / "model-00001-of-00002.safetensors").write_bytes(b"stale")
    write_json(run_folder / "model.safetensors.index.json", {"weight_map": {}})
    assert build_hub_folder(run_folder, tmp_path / "hub") == HUB_FILES


def test_a_file_that_was_put_in_by_hand_is_refused(run_folder, tmp_path):
    build_hub_folder(run_folder, tmp_path / "hub")
    (tmp_path / "hub" / "training_args.bin").write_bytes(b"\x80")
    with pytest.raises(PublishingError, match=r"holds \['training_args.bin'\]"):
        list_hub_files(tmp_path / "hub")


def test_only_weights_tokenizer_files_and_pictures_of_an_earlier_push_are_stale():
    ours = ["model.safetensors", "onnx/model.onnx", "vocab.txt", "tokenizer.json", "assets/reliability.png"]
    others = [
        ".gitattributes",
        "figure.png",
        "assets/logo.png",
        "onnx/README.md",
        "old_README.md",
        "results.json",
        "modeling_other.py",
    ]
    stale = find_stale_files([*others, *ours], ["tokenizer.json", "README.md"])
    assert stale == ["model.safetensors", "onnx/model.onnx", "vocab.txt", "assets/reliability.png"]


def test_the_folder_may_stand_inside_the_run(run_folder):
    assert build_hub_folder(run_folder, run_folder / "hub") == HUB_FILES
    assert build_hub_folder(run_folder, run_folder / "hub") == HUB_FILES


def test_onnx_files_are_published_when_asked_for(run_folder, tmp_path):
    """They are those of the run, say nothing of this machine, and go with the next build that is without them."""
    pytest.importorskip("onnxruntime")
    names = build_hub_folder(run_folder, tmp_path / "hub", with_onnx=True)
    assert names == sorted([*HUB_FILES, "onnx/model.onnx", "onnx/model_int8.onnx"])
    assert names == list_hub_files(tmp_path / "hub")
    assert {stat.S_IMODE((tmp_path / "hub" / name).stat().st_mode) for name in names} == {0o644}
    card = (tmp_path / "hub" / "README.md").read_text(encoding="utf-8")
    assert "## ONNX\n\n`onnx/model.onnx` (float32)" in card
    assert not (run_folder / "onnx").exists()
    assert all(str(PACKAGE).encode() not in (tmp_path / "hub" / name).read_bytes() for name in names)
    assert build_hub_folder(run_folder, tmp_path / "hub") == HUB_FILES
    assert "ONNX" not in (tmp_path / "hub" / "README.md").read_text(encoding="utf-8")
    assert not (tmp_path / "hub" / "onnx").exists()


def test_onnx_files_with_other_answers_are_not_published(run_folder, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr("modeling_bert_bilstm.inference.onnx.MAX_DIFFERENCE", -1.0)
    with pytest.raises(PublishingError, match=r"not good enough to publish: model.onnx must be within"):
        build_hub_folder(run_folder, tmp_path / "hub", with_onnx=True)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
