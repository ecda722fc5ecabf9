"""Clients of the server, as plain sockets: a library would cost as much as it measures."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator


HEAD = b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def build_request(reviews: list[str]) -> bytes:
    """Return a request to /predict."""
    body = json.dumps({"reviews": reviews}).encode()
    return HEAD % len(body) + body


async def read_response(reader: asyncio.StreamReader) -> tuple[int, dict]:
    """Return status and body of the next response on a connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length"))
    body = await reader.readexactly(length)
    return int(lines[0].split()[1]), json.loads(body)


@contextlib.asynccontextmanager
async def connect(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a connection, and close it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def ask_once(port: int, request: bytes) -> tuple[int, dict]:
    """Return status and body of the response to a request on a connection of its own."""
    async with connect(port) as (reader, writer):
        writer.write(request)
        return await read_response(reader)


async def ask_all(port: int, requests: list[bytes], num_clients: int) -> tuple[list[tuple[int, dict]], list[float]]:
    """Return the responses and milliseconds of requests sent over so many connections, one after the other on each."""
    responses: list = [None] * len(requests)
    latencies_ms = [0.0] * len(requests)
    waiting = iter(range(len(requests)))

    async def ask() -> None:
        async with connect(port) as (reader, writer):
            for i in waiting:
                started = time.perf_counter()
                writer.write(requests[i])
                responses[i] = await read_response(reader)
                latencies_ms[i] = 1_000 * (time.perf_counter() - started)

    await asyncio.gather(*(ask() for _ in range(num_clients)))
    return responses, latencies_ms
