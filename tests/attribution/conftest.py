"""Models of every kind of head, and a tokenizer whose word pieces are not words."""

import copy

import pytest

from tests.conftest import build_head, build_reviews


SHORT = "a lovely film , it was not boring ."
LONG = " ".join(["the plot was dull and weak , but the ending is superb"] * 5)  # in several windows


@pytest.fixture(scope="session")
def _telling_model():
    return build_head(["negative", "positive"])


@pytest.fixture
def telling_model(_telling_model):
    """A fresh copy of a two-class model whose scores differ from review to review."""
    return copy.deepcopy(_telling_model)


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
