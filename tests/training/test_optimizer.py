"""Which weights learn and how fast."""

import re

import pytest
import torch
from transformers import CONFIG_MAPPING, AutoModel

from modeling_bert_bilstm.training.optimizer import build_parameter_groups, find_encoder_layers, freeze_encoder


SIZES = {
    "hidden_size": 12,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "vocab_size": 43,
}


def list_frozen(model):
    return {name for name, parameter in model.named_parameters() if not parameter.requires_grad}


def test_nothing_is_frozen_by_default(tiny_model):
    freeze_encoder(tiny_model, "0")
    assert not list_frozen(tiny_model)


def test_first_layers_are_frozen_with_the_embeddings_before_them(tiny_model):
    freeze_encoder(tiny_model, "1")
    below = ("encoder.embeddings.", "encoder.encoder.layer.0.")
    assert list_frozen(tiny_model) == {n for n, _ in tiny_model.named_parameters() if n.startswith(below)}


def test_embeddings_are_frozen(tiny_model):
    freeze_encoder(tiny_model, "0", freeze_embeddings=True)
    frozen = list_frozen(tiny_model)
    assert frozen == {n for n, _ in tiny_model.named_parameters() if n.startswith("encoder.embeddings.")}
    assert "encoder.embeddings.word_embeddings.weight" in frozen


def test_the_whole_encoder_is_frozen(tiny_model):
    freeze_encoder(tiny_model, "all")
    assert list_frozen(tiny_model) == {n for n, _ in tiny_model.named_parameters() if n.startswith("encoder.")}


def test_more_layers_than_there_are(tiny_model):
    with pytest.raises(
        ValueError, match=re.escape("`--freeze_encoder_layers` must be `all` or at most 2, the layers")
    ):
        freeze_encoder(tiny_model, "3")


@pytest.mark.parametrize(
    "model_type", ["bert", "distilbert", "roberta", "mpnet", "electra", "modernbert", "deberta-v2"]
)
def test_the_layers_of_every_architecture_are_found(model_type):
    config = CONFIG_MAPPING[model_type](**SIZES, pad_token_id=0)
    layers = find_encoder_layers(AutoModel.from_config(config))
    assert len(layers) == 3
    assert all(any(p.numel() for p in layer.parameters()) for layer in layers)


def test_shared_layers_cannot_be_told_apart():
    config = CONFIG_MAPPING["albert"](**SIZES, embedding_size=6)
    with pytest.raises(ValueError, match="The 'albert' encoder does not keep its 3 layers apart"):
        find_encoder_layers(AutoModel.from_config(config))


def get_rates(model, **options):
    decayed = {name for name, _ in model.named_parameters() if "bias" not in name and "LayerNorm" not in name}
    groups = build_parameter_groups(model, decayed, weight_decay=0.01, **options)
    rates = {id(p): (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(rates)  # none twice
    return {name: rates.get(id(p)) for name, p in model.named_parameters()}


def test_learning_rates_by_depth(tiny_model):
    rates = get_rates(tiny_model, learning_rate=1.0, head_learning_rate=7.0, layerwise_decay=0.5)
    assert rates["encoder.encoder.layer.1.output.dense.weight"] == (1.0, 0.01)
    assert rates["encoder.encoder.layer.1.output.dense.bias"] == (1.0, 0.0)
    assert rates["encoder.encoder.layer.0.output.dense.weight"] == (0.5, 0.01)
    assert rates["encoder.embeddings.word_embeddings.weight"] == (0.25, 0.01)
    assert rates["lstm.weight_ih_l0"] == rates["classifier.weight"] == (7.0, 0.01)
    assert None not in rates.values()


def test_the_head_learns_as_the_encoder_by_default(tiny_model):
    assert {rate for rate, _ in get_rates(tiny_model, learning_rate=2.0).values()} == {2.0}


def test_a_head_that_does_not_learn(tiny_model):
    assert get_rates(tiny_model, learning_rate=2.0, head_learning_rate=0.0)["classifier.weight"][0] == 0.0


def test_frozen_weights_are_in_no_group(tiny_model):
    freeze_encoder(tiny_model, "all")
    rates = get_rates(tiny_model, learning_rate=1.0, layerwise_decay=0.5)
    assert {name for name, rate in rates.items() if rate is None} == list_frozen(tiny_model)


def test_the_groups_make_an_optimizer(tiny_model):
    groups = build_parameter_groups(tiny_model, set(), learning_rate=1e-3, layerwise_decay=0.9)
    assert len(torch.optim.AdamW(groups, lr=1.0).param_groups) == 3
