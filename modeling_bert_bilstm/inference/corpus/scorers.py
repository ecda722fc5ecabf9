"""The scorer that a job needs, the same in every process, and what tells its model from others."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..loading import choose_device_type, choose_precision, load_model
from ..scoring import ReviewScorer
from ..tracing import compute_fingerprint


# Of a config, what does not change a score.
_UNREAD_FIELDS = {"_name_or_path", "architectures", "auto_map", "custom_pipelines", "dtype", "transformers_version"}


@dataclass(frozen=True)
class ScoredModel:
    """What there is to know of a model without its weights.

    Attributes:
        name: Its name, without the folders that it is in.
        sha256: Of its weights, its config and its tokenizer.
        labels: Names of its labels in the order of the probabilities.
        label_polarity: Polarity in [-1, 1] of each label, None where the model has none.
        label_prior: Share of each label in the data that it was trained on, None where it is not known.
    """

    name: str
    sha256: str
    labels: tuple[str, ...]
    label_polarity: tuple[float, ...] | None
    label_prior: tuple[float, ...] | None


@dataclass(frozen=True)
class ScorerOptions:
    """How reviews are scored.

    Attributes:
        model: Folder, or id on the Hub.
        sha256: Of the model, see `ScoredModel`.
        backend: One of `inference.backends.BACKENDS`, or `auto`.
        precision: One of `inference.backends.PRECISIONS`.
        device: Kind of device that the job was begun on, None where that is not known yet.
        max_word_pieces: Of a batch, see `ReviewScorer`.
    """

    model: str
    sha256: str
    backend: str = "torch"
    precision: str = "auto"
    device: str | None = None
    max_word_pieces: int | None = None

    def resolve(self) -> "ScorerOptions":
        """Return the options with what is found out on this machine: the precision, and the kind of device."""
        device_type = choose_device_type(self.backend)
        precision = choose_precision(self.backend, self.precision, device_type)
        return replace(self, device=device_type, precision=precision)

    def resume(self, resolved: Mapping[str, str] | None) -> "ScorerOptions":
        """Return the options with what an earlier process has found out."""
        return replace(self, **resolved) if resolved else self

    def build_scorer(self) -> ReviewScorer:
        """Return the scorer.

        Raises:
            ValueError: The model is not the one of the job any more, or this is another kind of device.
        """
        scorer = ReviewScorer(
            self.model, backend=self.backend, precision=self.precision, max_word_pieces=self.max_word_pieces
        )
        device = scorer.model.device.type
        if device != self.device:
            raise ValueError(
                f"The job was begun on {self.device!r}, and this is {device!r}, where batches and so the last digits "
                "differ. Go on where it was begun, or begin anew with `--overwrite`."
            )
        if compute_sha256(scorer.model, scorer.tokenizer) != self.sha256:
            raise ValueError(f"`{self.model}` must be the model of the job on every machine, found another here.")
        return scorer


def describe_model(model: str) -> ScoredModel:
    """Return what there is to know of a model without its weights.

    Raises:
        FileNotFoundError: There is no such model.
        ValueError: It does not give one of several labels to a review.
    """
    try:
        loaded, tokenizer, _ = load_model(model, None, may_use_gpu=False)
    except OSError as error:
        raise FileNotFoundError(
            f"`--model` must be a folder that train.py wrote or an id on the Hub, found neither: {model!r}. {error}"
        ) from error
    return describe_loaded_model(Path(model).resolve().name if Path(model).is_dir() else model, loaded, tokenizer)


def describe_loaded_model(name: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> ScoredModel:
    """Return what there is to know of a model without its weights.

    Raises:
        ValueError: It does not give one of several labels to a review.
    """
    config = model.config
    if config.problem_type not in (None, "single_label_classification"):
        raise ValueError(
            f"`--model` must give one of several labels to a review, found one with `problem_type` "
            f"{config.problem_type!r}. Score with it by `ReviewScorer`."
        )
    polarity, prior = (getattr(config, name, None) for name in ("label_polarity", "label_prior"))
    return ScoredModel(
        name=name,
        sha256=compute_sha256(model, tokenizer),
        labels=tuple(config.id2label[i] for i in range(config.num_labels)),
        label_polarity=None if polarity is None else tuple(polarity),
        label_prior=None if prior is None else tuple(prior),
    )


def compute_sha256(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str:
    """Return the sha256 of weights, config and tokenizer: two models that score alike share it, wherever they are."""
    fields = {name: value for name, value in model.config.to_dict().items() if name not in _UNREAD_FIELDS}
    digest = hashlib.sha256(compute_fingerprint(model).encode())
    digest.update(json.dumps(fields, sort_keys=True, default=str).encode())
    words = tokenizer.backend_tokenizer.to_str() if tokenizer.is_fast else json.dumps(sorted(tokenizer.get_vocab()))
    digest.update(words.encode())
    return digest.hexdigest()
