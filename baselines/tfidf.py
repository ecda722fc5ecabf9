"""TF-IDF of words and pairs of words, under logistic regression (scikit-learn)."""

from collections.abc import Sequence

import numpy as np

from modeling_bert_bilstm.extras import import_optional

from .base import EXTRA, check_reviews
from .logistic_regression import TunedLogisticRegression
from .mean_vectors import split_words


class TfidfClassifier:
    """Sublinear TF-IDF of the words and pairs of words that stand in several training reviews.

    Args:
        num_labels: C.
        seed: Not used, for nothing is drawn.
        min_reviews: Training reviews that a word or pair must stand in.
    """

    def __init__(self, *, num_labels: int, seed: int, min_reviews: int = 2):
        self.num_labels = num_labels
        self.min_reviews = min_reviews
        self._regression = TunedLogisticRegression(num_labels, standardise=False)

    def fit(
        self,
        texts: Sequence[str],
        labels: Sequence[int],
        validation: tuple[Sequence[str], Sequence[int]] | None = None,
    ) -> None:
        """Learn vocabulary and weights; validation chooses the strength of regularisation."""
        labels = check_reviews(texts, labels, self.num_labels)
        self._vectorizer = import_optional("sklearn.feature_extraction.text", EXTRA).TfidfVectorizer(
            analyzer=_list_words_and_pairs, sublinear_tf=True, min_df=self.min_reviews
        )
        features = self._vectorizer.fit_transform(texts)  # (N, F)
        if validation is not None:
            validation = (
                self._vectorizer.transform(validation[0]),
                check_reviews(*validation, num_labels=self.num_labels),
            )
        self._regression.fit(features, labels, validation)

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Return the probability of each class: N reviews -> float64 (N, C)."""
        return self._regression.predict_proba(self._vectorizer.transform(texts))

    def count_parameters(self) -> int:
        """Return the numbers in the regression, and one for the rarity of each word or pair."""
        return len(self._vectorizer.idf_) + self._regression.count_parameters()


def _list_words_and_pairs(text: str) -> list[str]:
    words = split_words(text)
    return words + [f"{first} {second}" for first, second in zip(words, words[1:], strict=False)]
