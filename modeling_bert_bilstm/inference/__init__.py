"""Scoring many reviews fast: batches by word pieces, the arithmetic the machine is fastest in, several runtimes."""

from .scoring import ReviewScorer


__all__ = ["ReviewScorer"]
