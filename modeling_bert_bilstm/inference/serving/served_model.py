"""What the process that takes requests knows of the model: its config, its tokenizer and the arithmetic of polarity.

It never loads the weights; those are with the workers.

Shapes: N reviews, C classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from transformers import AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerBase

from ...configuration_bert_bilstm import BertBiLSTMConfig
from ...pipeline_aggregate_polarity import AggregatePolarityPipeline, read_films
from ...polarity import METHODS
from ..batches import copy_tokenizer


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A model as the process that takes requests sees it.

    Attributes:
        name: The name of its folder, or its id on the Hub; no path.
        config: Its config.
        tokenizer: Its tokenizer, which neither cuts nor pads.
    """

    name: str
    config: PreTrainedConfig
    tokenizer: PreTrainedTokenizerBase

    @property
    def labels(self) -> list[str]:
        """Names of the labels, in the order of the probabilities: C."""
        return [self.config.id2label[i] for i in range(self.config.num_labels)]

    @property
    def is_single_label(self) -> bool:
        """Whether each review has one of several labels."""
        return self.config.problem_type in (None, "single_label_classification") and self.config.num_labels > 1

    @property
    def polarity_methods(self) -> tuple[str, ...]:
        """The methods that a film's polarity can be estimated by; none where the model tells no polarity."""
        polarity = getattr(self.config, "label_polarity", None) or ()
        if not self.is_single_label or not 2 <= len(polarity) == self.config.num_labels <= 5:
            return ()
        has_confusion = getattr(self.config, "label_confusion", None) is not None
        return tuple(method for method in METHODS if has_confusion or method != "adjusted_count")

    def describe_prediction(self, probabilities: np.ndarray, num_word_pieces: int) -> dict:
        """Return the answer on a review: (C,) -> its label, score, probabilities and length."""
        best = int(probabilities.argmax())
        return {
            "label": self.labels[best] if self.is_single_label else None,
            "score": float(probabilities[best]) if self.is_single_label else None,
            "probabilities": dict(zip(self.labels, probabilities.tolist(), strict=True)),
            "word_pieces": num_word_pieces,
        }

    def aggregate(self, films: Mapping[str, list[str]], probabilities: np.ndarray, **options: str | float) -> dict:
        """Return what the pipeline "aggregate-polarity" says of films whose reviews are scored.

        Args:
            films: The reviews of each film.
            probabilities: Of the reviews that `list_texts` names, in that order, of shape (N, C).
            **options: Those of the pipeline.
        """
        return _ScoredAggregate(self.config, probabilities)(films, **options)


def load_served_model(model: str | Path) -> ServedModel:
    """Read config and tokenizer of a folder or of an id on the Hub.

    Raises:
        ValueError: The model is of another kind, or its tokenizer cannot pad.
        OSError: There is no such model.
    """
    fields, _ = PreTrainedConfig.get_config_dict(model)
    if fields.get("model_type") != BertBiLSTMConfig.model_type:
        raise ValueError(
            f"The model must be of the type {BertBiLSTMConfig.model_type!r}, found {fields.get('model_type')!r} in "
            f"`{model}`. Give a folder that train.py wrote, or a model that push_to_hub.py published."
        )
    folder = Path(model)
    name = folder.resolve().name if folder.is_dir() else str(model)
    tokenizer = copy_tokenizer(AutoTokenizer.from_pretrained(model))
    return ServedModel(name, BertBiLSTMConfig.from_pretrained(model), tokenizer)


def list_texts(films: Mapping[str, list[str]]) -> list[str]:
    """Return the reviews of all films that can be scored, in the order in which the pipeline scores them."""
    read, _ = read_films(films, text_key="text", group_key="group")
    return [text for film in read.values() for text in film.texts]


class _ScoredAggregate(AggregatePolarityPipeline):
    """The pipeline with its scoring done before, and so without a model."""

    def __init__(self, config: PreTrainedConfig, probabilities: np.ndarray):
        self.model = SimpleNamespace(config=config)
        self._postprocess_params = {}
        self._probabilities = probabilities

    def _score(self, texts: list[str], batch_size: int, show_progress: bool | None) -> np.ndarray:
        assert len(texts) == len(self._probabilities)
        return self._probabilities.astype(np.float64).round(6).reshape(len(texts), self.model.config.num_labels)
