"""The words that speak most for each label, over many reviews.

Shapes: B reviews, T word pieces, E width of an embedding, C labels.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from .reading import (
    EncodedReview,
    check_tokenizer,
    choose_batch_size,
    compute_scores,
    embed,
    encode_review,
    list_labels,
    prepare_model,
    taking_gradients,
)


# Points of the path that gradients are taken at. So few need not add up for a single review, but over many the errors
# cancel; the gradient at the review alone is cheaper and names words worse (reports/attribution.md).
_NUM_POINTS = 4


def compute_important_words(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    *,
    num_words: int = 20,
    min_reviews: int = 5,
    max_word_pieces: int = 60_000,
) -> dict[str, list[dict[str, str | float | int]]]:
    """Return the words that speak most for each label: their mean attribution by integrated gradients.

    Upper and lower case are one word; punctuation, numbers and markup are none. What a word brings to a review is the
    sum over the places where it stands.

    Args:
        model: The model, on any device; it is not changed.
        tokenizer: The model's.
        texts: Reviews, in an order that may be cut anywhere.
        num_words: Words of each label, at most.
        min_reviews: Reviews that a word must stand in, at least.
        max_word_pieces: Reviews are read until they have so many word pieces, which bounds the time; the first one
            always is.

    Returns:
        For each label rows of `word`, `attribution` (mean over the reviews that have it, above 0, in log-odds of the
        label) and `num_reviews`, the strongest first.

    Raises:
        TypeError: A review is not a string.
        ValueError: The tokenizer is a slow one.
    """
    check_tokenizer(tokenizer)
    model, labels = prepare_model(model), list_labels(model)
    sums: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(len(labels)))
    counts: dict[str, int] = defaultdict(int)
    for review, values in _attribute_reviews(model, tokenizer.pad_token_id, _read(tokenizer, texts, max_word_pieces)):
        found: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(len(labels)))
        for word, brought in zip(review.words, values.T, strict=True):
            if any(character.isalpha() for character in word) and "<" not in word:
                found[word.casefold()] += brought
        for word, brought in found.items():
            sums[word] += brought
            counts[word] += 1
    means = {word: total / counts[word] for word, total in sums.items() if counts[word] >= min_reviews}
    important = {}
    for number, label in enumerate(labels):
        ranked = sorted((word for word in means if means[word][number] > 0), key=lambda word: -means[word][number])
        important[label] = [
            {"word": word, "attribution": float(means[word][number]), "num_reviews": counts[word]}
            for word in ranked[:num_words]
        ]
    return important


def _read(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_word_pieces: int) -> list[EncodedReview]:
    reviews, num_word_pieces = [], 0
    for text in texts:
        review = encode_review(tokenizer, text)
        num_word_pieces += len(review.input_ids)
        if reviews and num_word_pieces > max_word_pieces:
            break
        reviews.append(review)
    return reviews


def _attribute_reviews(
    model: PreTrainedModel, pad_token_id: int, reviews: list[EncodedReview]
) -> Iterator[tuple[EncodedReview, np.ndarray]]:
    """Yield each review with what its words brought to each label: (C, N)."""
    waiting = sorted(reviews, key=lambda review: -len(review.input_ids))
    while waiting:
        size = choose_batch_size(model, len(waiting[0].input_ids))
        batch, waiting = waiting[:size], waiting[size:]
        for review, values in zip(batch, _attribute_batch(model, pad_token_id, batch), strict=True):
            yield review, np.stack([review.sum_words(row[: len(review.input_ids)]) for row in values])


def _attribute_batch(model: PreTrainedModel, pad_token_id: int, batch: list[EncodedReview]) -> np.ndarray:
    """Integrated gradients of each word piece for each label: B reviews -> (B, C, T)."""
    lengths = np.array([len(review.input_ids) for review in batch])
    is_real = np.arange(lengths.max()) < lengths[:, None]  # (B, T)
    ids, baseline_ids = np.full((2, *is_real.shape), pad_token_id)  # (B, T) each
    ids[is_real] = np.concatenate([review.input_ids for review in batch])
    baseline_ids[is_real] = np.concatenate([review.baseline_ids for review in batch])
    mask = torch.from_numpy(is_real.astype(np.int64)).to(model.device)  # (B, T)
    points, weights = np.polynomial.legendre.leggauss(_NUM_POINTS)  # on [-1, 1], where the weights sum to 2
    with taking_gradients(model):
        baseline = embed(model, baseline_ids)  # (B, T, E)
        way = embed(model, ids) - baseline  # (B, T, E)
        values = 0
        for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
            embeddings = (baseline + float(point) * way).requires_grad_()  # (B, T, E)
            slopes = _take_gradients(model, embeddings, mask)  # (C, B, T, E)
            values += float(weight) * (slopes * way).sum(dim=3)  # (C, B, T)
    return values.transpose(0, 1).cpu().double().numpy()


def _take_gradients(model: PreTrainedModel, embeddings: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Gradients of the scores of all labels: (B, T, E), (B, T) -> (C, B, T, E)."""
    problem_type = model.config.problem_type
    scores = compute_scores(model(inputs_embeds=embeddings, attention_mask=mask).logits, problem_type)  # (B, C)
    num_labels = scores.shape[1]
    is_mirrored = num_labels == 2 and problem_type == "single_label_classification"
    gradients = [
        # The score of a review depends on no other, so that the gradient of their sum has that of each.
        torch.autograd.grad(scores[:, number].sum(), embeddings, retain_graph=number < num_labels - 1)[0]
        for number in range(1 if is_mirrored else num_labels)
    ]
    return torch.stack([*gradients, -gradients[0]] if is_mirrored else gradients)
