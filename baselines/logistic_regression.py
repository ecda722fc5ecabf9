"""The logistic regression that several systems end in.

Shapes: N reviews, F features, C classes.
"""

from typing import TYPE_CHECKING

import numpy as np

from modeling_bert_bilstm.extras import import_optional

from .base import EXTRA


if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


# Inverse strengths of regularisation to choose from, the strongest first.
_REGULARISATIONS = (0.01, 0.1, 1.0, 10.0, 100.0)
_DEFAULT_REGULARISATION, _MAX_ITERATIONS = 1.0, 1000


class TunedLogisticRegression:
    """Logistic regression of C classes, as strongly regularised as does best on validation reviews.

    Args:
        num_labels: C; a class without a training review has probability 0.
        standardise: Bring each feature to mean 0 and deviation 1 first, as the training reviews have it.
    """

    def __init__(self, num_labels: int, *, standardise: bool):
        self.num_labels = num_labels
        self.standardise = standardise

    def fit(
        self,
        features: "np.ndarray | csr_matrix",
        labels: np.ndarray,
        validation: "tuple[np.ndarray | csr_matrix, np.ndarray] | None" = None,
    ) -> None:
        """Learn from features (N, F), dense or sparse, and labels (N,); without validation the strength is 1."""
        if self.standardise:
            self._mean, deviation = features.mean(axis=0), features.std(axis=0)  # (F,), (F,)
            self._deviation = np.where(deviation > 0, deviation, 1.0)  # (F,)
        if validation is None:
            self._regression = self._fit_one(features, labels, _DEFAULT_REGULARISATION)
            return
        best = -1.0
        for strength in _REGULARISATIONS:
            regression = self._fit_one(features, labels, strength)
            accuracy = regression.score(self._scale(validation[0]), validation[1])
            if accuracy > best:  # of equals the stronger one stays
                best, self._regression = accuracy, regression

    def _fit_one(self, features: "np.ndarray | csr_matrix", labels: np.ndarray, strength: float) -> object:
        linear_model = import_optional("sklearn.linear_model", EXTRA)
        regression = linear_model.LogisticRegression(C=strength, max_iter=_MAX_ITERATIONS)
        return regression.fit(self._scale(features), labels)

    def _scale(self, features: "np.ndarray | csr_matrix") -> "np.ndarray | csr_matrix":
        return (features - self._mean) / self._deviation if self.standardise else features

    def predict_proba(self, features: "np.ndarray | csr_matrix") -> np.ndarray:
        """Return the probability of each class: (N, F) -> float64 (N, C)."""
        probabilities = np.zeros((features.shape[0], self.num_labels))
        if len(probabilities):
            probabilities[:, self._regression.classes_] = self._regression.predict_proba(self._scale(features))
        return probabilities

    def count_parameters(self) -> int:
        """Return the number of coefficients and intercepts, in which the scale of the features can be folded."""
        return self._regression.coef_.size + self._regression.intercept_.size
