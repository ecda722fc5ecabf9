"""From a name to a model: encoders, trained models, and what is said where there is none."""

import json
import re
import shutil

import pytest

from modeling_bert_bilstm.training.loading import (
    check_vocabulary,
    load_config,
    load_model,
    load_tokenizer,
    resolve_model,
)
from modeling_bert_bilstm.training.model_options import ModelArguments


LABELS = {"id2label": {0: "negative", 1: "positive"}, "label2id": {"negative": 0, "positive": 1}}
SMALL = {"window_length": 16, "window_overlap": 4, "lstm_hidden_size": 5}


def load(reference, label_fields=None, **options):
    arguments = ModelArguments(model_name_or_path=str(reference), **options)
    source = resolve_model(str(reference))
    return load_model(arguments, source, load_config(arguments, source), **(label_fields or LABELS))


def test_a_head_on_an_encoder(encoder_folder):
    model = load(encoder_folder, **SMALL, pooling=["last"], classifier_dropout=0.4)
    assert model.config.lstm_hidden_size == 5
    assert model.config.pooling == ["last"]
    assert model.classifier_dropout.p == 0.4
    assert model.config.id2label == {0: "negative", 1: "positive"}
    assert not hasattr(model.encoder, "pooler") or model.encoder.pooler is None


def test_the_encoder_can_be_cut_and_its_dropout_changed(encoder_folder):
    model = load(
        encoder_folder, **SMALL, num_encoder_layers=1, encoder_hidden_dropout=0.0, encoder_attention_dropout=0.25
    )
    assert len(model.encoder.encoder.layer) == 1
    assert model.config.encoder_config.num_hidden_layers == 1
    assert model.encoder.embeddings.dropout.p == 0.0
    assert model.config.encoder_config.attention_probs_dropout_prob == 0.25
    whole = load(encoder_folder, **SMALL)
    assert whole.config.encoder_config.hidden_dropout_prob == 0.1


def test_too_many_layers(encoder_folder):
    with pytest.raises(ValueError, match=re.escape("`--num_encoder_layers` must be in 1 to 2, the layers of this")):
        load(encoder_folder, **SMALL, num_encoder_layers=3)


def test_a_trained_model_is_continued(model_folder, tiny_model):
    model = load(model_folder, classifier_dropout=0.4)
    for name, value in tiny_model.state_dict().items():
        assert model.state_dict()[name].equal(value), name
    assert model.config.lstm_hidden_size == 7  # of the model, not the default
    assert model.classifier_dropout.p == 0.4


def test_a_trained_model_keeps_its_shape(model_folder):
    with pytest.raises(ValueError, match=re.escape("`--lstm_hidden_size` is 9, but the trained model 'saved' has 7.")):
        load(model_folder, lstm_hidden_size=9)
    with pytest.raises(ValueError, match="`--num_encoder_layers` cuts an encoder"):
        load(model_folder, num_encoder_layers=1)


def test_other_labels_need_a_fresh_classifier(model_folder):
    names = ["negative", "neutral", "positive"]
    fields = {"id2label": dict(enumerate(names)), "label2id": {name: i for i, name in enumerate(names)}}
    fields["label_polarity"] = (-1.0, 0.0, 1.0)
    with pytest.raises(ValueError, match=re.escape(f"The labels of the data are {names}, but the trained model")):
        load(model_folder, fields)
    model = load(model_folder, fields, ignore_mismatched_sizes=True)
    assert model.classifier.out_features == 3
    assert model.config.label_polarity == [-1.0, 0.0, 1.0]


def test_a_continued_model_keeps_the_polarity_of_its_labels(tiny_model, tmp_path):
    tiny_model.config.label_polarity = [-0.5, 0.25]
    tiny_model.save_pretrained(tmp_path)
    assert load(tmp_path, {**LABELS, "label_polarity": None}).config.label_polarity == [-0.5, 0.25]
    assert load(tmp_path, {**LABELS, "label_polarity": (-1.0, 0.5)}).config.label_polarity == [-1.0, 0.5]


