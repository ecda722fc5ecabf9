"""The words of a review, which word each word piece belongs to, and what each word brought.

Shapes: N words, T word pieces, C labels.
"""

import functools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


# One letter for each character: w of a word, p of punctuation, ' an apostrophe, m of markup, a space for the rest.
_WORD = re.compile(r"w+(?:'w+)*|[p']+|m+")
_MARKUP = re.compile(r"<br ?/?>", flags=re.IGNORECASE)  # stands between the paragraphs of IMDb's reviews
_APOSTROPHES = "'\u2019"


@dataclass(frozen=True, eq=False)
class WordAttributions:
    """How much each word of a review moved the score of a label.

    Attributes:
        text: The review.
        words: Words, runs of punctuation and line breaks (`<br />`), in their order: N.
        spans: Where each begins and ends in `text`, in characters, of shape `(N, 2)`.
        values: What each brought, signed, in units of the score, of shape `(N,)`; above 0 it speaks for `label`.
        label: The label that is explained.
        labels: All labels.
        probabilities: Of each label, of shape `(C,)`; for regression the predicted number.
        score: The log-odds of `label`, `log(p / (1 - p))`; for regression the predicted number.
        baseline_score: The same without the words: with the padding token in place of each of their word pieces.
        method: One of `METHODS`.
        num_steps: Points of the path that gradients were taken at; None for a single gradient.
    """

    text: str
    words: tuple[str, ...]
    spans: np.ndarray
    values: np.ndarray
    label: str
    labels: tuple[str, ...]
    probabilities: np.ndarray
    score: float
    baseline_score: float
    method: str
    num_steps: int | None = None

    @property
    def completeness_error(self) -> float:
        """How far the values are from adding up to what all words brought, as a share of it; 0 is exact."""
        difference = self.score - self.baseline_score
        error = abs(float(self.values.sum()) - difference)
        return error / abs(difference) if difference else float(error > 0)

    def rank(self) -> np.ndarray:
        """Return the numbers of the words, from the one that speaks most for `label` to the one most against: (N,)."""
        return np.argsort(-self.values, kind="stable")


def find_words(text: str) -> np.ndarray:
    """Return where the words of a text begin and end, in characters: (N, 2).

    A word is what stands between spaces and punctuation, apostrophes inside it included; a run of punctuation is one
    of its own, and so is a line break of HTML.
    """
    kinds = list(map(_get_kind, text))
    for found in _MARKUP.finditer(text):
        kinds[slice(*found.span())] = "m" * (found.end() - found.start())
    spans = [found.span() for found in _WORD.finditer("".join(kinds))]
    return np.array(spans, dtype=np.int64).reshape(-1, 2)


@functools.lru_cache(maxsize=4_096)
def _get_kind(character: str) -> str:
    category = unicodedata.category(character)
    if character in _APOSTROPHES:
        return "'"
    if category[0] in "PS":
        return "p"
    return " " if category[0] == "Z" or category == "Cc" else "w"


def assign_pieces(offsets: Sequence[tuple[int, int]], spans: np.ndarray) -> np.ndarray:
    """Return the number of the word that each word piece belongs to, -1 for none: T pieces, (N, 2) -> (T,).

    Args:
        offsets: Where each word piece begins and ends in the text; an empty one for special tokens.
        spans: Where the words do. A piece in several words belongs to the one that has most of its characters.
    """
    numbers = np.full(len(offsets), -1, dtype=np.int64)
    firsts = np.searchsorted(spans[:, 1], [begin for begin, _ in offsets], side="right")
    for piece, ((begin, end), word) in enumerate(zip(offsets, firsts.tolist(), strict=True)):
        most = 0
        while word < len(spans) and spans[word, 0] < end:
            shared = min(end, spans[word, 1]) - max(begin, spans[word, 0])
            if shared > most:
                numbers[piece], most = word, shared
            word += 1
    return numbers
