"""The endpoints of the server in this process: no LitServe, the tiny model in place of the workers."""

import asyncio
import contextlib
from pathlib import Path

from fastapi import FastAPI

from modeling_bert_bilstm.inference.serving.batcher import Batcher
from modeling_bert_bilstm.inference.serving.endpoints import PATHS, Service, add_endpoints
from modeling_bert_bilstm.inference.serving.limits import Limits
from modeling_bert_bilstm.inference.serving.middleware import AccessLog, BearerToken, BodyLimit
from modeling_bert_bilstm.inference.serving.served_model import load_served_model
from modeling_bert_bilstm.inference.serving.worker import ScoringApi


SMALL = Limits(
    max_body_bytes=4_000,
    max_reviews=6,
    max_review_characters=900,
    max_explain_characters=300,
    max_waiting_reviews=8,
    body_seconds=0.5,
    answer_seconds=20.0,
)


class Workers:
    """What computes in these tests; `gate` holds it up, `failures` are raised first, `payloads` are what it got."""

    def __init__(self, model, tokenizer):
        self.api = ScoringApi("tiny", "torch", "float32", 1)
        self.api.use(model, tokenizer)
        self.gate = asyncio.Event()
        self.gate.set()
        self.failures = []
        self.payloads = []
        self.ready = [True, True]

    async def submit(self, payload):
        self.payloads.append(payload)
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        return await asyncio.to_thread(self.api.predict, payload)


def build_app(folder: Path, workers: Workers, *, limits: Limits = SMALL, token: str | None = None) -> FastAPI:
    """Return the application that a `ReviewServer` serves, around `workers`."""
    batcher = Batcher(workers.submit, num_workers=2, max_word_pieces=256, max_waiting=limits.max_waiting_reviews)

    @contextlib.asynccontextmanager
    async def lifespan(app):
        batcher.start()
        yield
        await batcher.stop()

    app = FastAPI(lifespan=lifespan)
    details = {"backend": "torch", "precision": "float32", "num_workers": 2, "max_word_pieces": 256}
    model = load_served_model(folder)
    add_endpoints(app, Service(model, batcher, limits, lambda: workers.ready, details, needs_token=token is not None))
    app.add_middleware(BodyLimit, max_bytes=limits.max_body_bytes, max_seconds=limits.body_seconds)
    if token is not None:
        app.add_middleware(BearerToken, token=token)
    app.add_middleware(AccessLog, paths=PATHS)
    app.state.batcher = batcher
    return app