def test_code_of_others_is_not_run_unasked(encoder_folder, tmp_path):
    """Neither for the encoder nor for the tokenizer is it told as a missing one."""
    folder = tmp_path / "guest"
    shutil.copytree(encoder_folder, folder)
    for name, entry in (("tokenizer_config.json", "AutoTokenizer"), ("config.json", "AutoConfig")):
        content = json.loads((folder / name).read_text(encoding="utf-8"))
        content.pop("model_type", None)
        content["tokenizer_class"] = "GuestTokenizer"
        content["auto_map"] = {entry: ["guest.Guest", None] if entry == "AutoTokenizer" else "guest.Guest"}
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    source = resolve_model(str(folder))
    for load_one in (load_config, load_tokenizer):
        with pytest.raises(ValueError, match=r"^'guest' brings code of its own along.* with `--trust_remote_code`.$"):
            load_one(ModelArguments(), source)


def test_a_tokenizer_that_cannot_be_loaded_is_not_told_as_missing(encoder_folder, monkeypatch):
    def fail(*args, **kwargs):
        raise ValueError("Its vocabulary has a gap.")

    monkeypatch.setattr("modeling_bert_bilstm.training.loading.AutoTokenizer.from_pretrained", fail)
    with pytest.raises(ValueError, match="The tokenizer of 'tiny-bert' cannot be loaded: Its vocabulary has a gap."):
        load_tokenizer(ModelArguments(), resolve_model(str(encoder_folder)))


def test_the_tokenizer_comes_ready(encoder_folder):
    tokenizer = load_tokenizer(ModelArguments(), resolve_model(str(encoder_folder)))
    assert tokenizer.model_max_length == 1_000_000


def test_nothing_named():
    with pytest.raises(ValueError, match=re.escape("`--model_name_or_path` is needed and not set")):
        resolve_model(None)


def test_a_folder_without_a_model(tmp_path, encoder_folder):
    with pytest.raises(FileNotFoundError, match="holds no model: config.json and model.safetensors missing"):
        resolve_model(str(tmp_path))
    shutil.copytree(encoder_folder, tmp_path / "checkpoint-8")
    with pytest.raises(FileNotFoundError, match=re.escape(f"in its sub-folder '{tmp_path / 'checkpoint-8'}'")):
        resolve_model(str(tmp_path))
    (tmp_path / "checkpoint-8" / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=re.escape("holds no model: model.safetensors missing.")):
        resolve_model(str(tmp_path / "checkpoint-8"))


def test_a_folder_that_does_not_exist(encoder_folder, monkeypatch):
    wrong = encoder_folder.parent / "tiny-brt"
    with pytest.raises(FileNotFoundError, match=re.escape(f"The nearest is '{encoder_folder}'.")):
        resolve_model(str(wrong))
    monkeypatch.chdir(encoder_folder.parent.parent)
    with pytest.raises(FileNotFoundError, match="does not exist. The nearest is"):
        resolve_model(f"{encoder_folder.parent.name}/tiny-brt")  # looks like an id, but its first part is a folder
    with pytest.raises(FileNotFoundError, match="Nor does"):
        resolve_model("./a/b/c")


def test_an_encoder_that_is_nowhere(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        FileNotFoundError, match="The encoder 'no-such-encoder' is neither a folder here nor a model on"
    ):
        load("no-such-encoder")


def test_an_encoder_without_tokenizer(encoder_folder, tmp_path):
    folder = tmp_path / "bare"
    shutil.copytree(encoder_folder, folder, ignore=lambda _, names: [name for name in names if "tokenizer" in name])
    with pytest.raises(FileNotFoundError, match="No tokenizer was found with 'bare'"):
        load_tokenizer(ModelArguments(), resolve_model(str(folder)))
    arguments = ModelArguments(tokenizer_name=str(encoder_folder))
    assert load_tokenizer(arguments, resolve_model(str(folder))).pad_token_id == 0


def test_no_path_of_this_machine_is_saved(encoder_folder, tmp_path):
    load(encoder_folder, **SMALL).save_pretrained(tmp_path)
    assert str(encoder_folder) not in json.dumps((tmp_path / "config.json").read_text(encoding="utf-8"))


def test_a_tokenizer_of_another_encoder(tiny_model, tiny_tokenizer):
    check_vocabulary(tiny_model, tiny_tokenizer)
    tiny_model.config.vocab_size = 40
    with pytest.raises(ValueError, match="The tokenizer has 43 word pieces, but the encoder knows 40"):
        check_vocabulary(tiny_model, tiny_tokenizer)
