"""The configuration: defaults, round trip, what it refuses and how it says so."""

import json
import re

import pytest
from transformers import AutoConfig, BertConfig, RobertaConfig

from modeling_bert_bilstm import BertBiLSTMConfig
from modeling_bert_bilstm.configuration_bert_bilstm import compute_label_polarity, compute_max_encoder_length


def test_a_saved_configuration_comes_back_equal(tmp_path, tiny_model):
    tiny_model.config.save_pretrained(tmp_path)
    assert BertBiLSTMConfig.from_pretrained(tmp_path).to_dict() == tiny_model.config.to_dict()


def test_the_package_registers_its_configuration(tmp_path, tiny_model):
    tiny_model.config.save_pretrained(tmp_path)
    assert type(AutoConfig.from_pretrained(tmp_path)) is BertBiLSTMConfig


def test_config_json_holds_what_a_stranger_needs_and_nothing_local(tmp_path):
    encoder = BertConfig(name_or_path="/home/someone/encoder")
    confusion = [[0.9, 0.1], [0.2, 0.8]]
    config = BertBiLSTMConfig(encoder_config=encoder, label_prior=[0.25, 0.75], label_confusion=confusion)
    config.save_pretrained(tmp_path)
    text = (tmp_path / "config.json").read_text(encoding="utf-8")
    saved = json.loads(text)
    assert set(saved["auto_map"]) == {"AutoConfig", "AutoModel", "AutoModelForSequenceClassification"}
    assert list(saved["custom_pipelines"]) == ["aggregate-polarity"]
    assert saved["label_polarity"] == [-1, 1]
    assert saved["label_prior"] == [0.25, 0.75]
    assert saved["label_confusion"] == confusion
    assert saved["window_length"] == 256
    assert "/home/someone" not in text


def test_a_copy_of_a_hub_copy_names_its_own_code_files():
    config = BertBiLSTMConfig(auto_map={"AutoModel": "someone/model--modeling_bert_bilstm.Other"})
    assert config.auto_map["AutoModel"] == "modeling_bert_bilstm.BertBiLSTMForSequenceClassification"


@pytest.mark.parametrize(
    ("num_labels", "polarity"),
    [(1, [0]), (2, [-1, 1]), (3, [-1, 0, 1]), (4, [-1, -0.5, 0.5, 1]), (5, [-1, -0.5, 0, 0.5, 1])],
)
def test_label_polarity_runs_from_most_negative_to_most_positive(num_labels, polarity):
    assert compute_label_polarity(num_labels) == polarity


@pytest.mark.parametrize(
    "fields",
    [{"label_polarity": None}, {"num_labels": 1}, {"problem_type": "multi_label_classification"}],
    ids=["told so", "regression", "several labels"],
)
def test_labels_may_have_no_polarity_and_keep_none(fields, tmp_path):
    config = BertBiLSTMConfig(**fields)
    config.save_pretrained(tmp_path)
    assert config.label_polarity is None
    assert BertBiLSTMConfig.from_pretrained(tmp_path).label_polarity is None


@pytest.mark.parametrize(
    ("encoder_config", "longest"),
    [
        (BertConfig(max_position_embeddings=512), 512),
        (RobertaConfig(max_position_embeddings=514, pad_token_id=1), 512),
        (BertConfig(max_position_embeddings=-1), None),
    ],
)
def test_longest_input_of_an_encoder(encoder_config, longest):
    assert compute_max_encoder_length(encoder_config) == longest
    assert BertBiLSTMConfig(encoder_config=encoder_config).window_length == 256


def test_problem_type_is_set_from_the_start():
    assert BertBiLSTMConfig(num_labels=1).problem_type == "regression"
    assert BertBiLSTMConfig(num_labels=3).problem_type == "single_label_classification"
    assert BertBiLSTMConfig(problem_type="multi_label_classification").problem_type == "multi_label_classification"


def test_the_vocabulary_size_is_the_encoders():
    config = BertBiLSTMConfig(encoder_config={"model_type": "bert", "vocab_size": 61})
    config.vocab_size = 67
    assert config.encoder_config.vocab_size == 67


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"lstm_hidden_size": "x"}, "`lstm_hidden_size` must be a whole number of at least 1, got 'x'."),
        ({"lstm_num_layers": -1}, "`lstm_num_layers` must be a whole number of at least 0, got -1."),
        ({"classifier_dropout": 1.0}, "`classifier_dropout` must be a number in [0, 1), got 1.0."),
        ({"lstm_dropout": -0.1}, "`lstm_dropout` must be a number in [0, 1), got -0.1."),
        ({"pooling": "median"}, "each once, got ['median']."),
        ({"pooling": []}, "each once, got []."),
        ({"pooling": ["max", "max"]}, "each once, got ['max', 'max']."),
        ({"window_length": 513}, "`window_length` must be at most 512, the longest input of this 'bert' encoder"),
        ({"window_length": 2}, "`window_length` must be at least 3, got 2."),
        ({"window_length": 16, "window_overlap": 14}, "less than `window_length` - 2 = 14, got 14."),
        ({"label_polarity": [1.0]}, "`label_polarity` must have one value a label, 2 in all, got [1.0]."),
        ({"label_polarity": [-2, 1]}, "`label_polarity` must hold values in [-1, 1], got [-2, 1]."),
        ({"label_prior": [0.5, 0.6]}, "`label_prior` must hold positive shares that sum to 1, got [0.5, 0.6]."),
        (
            {"label_confusion": [[0.9, 0.1]]},
            "`label_confusion` must have one value a label, 2 in all, got [[0.9, 0.1]].",
        ),
        (
            {"label_confusion": [[0.9, 0.1], [0.5, 0.6]]},
            "`label_confusion` must hold 2 shares that sum to 1 a true label, got [0.5, 0.6].",
        ),
    ],
)
def test_a_bad_value_is_refused_with_its_name_and_what_is_allowed(fields, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        BertBiLSTMConfig(**fields)


def test_an_encoder_of_the_wrong_kind_is_refused():
    with pytest.raises(TypeError, match=re.escape("its dictionary, got str.")):
        BertBiLSTMConfig(encoder_config="bert-base-uncased")
