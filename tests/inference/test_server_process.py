"""The server as it is started, with its workers: right answers under fire, a killed worker, a stop in good order."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import numpy as np
import psutil
import pytest

from modeling_bert_bilstm.inference import ReviewScorer
from tests.conftest import REPOSITORY, build_reviews


READY_SECONDS = 400  # on a busy machine each process takes its time to import torch
LIMITS = ("--max_body_bytes", "20000", "--body_seconds", "1", "--max_word_pieces", "512")


class Server:
    """A running server."""

    def __init__(self, folder, log):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url, self.log = f"http://127.0.0.1:{self.port}", log
        words = [str(folder), "--port", str(self.port), "--num_workers", "2", "--precision", "float32", *LIMITS]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "modeling_bert_bilstm.inference.server", *words],
            cwd=REPOSITORY, stdout=log.open("w"), stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self.wait_until(lambda: "Ready" in log.read_text(encoding="utf-8"))
        self.wait_until(lambda: self.count_ready() == 2)

    def wait_until(self, is_done):
        deadline = time.monotonic() + READY_SECONDS
        while not is_done():
            assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, self.log.read_text(encoding="utf-8")
            time.sleep(0.1)

    def count_ready(self):
        try:
            return httpx.get(f"{self.url}/health").json()["num_ready"]
        except httpx.TransportError:
            return 0

    def list_workers(self):
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]

    def predict(self, reviews):
        return httpx.post(f"{self.url}/predict", json={"reviews": reviews}, timeout=60)


@pytest.fixture(scope="module")
def server(model_folder, tmp_path_factory):
    server = Server(model_folder, tmp_path_factory.mktemp("server") / "log")
    yield server
    if server.process.poll() is None:
        os.killpg(server.process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def texts():
    """Reviews of many lengths, all different, so that an answer tells whose it is."""
    texts = list(dict.fromkeys(build_reviews(160, seed=3, max_words=90)[0]))
    assert len(texts) > 150
    return texts


@pytest.fixture(scope="module")
def expected(model_folder, texts):
    rows = ReviewScorer(model_folder, precision="float32").score(texts)
    assert len(np.unique(rows.round(6), axis=0)) == len(texts), "a mixed-up answer must show"
    return rows


def check(response, rows):
    """The answer holds exactly these probabilities, in this order."""
    assert response.status_code == 200, response.text
    found = [list(entry["probabilities"].values()) for entry in response.json()["predictions"]]
    np.testing.assert_allclose(found, rows, atol=3e-7)


async def ask_all(server, texts, expected, num_requests, disturb=None):
    """Send requests of one to five reviews, 16 at a time, and check each answer."""
    generator = np.random.default_rng(0)
    draws = [generator.choice(len(texts), generator.integers(1, 6), replace=False) for _ in range(num_requests)]
    waiting = iter(draws)
    async with httpx.AsyncClient(timeout=60) as client:

        async def ask():
            for places in waiting:
                reviews = [texts[i] for i in places]
                check(await client.post(f"{server.url}/predict", json={"reviews": reviews}), expected[places])

        await asyncio.gather(*(ask() for _ in range(16)), *([disturb()] if disturb else []))


def test_every_answer_belongs_to_its_request(server, texts, expected):
    asyncio.run(ask_all(server, texts, expected, 200))


def test_a_killed_worker_costs_no_answer(server, texts, expected):
    killed = server.list_workers()[0].pid

    async def kill():
        await asyncio.sleep(0.1)
        os.kill(killed, signal.SIGKILL)

    asyncio.run(ask_all(server, texts, expected, 200, kill))
    server.wait_until(lambda: killed not in [worker.pid for worker in server.list_workers()])
    server.wait_until(lambda: server.count_ready() == 2)
    check(server.predict(texts[:3]), expected[:3])


def open_connection(server, head):
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    connection.sendall(head)
    return connection


HEAD = b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def test_what_clients_do_to_it(server, texts, expected):
    dropped = [open_connection(server, HEAD % 900 + b'{"reviews": ') for _ in range(5)]
    body = json.dumps({"reviews": texts[:5]}).encode()
    dropped += [open_connection(server, HEAD % len(body) + body) for _ in range(5)]
    for connection in dropped:
        connection.close()
    slow = open_connection(server, HEAD % 900 + b'{"reviews": ')
    assert httpx.post(f"{server.url}/predict", content=b" " * 10_000_000).status_code == 413
    assert (
        httpx.post(f"{server.url}/predict", content=b"{", headers={"Content-Type": "application/json"}).status_code
        == 422
    )
    with open_connection(server, b"nonsense\r\n\r\n") as connection:
        assert b" 400 " in connection.recv(1_000)
    assert b" 408 " in slow.recv(1_000)
    slow.close()
    check(server.predict(texts[:3]), expected[:3])
    server.wait_until(lambda: httpx.get(f"{server.url}/health").json()["num_waiting"] == 0)


async def is_open(client, server):
    await asyncio.sleep(0.1)
    try:
        return (await client.get(f"{server.url}/health", timeout=30)).status_code == 200
    except httpx.TransportError:  # a connection that was kept is closed, a new one is not taken
        return False


def test_a_stop_finishes_what_was_taken(server, texts, expected):
    workers = server.list_workers()
    children = psutil.Process(server.process.pid).children(recursive=True)
    for worker in workers:
        worker.suspend()  # so that the request is surely taken and not answered

    async def stop():
        async with httpx.AsyncClient(timeout=60) as client:
            asking = asyncio.create_task(client.post(f"{server.url}/predict", json={"reviews": texts[:20]}))
            await asyncio.sleep(1)
            server.process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + READY_SECONDS
            while await is_open(client, server):  # soon nobody is let in any more
                assert time.monotonic() < deadline
            for worker in workers:
                worker.resume()
            check(await asking, expected[:20])

    asyncio.run(stop())
    assert server.process.wait(60) == 0
    assert not psutil.wait_procs(children, timeout=20)[1]
    log = server.log.read_text(encoding="utf-8")
    assert "Traceback" not in log
    assert texts[0][:20] not in log
