"""SMOTE among the states of a frozen encoder, and the cache on disk that spares computing those states twice.

N reviews, T word pieces of the longest, D encoder width. Only train reviews belong here.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..extras import import_optional


# ---------------------------------------------------------------------------------------------------------------------
# Synthetic rows


def oversample_states(
    features: np.ndarray, labels: Sequence[int], *, k: int = 5, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fill every class up to the largest with rows between two neighbours of that class.

    imbalanced-learn's SMOTE (Chawla et al. 2002) in the flattened space, so that a sequence of states is one point.
    Where shorter sequences are padded with zeros, a synthetic one is as long as the longer of its two parents: see
    `measure_lengths`.

    Args:
        features: Floats (N, ...): pooled vectors (N, D), or states padded with zeros behind their end (N, T, D).
        labels: Class of each row (N,).
        k: Neighbours of its class among which each row finds its partner.
        seed: Another seed gives other rows.

    Returns:
        Features (M, ...) and labels (M,), M >= N: the N given rows, unchanged and in their order, then the synthetic
        ones. The kind of float is that of `features`; half precision is computed in single.

    Raises:
        TypeError: The features are no floats.
        ValueError: Labels that do not fit the features, fewer than two classes, or a class with fewer than k + 1 rows.
    """
    features, labels = np.asarray(features), np.asarray(labels)
    _check_rows(features, labels, k)
    SMOTE = import_optional("imblearn.over_sampling", "baselines", "SMOTE").SMOTE  # noqa: N806
    flat = features.reshape(len(features), -1)
    if features.dtype == np.float16:
        flat = flat.astype(np.float32)
    flat, labels = SMOTE(k_neighbors=k, random_state=seed).fit_resample(flat, labels)
    return flat.astype(features.dtype, copy=False).reshape(-1, *features.shape[1:]), labels


def measure_lengths(states: np.ndarray) -> np.ndarray:
    """Return how many steps each row has before its padding of zeros: (N, T, D) -> (N,)."""
    is_step = np.zeros(states.shape[:2], dtype=bool)  # (N, T)
    for i, row in enumerate(states):  # row by row: no copy of a file of states
        is_step[i] = row.any(axis=-1)
    return np.where(is_step.any(axis=1), is_step.shape[1] - is_step[:, ::-1].argmax(axis=1), 0)


def _check_rows(features: np.ndarray, labels: np.ndarray, k: int) -> None:
    if not np.issubdtype(features.dtype, np.floating):
        raise TypeError(f"`features` must be floats, for rows between two others, but are {features.dtype}.")
    if features.ndim < 2 or labels.shape != features.shape[:1]:
        raise ValueError(
            f"`features` (N, ...) and `labels` (N,) must have a row for each review, got {features.shape} and "
            f"{labels.shape}."
        )
    if k < 1:
        raise ValueError(f"`k` must be at least 1, got {k}.")
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) < 2:
        raise ValueError(f"`labels` must have at least two classes to balance, got only {classes.tolist()}.")
    smallest = counts.argmin()
    num_rows = int(counts[smallest])
    if num_rows <= k and num_rows < counts.max():
        way_out = f"k={num_rows - 1} would do" if num_rows > 1 else "no k would do: drop the class or find another row"
        raise ValueError(
            f"Class {classes[smallest]} has {num_rows} rows, but SMOTE with k={k} needs {k + 1}; {way_out}."
        )


# ---------------------------------------------------------------------------------------------------------------------
# States on disk


class EncoderStates(NamedTuple):
    """States of N reviews, in half precision and read from disk as needed, zero behind the end of each."""

    states: np.ndarray  # (N, T, D) float16, read only
    lengths: np.ndarray  # (N,) word pieces of each


