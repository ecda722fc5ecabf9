"""What a run writes of itself beside its metrics: the reviews, the training, the memory, the machine."""

from dataclasses import asdict, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch
from transformers import AutoTokenizer

from baselines.base import System
from baselines.corpora import Corpus
from baselines.encoders import compute_folder_fingerprint
from baselines.results import TestReviews
from modeling_bert_bilstm.hardware import describe_environment, is_bfloat16_faster


_LIBRARIES = ("scikit-learn", "gensim", "imbalanced-learn", "nlpaug")
# Attributes of a system that tell how it was trained in fact, whatever its options left out.
_EFFECTIVE = ("settings", "max_review_length", "encoder_options", "head")


def describe_training(system: System, encoder: Path | None) -> dict[str, object]:
    """Return how a fitted system was trained, as far as it tells.

    Args:
        system: After its `fit`.
        encoder: Folder of the encoder, None without.

    Returns:
        `settings`, those in effect; `training`, its epochs and the one that was kept; `precision` of its matrix
        products; `encoder_fingerprint`. Each only where there is one.
    """
    effective: dict[str, object] = {}
    for name in _EFFECTIVE:
        value = getattr(system, name, None)
        if is_dataclass(value):
            effective |= asdict(value)
        elif value is not None:
            effective[name] = value
    record = getattr(system, "record", None)
    found: dict[str, object] = {"settings": effective} if effective else {}
    if record is not None:
        found["training"] = {"history": record.history, "best_epoch": record.best_epoch}
    if record is not None or encoder is not None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        found["precision"] = "bfloat16" if is_bfloat16_faster(device) else "float32"
    if encoder is not None:
        found["encoder_fingerprint"] = compute_folder_fingerprint(encoder)
    return found


def describe_test_reviews(corpus: Corpus, encoder: Path, name: str) -> TestReviews:
    """Return how many word pieces each test review has, special tokens included, its label and film."""
    encoded = AutoTokenizer.from_pretrained(encoder)(corpus.test.texts)["input_ids"]
    films = None if corpus.test.films is None else np.unique(corpus.test.films, return_inverse=True)[1]
    return TestReviews(np.array([len(ids) for ids in encoded]), np.asarray(corpus.test.labels), films, name)


def describe_corpus(corpus: Corpus) -> dict[str, dict]:
    """Return sizes, classes and fingerprints of the splits."""
    splits = {split: getattr(corpus, split) for split in ("train", "validation", "test")}
    counts = np.bincount(corpus.train.labels, minlength=corpus.num_labels).tolist()
    return {
        "num_reviews": {split: len(reviews.texts) for split, reviews in splits.items()},
        "train_label_counts": dict(zip(corpus.label_names, counts, strict=True)),
        "fingerprints": corpus.fingerprints,
    }


def describe_libraries() -> dict[str, dict]:
    """Return the machine and the versions of the libraries, those of the baselines among them."""
    environment = describe_environment()
    for library in _LIBRARIES:
        try:
            environment["versions"][library] = version(library)
        except PackageNotFoundError:
            continue
    return environment
