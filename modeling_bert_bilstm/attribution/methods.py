"""Two ways to share the score of a review among its word pieces.

Both compare the review with a baseline: the same, with the padding token in place of each word piece of a word. The
fast one takes the gradient at the review alone and so sees the slope there. Integrated gradients (Sundararajan et al.
2017, equation 3) take its mean along the straight line between the two, and what it gives to the word pieces adds up
to the difference between their scores.

Shapes: T word pieces, E width of an embedding.
"""

import logging

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from ..extras import import_optional
from .reading import EncodedReview, choose_batch_size, compute_scores, embed


METHODS = ("layer_integrated_gradients", "gradient_times_input")  # the one to trust first

# How far the values may be from adding up, as a share of the difference that they explain.
COMPLETENESS_TOLERANCE = 0.05
# Points of the path, more and more of them until the values add up.
STEPS = (16, 32, 64, 128, 256, 512)

logger = logging.getLogger(__name__)


def multiply_gradient(score: torch.Tensor, embeddings: torch.Tensor, baseline: torch.Tensor) -> np.ndarray:
    """Return the gradient of `score` times the way from the baseline: (), (1, T, E), (1, T, E) -> (T,)."""
    (gradient,) = torch.autograd.grad(score, embeddings)  # (1, T, E)
    return (gradient * (embeddings - baseline)).sum(dim=2)[0].detach().cpu().double().numpy()


def integrate_gradients(
    model: PreTrainedModel, review: EncodedReview, label: int, difference: float
) -> tuple[np.ndarray, int]:
    """Return what each word piece brought, of shape (T,), and at how many points gradients were taken.

    Points are added until the values add up to `difference` within 5%, or there are 512; then a warning says so.

    Args:
        model: In evaluation mode and float32.
        review: The review.
        label: The number of the label to explain.
        difference: The score of the review less that of its baseline.

    Raises:
        ImportError: captum is not installed; the message has the line that installs it.
    """
    attribution = import_optional("captum.attr", "explain", "Layer integrated gradients")
    lookup = _Lookup(model)

    def compute_score(input_ids: torch.Tensor) -> torch.Tensor:
        logits = model(inputs_embeds=lookup(input_ids)).logits  # (B, C)
        return compute_scores(logits, model.config.problem_type)[:, label]  # (B,)

    integrated = attribution.LayerIntegratedGradients(compute_score, lookup)
    ids, baseline_ids = (
        torch.from_numpy(x)[None].to(model.device) for x in (review.input_ids, review.baseline_ids)
    )  # (1, T) each
    batch_size = choose_batch_size(model, ids.shape[1])
    for num_steps in STEPS:
        values = integrated.attribute(
            ids, baseline_ids, n_steps=num_steps, internal_batch_size=batch_size
        )  # (1, T, E)
        values = values.sum(dim=2)[0].detach().cpu().double().numpy()  # (T,)
        error = abs(float(values.sum()) - difference)
        if error <= COMPLETENESS_TOLERANCE * abs(difference):
            return values, num_steps
    logger.warning(
        "The attributions add up to %.4f and should to %.4f: more than %.0f%% off, even with %d steps.",
        values.sum(), difference, 100 * COMPLETENESS_TOLERANCE, num_steps,
    )  # fmt: skip
    return values, num_steps


class _Lookup(nn.Module):
    """The table of word pieces as a layer of its own, so that captum's hooks touch nothing that others may run."""

    def __init__(self, model: PreTrainedModel):
        super().__init__()
        self._embed = lambda input_ids: embed(model, input_ids)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return self._embed(input_ids)
