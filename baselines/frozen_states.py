"""A BiLSTM on an encoder that does not learn: the encoder reads each training review once, whatever the epochs.

Its states are computed without dropout inside it, in half precision. Shapes: N reviews, t and T word pieces of one and
of the longest, D encoder width.
"""

import contextlib
import tempfile
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from transformers import set_seed

from modeling_bert_bilstm import BertBiLSTMForSequenceClassification
from modeling_bert_bilstm.augmentation import EncoderStates, cache_states
from modeling_bert_bilstm.hardware import is_bfloat16_faster

from .base import check_reviews
from .encoders import compute_folder_fingerprint
from .fine_tuned_system import FineTunedSystem
from .fine_tuning import Labelled, fine_tune_rows
from .rows import Rows, collate_rows, encode_rows, plan_row_batches


class StatesClassifier(BertBiLSTMForSequenceClassification):
    """The model, which takes states of its encoder as `inputs_embeds` and then leaves the encoder out."""

    def encode(
        self, inputs: dict[str, torch.Tensor], lengths: torch.Tensor, output_attentions: bool | None = None
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...] | None]:
        """Return the states (B, T, D) of word pieces, or those that were given."""
        if "inputs_embeds" in inputs:
            return inputs["inputs_embeds"], None
        return super().encode(inputs, lengths, output_attentions)


def compute_states(model: StatesClassifier, rows: Rows, pad_token_id: int = 0) -> list[np.ndarray]:
    """Return the encoder's states of each review: N rows of word pieces (t,) -> N arrays (t, D) in float16."""
    device = model.device
    states: dict[int, np.ndarray] = {}
    model.eval()
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=is_bfloat16_faster(device)):
        for places in plan_row_batches(rows, device):
            batch = collate_rows([rows[i] for i in places], pad_token_id)
            lengths = batch["attention_mask"].sum(dim=1).to(device)  # (B,)
            encoded, _ = model.encode({"input_ids": batch["input_ids"].to(device)}, lengths)  # (B, T, D)
            for i, row in zip(places, encoded.half().cpu().numpy(), strict=True):
                states[i] = row[: len(rows[i])]
    return [states[i] for i in range(len(rows))]


class FrozenStatesSystem(FineTunedSystem):
    """A `System` of a frozen encoder and a head that learns from its states.

    Args:
        num_labels: Classes.
        seed: Of all that is drawn.
        encoder: A folder that `AutoModel.from_pretrained` reads, its tokenizer in it.
        states_folder: Keeps the states of the training reviews, for the next system that reads them. Default: they
            are on disk while `fit` runs.
        max_review_length: Word pieces that are read of a review, from its beginning and with the frame.
        settings: Fields of `FineTuningSettings` that are to differ.
    """

    MAX_REVIEW_LENGTH = 256

    def __init__(
        self,
        *,
        num_labels: int,
        seed: int,
        encoder: Path | str | None = None,
        states_folder: Path | str | None = None,
        max_review_length: int | None = None,
        settings: Mapping[str, object] | None = None,
    ):
        super().__init__(
            num_labels=num_labels, seed=seed, encoder=encoder, max_review_length=max_review_length, settings=settings
        )
        self.states_folder = states_folder

    @abstractmethod
    def build_model(self) -> StatesClassifier:
        """Return the model before its training, its encoder frozen."""

    def build_frozen(self, **fields) -> StatesClassifier:
        """Return a fresh head, of these fields of `BertBiLSTMConfig`, on the frozen encoder."""
        model = self.build_bert_bilstm({}, StatesClassifier, **fields)
        model.encoder.requires_grad_(False)
        return model

    def resample(self, states: EncoderStates, labels: np.ndarray) -> tuple[Rows, np.ndarray]:
        """Return the rows (t, D) to learn from, and their classes: as many as there are reviews, or more."""
        return [row[:length] for row, length in zip(states.states, states.lengths, strict=True)], labels

    def fit(self, texts: Sequence[str], labels: Sequence[int], validation: Labelled | None = None) -> None:
        """Train the head on texts and their classes; `validation` chooses the epoch where the settings let it."""
        start = time.perf_counter()
        labels = check_reviews(texts, labels, self.num_labels)
        set_seed(self.settings.seed)
        self.model = self.build_model().to("cuda" if torch.cuda.is_available() else "cpu")
        with self._open_states_folder() as folder:
            states = cache_states(
                self.encode_states,
                texts,
                folder,
                encoder=f"{compute_folder_fingerprint(self.encoder)} {is_bfloat16_faster(self.model.device)}",
                max_review_length=self.max_review_length,
                batch_size=1024,
            )
            rows, labels = self.resample(states, labels)
            validation_rows = None
            if validation is not None and self.settings.keep_best_epoch:
                validation_rows = self.encode_states(validation[0]), validation[1]
            record = fine_tune_rows(self.model, rows, labels, validation_rows, settings=self.settings)
        self.record = replace(record, seconds=time.perf_counter() - start)

    def encode_states(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return the encoder's states of each text: N texts -> N arrays (t, D) in float16."""
        return compute_states(self.get_model(), encode_rows(self.encode, texts), self.pad_token_id)

    @contextlib.contextmanager
    def _open_states_folder(self) -> Iterator[Path]:
        if self.states_folder is not None:
            yield Path(self.states_folder)
            return
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
