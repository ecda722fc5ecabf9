"""Tiny language models on disk, and files of word vectors."""

import pytest
import torch

from tests.conftest import VOCABULARY


@pytest.fixture(scope="session")
def masked_language_model_folder(tiny_tokenizer, tmp_path_factory):
    """A masked language model of random weights, which has 18 positions."""
    from transformers import BertConfig, BertForMaskedLM

    torch.manual_seed(2)
    folder = tmp_path_factory.mktemp("masked") / "tiny-masked-bert"
    sizes = {"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 3, "intermediate_size": 20}
    BertForMaskedLM(
        BertConfig(**sizes, vocab_size=len(VOCABULARY), max_position_embeddings=18, initializer_range=0.5)
    ).save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def summarizer_folder(tiny_tokenizer, tmp_path_factory):
    """An encoder-decoder of random weights."""
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("summarizer") / "tiny-t5"
    sizes = {"d_model": 12, "d_ff": 20, "d_kv": 4, "num_layers": 1, "num_heads": 3, "vocab_size": len(VOCABULARY)}
    T5ForConditionalGeneration(
        T5Config(**sizes, decoder_start_token_id=0, pad_token_id=0, eos_token_id=3)
    ).save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    return folder
