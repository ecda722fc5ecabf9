"""More train reviews: changed texts, or rows between two others among the states of an encoder.

Whatever is made here belongs into the train split alone.
"""

from .smote import EncoderStates, cache_states, measure_lengths, oversample_states
from .text import (
    AUGMENTER_PREFIX,
    AUGMENTERS,
    PLAIN_COPY,
    TextAugmenter,
    augment_minority,
    build_augmenter,
    choose_sources,
    parse_augmenter,
)


__all__ = [
    "AUGMENTERS",
    "AUGMENTER_PREFIX",
    "PLAIN_COPY",
    "EncoderStates",
    "TextAugmenter",
    "augment_minority",
    "build_augmenter",
    "cache_states",
    "choose_sources",
    "measure_lengths",
    "oversample_states",
    "parse_augmenter",
]
