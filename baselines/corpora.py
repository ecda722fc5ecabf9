"""The corpora of the comparison, read from a folder that the user has: official splits, checked for leaks.

The folder holds sst/{train,dev,test}.txt.xz (trees), sst2/{train,dev,test}.parquet (label, sentence),
mr/rt-polarity.parquet (label, text) and imdb/{train,test,unsup}.parquet (label, rating, film, text; unsup: text); a
corpus needs its own sub-folder alone. docs/data.md says where they come from.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import datasets
from pyarrow import parquet

from modeling_bert_bilstm.data import ReviewSource, load_splits
from modeling_bert_bilstm.data.sampling import compute_fingerprint, normalise_text


logger = logging.getLogger(__name__)

_SPLIT_SEED = 42  # of every cut, whatever the seed of the system: all seeds see the same reviews
_FILES = {"train": "train", "validation": "dev", "test": "test"}


@dataclass(frozen=True)
class Reviews:
    """Reviews of one split.

    Attributes:
        texts: N reviews.
        labels: The class of each, 0 to C - 1, most negative first.
        films: The film of each, None where the corpus does not tell.
    """

    texts: list[str]
    labels: list[int]
    films: list[str] | None = None

    @property
    def fingerprint(self) -> str:
        """The sha256 over all pairs of text and label."""
        return compute_fingerprint(self.texts, self.labels)


@dataclass(frozen=True)
class Corpus:
    """A corpus, split.

    Attributes:
        name: One of `CORPORA`.
        label_names: The C classes, most negative first.
        train: Reviews to learn from; none of their texts stands in the other splits.
        validation: Reviews that choose what is not learnt.
        test: Reviews to judge by, in the order of their source; those of SST-2 in the order of their texts.
        unlabelled: More reviews to learn word vectors from, none of which stands in validation or test.
    """

    name: str
    label_names: list[str]
    train: Reviews
    validation: Reviews
    test: Reviews
    unlabelled: list[str] | None = field(default=None)

    @property
    def num_labels(self) -> int:
        """Number C of classes."""
        return len(self.label_names)

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """The sha256 of each part, which tells whether two results are of the same reviews."""
        found = {split: getattr(self, split).fingerprint for split in ("train", "validation", "test")}
        if self.unlabelled is not None:
            found["unlabelled"] = compute_fingerprint(self.unlabelled, [""] * len(self.unlabelled))
        return found


def _read_sst5(folder: Path) -> dict[str, datasets.Dataset]:
    trees = {split: ReviewSource(folder / "sst" / f"{file}.txt.xz") for split, file in _FILES.items()}
    return load_splits(**trees, num_labels=5)[0]


def _read_sst2(folder: Path) -> dict[str, datasets.Dataset]:
    """Put test in the order of its texts, since what is published of it comes in more than one order."""
    phrases = {
        split: ReviewSource(folder / "sst2" / f"{file}.parquet", text_column="sentence")
        for split, file in _FILES.items()
    }
    splits = load_splits(**phrases)[0]
    rows = list(zip(splits["test"]["text"], splits["test"]["label"], strict=True))
    return {**splits, "test": splits["test"].select(sorted(range(len(rows)), key=rows.__getitem__))}


def _read_mr(folder: Path) -> dict[str, datasets.Dataset]:
    """Cut a fifth for test, since MR has none; many of its sentences are in SST's test: never train here for SST."""
    source = ReviewSource(folder / "mr" / "rt-polarity.parquet")
    return load_splits(train=source, test_size=0.2, seed=_SPLIT_SEED)[0]


def _read_imdb(folder: Path, num_labels: int = 2) -> dict[str, datasets.Dataset]:
    """Cut a tenth of train for validation, of other films, as test has other films."""
    parts = {
        split: ReviewSource(folder / "imdb" / f"{split}.parquet", rating_column="rating", group_column="film")
        for split in ("train", "test")
    }
    if num_labels != 2:
        parts = {split: replace(source, labels_from="rating") for split, source in parts.items()}
    return load_splits(**parts, num_labels=num_labels, split_by_group=True, seed=_SPLIT_SEED)[0]


CORPORA: dict[str, Callable[[Path], dict[str, datasets.Dataset]]] = {
    "sst5": _read_sst5,
    "sst2": _read_sst2,
    "mr": _read_mr,
    "imdb": _read_imdb,
    "imdb3": lambda folder: _read_imdb(folder, 3),
    "imdb4": lambda folder: _read_imdb(folder, 4),
}
_UNLABELLED = {"imdb": "imdb/unsup.parquet", "imdb3": "imdb/unsup.parquet", "imdb4": "imdb/unsup.parquet"}


def load_corpus(name: str, folder: Path) -> Corpus:
    """Return a corpus; the unlabelled reviews are there if their file is.

    Args:
        name: One of `CORPORA`.
        folder: Where the corpora lie, as told at the top of this file.

    Raises:
        ValueError: An unknown name, or files that are not what they should be.
        FileNotFoundError: A file is missing.
    """
    if name not in CORPORA:
        raise ValueError(f"The corpus must be one of {sorted(CORPORA)}, got {name!r}.")
    if not folder.is_dir():
        raise FileNotFoundError(f"`--data` must be the folder of the corpora, but `{folder}` is none.")
    splits = CORPORA[name](folder)
    parts = {split: _list_reviews(splits[split]) for split in ("train", "validation", "test")}
    file = folder / _UNLABELLED[name] if name in _UNLABELLED else None
    unlabelled = _read_unlabelled(file, parts) if file is not None and file.is_file() else None
    return Corpus(name=name, label_names=splits["test"].features["label"].names, **parts, unlabelled=unlabelled)


def _list_reviews(rows: datasets.Dataset) -> Reviews:
    films = rows["group"][:] if "group" in rows.column_names else None
    return Reviews(list(rows["text"][:]), list(rows["label"][:]), films)


def _read_unlabelled(file: Path, parts: dict[str, Reviews]) -> list[str]:
    """Return the texts of a file without those that stand in validation or test."""
    texts = parquet.read_table(file, columns=["text"])["text"].to_pylist()
    held_out = {normalise_text(text) for split in ("validation", "test") for text in parts[split].texts}
    kept = [text for text in texts if normalise_text(text) not in held_out]
    logger.info("%s: %d of %d reviews stand in validation or test", file.name, len(texts) - len(kept), len(texts))
    return kept
