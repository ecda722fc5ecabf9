"""Answer requests of a Hugging Face Inference Endpoint with this model; or, started as a program, over HTTP.

Endpoints load this file as handler.py beside the model's files:

    EndpointHandler(path)({"inputs": "A superb film."})
    EndpointHandler(path)({"inputs": ["Superb.", "Dull."]})
    EndpointHandler(path)({"inputs": {"a film": ["Superb.", "Dull."]}, "parameters": {"confidence": 0.9}})

`python handler.py` serves the same on port 8080, as the Dockerfile beside it does: POST / with these bodies, and
GET /health.
"""

import sys
from pathlib import Path

import torch
from transformers import pipeline


class EndpointHandler:
    """Reads one review, a list of reviews, or the reviews of films.

    Args:
        path: The folder with the model's files.
    """

    def __init__(self, path=""):
        options = {
            "model": path or str(Path(__file__).parent),
            "trust_remote_code": True,  # the model's code lies beside its weights
            "device": 0 if torch.cuda.is_available() else -1,
        }
        self._classify = pipeline("text-classification", **options, top_k=None)
        self._aggregate = None
        config = self._classify.model.config
        if "aggregate-polarity" in (getattr(config, "custom_pipelines", None) or {}) and config.label_polarity:
            self._aggregate = pipeline("aggregate-polarity", **options)

    def __call__(self, data):
        """Answer a request.

        Args:
            data: A dictionary with `inputs`, a review, a list of them, or a mapping from film to reviews; and perhaps
                `parameters`, options of the pipeline.

        Returns:
            For reviews, a list a review of `label` and `score`, the highest first; for films, an entry each.

        Raises:
            ValueError: `inputs` is missing or is none of these; or an option is out of range.
            TypeError: There is no such option.
        """
        inputs = data.get("inputs") if isinstance(data, dict) else None
        parameters = (data.get("parameters") if isinstance(data, dict) else None) or {}
        if isinstance(inputs, dict) and self._aggregate is not None:
            return self._aggregate(inputs, **parameters)
        reviews = [inputs] if isinstance(inputs, str) else inputs
        if not isinstance(reviews, list) or not all(isinstance(review, str) for review in reviews):
            films = " or a mapping from film to reviews," if self._aggregate is not None else ""
            raise ValueError(f"`inputs` must be a review, a list of reviews,{films} found {type(inputs).__name__}.")
        return self._classify(reviews, **parameters) if reviews else []


if __name__ in ("__main__", "__mp_main__"):  # the workers of LitServe import this file under the second name
    from fastapi import HTTPException
    from litserve import LitAPI, LitServer

    class Api(LitAPI):
        """The handler in a worker."""

        def setup(self, device):
            """Load the model."""
            self.handler = EndpointHandler()

        def predict(self, data):
            """Answer, or say with 400 what is wrong with the request."""
            try:
                return self.handler(data)
            except (TypeError, ValueError) as error:
                raise HTTPException(400, str(error)) from error


if __name__ == "__main__":
    accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    server = LitServer(Api(api_path="/"), accelerator=accelerator, devices=1, timeout=60, max_payload_size=2**21)
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
    server.run(host="0.0.0.0", port=port, num_api_servers=1, generate_client_file=False)
