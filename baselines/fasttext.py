"""FastText (Bojanowski et al. 2017) learnt from the training reviews by gensim, as mean vectors."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modeling_bert_bilstm.extras import import_optional

from .base import EXTRA
from .word2vec import Word2VecClassifier


if TYPE_CHECKING:
    from gensim.models import FastText


class FastTextClassifier(Word2VecClassifier):
    """Word2Vec that also learns from pieces of words, 3 to 6 letters long, and so has a vector for any word.

    Args:
        num_labels: C.
        seed: Of the vectors.
        unlabelled: More reviews to learn the vectors from.
        vector_size: D.
        num_epochs: Passes over the reviews.
        num_buckets: Rows of the table that pieces are hashed into; gensim's 2,000,000 would take 0.8 GB.
    """

    def __init__(
        self,
        *,
        num_labels: int,
        seed: int,
        unlabelled: Sequence[str] | None = None,
        vector_size: int = 100,
        num_epochs: int = 10,
        num_buckets: int = 200_000,
    ):
        super().__init__(
            num_labels=num_labels, seed=seed, unlabelled=unlabelled, vector_size=vector_size, num_epochs=num_epochs
        )
        self.num_buckets = num_buckets

    def train(self, reviews: list[list[str]], **settings: int) -> "FastText":
        """Return the gensim model of the reviews' words and pieces of words."""
        return import_optional("gensim.models", EXTRA).FastText(reviews, bucket=self.num_buckets, **settings)

    def count_vector_parameters(self) -> int:
        """Return the number of numbers in the tables of words and of pieces."""
        return self._vectors.vectors_vocab.size + self._vectors.vectors_ngrams.size
