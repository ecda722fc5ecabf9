"""A review as the mean of the vectors of its words, under logistic regression.

Shapes: N reviews, V different words, D vector width, C classes.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from modeling_bert_bilstm.extras import import_optional

from .base import EXTRA, check_reviews
from .logistic_regression import TunedLogisticRegression


# As the words of GloVe and of the Stanford trees are split: do + n't, film + 's, and each sign alone.
WORD_PATTERN = r"n't\b|\w+(?=n't\b)|\w+|'(?:s|m|d|ll|re|ve)\b|[^\w\s]"
_WORDS = re.compile(WORD_PATTERN)


def split_words(text: str) -> list[str]:
    """Return the words and signs of a text in lower case: "It isn't!" -> ["it", "is", "n't", "!"]."""
    return _WORDS.findall(text.lower().replace("’", "'"))


class MeanVectorClassifier(ABC):
    """Mean of word vectors, then logistic regression; a sub-class says where the vectors come from.

    Args:
        num_labels: C.
        seed: Of what a sub-class draws.
    """

    def __init__(self, *, num_labels: int, seed: int):
        self.num_labels = num_labels
        self.seed = seed
        self._regression = TunedLogisticRegression(num_labels, standardise=True)

    @abstractmethod
    def learn_vectors(self, reviews: list[list[str]]) -> None:
        """Learn or read the vectors, from the words of the training reviews where they are learnt."""

    @abstractmethod
    def look_up(self, words: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return vectors, and which words have one: V words -> (V, D), bool (V,)."""

    @abstractmethod
    def count_vector_parameters(self) -> int:
        """Return the number of numbers in the tables of vectors."""

    def fit(
        self,
        texts: Sequence[str],
        labels: Sequence[int],
        validation: tuple[Sequence[str], Sequence[int]] | None = None,
    ) -> None:
        """Learn the vectors from the training texts, then the regression; validation chooses its strength."""
        labels = check_reviews(texts, labels, self.num_labels)
        self.learn_vectors([split_words(text) for text in texts])
        if validation is not None:
            validation = (
                self.compute_features(validation[0]),
                check_reviews(*validation, num_labels=self.num_labels),
            )
        self._regression.fit(self.compute_features(texts), labels, validation)

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Return the probability of each class: N reviews -> float64 (N, C)."""
        return self._regression.predict_proba(self.compute_features(texts))

    def compute_features(self, texts: Sequence[str]) -> np.ndarray:
        """Return the mean vector of each review's known words, 0 where none is known: N reviews -> float64 (N, D)."""
        reviews = [split_words(text) for text in texts]
        words = sorted({word for review in reviews for word in review})  # a set has its own order in each process
        vectors, is_known = self.look_up(words)  # (V, D), (V,)
        places = {word: i for i, word in enumerate(words) if is_known[i]}
        columns = [[places[word] for word in review if word in places] for review in reviews]
        lengths = np.array([len(review) for review in columns], dtype=np.int64)  # (N,)
        starts = np.concatenate([[0], lengths.cumsum()])  # (N + 1,)
        flat = np.array([place for review in columns for place in review], dtype=np.int64)
        matrix = import_optional("scipy.sparse", EXTRA).csr_matrix(
            (np.ones(len(flat)), flat, starts), shape=(len(texts), len(words))
        )  # (N, V)
        return (matrix @ vectors.astype(np.float64)) / np.maximum(lengths, 1)[:, None]

    def count_parameters(self) -> int:
        """Return the numbers in the tables of vectors and in the regression."""
        return self.count_vector_parameters() + self._regression.count_parameters()
