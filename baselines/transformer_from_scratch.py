"""A transformer encoder that starts from nothing (Gao 2025): 12,419,331 weights for 30,000 words and 3 classes.

The paper prints that number alone. What meets it: a feed-forward width of 1,024, a bias everywhere, two norms a layer,
none behind the last, fixed positions, and one linear layer on the state of [SOS].

Shapes: B reviews, T words with [SOS], D width, C classes.
"""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.trainers import WordLevelTrainer
from torch import nn
from transformers.modeling_outputs import SequenceClassifierOutput

from .base import check_reviews
from .fine_tuning import FineTuningSettings, fine_tune
from .rows import predict


UNKNOWN, PADDING, START, END = SPECIAL_TOKENS = ["[UNK]", "[PAD]", "[SOS]", "[EOS]"]
MAX_WORDS = 149  # of a review, without [SOS]


def train_word_tokenizer(texts: Iterable[str], special_tokens: Sequence[str] = SPECIAL_TOKENS) -> Tokenizer:
    """Return a tokenizer of the 30,000 most frequent words, parted by blanks, that stand at least twice in the texts.

    Args:
        texts: Training reviews.
        special_tokens: Take the first places of the 30,000; they hold [UNK].
    """
    tokenizer = Tokenizer(WordLevel(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    trainer = WordLevelTrainer(
        vocab_size=30_000, min_frequency=2, special_tokens=list(special_tokens), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def build_seeded(network_class: Callable[..., nn.Module], seed: int, **options: object) -> nn.Module:
    """Return a network whose first weights are drawn from `seed`, on the GPU where there is one."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = network_class(**options)
    return network.to("cuda" if torch.cuda.is_available() else "cpu")


def compute_sinusoids(num_positions: int, width: int) -> torch.Tensor:
    """Return the fixed positions of Vaswani et al. 2017, section 3.5: (T, D), sines at even places, cosines at odd."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000) / width))  # (D / 2,)
    angles = torch.arange(num_positions)[:, None] * rates  # (T, D / 2)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


class TransformerNetwork(nn.Module):
    """Embeddings and positions -> layers -> state of [SOS] -> linear; the sizes are the paper's.

    Args:
        vocabulary_size: Words, special ones included.
        num_labels: C.
        num_layers: Layers of 8 heads.
        width: D.
        inner_width: Of a layer's feed-forward part.
    """

    def __init__(
        self, vocabulary_size: int, num_labels: int, num_layers: int = 6, width: int = 256, *, inner_width: int = 1024
    ):
        super().__init__()
        self.width, dropout = width, 0.1
        self.embedding = nn.Embedding(vocabulary_size, width)
        self.register_buffer("positions", compute_sinusoids(MAX_WORDS + 1, width))
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(width, 8, inner_width, dropout, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers, enable_nested_tensor=False)
        self.classifier = nn.Linear(width, num_labels)
        for parameter in self.encoder.parameters():  # else all layers would start as one
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SequenceClassifierOutput:
        """Classify reviews padded behind: (B, T), (B, T) -> logits (B, C)."""
        states = self.embedding(input_ids) * self.width**0.5  # (B, T, D)
        states = self.dropout(states + self.positions[: input_ids.shape[1]])  # (B, T, D)
        states = self.encoder(states, src_key_padding_mask=attention_mask == 0)  # (B, T, D)
        return SequenceClassifierOutput(logits=self.classifier(states[:, 0]))


class TransformerFromScratch:
    """Gao's encoder, its tokenizer and its training.

    Args:
        num_labels: C.
        seed: Of first weights, order and dropout.
        num_epochs: Times that each review is seen; the paper has 100.
        batch_size: Reviews a step.
        learning_rate: Peak, which falls to 0 over all steps.
    """

    def __init__(
        self,
        *,
        num_labels: int,
        seed: int,
        num_epochs: int = 100,
        batch_size: int = 64,
        learning_rate: float = 1e-4,
    ):
        self.num_labels = num_labels
        self.settings = FineTuningSettings(
            num_epochs=num_epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            keep_best_epoch=False,  # neither this nor weight decay is in the paper: as in Gao's other two systems
            seed=seed,
        )

    def fit(
        self,
        texts: Sequence[str],
        labels: Sequence[int],
        validation: tuple[Sequence[str], Sequence[int]] | None = None,
    ) -> None:
        """Learn vocabulary and weights from the training reviews; validation is not used."""
        labels = check_reviews(texts, labels, self.num_labels)
        self._tokenizer = train_word_tokenizer(texts)
        self._model = build_seeded(
            TransformerNetwork,
            self.settings.seed,
            vocabulary_size=self._tokenizer.get_vocab_size(),
            num_labels=self.num_labels,
        )
        self.record = fine_tune(
            self._model,
            self.encode,
            texts,
            labels,
            validation,
            settings=self.settings,
            pad_token_id=SPECIAL_TOKENS.index(PADDING),
        )

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return [SOS] and the first 149 words of each review."""
        start = SPECIAL_TOKENS.index(START)
        return [[start, *words.ids[:MAX_WORDS]] for words in self._tokenizer.encode_batch(list(texts))]

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Return the probability of each class: N reviews -> float64 (N, C)."""
        return predict(self._model, self.encode, texts, pad_token_id=SPECIAL_TOKENS.index(PADDING))

    def count_parameters(self) -> int:
        """Return the weights of the network."""
        return sum(p.numel() for p in self._model.parameters())
