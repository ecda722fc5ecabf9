"""SMOTE after learning: fine-tune our model, oversample among its pooled vectors, and refit the classifier alone.

Shapes: N reviews, P pooled width, C classes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import nn

from modeling_bert_bilstm.augmentation import oversample_states

from .base import check_reviews
from .fine_tuning import Labelled
from .logistic_regression import TunedLogisticRegression
from .ours import Ours
from .rows import compute_logits, encode_rows


class DecoupledSmote(Ours):
    """`Ours`, its classifier replaced by logistic regression on the pooled vectors of the training reviews.

    Args:
        num_labels: Classes.
        seed: Of all that is drawn.
        encoder: A folder that `AutoModel.from_pretrained` reads, its tokenizer in it.
        smote: False refits on the reviews alone, all else equal.
        k: Neighbours among which SMOTE finds partners.
        max_review_length: Word pieces that are read of a review. Default: all.
        settings: Fields of `FineTuningSettings` that are to differ.

    Raises:
        ValueError: A class has too few reviews for SMOTE.
        ImportError: imbalanced-learn or scikit-learn is not installed.
    """

    def __init__(
        self,
        *,
        num_labels: int,
        seed: int,
        encoder: Path | str | None = None,
        smote: bool = True,
        k: int = 5,
        max_review_length: int | None = None,
        settings: Mapping[str, object] | None = None,
    ):
        super().__init__(
            num_labels=num_labels, seed=seed, encoder=encoder, max_review_length=max_review_length, settings=settings
        )
        self.smote, self.k = smote, k
        self.regression = TunedLogisticRegression(num_labels, standardise=True)

    def fit(self, texts: Sequence[str], labels: Sequence[int], validation: Labelled | None = None) -> None:
        """Fine-tune, then refit; `validation` chooses the epoch, and how strongly the refit is regularised."""
        super().fit(texts, labels, validation)
        features, labels = self.compute_pooled(texts), check_reviews(texts, labels, self.num_labels)
        if self.smote:
            features, labels = oversample_states(features, labels, k=self.k, seed=self.settings.seed)
        if validation is not None:
            validation = self.compute_pooled(validation[0]), np.asarray(validation[1])
        self.regression.fit(features, labels, validation)

    def compute_pooled(self, texts: Sequence[str]) -> np.ndarray:
        """Return the vector before the classifier of each text: N texts -> float64 (N, P)."""
        model = self.get_model()
        classifier, model.classifier = model.classifier, nn.Identity()  # its logits are then what it would classify
        try:
            return compute_logits(model, encode_rows(self.encode, texts), self.pad_token_id)
        finally:
            model.classifier = classifier

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Return the probability of each class: N texts -> float64 (N, C)."""
        return self.regression.predict_proba(self.compute_pooled(texts))

    def count_parameters(self) -> int:
        """Return the number of weights, those of the regression in place of the classifier's."""
        classifier = self.get_model().classifier
        replaced = sum(p.numel() for p in classifier.parameters())
        return super().count_parameters() - replaced + self.regression.count_parameters()
