"""Why: how much each word of a review moved the score of a label, and which words do so over many reviews."""

from .important_words import compute_important_words
from .methods import COMPLETENESS_TOLERANCE, METHODS
from .reading import prepare_model
from .review import attribute_words
from .words import WordAttributions


__all__ = [
    "COMPLETENESS_TOLERANCE",
    "METHODS",
    "WordAttributions",
    "attribute_words",
    "compute_important_words",
    "prepare_model",
]
