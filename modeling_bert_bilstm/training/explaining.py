"""Which words speak for each label, for the report of a run: attributed on a bounded sample of its reviews."""

import logging
from collections.abc import Mapping

import numpy as np
from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..attribution import compute_important_words


MIN_REVIEWS = 5  # that a word must stand in: names of one film are no words of a label
_NO_LIMIT = 10**9  # the sample is bounded already

logger = logging.getLogger(__name__)


def find_important_words(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    splits: Mapping[str, Dataset],
    num_word_pieces: int,
    *,
    seed: int = 42,
) -> dict | None:
    """Return the most important words of each label, and what they were found on; None where there are none to find.

    A failure costs no run its results: it is logged, and the words are left out.

    Args:
        model: The trained model; one that gives a single label to each review.
        tokenizer: The model's.
        splits: The reviews, with `text` and `input_ids`; those of test are read, of validation where there is no test.
        num_word_pieces: Reviews are drawn until they have so many, which bounds the time; 0 for none.
        seed: Another seed draws other reviews.
    """
    split = next((name for name in ("test", "validation") if name in splits), None)
    if split is None or not num_word_pieces or model.config.problem_type != "single_label_classification":
        return None
    texts = draw_texts(splits[split], num_word_pieces, seed)
    try:
        words = compute_important_words(model, tokenizer, texts, min_reviews=MIN_REVIEWS, max_word_pieces=_NO_LIMIT)
    except (RuntimeError, ValueError) as error:  # no memory for gradients; a tokenizer that knows no places of words
        logger.warning(
            "The most important words of each label are left out of results.json: %s. `--explained_word_pieces` sets "
            "how much is read for them; 0 leaves them out.",
            error,
        )
        return None
    about = {"method": "integrated_gradients", "split": split, "num_reviews": len(texts), "min_reviews": MIN_REVIEWS}
    return {**about, "words": words}


def draw_texts(reviews: Dataset, num_word_pieces: int, seed: int) -> list[str]:
    """Return reviews in a drawn order, as many as have so many word pieces together, at least one."""
    order = np.random.default_rng(seed).permutation(len(reviews))
    lengths = np.array([len(ids) for ids in reviews["input_ids"][:]])
    count = max(1, int((lengths[order].cumsum() <= num_word_pieces).sum()))
    texts = reviews["text"][:]
    return [texts[i] for i in order[:count]]
