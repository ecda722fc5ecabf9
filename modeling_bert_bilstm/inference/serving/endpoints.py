"""The endpoints, on any FastAPI application; what computes is behind a `Batcher`."""

import asyncio
import functools
import math
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import numpy as np
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPBearer

from ... import __version__
from ..batches import encode_reviews
from . import schemas
from .batcher import Batcher, QueueFullError, ScoringError
from .limits import Limits
from .served_model import ServedModel, list_texts


PATHS = ("/predict", "/polarity", "/explain", "/health", "/info", "/docs", "/openapi.json")

_REFUSALS = {
    400: "The body is no JSON.",
    408: "The body came too slowly.",
    413: "The body is too big.",
    500: "A review could not be scored.",
    503: "Too many reviews wait; Retry-After says when there is likely to be room.",
    504: "The answer took too long.",
}
_GONE = 499  # as servers note a client that left; nobody reads it


@dataclass(frozen=True)
class Service:
    """What the endpoints need.

    Attributes:
        model: What is served.
        batcher: Has reviews scored.
        limits: What is taken at most.
        list_workers: Returns for each worker whether it is ready.
        details: Backend, precision, number of workers and word pieces a batch, for /info.
        needs_token: Whether a bearer token is asked for, for the OpenAPI page.
    """

    model: ServedModel
    batcher: Batcher
    limits: Limits
    list_workers: Callable[[], list[bool]]
    details: dict[str, str | int]
    needs_token: bool = False


def add_endpoints(app: FastAPI, service: Service) -> None:
    """Add what this server answers to an application."""
    app.title, app.version = f"BERT+BiLSTM: {service.model.name}", __version__
    app.description = "The sentiment of film reviews of any length, and what a film's reviewers think together."
    refusals = {code: {"model": schemas.Refusal, "description": text} for code, text in _REFUSALS.items()}
    dependencies = []
    if service.needs_token:  # checked before, by `BearerToken`
        dependencies = [Depends(HTTPBearer(auto_error=False))]
        refusals[401] = {"model": schemas.Refusal, "description": "The token is missing or wrong."}
    router = APIRouter(dependencies=dependencies, responses=refusals)
    encoder = ThreadPoolExecutor(1, thread_name_prefix="tokenizer")

    async def score(request: Request, texts: list[str]) -> tuple[np.ndarray, list[int]]:
        """Return the probabilities of each review, (N, C), and its length in word pieces."""
        loop = asyncio.get_running_loop()
        encoded = await loop.run_in_executor(encoder, encode_reviews, service.model.tokenizer, texts)
        lengths = [len(pieces) for pieces in encoded]
        request.scope.setdefault("counts", {}).update({"reviews": len(texts), "word pieces": sum(lengths)})
        rows = np.array(await service.batcher.score(encoded)).reshape(len(texts), service.model.config.num_labels)
        if not np.isfinite(rows).all():
            raise ScoringError("The model gave no finite score.")
        return rows, lengths

    _add_predict(router, service, score)
    if service.model.polarity_methods:
        _add_polarity(router, service, score)
    _add_explain(router, service)
    _add_about(app, router, service)
    app.include_router(router)
    app.add_exception_handler(RequestValidationError, _refuse_invalid)


def _add_predict(router: APIRouter, service: Service, score: Callable) -> None:
    request_model = schemas.build_predict_request(service.limits)

    @router.post("/predict", response_model=schemas.Predictions)
    @_answer_in_time(service.limits)
    async def predict(request: Request, body: request_model) -> dict:
        """The sentiment of one review, or of many."""
        texts = [body.reviews] if isinstance(body.reviews, str) else body.reviews
        rows, lengths = await score(request, texts)
        described = map(service.model.describe_prediction, rows, lengths)
        return {"predictions": list(described)}


