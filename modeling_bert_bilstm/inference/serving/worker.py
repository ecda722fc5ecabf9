"""What a worker process does: it loads the model and computes the batches that it is given."""

import signal
from pathlib import Path

import numpy as np
from litserve import LitAPI
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from ...hardware import prepare_process
from ..backends import GPU_BACKENDS, build_backend, compute_probabilities
from ..batches import LENGTH_MULTIPLE, pad_batch
from ..loading import load_model


class ScoringApi(LitAPI):
    """The model in a worker of LitServe, which starts it, feeds it, and starts another if it dies.

    Args:
        model: A folder, or an id on the Hub.
        backend: One of `BACKENDS`.
        precision: As `choose_precision` returns it: the same for all workers, so that all answer alike.
        num_threads: Threads to compute with on a CPU.
    """

    def __init__(self, model: str | Path, backend: str, precision: str, num_threads: int):
        super().__init__(api_path="/predict")
        self.model_name = str(model)
        self.backend_name = backend
        self.precision = precision
        self.num_threads = num_threads

    def setup(self, device: str) -> None:
        """Load the model, in the worker's process."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches all; what was taken shall be finished
        disable_progress_bar()
        may_use_gpu = device != "cpu" and self.backend_name in GPU_BACKENDS
        prepare_process(None if may_use_gpu else self.num_threads)
        model, tokenizer, folder = load_model(self.model_name, None, may_use_gpu=may_use_gpu)
        self.use(model.to(device) if may_use_gpu else model, tokenizer, folder)

    def use(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path | None = None) -> None:
        """Compute with this model from now on."""
        self.model, self.tokenizer, self.explainer = model, tokenizer, None
        self.backend = build_backend(self.backend_name, model, tokenizer, precision=self.precision, folder=folder)
        self.predict(("score", [np.array([tokenizer.pad_token_id] * 48)]))  # what is made at the first batch

    def predict(self, payload: tuple) -> object:
        """Compute what was asked.

        Args:
            payload: `("score", [word pieces, ...])` -> probabilities, float32 of shape (N, C); or
                `("explain", review, label, method)` -> the fields of an explanation.
        """
        kind, *arguments = payload
        return getattr(self, f"_{kind}")(*arguments)

    def _score(self, encoded: list[np.ndarray]) -> np.ndarray:
        batch = pad_batch(encoded, self.tokenizer.pad_token_id, LENGTH_MULTIPLE)
        return compute_probabilities(self.backend.compute_logits(*batch), self.model.config.problem_type)

    def _explain(self, review: str, label: str | None, method: str) -> dict:
        if self.explainer is None:
            from ..explain import ReviewExplainer

            self.explainer = ReviewExplainer(self.model, self.tokenizer)
        found = self.explainer.attribute(review, label=label, method=method)
        rows = zip(found.words, found.spans.tolist(), found.values.tolist(), strict=True)
        return {
            "label": found.label,
            "probabilities": dict(zip(found.labels, map(float, found.probabilities), strict=True)),
            "score": float(found.score),
            "baseline_score": float(found.baseline_score),
            "method": found.method,
            "words": [
                {"word": word, "start": start, "end": end, "value": value} for word, (start, end), value in rows
            ],
        }
