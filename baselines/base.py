"""What a system is, and the names of all of them.

Shapes: N reviews, C classes.
"""

import importlib
import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np


EXTRA = "baselines"  # of setup.py: what systems without a neural network import


class System(Protocol):
    """A classifier of reviews.

    Its `__init__` takes keywords alone: `num_labels`, `seed`, and what it needs of `encoder`, a folder that
    `AutoModel.from_pretrained` reads, `unlabelled` reviews, and options of its own, all of which have defaults.
    """

    def fit(
        self,
        texts: Sequence[str],
        labels: Sequence[int],
        validation: tuple[Sequence[str], Sequence[int]] | None = None,
    ) -> None:
        """Learn from N reviews and their labels, 0 to C - 1.

        Args:
            texts: Reviews.
            labels: The class of each.
            validation: Reviews and labels that choose what is not learnt: an epoch, a strength of regularisation.
        """

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Return the probability of each class: N reviews -> float64 (N, C), rows sum to 1."""

    def count_parameters(self) -> int:
        """Return how many numbers `predict_proba` uses that were learnt, here or elsewhere."""


# ---------------------------------------------------------------------------------------------------------------------
# Names


# What a system's validation reviews choose.
EPOCH, STRENGTH = "epoch", "strength"


@dataclass(frozen=True)
class SystemEntry:
    """Where a system stands.

    Attributes:
        module: Module of this package.
        class_name: Class in that module.
        options: Keywords that make the name what it is; nobody may set them otherwise.
        needs_encoder: Whether it starts from a pretrained encoder.
        required: Keywords that whoever builds it must give.
        chosen: What validation reviews choose: `EPOCH`, else the last one is kept; `STRENGTH` of regularisation.
    """

    module: str
    class_name: str
    options: dict[str, object] = field(default_factory=dict)
    needs_encoder: bool = False
    required: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()


def _ours(required: tuple[str, ...] = (), **options: object) -> SystemEntry:
    return SystemEntry("ours", "Ours", options, needs_encoder=True, required=required, chosen=(EPOCH,))


_POOLINGS = ("cls", "last", "mean", "max", "attention")

SYSTEMS: dict[str, SystemEntry] = {
    "majority": SystemEntry("majority", "MajorityClass"),
    "tfidf": SystemEntry("tfidf", "TfidfClassifier", chosen=(STRENGTH,)),
    "word2vec": SystemEntry("word2vec", "Word2VecClassifier", chosen=(STRENGTH,)),
    "fasttext": SystemEntry("fasttext", "FastTextClassifier", chosen=(STRENGTH,)),
    "glove": SystemEntry("glove", "GloveClassifier", chosen=(STRENGTH,)),
    **{
        f"frozen_{pooling}": SystemEntry(
            "frozen_encoder", "FrozenEncoderClassifier", {"pooling": pooling}, True, chosen=(STRENGTH,)
        )
        for pooling in ("cls", "mean")
    },
    "transformer_from_scratch": SystemEntry("transformer_from_scratch", "TransformerFromScratch"),
    "bilstm_from_scratch": SystemEntry("bilstm_from_scratch", "BiLSTMFromScratch", chosen=(EPOCH,)),
    "bilstm_glove": SystemEntry("bilstm_from_scratch", "BiLSTMOnGlove", chosen=(EPOCH,)),
    **{
        f"stock_{setting}": SystemEntry("stock_head", "StockHead", {"setting": setting}, True)
        for setting in ("gao", "case_study", "mini_project")
    },
    "stock": SystemEntry("stock_head", "StockHead", {"setting": "ours"}, True, chosen=(EPOCH,)),
    "gao_bert_bilstm": SystemEntry("gao_bert_bilstm", "GaoBertBiLSTM", {}, True),
    "nkhata_code": SystemEntry("nkhata_code", "NkhataReleasedCode", {}, True),
    "nkhata_text": SystemEntry("nkhata_text", "NkhataText", {}, True),
    "ours": _ours(),
    "ours_no_lstm": _ours(lstm_num_layers=0),
    "ours_first_512": _ours(max_review_length=512),
    **{f"ours_{pooling}": _ours(lstm_num_layers=1, pooling=(pooling,)) for pooling in _POOLINGS},
    "ours_class_weights": _ours(balance="class_weights"),
    "ours_oversampling": _ours(balance="oversampling"),
    "ours_augmented": _ours(required=("augment",)),
    **{
        name: SystemEntry("frozen_smote", "FrozenSmote", {"smote": smote}, True, chosen=(EPOCH,))
        for name, smote in (("frozen_smote", True), ("frozen_bilstm", False))
    },
    **{
        name: SystemEntry("decoupled_smote", "DecoupledSmote", {"smote": smote}, True, chosen=(EPOCH, STRENGTH))
        for name, smote in (("decoupled_smote", True), ("decoupled", False))
    },
}


def get_entry(name: str) -> SystemEntry:
    """Return where a system stands.

    Raises:
        ValueError: There is none of that name; the message lists them.
    """
    if name not in SYSTEMS:
        raise ValueError(f"The system must be one of {sorted(SYSTEMS)}, got {name!r}.")
    return SYSTEMS[name]


def needs_encoder(name: str) -> bool:
    """Return whether a system starts from a pretrained encoder, whose folder `build_system` then asks for."""
    return get_entry(name).needs_encoder


def build_system(
    name: str,
    *,
    num_labels: int,
    seed: int,
    encoder: Path | None = None,
    unlabelled: Sequence[str] | None = None,
    **options: object,
) -> System:
    """Return a system, ready to `fit`.

    Args:
        name: One of `SYSTEMS`.
        num_labels: C.
        seed: Of all that is drawn.
        encoder: Folder of the encoder; systems that need none do without.
        unlabelled: More reviews to learn word vectors from; systems that learn none do without.
        **options: Options of the system.

    Raises:
        ValueError: An unknown name or option, one that the name fixes, or one that is missing.
    """
    entry = get_entry(name)
    fixed = sorted(options.keys() & entry.options.keys())
    if fixed:
        raise ValueError(f"{name!r} is made by its {fixed} ({entry.options}), which cannot be set. Take another name.")
    if entry.needs_encoder:
        options["encoder"] = encoder
    needed = [*entry.required, *(["encoder"] if entry.needs_encoder else [])]
    missing = [option for option in needed if options.get(option) is None]
    if missing:
        raise ValueError(f"{name!r} needs {missing}, which were not given.")
    system_class = getattr(importlib.import_module(f"{__package__}.{entry.module}"), entry.class_name)
    known = inspect.signature(system_class).parameters
    unknown = sorted(options.keys() - known.keys())
    if unknown:
        raise ValueError(f"The options of {name!r} must be among {sorted(known)}, got {unknown}.")
    if "unlabelled" in known:
        options["unlabelled"] = unlabelled
    return system_class(num_labels=num_labels, seed=seed, **entry.options, **options)


def check_reviews(texts: Sequence[str], labels: Sequence[int], num_labels: int) -> np.ndarray:
    """Return the labels of the reviews as an array: int64 (N,).

    Raises:
        ValueError: There is no review, their numbers differ, or a label is not from 0 to C - 1.
    """
    if len(texts) != len(labels) or len(texts) == 0:
        raise ValueError(
            f"`texts` and `labels` must be as many, and at least one; got {len(texts)} and {len(labels)}."
        )
    strange = sorted(set(labels) - set(range(num_labels)))
    if strange:
        raise ValueError(f"`labels` must be from 0 to {num_labels - 1} for {num_labels} classes, found {strange}.")
    return np.asarray(labels, dtype=np.int64)