def _add_polarity(router: APIRouter, service: Service, score: Callable) -> None:
    request_model = schemas.build_polarity_request(service.limits, service.model.polarity_methods)

    @router.post("/polarity", response_model=schemas.Films)
    @_answer_in_time(service.limits)
    async def polarity(request: Request, body: request_model) -> dict:
        """What the reviews of each film say together."""
        rows, _ = await score(request, list_texts(body.films))
        options = {"confidence": body.confidence, "method": body.method}
        return {"films": await asyncio.to_thread(service.model.aggregate, body.films, rows, **options)}


def _add_explain(router: APIRouter, service: Service) -> None:
    request_model = schemas.build_explain_request(service.limits, service.model.labels)

    @router.post("/explain", response_model=schemas.Explanation)
    @_answer_in_time(service.limits)
    async def explain(request: Request, body: request_model) -> dict:
        """Which words moved the score of a label."""
        request.scope.setdefault("counts", {})["reviews"] = 1
        payload = ("explain", body.review, body.label, body.method)
        return await service.batcher.run(payload, len(body.review) // 4)


def _add_about(app: FastAPI, router: APIRouter, service: Service) -> None:
    @app.get("/health", response_model=schemas.Health, responses={503: {"model": schemas.Health}})
    async def health(response: Response) -> dict:
        """Whether a worker is ready; open to everybody."""
        ready = await asyncio.to_thread(service.list_workers)
        response.status_code = 200 if any(ready) else 503
        return {
            "status": "ok" if any(ready) else "not ready",
            "num_workers": len(ready),
            "num_ready": sum(ready),
            "num_waiting": service.batcher.num_waiting,
        }

    @router.get("/info", response_model=schemas.Info)
    async def info() -> dict:
        """What is served, and its limits."""
        config = service.model.config
        return {
            "model": service.model.name,
            "labels": service.model.labels,
            "label_polarity": getattr(config, "label_polarity", None),
            "problem_type": config.problem_type,
            "window_length": config.window_length,
            "limits": asdict(service.limits),
            "version": __version__,
            **service.details,
        }


# ---------------------------------------------------------------------------------------------------------------------
# Answers that are none


def _answer_in_time(limits: Limits) -> Callable:
    """Let an endpoint answer in time, give up what nobody waits for, and say clearly why there is no answer."""

    def decorate(endpoint: Callable[..., Coroutine]) -> Callable[..., Coroutine]:
        @functools.wraps(endpoint)
        async def answer(request: Request, body: object) -> dict | Response:
            try:
                async with asyncio.timeout(limits.answer_seconds):
                    return await _answer_unless_gone(request, endpoint(request, body))
            except QueueFullError as error:
                raise HTTPException(503, str(error), {"Retry-After": str(error.retry_after)}) from None
            except ScoringError as error:
                raise HTTPException(500, str(error)) from None
            except TimeoutError:
                detail = f"The answer took longer than {limits.answer_seconds:g} s. Send fewer or shorter reviews."
                raise HTTPException(504, detail) from None

        return answer

    return decorate


async def _answer_unless_gone(request: Request, answer: Coroutine) -> dict | Response:
    """Return the answer; where the client leaves before it is there, its reviews leave the queue too."""
    answering = asyncio.ensure_future(answer)
    leaving = asyncio.ensure_future(_wait_until_gone(request))
    try:
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return answering.result() if answering.done() else Response(status_code=_GONE)
    finally:
        answering.cancel()
        leaving.cancel()


async def _wait_until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _refuse_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    """Say what is wrong and where, without giving back what was sent, which may be long."""
    problems = [{name: problem[name] for name in ("loc", "msg", "type")} for problem in error.errors()]
    return JSONResponse({"detail": _replace_odd(problems)}, 422)


def _replace_odd(value: object) -> object:
    """Names in a body may hold halves of surrogate pairs and stand in the place of a problem."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list | tuple):
        return [_replace_odd(inner) for inner in value]
    if isinstance(value, dict):
        return {name: _replace_odd(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
