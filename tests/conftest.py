"""Fixtures that every test may use: a tiny tokenizer, a tiny model, invented reviews. No network, no real weights."""

import copy
import os
from pathlib import Path

import pytest


# Before transformers is imported: a test that reaches for the network must fail at once.
os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", HF_EVALUATE_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
# Tiny models gain nothing from threads, and two test processes with two threads each slow each other tenfold.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from modeling_bert_bilstm import BertBiLSTMConfig, BertBiLSTMForSequenceClassification


REPOSITORY = Path(__file__).resolve().parents[1]

# Odd and all different sizes, so that a swapped axis cannot pass. A window of 16 makes 40 words a long review.
TINY_ENCODER = {
    "model_type": "bert",
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 34,
}

NEGATIVE = "bad awful dull boring weak waste terrible poor".split()
POSITIVE = "good great lovely superb moving strong brilliant fine".split()
NEUTRAL = "the a film was and it plot actor scene story with of in but very ending music i saw this".split()
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY = [*SPECIAL, *NEGATIVE, *POSITIVE, *NEUTRAL, ".", ","]


def build_tiny_tokenizer():
    """Return a word-level tokenizer of 43 words that frames a review as [CLS] ... [SEP]."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def build_reviews(num_reviews, *, seed=0, max_words=30):
    """Return invented reviews and their labels (0 negative, 1 positive), alternating, of 3 to `max_words` words."""
    generator = torch.Generator().manual_seed(seed)

    def draw(words, count):
        return [words[int(i)] for i in torch.randint(len(words), (count,), generator=generator)]

    texts, labels = [], []
    for i in range(num_reviews):
        length = int(torch.randint(3, max_words + 1, (1,), generator=generator))
        telling = max(1, length // 3)
        words = draw(POSITIVE if i % 2 else NEGATIVE, telling) + draw(NEUTRAL, length - telling)
        order = torch.randperm(length, generator=generator).tolist()
        texts.append(" ".join(words[j] for j in order) + " .")
        labels.append(i % 2)
    return texts, labels


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
def tiny_tokenizer():
    """The tiny tokenizer; treat it as read only."""
    return build_tiny_tokenizer()


@pytest.fixture(scope="session")
def _tiny_model():
    torch.manual_seed(0)
    config = BertBiLSTMConfig(
        encoder_config={**TINY_ENCODER, "vocab_size": len(VOCABULARY)},
        lstm_hidden_size=7,
        pooling=["mean", "max"],
        window_length=16,
        window_overlap=4,
        id2label={0: "negative", 1: "positive"},
        label2id={"negative": 0, "positive": 1},
        label_prior=[0.5, 0.5],
    )
    return BertBiLSTMForSequenceClassification(config).eval()


@pytest.fixture
def tiny_model(_tiny_model):
    """A fresh copy of the tiny two-class model, in evaluation mode."""
    return copy.deepcopy(_tiny_model)


@pytest.fixture(scope="session")
def five_class_model():
    """A model of five classes; treat it as read only."""
    return build_head(["awful", "bad", "so-so", "good", "great"])


@pytest.fixture(scope="session")
def model_folder(_tiny_model, tiny_tokenizer, tmp_path_factory):
    """A saved folder of the tiny model and its tokenizer, as a stranger would find it; treat it as read only."""
    folder = tmp_path_factory.mktemp("model") / "saved"
    _tiny_model.save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def encoder_folder(tiny_tokenizer, tmp_path_factory):
    """A saved plain BERT encoder of random weights with its tokenizer, to start a fine-tune from."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(1)
    fields = {name: value for name, value in TINY_ENCODER.items() if name != "model_type"}
    folder = tmp_path_factory.mktemp("encoder") / "tiny-bert"
    BertModel(BertConfig(**fields, vocab_size=len(VOCABULARY))).save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def reviews():
    """24 invented reviews and their labels, half of them positive."""
    return build_reviews(24)
