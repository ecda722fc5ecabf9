"""The order of reviews: mixed anew each epoch, from long to short to evaluate, or in batches by their word pieces."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler


# Batches that are drawn together before they are sorted by length; more means less padding and less mixing.
_BATCHES_SORTED_TOGETHER = 50


class ReviewSampler(Sampler):
    """A new order of reviews for each epoch, made of seed and epoch alone, so that a resumed run has the same.

    Args:
        num_reviews: Number of reviews.
        seed: Seed of all epochs.
        lengths: Word pieces of each review; given, reviews of like length share a batch.
        batch_size: Reviews a batch, for that.
    """

    def __init__(self, num_reviews: int, seed: int, lengths: np.ndarray | None = None, batch_size: int = 1):
        self.num_reviews = num_reviews
        self.seed = seed
        self.lengths = lengths
        self.batch_size = batch_size
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next, counted from 0."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.num_reviews

    def __iter__(self) -> Iterator[int]:
        generator = np.random.default_rng([self.seed, self.epoch])
        order = generator.permutation(self.num_reviews)
        if self.lengths is not None:
            order = self._group_by_length(order, generator)
        return iter(order.tolist())

    def _group_by_length(self, order: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Sort stretches of the order by length, then mix their batches; a last, smaller batch stays last."""
        stretch = self.batch_size * max(1, min(len(order) // (self.batch_size * 4), _BATCHES_SORTED_TOGETHER))
        pieces = [order[start : start + stretch] for start in range(0, len(order), stretch)]
        order = np.concatenate([piece[np.argsort(self.lengths[piece], kind="stable")] for piece in pieces])
        num_full = len(order) // self.batch_size
        full, rest = np.split(order, [num_full * self.batch_size])
        return np.concatenate([generator.permutation(full.reshape(num_full, self.batch_size)).ravel(), rest])


class LongestFirstSampler(Sampler):
    """The longest review first: batches without padding, and a batch that is too big for the memory comes at once."""

    def __init__(self, lengths: np.ndarray):
        self.order = compute_longest_first(lengths)

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[int]:
        return iter(self.order.tolist())


def compute_longest_first(lengths: np.ndarray) -> np.ndarray:
    """Return the places of the reviews from longest to shortest, ties in their order: (N,) -> (N,)."""
    return np.argsort(-lengths, kind="stable")


class WordPieceBatchSampler(Sampler):
    """Batches of reviews of like length, as many as fit a number of word pieces, in a new order each epoch.

    Made of seed and epoch alone, so that a resumed run has the same. Every epoch has each review once and the same
    number of batches, a multiple of the processes: batch i is for process i modulo their number.

    Args:
        lengths: Word pieces that each review takes in a batch of its own, padding included: (N,).
        max_word_pieces: Word pieces a batch, padding included; a longer review is a batch of its own.
        seed: Seed of all epochs.
        num_processes: Processes that share the batches.

    Raises:
        ValueError: The reviews do not make as many batches as each process must have.
    """

    def __init__(self, lengths: np.ndarray, max_word_pieces: int, seed: int, num_processes: int = 1):
        self.lengths = lengths
        self.max_word_pieces = max_word_pieces
        self.seed = seed
        self.epoch = 0
        mean_rows = max(1, int(max_word_pieces / lengths.mean()))
        self._num_sorted_together = mean_rows * max(1, min(len(lengths) // (mean_rows * 4), _BATCHES_SORTED_TOGETHER))
        num_batches = -(-len(self._plan(0, self._num_sorted_together)) // num_processes) * num_processes
        self.num_batches = min(num_batches, len(lengths) // num_processes * num_processes)
        num_fewest = len(self._plan(0, len(lengths)))
        if self.num_batches < num_fewest:
            raise ValueError(
                f"`--train_batch_word_pieces` {max_word_pieces} makes at least {num_fewest} batches of the "
                f"{len(lengths)} reviews, but {num_processes} processes can only share {self.num_batches}. Raise it."
            )

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next, counted from 0."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.num_batches

    def __iter__(self) -> Iterator[list[int]]:
        num_sorted_together = self._num_sorted_together
        batches = self._plan(self.epoch, num_sorted_together)
        # No plan has fewer batches than that of all reviews sorted at once, which is never too many.
        while len(batches) > self.num_batches:
            num_sorted_together *= 2
            batches = self._plan(self.epoch, num_sorted_together)
        while len(batches) < self.num_batches:
            largest = max(range(len(batches)), key=lambda place: len(batches[place]))
            middle = len(batches[largest]) // 2
            batches += [batches[largest][middle:]]
            batches[largest] = batches[largest][:middle]
        order = np.random.default_rng([self.seed, self.epoch, 1]).permutation(len(batches))
        return iter([batches[place].tolist() for place in order])

    def _plan(self, epoch: int, num_sorted_together: int) -> list[np.ndarray]:
        """Sort stretches of the epoch's order by length and cut them into batches, each from its longest review on."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.lengths))
        batches = []
        for start in range(0, len(order), num_sorted_together):
            stretch = order[start : start + num_sorted_together]
            stretch = stretch[np.argsort(-self.lengths[stretch], kind="stable")]
            while len(stretch):
                num_rows = max(1, self.max_word_pieces // int(self.lengths[stretch[0]]))
                batches.append(stretch[:num_rows])
                stretch = stretch[num_rows:]
        return batches
