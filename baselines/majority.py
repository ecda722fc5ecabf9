"""The class that most training reviews have: what a system must beat to know anything."""

from collections.abc import Sequence

import numpy as np

from .base import check_reviews


class MajorityClass:
    """Give every review the shares of the classes among the training reviews.

    Args:
        num_labels: C.
        seed: Not used, for nothing is drawn.
    """

    def __init__(self, *, num_labels: int, seed: int):
        self.num_labels = num_labels

    def fit(
        self,
        texts: Sequence[str],
        labels: Sequence[int],
        validation: tuple[Sequence[str], Sequence[int]] | None = None,
    ) -> None:
        """Count the classes."""
        counts = np.bincount(check_reviews(texts, labels, self.num_labels), minlength=self.num_labels)  # (C,)
        self._shares = counts / counts.sum()  # (C,)

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Return the same row for each review: float64 (N, C)."""
        return np.tile(self._shares, (len(texts), 1))

    def count_parameters(self) -> int:
        """Return C."""
        return self.num_labels