def cache_states(
    encode: Callable[[Sequence[str]], Sequence[np.ndarray]],
    texts: Sequence[str],
    folder: Path | str,
    *,
    encoder: str,
    max_review_length: int,
    batch_size: int = 64,
) -> EncoderStates:
    """Return the encoder's states of each review, computed once and then read from disk.

    They stand in a sub-folder of `folder` that is named after `encoder`, `max_review_length` and all texts in their
    order, so that states of other texts are never taken for these. A computation that was cut off leaves no such
    sub-folder.

    Args:
        encode: Gives for a list of B texts B arrays (t, D), t between 1 and `max_review_length`, without padding.
        texts: N reviews.
        folder: Made where it is missing; it may be deleted between runs.
        encoder: Says what `encode` computes, such as a checksum of the weights and tokenizer: states under the same
            `encoder` are taken to be the same.
        max_review_length: Longest review in word pieces, as `encode` cuts it.
        batch_size: Reviews that `encode` gets at once.

    Raises:
        ValueError: No texts; states of another shape, or too large for half precision; or a sub-folder whose own
            record says that it holds other states.
    """
    if not texts:
        raise ValueError("`texts` must hold at least one review to encode, got none.")
    key = _compute_key(texts, encoder, max_review_length)
    target = Path(folder) / key[:32]
    if not target.exists():
        scratch = target.with_name(f"{target.name}.{os.getpid()}.partial")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        try:
            lengths = _write_states(encode, texts, scratch, max_review_length, batch_size)
            np.save(scratch / "lengths.npy", lengths)
            record = {
                "key": key,
                "encoder": encoder,
                "max_review_length": max_review_length,
                "num_reviews": len(texts),
            }
            (scratch / "states.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
            scratch.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return _read_states(target, key)


def _compute_key(texts: Sequence[str], encoder: str, max_review_length: int) -> str:
    digest = hashlib.sha256()
    for part in (encoder, str(max_review_length), *texts):
        data = part.encode("utf-8", errors="surrogatepass")
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def _write_states(
    encode: Callable[[Sequence[str]], Sequence[np.ndarray]],
    texts: Sequence[str],
    folder: Path,
    max_review_length: int,
    batch_size: int,
) -> np.ndarray:
    """Write the states of every text, and return their lengths (N,)."""
    file, lengths = None, np.zeros(len(texts), dtype=np.int64)
    for i, states in enumerate(_encode_each(encode, texts, batch_size)):
        if file is None:
            # Pages that nobody writes to take no room on disk, so that a generous longest review costs nothing.
            shape = (len(texts), max_review_length, states.shape[-1])
            file = np.lib.format.open_memmap(folder / "states.npy", mode="w+", dtype=np.float16, shape=shape)
        if states.ndim != 2 or states.shape[1] != file.shape[2] or not 1 <= len(states) <= max_review_length:
            raise ValueError(
                f"`encode` must give states (t, {file.shape[2]}), t from 1 to {max_review_length} word pieces, but "
                f"those of text {i} are {states.shape}."
            )
        half = states.astype(np.float16)
        if not np.isfinite(half).all():
            raise ValueError(
                f"The states of text {i} must fit half precision (at most 65,504), but reach {np.abs(states).max()}."
            )
        file[i, : len(half)] = half
        lengths[i] = len(half)
    file.flush()
    return lengths


def _encode_each(
    encode: Callable[[Sequence[str]], Sequence[np.ndarray]], texts: Sequence[str], batch_size: int
) -> Iterator[np.ndarray]:
    for start in range(0, len(texts), batch_size):
        batch = list(texts[start : start + batch_size])
        states = encode(batch)
        if len(states) != len(batch):
            raise ValueError(f"`encode` must give one array a text, got {len(states)} for {len(batch)} texts.")
        yield from (np.asarray(row) for row in states)


def _read_states(folder: Path, key: str) -> EncoderStates:
    try:
        found = json.loads((folder / "states.json").read_text(encoding="utf-8"))["key"]
        states = np.load(folder / "states.npy", mmap_mode="r")
        lengths = np.load(folder / "lengths.npy")
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"The states in `{folder}` cannot be read ({error}). Delete that folder.") from error
    if found != key or len(states) != len(lengths):
        raise ValueError(f"The states in `{folder}` are of other texts or another encoder. Delete that folder.")
    return EncoderStates(states[:, : lengths.max()], lengths)
