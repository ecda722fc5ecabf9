"""Options of the model and of training that must change what they name, seen through train.py on a tiny encoder."""

import json
import shutil
import sys

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.models.bert.modeling_bert import BertIntermediate

import train
from modeling_bert_bilstm.training.arguments import DataArguments, ModelArguments
from modeling_bert_bilstm.training.loading import load_config, load_tokenizer, resolve_model
from modeling_bert_bilstm.training.review_splits import build_label_fields, build_split_options
from tests.conftest import build_reviews


NO_DROPOUT = "--classifier_dropout 0 --encoder_hidden_dropout 0 --encoder_attention_dropout 0".split()


@pytest.fixture
def flags(encoder_folder, tmp_path):
    texts, labels = build_reviews(20)
    pd.DataFrame({"text": texts, "label": labels}).to_csv(tmp_path / "a.csv", index=False)
    options = """--validation_size 4 --window_length 16 --window_overlap 4 --lstm_hidden_size 5 --use_cpu
        --disable_tqdm true --report_to none --save_strategy no --num_train_epochs 1""".split()
    flags = ["--model_name_or_path", str(encoder_folder), "--train_file", str(tmp_path / "a.csv"), *options]
    return [*flags, "--output_dir", str(tmp_path / "run")]


def prepare_model(flags):
    return train.prepare_run(flags).trainer.model


def count_epochs(flags):
    folder = train.main(flags)
    return len(json.loads((folder / "results.json").read_text(encoding="utf-8"))["history"])


def test_attention_is_the_one_asked_for(flags):
    assert prepare_model(flags).encoder.config._attn_implementation == "sdpa"
    assert prepare_model([*flags, "--attn_implementation", "eager"]).encoder.config._attn_implementation == "eager"


def test_the_configuration_may_come_from_elsewhere(flags, encoder_folder, tmp_path):
    shutil.copytree(encoder_folder, tmp_path / "other")
    config = AutoConfig.from_pretrained(encoder_folder)
    config.hidden_dropout_prob, config.num_hidden_layers = 0.3, 1
    config.save_pretrained(tmp_path / "other")
    expected = load_file(encoder_folder / "model.safetensors")["embeddings.word_embeddings.weight"]
    model = prepare_model([*flags, "--config_name", str(tmp_path / "other")])
    assert model.encoder.embeddings.dropout.p == 0.3
    assert len(model.encoder.encoder.layer) == 1
    assert model.encoder.embeddings.word_embeddings.weight.equal(expected)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_dropout_between_lstm_layers(dropout, flags):
    two = ["--lstm_num_layers", "2", "--lstm_dropout", str(dropout)]
    model = prepare_model([*flags, *NO_DROPOUT, *two]).train()
    words = torch.arange(5, 17)[None]
    one, other = (model(input_ids=words, attention_mask=torch.ones_like(words)).logits for _ in range(2))
    assert one.equal(other) == (dropout == 0)


def test_patience_stops_the_run(flags):
    flags += ["--save_strategy", "epoch", "--num_train_epochs", "5"]
    assert count_epochs([*flags, "--learning_rate", "0", "--early_stopping_patience", "2"]) == 3


def test_what_is_not_better_by_the_threshold_does_not_count(flags, tmp_path):
    flags += ["--save_strategy", "epoch", "--num_train_epochs", "4", "--early_stopping_patience", "1"]
    flags += ["--learning_rate", "1e-3", *NO_DROPOUT]
    assert count_epochs(flags) == 4
    flags[flags.index("--output_dir") + 1] = str(tmp_path / "strict")
    assert count_epochs([*flags, "--early_stopping_threshold", "9"]) == 2


@pytest.mark.parametrize("option", ["activation_checkpointing", "gradient_checkpointing"])
def test_checkpointing_computes_the_layers_twice_and_changes_no_weight(option, flags, tmp_path, monkeypatch):
    """`gradient_checkpointing` is the older of the two names of Trainer."""
    calls = []
    forward = BertIntermediate.forward
    monkeypatch.setattr(BertIntermediate, "forward", lambda self, x: calls.append(self.training) or forward(self, x))
    flags += ["--learning_rate", "1e-2"]
    expected, num_plain = load_file(train.main(flags) / "model.safetensors"), sum(calls)
    calls.clear()
    flags[flags.index("--output_dir") + 1] = str(tmp_path / "saving")
    found = load_file(train.main([*flags, f"--{option}"]) / "model.safetensors")
    assert sum(calls) == 2 * num_plain > 0
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, msg=name)


def test_the_delimiter_of_a_file(flags, tmp_path):
    texts, labels = build_reviews(20)
    pd.DataFrame({"text": [f"{text}, yes" for text in texts], "label": labels}).to_csv(
        tmp_path / "a.csv", index=False, sep=";"
    )
    with pytest.raises(ValueError, match="has 2 cells, but the header has 1"):
        train.prepare_run(flags)
    splits = train.prepare_run([*flags, "--delimiter", ";"]).splits
    assert {*splits["train"]["text"], *splits["validation"]["text"]} == {f"{text}, yes" for text in texts}


