"""Models of every kind of head, and a tokenizer whose word pieces are not words."""

import copy

import pytest
import torch

from modeling_bert_bilstm import BertBiLSTMConfig, BertBiLSTMForSequenceClassification
from tests.conftest import TINY_ENCODER, VOCABULARY, build_reviews


SHORT = "a lovely film , it was not boring ."
LONG = " ".join(["the plot was dull and weak , but the ending is superb"] * 5)  # in several windows


def build_head(labels, **fields):
    """Return a tiny model with these labels, its weights large enough to tell reviews apart."""
    torch.manual_seed(3)
    names = dict(enumerate(labels))
    config = BertBiLSTMConfig(
        encoder_config={**TINY_ENCODER, "vocab_size": len(VOCABULARY)},
        lstm_hidden_size=7,
        window_length=16,
        window_overlap=4,
        id2label=names,
        label2id={label: number for number, label in names.items()},
        **fields,
    )
    model = BertBiLSTMForSequenceClassification(config).eval()
    with torch.no_grad():
        model.classifier.weight.mul_(5)
        model.get_input_embeddings().weight.mul_(10)
    return model


@pytest.fixture(scope="session")
def _telling_model():
    return build_head(["negative", "positive"])


@pytest.fixture
def telling_model(_telling_model):
    """A fresh copy of a two-class model whose scores differ from review to review."""
    return copy.deepcopy(_telling_model)


@pytest.fixture(scope="session")
def five_class_model():
    """A model of five classes; treat it as read only."""
    return build_head(["awful", "bad", "so-so", "good", "great"])


@pytest.fixture(scope="session")
def byte_tokenizer():
    """A byte-level BPE like RoBERTa's, whose pieces hold the space before them and parts of a character."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=alphabet)
    backend.train_from_iterator(build_reviews(24)[0], trainer)
    backend.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]),
        ]
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", pad_token="<pad>", eos_token="</s>")
