"""Reviews of wanted lengths, the same in each run: to compare two forms of a model, and to find its usual values."""

from collections.abc import Sequence

import numpy as np
from transformers import PreTrainedTokenizerBase


# Praise, blame and neither, markup and numbers; joined in any order they read like the reviews of IMDb.
SENTENCES = (
    "A moving film with a superb cast.",
    "Dull, far too long, and badly acted.",
    "The plot is weak, but the music and the ending are great.",
    "I saw this with my family last night and we all loved it.",
    "What a waste of two hours!",
    "The director clearly knows how to build tension, scene after scene.",
    "I wanted to like it, but the dialogue is wooden and the jokes fall flat.",
    "<br /><br />Nobody in the audience laughed once.",
    "It's a classic of the 1970s, and it has aged remarkably well.",
    "The special effects look cheap, even for a low-budget horror movie.",
    "Her performance is subtle, honest and heartbreaking.",
    "Avoid this one at all costs: 2/10.",
    "Not bad, not great, just another romantic comedy.",
    "If you enjoy slow, quiet dramas about ordinary people, you will be rewarded.",
    "The second half drags, and the final twist makes no sense at all.",
    "One of the best pictures of the year; I give it 9 out of 10.",
    "The story follows a young detective who returns to the town where she was born.",
    "I have read the book, and the film leaves out everything that made it special.",
    "Terrible script, terrible sound, terrible everything.",
    "The children were bored after ten minutes, and so was I.",
    "Beautifully shot, with a score that stays in your head for days.",
    "He plays the villain with obvious pleasure and steals every scene.",
    'Some people call it "boring"; I think they missed the point.',
    "There are better ways to spend an evening, but there are worse ones, too.",
)


def draw_reviews(tokenizer: PreTrainedTokenizerBase, lengths: Sequence[int], seed: int = 0) -> list[list[int]]:
    """Return reviews of `SENTENCES` in random order, framed by special tokens and cut to length: int, one list each.

    Args:
        tokenizer: The model's; it must put one special token before a review and one behind it.
        lengths: Word pieces of each review, at least 2.
        seed: Of the order.
    """
    generator = np.random.default_rng(seed)
    frames = [tokenizer(sentence, truncation=False)["input_ids"] for sentence in SENTENCES]
    reviews = []
    for length in lengths:
        body: list[int] = []
        while len(body) < length - 2:
            for i in generator.permutation(len(frames)):
                body += frames[i][1:-1]
        reviews.append([frames[0][0], *body[: length - 2], frames[0][-1]])
    return reviews
