"""The systems with a fine-tuned encoder are what their papers say, as far as the papers say it."""

import pytest
import torch
from transformers import AutoModel, BertConfig, BertModel

from baselines.gao_bert_bilstm import GAO_HEAD, NUM_ENCODER_LAYERS, GaoBertBiLSTM
from baselines.nkhata_code import NkhataReleasedCode
from baselines.nkhata_text import NkhataText
from baselines.stock_head import StockHead
from modeling_bert_bilstm import BertBiLSTMConfig, BertBiLSTMForSequenceClassification
from tests.conftest import TINY_ENCODER, VOCABULARY, build_reviews


def get_weights(model):
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def test_the_settings_of_the_stock_head(encoder_folder):
    gao, case, mini = (
        StockHead(num_labels=3, seed=1, encoder=encoder_folder, setting=name)
        for name in ("gao", "case_study", "mini_project")
    )
    assert (gao.settings.learning_rate, gao.settings.num_epochs, gao.settings.batch_size) == (1e-5, 20, 64)
    config = gao.build_model().config
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob, config.num_labels) == (0.2, 0.3, 3)
    assert gao.build_model().dropout.p == 0.2
    assert gao.setting.max_review_length == 150
    assert gao.max_review_length == TINY_ENCODER["max_position_embeddings"]
    assert (case.settings.learning_rate, case.settings.num_epochs, case.settings.warmup_steps) == (2e-5, 3, 500)
    assert (mini.settings.learning_rate, mini.settings.num_epochs, mini.settings.weight_decay) == (2e-5, 3, 0.01)
    assert case.build_model().config.hidden_dropout_prob == 0.1
    assert not any(system.settings.keep_best_epoch for system in (gao, case, mini))


def test_the_parameters_of_gao():
    """67,875,331 as printed: six layers, a BiLSTM, and a pooler of 768 x 768 + 768 that nothing reads."""
    config = BertBiLSTMConfig(
        encoder_config=BertConfig(num_hidden_layers=NUM_ENCODER_LAYERS), num_labels=3, **GAO_HEAD
    )
    with torch.device("meta"):
        model = BertBiLSTMForSequenceClassification(config)
    assert model.num_parameters() + 768 * 768 + 768 == 67_875_331


def test_gao_has_six_layers_at_most(encoder_folder, tiny_tokenizer, tmp_path):
    fields = {name: value for name, value in TINY_ENCODER.items() if name not in ("model_type", "num_hidden_layers")}
    BertModel(BertConfig(**fields, num_hidden_layers=8, vocab_size=len(VOCABULARY))).save_pretrained(tmp_path)
    tiny_tokenizer.save_pretrained(tmp_path)
    deep = GaoBertBiLSTM(num_labels=3, seed=1, encoder=tmp_path)
    assert len(deep.build_model().encoder.encoder.layer) == 6
    shallow = GaoBertBiLSTM(num_labels=3, seed=1, encoder=encoder_folder)
    model = shallow.build_model()
    assert len(model.encoder.encoder.layer) == 2
    assert (model.lstm.hidden_size, model.config.pooling, model.config.num_labels) == (128, ["last"], 3)
    assert (deep.settings.label_smoothing, deep.settings.learning_rate) == (0.1, 3e-5)
    assert (deep.settings.num_epochs, deep.settings.batch_size, deep.max_review_length) == (10, 64, 200)


def test_the_released_code_leaves_the_encoder_alone(encoder_folder):
    texts, labels = build_reviews(24)
    system = NkhataReleasedCode(num_labels=2, seed=1, encoder=encoder_folder, settings={"num_epochs": 2})
    pretrained = get_weights(AutoModel.from_pretrained(encoder_folder))
    system.fit(texts, labels)
    for name, value in system.model.encoder.state_dict().items():
        assert torch.equal(value, pretrained[name]), name
    assert system.model.lstm.hidden_size == TINY_ENCODER["hidden_size"]
    assert (system.model.encoder_dropout.p, system.model.config.pooling) == (0.5, ["last"])
    defaults = [NkhataReleasedCode(num_labels=n, seed=1, encoder=encoder_folder).settings for n in (2, 5)]
    assert [(d.num_epochs, d.batch_size, d.learning_rate) for d in defaults] == [(8, 32, 1e-4), (8, 64, 1e-4)]


def test_the_text_freezes_the_first_half(encoder_folder):
    texts, labels = build_reviews(24)
    system = NkhataText(num_labels=2, seed=1, encoder=encoder_folder, settings={"num_epochs": 1})
    pretrained = get_weights(AutoModel.from_pretrained(encoder_folder))
    system.fit(texts, labels)
    same = {n for n, value in system.model.encoder.state_dict().items() if torch.equal(value, pretrained[n])}
    assert any(name.startswith("embeddings.word") for name in same)
    assert any(name.startswith("encoder.layer.0.") for name in same)
    # The bias of keys changes no attention, so that it gets no gradient to speak of.
    changed = {name for name in pretrained if name.startswith("encoder.layer.1.") and "key.bias" not in name}
    assert not same & changed
    assert all(name in same for name in pretrained if name.startswith(("embeddings.", "encoder.layer.0.")))
    settings = [NkhataText(num_labels=n, seed=1, encoder=encoder_folder) for n in (2, 3)]
    assert [(s.settings.learning_rate, s.settings.num_epochs, s.settings.batch_size) for s in settings] == [
        (3e-5, 10, 32),
        (1e-4, 15, 64),
    ]
    assert [s.max_review_length for s in settings] == [128, 256]


@pytest.mark.parametrize(
    ("system_class", "num_labels", "scheduler"),
    [
        (NkhataReleasedCode, 2, "constant"),
        (NkhataReleasedCode, 5, "constant"),
        (NkhataText, 2, "constant"),
        (NkhataText, 5, "constant"),
        (GaoBertBiLSTM, 3, "linear"),
    ],
)
def test_the_last_epoch_is_kept_and_the_schedule_is_the_papers(encoder_folder, system_class, num_labels, scheduler):
    settings = system_class(num_labels=num_labels, seed=1, encoder=encoder_folder).settings
    assert (settings.scheduler, settings.keep_best_epoch) == (scheduler, False)
    assert (settings.warmup_ratio, settings.warmup_steps, settings.weight_decay) == (0.0, None, 0.0)
