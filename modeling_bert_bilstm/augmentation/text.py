"""Changed copies of train reviews: nlpaug behind one adapter that keeps texts and labels aligned.

nlpaug 1.1.11 is unmaintained; `nlpaug_augmenters.py` says what of it is gone around, and why.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from math import ceil
from typing import NamedTuple

import numpy as np
import torch

from ..extras import import_optional


AUGMENTER_PREFIX = "nlpaug:"
PLAIN_COPY = "copy"  # changes nothing, so that minority classes are oversampled; needs no nlpaug


class _Kind(NamedTuple):
    """What is known of an augmenter before it is built."""

    builder: str  # function of nlpaug_augmenters.py
    keeps_label: bool
    needs: str | None = None  # what stands behind the colon


AUGMENTERS = {
    # Neighbouring words change places; letters become their neighbours on the keyboard.
    "swap": _Kind("build_swap", keeps_label=True),
    "keyboard": _Kind("build_keyboard", keeps_label=True),
    # nlpaug's list of misspellings has "bad" for "but" and "not" for "now".
    "spelling": _Kind("build_spelling", keeps_label=False),
    "synonym_wordnet": _Kind("build_wordnet_synonym", keeps_label=True),
    # Words of opposite meaning stand in like places: "bad" is near "good", both in vectors and behind a mask.
    "synonym_embedding": _Kind("build_embedding_synonym", keeps_label=False, needs="FILE"),
    "contextual": _Kind("build_contextual", keeps_label=False, needs="FOLDER"),
    # A summary may leave out the sentence that tells the opinion.
    "summary": _Kind("build_summary", keeps_label=False, needs="FOLDER"),
}


class TextAugmenter:
    """Makes a changed copy of each text.

    Args:
        name: What it is called in `build_augmenter`.
        change: Gives for N texts N changed ones; an empty one means that nothing came of it.
        keeps_label: Whether a reader would give the changed text the label of the old one.
        seed: Each call of `augment` starts from it.
    """

    def __init__(self, name: str, change: Callable[[list[str]], list[str]], *, keeps_label: bool, seed: int):
        self.name = name
        self.keeps_label = keeps_label
        self.seed = seed
        self._change = change

    def augment(self, texts: Sequence[str]) -> list[str]:
        """Return a changed copy of each of N texts, in their order; a text that comes back empty stays as it was."""
        texts = list(texts)
        with _fixed_randomness(self.seed):
            changed = self._change(texts)
        return [new if new.strip() else old for new, old in zip(changed, texts, strict=True)]


def parse_augmenter(spec: str) -> tuple[str, str | None]:
    """Return name and path of "swap" or "contextual:FOLDER", with or without "nlpaug:" in front, or of "copy".

    Nothing is loaded.

    Raises:
        ValueError: The name is unknown, or a path is missing or one too many.
    """
    if spec == PLAIN_COPY:
        return PLAIN_COPY, None
    name, _, path = spec.removeprefix(AUGMENTER_PREFIX).partition(":")
    known = [each if kind.needs is None else f"{each}:{kind.needs}" for each, kind in AUGMENTERS.items()]
    if name not in AUGMENTERS or bool(path) != (AUGMENTERS[name].needs is not None):
        raise ValueError(
            f"An augmenter must be one of {known}, with or without `{AUGMENTER_PREFIX}` in front, or {PLAIN_COPY!r}, "
            f"got {spec!r}."
        )
    return name, path or None


def build_augmenter(spec: str, seed: int) -> TextAugmenter:
    """Return the augmenter that `spec` names; models run on the CPU, so that every process gets the same texts.

    Args:
        spec: "swap", "keyboard", "spelling", "synonym_wordnet"; "synonym_embedding:FILE" with vectors of GloVe or
            word2vec; "contextual:FOLDER" with a masked language model; "summary:FOLDER" with a summariser (encoder and
            decoder). "nlpaug:" may stand in front. "copy" changes nothing.
        seed: Another seed gives other changes. The generators of random, numpy and torch are left as they were.

    Raises:
        ValueError: The name is unknown, or what stands behind the colon is not what the augmenter needs.
        OSError: A file or folder is missing; the message says how to get it.
        ImportError: A package is missing; the message has the line that installs it.
    """
    name, path = parse_augmenter(spec)
    if name == PLAIN_COPY:
        return TextAugmenter(name, list, keeps_label=True, seed=seed)
    for module in ("char", "sentence", "word"):
        import_optional(f"nlpaug.augmenter.{module}", "baselines", "Augmentation")
    from . import nlpaug_augmenters

    kind = AUGMENTERS[name]
    build = getattr(nlpaug_augmenters, kind.builder)
    with _fixed_randomness(seed):
        change = build() if path is None else build(path)
    return TextAugmenter(name, change, keeps_label=kind.keeps_label, seed=seed)


def augment_minority(
    texts: Sequence[str], labels: Sequence[int], augmenter: TextAugmenter, *, ratio: float | None = None, seed: int
) -> tuple[list[str], list[int], list[int]]:
    """Fill every smaller class with changed copies of its own texts.

    A text is copied again only when all others of its class have been copied as often.

    Args:
        texts: N texts of the train split.
        labels: The class of each.
        augmenter: Makes the copies.
        ratio: Share of the largest class, in (0, 1], that every class reaches at least. Default: all of it.
        seed: Another seed copies other texts; what the augmenter makes of them follows its own seed.

    Returns:
        Texts and labels: the N given ones, unchanged and first, then the copies. Sources: for each copy, the row in
        [0, N) that it was made from.

    Raises:
        ValueError: The ratio is not in (0, 1], or there are not as many texts as labels.
    """
    if len(texts) != len(labels):
        raise ValueError(f"There must be one label a text, got {len(texts)} texts and {len(labels)} labels.")
    texts, labels = list(texts), list(labels)
    sources = choose_sources(labels, ratio=ratio, seed=seed)
    copies = augmenter.augment([texts[i] for i in sources])
    return [*texts, *copies], [*labels, *(labels[i] for i in sources)], sources


def choose_sources(labels: Sequence[int], *, ratio: float | None = None, seed: int) -> list[int]:
    """Return the rows whose copies would fill every smaller class, none of them twice before all of its class once.

    Args:
        labels: The class of each of N rows.
        ratio: Share of the largest class, in (0, 1], that every class reaches at least. Default: all of it.
        seed: Another seed chooses other rows.

    Raises:
        ValueError: The ratio is not in (0, 1].
    """
    if ratio is not None and not 0 < ratio <= 1:
        raise ValueError(f"`ratio` must be a share of the largest class, in (0, 1], got {ratio}.")
    counts = Counter(labels)
    # A fraction, for 0.7 * 10 is more than 7 in binary.
    target = ceil(Fraction(str(ratio or 1)) * max(counts.values(), default=0))
    generator = np.random.default_rng(seed)
    sources = []
    for label in sorted(counts):
        rows = [i for i, other in enumerate(labels) if other == label]
        missing = max(0, target - len(rows))
        rounds = [generator.permutation(rows) for _ in range(ceil(missing / len(rows)))]
        sources += [int(row) for drawn in rounds for row in drawn][:missing]
    return sources


@contextmanager
def _fixed_randomness(seed: int) -> Iterator[None]:
    """Start the global generators, which nlpaug draws from, at `seed`, and leave them as they were before."""
    python, numpy_ = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[]):
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            torch.default_generator.manual_seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy_)  # noqa: NPY002
