"""The nearest words of a word in a file of word vectors, by gensim."""

import gzip
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..extras import import_optional


if TYPE_CHECKING:
    from gensim.models import KeyedVectors


# Files are sorted by frequency; rarer words are slow to search and odd as synonyms.
MAX_WORDS = 100_000


class WordNeighbours:
    """The nearest words by cosine, as the model of `WordEmbsAug`.

    Args:
        path: Text of GloVe, or text or binary of word2vec; `.gz` is unpacked.
        num_neighbours: Nearest words from which one is drawn. nlpaug takes 100, few of which are synonyms.
    """

    def __init__(self, path: str, num_neighbours: int = 10):
        self.top_k = num_neighbours
        self.vectors = load_word_vectors(path)
        self.predict = cache(self._predict)  # the same few thousand words come again and again

    def __contains__(self, word: str) -> bool:
        """Whether the word has a vector, in its own case or the lower."""
        return word in self.vectors or word.lower() in self.vectors

    def get_vocab(self) -> "WordNeighbours":
        """Return what nlpaug looks a word up in."""
        return self

    def _predict(self, word: str, n: int = 1) -> list[str]:
        key = word if word in self.vectors else word.lower()
        near = [found for found, _ in self.vectors.most_similar(key, topn=self.top_k + 3)]
        return [found for found in near if found.lower() != word.lower()][: self.top_k] or [word]


def load_word_vectors(path: str) -> "KeyedVectors":
    """Return the first vectors of a file as gensim's `KeyedVectors`; its form is told from its first two lines.

    Raises:
        FileNotFoundError, ValueError: There is no such file, or it has no vectors.
        ImportError: gensim is missing.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"`synonym_embedding` needs a file of word vectors, but `{path}` is none. Download one, for example "
            "https://nlp.stanford.edu/data/glove.6B.zip, and name a file of it."
        )
    loader = import_optional("gensim.models", "baselines", "`synonym_embedding`").KeyedVectors
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        first, second = file.readline(), file.readline()
    has_header = re.fullmatch(rb"\d+ \d+\s*", first) is not None
    is_binary = has_header and not _is_vector(second)
    if not has_header and not _is_vector(first):
        raise ValueError(f"`{path}` must have a word and its numbers in each line, but begins with {first[:60]!r}.")
    return loader.load_word2vec_format(path, binary=is_binary, no_header=not has_header, limit=MAX_WORDS)


def _is_vector(line: bytes) -> bool:
    try:
        return bool([float(number) for number in line.decode("utf-8").split()[1:]])
    except ValueError:
        return False
