"""Word2Vec (Mikolov et al. 2013) learnt from the training reviews by gensim, as mean vectors.

Shapes: V words, D vector width.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from modeling_bert_bilstm.extras import import_optional

from .base import EXTRA
from .mean_vectors import MeanVectorClassifier, split_words


if TYPE_CHECKING:
    from gensim.models import FastText, Word2Vec


class Word2VecClassifier(MeanVectorClassifier):
    """Skip-gram vectors of the words that stand at least twice in the training reviews.

    Args:
        num_labels: C.
        seed: Of the vectors.
        unlabelled: More reviews to learn the vectors from.
        vector_size: D.
        num_epochs: Passes over the reviews.
    """

    def __init__(
        self,
        *,
        num_labels: int,
        seed: int,
        unlabelled: Sequence[str] | None = None,
        vector_size: int = 100,
        num_epochs: int = 10,
    ):
        super().__init__(num_labels=num_labels, seed=seed)
        self.unlabelled = unlabelled
        self.vector_size = vector_size
        self.num_epochs = num_epochs

    def learn_vectors(self, reviews: list[list[str]]) -> None:
        """Learn from the training reviews, and from the unlabelled ones where there are any."""
        reviews = reviews + [split_words(text) for text in self.unlabelled or ()]
        self._vectors = self.train(
            reviews,
            vector_size=self.vector_size,
            epochs=self.num_epochs,
            seed=self.seed,
            sg=1,
            min_count=2,
            workers=1,  # with more, the order of the updates is a matter of chance
        ).wv

    def train(self, reviews: list[list[str]], **settings: int) -> "Word2Vec | FastText":
        """Return the gensim model of the reviews' words."""
        return import_optional("gensim.models", EXTRA).Word2Vec(reviews, **settings)

    def look_up(self, words: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return vectors, and which words have one: V words -> (V, D), bool (V,)."""
        vectors = np.zeros((len(words), self.vector_size), dtype=np.float32)  # (V, D)
        is_known = np.array([word in self._vectors for word in words], dtype=bool)  # (V,)
        for i in np.flatnonzero(is_known):
            vectors[i] = self._vectors[words[i]]
        return vectors, is_known

    def count_vector_parameters(self) -> int:
        """Return the number of numbers in the table of vectors."""
        return self._vectors.vectors.size
