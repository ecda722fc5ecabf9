"""What stands around the endpoints: who may ask, how big a body may be and how slow, and a line in the log.

Plain ASGI, so that a request is refused before its body is read.
"""

import asyncio
import hashlib
import hmac
import logging
import time
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


access_logger = logging.getLogger("modeling_bert_bilstm.access")

# What is open to everybody: whether the server lives, and how to ask it.
OPEN_PATHS = ("/health", "/docs", "/docs/oauth2-redirect", "/openapi.json")


class BearerToken:
    """Answers 401 to requests without the token, in a time that tells nothing of it."""

    def __init__(self, app: ASGIApp, token: str):
        self.app = app
        self._digest = _digest(token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or refuse it unread."""
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
            # Digests are equally long, whatever was given, so that not even the length shows in the time.
            is_equal = hmac.compare_digest(_digest(given.strip()), self._digest)
            if not (is_equal and scheme.lower() == "bearer"):
                detail = "This server needs its token: send the header `Authorization: Bearer TOKEN`."
                await JSONResponse({"detail": detail}, 401, {"WWW-Authenticate": "Bearer"})(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class BodyLimit:
    """Reads the body before anything else does; answers 413 to too big ones and 408 to too slow ones."""

    def __init__(self, app: ASGIApp, max_bytes: int, max_seconds: float):
        self.app = app
        self.max_bytes = max_bytes
        self.max_seconds = max_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass with its body at hand, or refuse it."""
        headers = Headers(scope=scope) if scope["type"] == "http" else {}
        if "content-length" not in headers and "transfer-encoding" not in headers:
            await self.app(scope, receive, send)
            return
        declared = headers.get("content-length", "")
        body = None
        if not (declared.isdecimal() and int(declared) > self.max_bytes):
            try:
                async with asyncio.timeout(self.max_seconds):
                    body = await self._read(receive)
            except TimeoutError:
                detail = f"The body must arrive within {self.max_seconds:g} s. Send it faster, or in parts."
                # What comes later would be taken for the next request.
                await JSONResponse({"detail": detail}, 408, {"Connection": "close"})(scope, receive, send)
                return
            except ConnectionError:
                return
        if body is None:
            detail = f"A body has at most {self.max_bytes:,} bytes. Send the reviews in several requests."
            await JSONResponse({"detail": detail}, 413)(scope, receive, send)
            return
        await self.app(scope, _replay(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        """Return the body, None if it is too big."""
        parts, size, is_more = [], 0, True
        while is_more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self.max_bytes:
                return None
            is_more = message.get("more_body", False)
        return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    is_given = False

    async def receive_again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()  # comes when the client is gone
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


class AccessLog:
    """Writes a line a request: what was asked, the status, how many reviews and word pieces, how long. No text.

    A path that is none of the server's may hold anything, and is left out.
    """

    def __init__(self, app: ASGIApp, paths: Collection[str]):
        self.app = app
        self.paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass and note what came of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), None

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        counts = scope["counts"] = {}
        try:
            await self.app(scope, receive, send_noting)
        finally:
            path = scope["path"] if scope["path"] in self.paths else "(another path)"
            parts = [f"{scope['method']} {path} {status or 'unanswered'}"]
            parts += [f"{name} {number:,}" for name, number in counts.items()]
            access_logger.info("%s, %.0f ms", ", ".join(parts), 1_000 * (time.perf_counter() - started))
