"""Label schemes of 2 to 5 classes, and the papers' rules that turn ratings and tree scores into classes.

Classes run from most negative to most positive. Source of the rules: Nkhata, Gauch et al., "Fine-tuning BERT with
BiLSTM for fine-grained movie review sentiment analysis" (arXiv 2502.20682), section on data.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from ..configuration_bert_bilstm import compute_label_polarity


# (number of classes, highest rating) -> the first and last rating of each class. A rating in no range has no class.
RATING_RULES: dict[tuple[int, int], tuple[tuple[float, float], ...]] = {
    (2, 10): ((1, 4), (7, 10)),  # IMDb-2
    (3, 10): ((1, 3), (4, 7), (8, 10)),  # IMDb-3 names 4 and 7 neutral; IMDb has no 5 and 6
    (4, 10): ((1, 2), (3, 4), (7, 8), (9, 10)),  # IMDb-4
    (2, 5): ((1, 2), (4, 5)),  # Amazon-2
    (3, 5): ((1, 2), (3, 3), (4, 5)),  # no paper's: Amazon-2 with its dropped middle as the neutral class
    (5, 5): ((1, 1), (2, 2), (3, 3), (4, 4), (5, 5)),  # Amazon-5
}

# Other spellings of our names, as data sets use them.
ALIASES = {
    "neg": "negative",
    "neu": "neutral",
    "pos": "positive",
    "highly negative": "very negative",
    "highly positive": "very positive",
}


@dataclass(frozen=True)
class LabelScheme:
    """Names of the classes, most negative first, and the polarity of each in [-1, 1]."""

    names: tuple[str, ...]
    polarity: tuple[float, ...]

    @property
    def num_labels(self) -> int:
        """Number of classes."""
        return len(self.names)

    def label_of_rating(self, rating: float, scale: int = 10) -> int | None:
        """Return the class of a rating from 1 to `scale`, None where the scheme has no class for it.

        Raises:
            ValueError: The rating is outside 1 to `scale`, or no rule leads from this scale to this scheme.
        """
        rule = RATING_RULES.get((self.num_labels, scale))
        if rule is None:
            known = [f"{num_labels} classes from 1-{highest}" for num_labels, highest in RATING_RULES]
            raise ValueError(
                f"There is no rule that turns ratings of 1-{scale} into {self.num_labels} classes. Known: {known}."
            )
        if not 1 <= rating <= scale:
            raise ValueError(
                f"A rating must lie in 1 to {scale}, got {rating!r}. Set the scale with `--rating_scale`."
            )
        return next((label for label, (low, high) in enumerate(rule) if low <= rating <= high), None)

    def label_of_tree_score(self, score: int) -> int | None:
        """Return the class of a Stanford tree's root, 0 (most negative) to 4; None where the scheme has no class.

        Five classes are the scores; three join the two negative and the two positive ones; two drop the neutral one.

        Raises:
            ValueError: The score is outside 0 to 4, or the scheme has four classes.
        """
        if score not in range(5):
            raise ValueError(f"A tree score must be a whole number in 0 to 4, got {score!r}.")
        if self.num_labels not in (2, 3, 5):
            raise ValueError(f"Tree scores make 2, 3 or 5 classes, not {self.num_labels}. Set `--num_labels`.")
        return self.label_of_rating(score + 1, scale=5)


def _build_scheme(*names: str) -> LabelScheme:
    return LabelScheme(names, tuple(compute_label_polarity(len(names))))


LABEL_SCHEMES: dict[int, LabelScheme] = {
    2: _build_scheme("negative", "positive"),
    3: _build_scheme("negative", "neutral", "positive"),
    4: _build_scheme("very negative", "negative", "positive", "very positive"),
    5: _build_scheme("very negative", "negative", "neutral", "positive", "very positive"),
}


def get_label_scheme(num_labels: int) -> LabelScheme:
    """Return the scheme with `num_labels` classes.

    Raises:
        ValueError: There is no such scheme.
    """
    if num_labels not in LABEL_SCHEMES:
        raise ValueError(
            f"`num_labels` must be one of {sorted(LABEL_SCHEMES)}, got {num_labels!r}. "
            "Name the classes of an own label set with `--label_names`."
        )
    return LABEL_SCHEMES[num_labels]


def get_label_polarity(names: Sequence[str]) -> tuple[float, ...] | None:
    """Return the polarity in [-1, 1] of each label where the names are those of one of our schemes, in its order.

    None for every other label set: nothing says how positive a "comedy" is.
    """
    return next((scheme.polarity for scheme in LABEL_SCHEMES.values() if scheme.names == tuple(names)), None)


def normalise_name(name: str) -> str:
    """Return a label name in the form in which names are compared."""
    # Between letters only: the minus of "-1" is no hyphen.
    plain = " ".join(re.sub(r"(?<=[^\W\d])[-_](?=[^\W\d])", " ", name.casefold()).split())
    return ALIASES.get(plain, plain)


def read_label(value: object, names: Sequence[str]) -> int:
    """Return the class of a label cell: a class name in any case, its alias, a whole number, or one in a string.

    Names win over numbers, so that the own label set ["1", "2", "3"] reads 1 as its first class.

    Raises:
        ValueError: The value is none of the names, or a number outside the range.
    """
    plain_names = [normalise_name(name) for name in names]
    plain = normalise_name(str(value))
    if plain in plain_names:
        return plain_names.index(plain)
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not number.is_integer():
        near = get_close_matches(plain, plain_names, n=1)
        hint = f" Did you mean {names[plain_names.index(near[0])]!r}?" if near else ""
        raise ValueError(
            f"The label {value!r} is none of {list(names)}, nor a number from 0 to {len(names) - 1}.{hint} "
            "Correct it, or name an own label set with `--label_names`."
        )
    if not 0 <= number < len(names):
        raise ValueError(
            f"The label {value!r} is outside 0 to {len(names) - 1}, the range of {len(names)} labels. "
            "Set `--num_labels`, or name an own label set with `--label_names`."
        )
    return int(number)
