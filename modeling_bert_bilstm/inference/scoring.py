"""Scoring reviews by the thousand: one line for the user, the order given, bounded memory.

    scorer = ReviewScorer("path/to/model")
    scorer.score(["A superb film.", "Not for me."])             # probabilities, (2, C)
    for row in scorer.stream(reviews): ...                      # any number of reviews, (C,) each
    scorer.aggregate({"Alien": ["Superb.", "Tense."]})          # what a film's reviews say together

Reviews are read in buffers. Those of one buffer are split into word pieces together, sorted by length and padded in
batches of a number of word pieces; meanwhile the next buffer is read and split by a second thread.

Shapes: N reviews, C classes.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from ..pipeline_aggregate_polarity import AggregatePolarityPipeline
from .backends import (
    GPU_BACKENDS,
    Backend,
    build_backend,
    check_names,
    choose_backend,
    compute_probabilities,
    map_batches,
)
from .batches import (
    LENGTH_MULTIPLE,
    check_texts,
    choose_max_word_pieces,
    copy_tokenizer,
    encode_reviews,
    look_ahead,
    pad_batch,
    plan_batches,
    read_buffers,
)
from .loading import load_model
from .samples import draw_reviews


# Batches for each core on which `backend="auto"` times the backends, and word pieces of a review drawn for that.
_SAMPLE_BATCHES = 2
_SAMPLE_LENGTH = 192

_LONG_WORK = 100  # reviews from which on a progress bar is shown


class ReviewScorer:
    """Scores reviews of any length and any number with a trained model.

    Args:
        model: A folder, an id on the Hub, or a loaded model in float32. A model that is loaded here goes to the GPU if
            there is one; a loaded one is scored where it stands and is not changed. Its weights are those of now:
            make a new scorer after further training.
        tokenizer: The model's; needed for a loaded model, else read from where the model is.
        backend: What computes, one of `BACKENDS` in `inference/backends.py`; `auto` builds all that are installed,
            without those in int8, and takes the fastest on the first reviews, which takes minutes once.
        precision: `float32`, `bfloat16`, or `auto`: bfloat16 where it was measured to be faster.
        max_word_pieces: Word pieces a batch, padding included; a longer review is a batch of its own. Default: 4,096
            on a CPU and 65,536 on a GPU; less needs less memory.
        buffer_reviews: Reviews that are sorted by length together; at most two such buffers are held.

    Raises:
        ValueError: An argument is out of range, or the model is of another kind or precision.
        TypeError: The model is no model.
        ImportError: The backend's package is not installed.
        BackendError: The backend does not give the model's answers.
    """

    def __init__(
        self,
        model: str | Path | PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase | None = None,
        *,
        backend: str = "torch",
        precision: str = "auto",
        max_word_pieces: int | None = None,
        buffer_reviews: int = 2_048,
    ):
        check_names(backend, precision)
        _check_count("max_word_pieces", 1 if max_word_pieces is None else max_word_pieces)
        _check_count("buffer_reviews", buffer_reviews)
        may_use_gpu = backend in (*GPU_BACKENDS, "auto")
        self.model, self.tokenizer, self._folder = load_model(model, tokenizer, may_use_gpu=may_use_gpu)
        device_type = self.model.device.type if may_use_gpu else "cpu"
        self.max_word_pieces = max_word_pieces or choose_max_word_pieces(device_type)
        self.buffer_reviews = buffer_reviews
        self._precision = precision
        self._tokenizer_copy = copy_tokenizer(self.tokenizer)
        self._backend: Backend | None = None
        if backend != "auto":
            self._backend = build_backend(
                backend, self.model, self.tokenizer, precision=precision, folder=self._folder
            )

    @property
    def backend(self) -> Backend | None:
        """What computes; None while `auto` has seen no reviews to choose it on."""
        return self._backend

    def score(
        self, texts: Iterable[str], show_progress: bool | None = None, report: Callable[[int], object] | None = None
    ) -> np.ndarray:
        """Return the probabilities of each review in the order given: N reviews -> float32 (N, C).

        Args:
            texts: A list, a column of a data set, a generator. An empty review is scored as one without words.
            show_progress: Show a progress bar; default: from 100 reviews on.
            report: Called with the number of reviews of each batch once it is scored, in place of the bar.

        Returns:
            Probabilities that sum to 1 over the classes; where a review may have several labels, one for each on its
            own; for regression the predicted numbers.

        Raises:
            TypeError: `texts` is a single string, or one of them is none; the message names its position.
            ValueError: A review cannot be written as UTF-8; the message names its position.
        """
        check_texts(texts)
        num_texts, texts = look_ahead(texts, _LONG_WORK)
        if show_progress is None:
            show_progress = report is None and (num_texts is None or num_texts >= _LONG_WORK)
        with logging.tqdm(total=num_texts, desc="Scoring", unit="review", disable=not show_progress) as progress:
            parts = list(self._score_buffers(texts, report or progress.update))
        return np.concatenate([np.empty((0, self.model.config.num_labels), dtype=np.float32), *parts])

    def stream(self, texts: Iterable[str]) -> Iterator[np.ndarray]:
        """Yield what `score` returns review by review, (C,) each, and hold no more than two buffers of reviews.

        The iterable is read in the caller's thread. The first row comes when the first buffer is scored: a smaller
        `buffer_reviews` brings it sooner and pads more. A review that cannot be scored ends the stream after the rows
        of the buffers before it.

        Raises:
            TypeError: As `score`.
            ValueError: As `score`.
        """
        check_texts(texts)
        return self._stream_rows(texts)

    def predict(self, texts: Iterable[str]) -> list[dict[str, str | float]]:
        """Return `label` and `score` of each review, as `pipeline("sentiment-analysis")` does."""
        labels = self.model.config.id2label
        return [{"label": labels[int(row.argmax())], "score": float(row.max())} for row in self.score(texts)]

    def aggregate(self, films: Iterable, **options: str | float | bool | None) -> dict:
        """Return what the pipeline "aggregate-polarity" returns for films, their reviews scored by this scorer.

        Args:
            films: Reviews of one film, a mapping from film to reviews, or rows; see `AggregatePolarityPipeline`.
            **options: Those of the pipeline without `batch_size`.

        Raises:
            ValueError: The model gives no polarity, an option is out of range, or `batch_size` is given.
            TypeError: There is no such option, or `films` is none of these.
        """
        if "batch_size" in options:
            raise ValueError(
                "`batch_size` is no option here: batches are formed by word pieces. "
                "Set `max_word_pieces` of the scorer."
            )
        return _ScoredAggregate(self)(films, **options)

    def _stream_rows(self, texts: Iterable[str]) -> Iterator[np.ndarray]:
        with contextlib.closing(self._score_buffers(texts, lambda num_reviews: None)) as buffers:
            for rows in buffers:
                yield from rows

    def _score_buffers(self, texts: Iterable[str], report: Callable[[int], None]) -> Iterator[np.ndarray]:
        """Yield the probabilities of each buffer, (buffer_reviews, C), and report numbers of reviews on the way."""
        buffers = read_buffers(texts, self.buffer_reviews)
        with ThreadPoolExecutor(max_workers=1) as executor:

            def encode_next() -> Future[list[np.ndarray]] | None:
                buffer = next(buffers, None)
                return None if buffer is None else executor.submit(encode_reviews, self._tokenizer_copy, buffer)

            waiting, mistake = encode_next(), None
            while waiting is not None:
                encoded = waiting.result()
                try:
                    waiting = encode_next()
                except Exception as error:  # of the caller's iterable, or of a review in the next buffer
                    waiting, mistake = None, error
                yield self._score_encoded(encoded, report)
            if mistake is not None:
                raise mistake

    def _score_encoded(self, encoded: list[np.ndarray], report: Callable[[int], None]) -> np.ndarray:
        """Word pieces of n reviews -> (n, C)."""
        batches = plan_batches([len(review) for review in encoded], self.max_word_pieces, LENGTH_MULTIPLE)
        if self._backend is None:
            self._backend = self._choose_backend(encoded)
        config = self.model.config
        probabilities = np.empty((len(encoded), config.num_labels), dtype=np.float32)
        scored = map_batches(self._backend, lambda places: self._pad([encoded[i] for i in places]), batches)
        with contextlib.closing(scored):  # an interrupt leaves nothing at work
            for places, logits in zip(batches, scored, strict=True):
                probabilities[places] = compute_probabilities(logits, config.problem_type)
                report(len(places))
        return probabilities

    def _pad(self, encoded: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        return pad_batch(encoded, self.tokenizer.pad_token_id, LENGTH_MULTIPLE)

    def _choose_backend(self, encoded: list[np.ndarray]) -> Backend:
        """Time the backends on the first of these reviews, and on drawn ones where they are few."""
        ends = np.cumsum([len(review) for review in encoded])
        wanted = _SAMPLE_BATCHES * torch.get_num_threads() * self.max_word_pieces
        first = encoded[: 1 + int(np.searchsorted(ends, wanted))]
        missing = max(0, wanted - int(ends[-1])) // _SAMPLE_LENGTH
        first = [*first, *draw_reviews(self.tokenizer, [_SAMPLE_LENGTH] * missing)]
        batches = plan_batches([len(review) for review in first], self.max_word_pieces, LENGTH_MULTIPLE)
        sample = [self._pad([first[i] for i in places]) for places in batches]
        return choose_backend(self.model, self.tokenizer, sample, precision=self._precision, folder=self._folder)


class _ScoredAggregate(AggregatePolarityPipeline):
    """The pipeline with its scoring replaced."""

    def __init__(self, scorer: ReviewScorer):
        self.scorer = scorer
        device = scorer.model.device
        super().__init__(model=scorer.model, tokenizer=scorer.tokenizer, task="aggregate-polarity", device=device)

    def _score(self, texts: list[str], batch_size: int, show_progress: bool | None) -> np.ndarray:
        return self.scorer.score(texts, show_progress).astype(np.float64).round(6)


def _check_count(name: str, value: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"`{name}` must be a whole number of at least 1, got {value!r}.")
