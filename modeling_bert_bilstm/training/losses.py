"""How much a class counts: its share of the training reviews, and its weight in the loss."""

from collections.abc import Sequence

import torch
from torch import nn
from transformers.modeling_outputs import SequenceClassifierOutput


def compute_label_prior(counts: Sequence[int], class_weights: Sequence[float] | None = None) -> list[float]:
    """Return the share of each class that training teaches, above 0 also for one without any (Laplace's add-one rule).

    Args:
        counts: Train reviews of each class.
        class_weights: Weight of each class in the loss: a class that weighs twice as much is learnt as if it had
            twice the reviews.
    """
    weighed = list(counts)
    if class_weights is not None:
        weighed = [count * weight for count, weight in zip(counts, class_weights, strict=True)]
        weighed = [count * sum(counts) / sum(weighed) for count in weighed]
    return [(count + 1) / (sum(counts) + len(counts)) for count in weighed]


def compute_class_weights(class_weights: Sequence[str], counts: Sequence[int]) -> list[float]:
    """Return the weight of each class in the loss.

    Args:
        class_weights: `["balanced"]` for N / (C x reviews of the class), which makes every class weigh the same and
            the mean review 1; or a number for each class.
        counts: Train reviews of each class.

    Raises:
        ValueError: There are more or fewer weights than classes, all that have reviews weigh nothing, or a class to
            be balanced has no review.
    """
    if list(class_weights) == ["balanced"]:
        if min(counts) == 0:
            raise ValueError(
                f"`--class_weights balanced` needs a review of each class, but their numbers are {list(counts)}. "
                "Give the weights as numbers."
            )
        return [sum(counts) / (len(counts) * count) for count in counts]
    if len(class_weights) != len(counts):
        raise ValueError(
            f"`--class_weights` must have one number for each of the {len(counts)} classes, got {len(class_weights)}."
        )
    weights = [float(weight) for weight in class_weights]
    if not any(count * weight for count, weight in zip(counts, weights, strict=True)):
        raise ValueError(
            f"`--class_weights` gives no train review a weight above 0: {weights} for {list(counts)} reviews. "
            "Raise one."
        )
    return weights


class ClassWeightedLoss:
    """Cross-entropy in which a review counts as much as its class, for `compute_loss_func` of Trainer.

    The sum is divided by the number of reviews of the whole step, so that gradients do not depend on how the step is
    cut into batches or spread over processes.

    Args:
        class_weights: Weight of each class.
        label_smoothing: Share in [0, 1) of each label that is spread over all classes.
    """

    def __init__(self, class_weights: Sequence[float], label_smoothing: float = 0.0):
        self.class_weights = torch.tensor(class_weights, dtype=torch.float)
        self.label_smoothing = label_smoothing

    def __call__(
        self,
        outputs: SequenceClassifierOutput,
        labels: torch.Tensor,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Return the loss of a batch: logits (B, C), labels (B,) -> ()."""
        loss = nn.functional.cross_entropy(
            outputs.logits.float(),
            labels,
            weight=self.class_weights.to(labels.device),
            reduction="sum",
            label_smoothing=self.label_smoothing,
        )
        return loss / (len(labels) if num_items_in_batch is None else num_items_in_batch)