def test_what_the_hub_is_asked_for(flags, tmp_path, monkeypatch):
    asked = {}
    for auto in (AutoConfig, AutoTokenizer, AutoModel):

        def record(name, *args, _auto=auto, _load=auto.from_pretrained, **options):
            asked[_auto.__name__] = {key: options.get(key) for key in ("cache_dir", "revision", "token")}
            return _load(name, *args, **options)

        monkeypatch.setattr(auto, "from_pretrained", record)
    options = {"cache_dir": str(tmp_path / "hub"), "revision": "v1", "token": "hf_x"}
    train.prepare_run([*flags, "--cache_dir", options["cache_dir"], "--model_revision", "v1", "--token", "hf_x"])
    assert asked == dict.fromkeys(("AutoConfig", "AutoTokenizer", "AutoModel"), options)


def test_what_a_data_set_on_the_hub_is_asked_for():
    data = DataArguments(dataset_name="me/films", dataset_config_name="c", dataset_revision="v1", test_split_name="t")
    sources = build_split_options(data, ModelArguments(cache_dir="d", token="hf_x"))
    for name, split in (("train", "train"), ("test", "t")):
        source = sources[name]
        assert (source.path, source.config_name, source.split) == ("me/films", "c", split)
        assert (source.revision, source.cache_dir, source.token) == ("v1", "d", "hf_x")
    assert sources["validation"] is None


def test_the_polarity_of_an_own_label_set():
    counts = {"train": {"label_counts": {"dull": 3, "mixed": 2, "fun": 4}}}
    data = DataArguments(label_names=["dull", "mixed", "fun"], label_polarity=[-1, 0.25, 1])
    assert build_label_fields(data, counts)["label_polarity"] == [-1, 0.25, 1]
    assert build_label_fields(DataArguments(label_names=["dull", "mixed", "fun"]), counts)["label_polarity"] is None


@pytest.fixture
def own_modules(tmp_path, monkeypatch):
    """A folder for remote code that goes with the test; what others have imported from theirs stays importable."""

    def forget():
        names = [name for name in sys.modules if name.split(".")[0] == "transformers_modules"]
        return {name: sys.modules.pop(name) for name in names}

    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = forget()
    yield
    forget()
    sys.modules.update(before)


def test_only_a_tokenizer_may_bring_its_own_code(encoder_folder, tmp_path, own_modules):
    folder = tmp_path / "own"
    shutil.copytree(encoder_folder, folder)
    path = folder / "tokenizer_config.json"
    entries = json.loads(path.read_text(encoding="utf-8"))
    entries |= {"tokenizer_class": "OwnTokenizer", "auto_map": {"AutoTokenizer": [None, "own.OwnTokenizer"]}}
    path.write_text(json.dumps(entries), encoding="utf-8")
    code = "from transformers import PreTrainedTokenizerFast\nclass OwnTokenizer(PreTrainedTokenizerFast):\n    pass\n"
    (folder / "own.py").write_text(code, encoding="utf-8")
    tokenizer = load_tokenizer(ModelArguments(trust_remote_code=True), resolve_model(str(folder)))
    assert type(tokenizer).__name__ == "OwnTokenizer"


def test_an_encoder_with_its_own_code_under_a_known_name_is_refused(encoder_folder, tmp_path, own_modules):
    folder = tmp_path / "own"
    shutil.copytree(encoder_folder, folder)
    path = folder / "config.json"
    entries = json.loads(path.read_text(encoding="utf-8")) | {"auto_map": {"AutoConfig": "own_config.OwnConfig"}}
    path.write_text(json.dumps(entries), encoding="utf-8")
    code = "from transformers import BertConfig\nclass OwnConfig(BertConfig):\n    pass\n"
    (folder / "own_config.py").write_text(code, encoding="utf-8")
    with pytest.raises(ValueError, match="needs code of its own, which a saved model lacks"):
        load_config(ModelArguments(trust_remote_code=True), resolve_model(str(folder)))


def test_an_encoder_with_its_own_code_is_refused(encoder_folder, flags, tmp_path, own_modules):
    folder = tmp_path / "own"
    shutil.copytree(encoder_folder, folder)
    entries = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    entries |= {"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}}
    (folder / "config.json").write_text(json.dumps(entries), encoding="utf-8")
    code = "from transformers import BertConfig, BertModel\nclass OwnConfig(BertConfig):\n    model_type = 'own'\n"
    code += "class OwnModel(BertModel):\n    config_class = OwnConfig\n"
    (folder / "own.py").write_text(code, encoding="utf-8")
    with pytest.raises(ValueError, match="needs code of its own, which a saved model lacks. Name another."):
        train.prepare_run([*flags, "--model_name_or_path", str(folder), "--trust_remote_code"])
