"""SMOTE as Nkhata, Gauch et al. mean it (arXiv 2502.20682): among what a frozen encoder makes of the reviews.

The paper says that "BERT features" of the smaller classes were oversampled before the classifier was trained. Features
are the states of all word pieces here, since a BiLSTM is to read them.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from modeling_bert_bilstm.augmentation import EncoderStates, measure_lengths, oversample_states

from .fine_tuning import FineTuningSettings
from .frozen_states import FrozenStatesSystem, StatesClassifier
from .rows import Rows


class FrozenSmote(FrozenStatesSystem):
    """A frozen encoder, smaller classes oversampled among its states, and our head trained on the union.

    Args:
        num_labels: Classes.
        seed: Of all that is drawn.
        encoder: A folder that `AutoModel.from_pretrained` reads, its tokenizer in it.
        smote: False trains on the reviews alone, all else equal.
        k: Neighbours among which SMOTE finds partners.
        states_folder: Keeps the states of the training reviews. Default: they are on disk while `fit` runs.
        max_review_length: Word pieces that are read of a review, from its beginning and with the frame. SMOTE holds
            all reviews in memory, each as long as the longest.
        settings: Fields of `FineTuningSettings` that are to differ.

    Raises:
        ValueError: A class has too few reviews for SMOTE.
        ImportError: imbalanced-learn is not installed.
    """

    SETTINGS = FineTuningSettings(
        num_epochs=10, batch_size=32, learning_rate=1e-3, weight_decay=0.01, warmup_ratio=0.1
    )
    MAX_REVIEW_LENGTH = 128

    def __init__(
        self,
        *,
        num_labels: int,
        seed: int,
        encoder: Path | str | None = None,
        smote: bool = True,
        k: int = 5,
        states_folder: Path | str | None = None,
        max_review_length: int | None = None,
        settings: Mapping[str, object] | None = None,
    ):
        super().__init__(
            num_labels=num_labels,
            seed=seed,
            encoder=encoder,
            states_folder=states_folder,
            max_review_length=max_review_length,
            settings=settings,
        )
        self.smote, self.k = smote, k

    def build_model(self) -> StatesClassifier:
        """Return our head on the frozen encoder."""
        return self.build_frozen()

    def resample(self, states: EncoderStates, labels: np.ndarray) -> tuple[Rows, np.ndarray]:
        """Return the rows of the reviews, then synthetic ones until all classes are as large as the largest."""
        if not self.smote:
            return super().resample(states, labels)
        num_reviews = len(labels)
        features, labels = oversample_states(states.states, labels, k=self.k, seed=self.settings.seed)
        lengths = np.concatenate([states.lengths, measure_synthetic_lengths(features[num_reviews:])])
        return super().resample(EncoderStates(features, lengths), labels)


def measure_synthetic_lengths(features: np.ndarray) -> np.ndarray:
    """Return the word pieces of each synthetic row, of which there may be none: (M, T, D) -> (M,)."""
    return measure_lengths(features) if len(features) else np.zeros(0, dtype=np.int64)
