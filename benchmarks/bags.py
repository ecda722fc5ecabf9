"""Scored reviews of a run, and bags of them whose shares of labels are known.

Shapes: G groups (films or bags), N reviews, C labels.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pyarrow import parquet

from modeling_bert_bilstm.polarity import PolarityTally
from modeling_bert_bilstm.training.calibration import compute_label_confusion, fit_label_prior
from modeling_bert_bilstm.training.losses import compute_label_prior


MIN_SHARE = 0.05  # of a bag's positive reviews, and at most 1 less this


@dataclass(frozen=True)
class ScoredReviews:
    """The test predictions of a run, and what its validation predictions tell.

    Attributes:
        ids: Row of each review in the file that was scored, (N,).
        labels: True label numbers, most negative first, (N,).
        probabilities: Calibrated probabilities, (N, C).
        label_polarity: Polarity in [-1, 1] of each label, (C,).
        training_prior: Share of each label in the training data, (C,).
        label_prior: Shares of labels that the probabilities are calibrated for, (C,).
        label_confusion: Share of each predicted label among validation reviews of each true one, (C, C).
    """

    ids: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    label_polarity: np.ndarray
    training_prior: list[float]
    label_prior: list[float]
    label_confusion: list[list[float]]

    @property
    def accuracy(self) -> float:
        """Share of reviews whose most probable label is the true one."""
        return float((self.probabilities.argmax(axis=1) == self.labels).mean())

    def compute_shares(self, groups: Sequence[np.ndarray]) -> np.ndarray:
        """Return the true share of each label in each group of rows: (G, C)."""
        return np.stack([np.eye(len(self.label_polarity))[self.labels[group]].mean(axis=0) for group in groups])

    def tally(self, groups: Sequence[np.ndarray]) -> list[PolarityTally]:
        """Return the tally of each group of rows."""
        return [PolarityTally.from_probabilities(self.probabilities[group]) for group in groups]


def load_run(folder: Path) -> ScoredReviews:
    """Read the predictions of a run, and fit to validation what train.py would write into the config."""
    config, results = (
        json.loads((folder / name).read_text(encoding="utf-8")) for name in ("config.json", "results.json")
    )
    training_prior = compute_label_prior(list(results["data"]["splits"]["train"]["label_counts"].values()))
    _, known, truth = _read_predictions(folder / "predictions" / "validation.parquet")
    ids, probabilities, labels = _read_predictions(folder / "predictions" / "test.parquet")
    return ScoredReviews(
        ids,
        labels,
        probabilities,
        np.array(config["label_polarity"]),
        training_prior,
        fit_label_prior(known, truth, training_prior),
        compute_label_confusion(known, truth),
    )


def _read_predictions(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    table = parquet.read_table(path)
    probabilities = np.array(table["probabilities"].to_pylist(), dtype=np.float64)
    return table["id"].to_numpy(), probabilities, table["label"].to_numpy()


def draw_bags(
    labels: np.ndarray, size: int, num_bags: int, generator: np.random.Generator, *, is_fixed: bool = False
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the rows of each bag, and the shares of labels (G, C) that it was drawn at.

    Two labels have shares spread evenly from 0.05 to 0.95, more labels have any shares as likely as any others. Each
    review is drawn by itself, so that the shares in a bag vary about those; `is_fixed` makes them equal, but for
    rounding. No review is twice in a bag.
    """
    rows_of_label = [np.flatnonzero(labels == label) for label in range(labels.max() + 1)]
    if len(rows_of_label) == 2:
        positive = generator.uniform(MIN_SHARE, 1 - MIN_SHARE, num_bags)
        shares = np.stack([1 - positive, positive], axis=1)
    else:
        shares = generator.dirichlet(np.ones(len(rows_of_label)), num_bags)
    bags = []
    for wanted in shares:
        counts = _round_counts(size * wanted) if is_fixed else generator.multinomial(size, wanted)
        bags.append(
            np.concatenate(
                [generator.choice(*pair, replace=False) for pair in zip(rows_of_label, counts, strict=True)]
            )
        )
    return bags, shares


def _round_counts(counts: np.ndarray) -> np.ndarray:
    """Whole numbers with the same sum, none of which is off by 1 or more."""
    edges = np.rint(np.cumsum(counts)).astype(int)
    return np.diff(edges, prepend=0)
