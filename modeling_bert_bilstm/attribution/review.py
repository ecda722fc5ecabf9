"""One review: which words moved the score of a label, and by how much."""

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from .methods import METHODS, integrate_gradients, multiply_gradient
from .reading import (
    check_tokenizer,
    compute_probabilities,
    compute_scores,
    embed,
    encode_review,
    list_labels,
    prepare_model,
    taking_gradients,
)
from .words import WordAttributions


def attribute_words(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    *,
    label: str | None = None,
    method: str = METHODS[0],
) -> WordAttributions:
    """Share the score of a label among the words of a review.

    The score is the log-odds of the label; where a review may have several labels, that of the one asked for; for
    regression it is the predicted number, and values above 0 raise it. A model in half precision is computed in
    float32.

    Args:
        model: The model, on any device; it is not changed.
        tokenizer: The model's.
        text: A review of any length.
        label: The label to explain. Default: the most probable one.
        method: One of `METHODS`: `gradient_times_input` takes one gradient; `layer_integrated_gradients` sixteen or
            more, and adds up (needs captum).

    Raises:
        TypeError: The review is not a string.
        ValueError: There is no such label or method, or the tokenizer is a slow one.
        ImportError: captum is not installed.
    """
    if method not in METHODS:
        raise ValueError(f"`method` must be one of {METHODS}, got {method!r}.")
    check_tokenizer(tokenizer)
    labels = list_labels(model)
    if label is not None and label not in labels:
        raise ValueError(f"`label` must be one of {labels}, got {label!r}.")
    model, review = prepare_model(model), encode_review(tokenizer, text)
    problem_type = model.config.problem_type
    with taking_gradients(model):
        embeddings = embed(model, review.input_ids[None]).requires_grad_()  # (1, T, E)
        baseline = embed(model, review.baseline_ids[None])  # (1, T, E)
        logits = model(inputs_embeds=embeddings).logits  # (1, C)
        number = int(logits[0].argmax()) if label is None else labels.index(label)
        score = compute_scores(logits, problem_type)[0, number]
        with torch.no_grad():
            baseline_score = compute_scores(model(inputs_embeds=baseline).logits, problem_type)[0, number].item()
        if method == "gradient_times_input":
            values, num_steps = multiply_gradient(score, embeddings, baseline), None
        else:
            values, num_steps = integrate_gradients(model, review, number, score.item() - baseline_score)
    return WordAttributions(
        text=text,
        words=review.words,
        spans=review.spans,
        values=review.sum_words(values),
        label=labels[number],
        labels=labels,
        probabilities=compute_probabilities(logits, problem_type)[0],
        score=score.item(),
        baseline_score=baseline_score,
        method=method,
        num_steps=num_steps,
    )
