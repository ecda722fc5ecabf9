"""The server under load: throughput against the scorer alone, latency, and whether every answer is the right one.

usage: python -m benchmarks.serving runs/imdb [--num_requests 10000]

The server runs as a user starts it; 32 clients in a second process ask over the loopback, each one request after the
other, of one review and then of eight. Rounds of the server and of `ReviewScorer.score` on the same reviews take
turns. Then mixed requests of one to eight reviews are checked one by one: probabilities, lengths and order; meanwhile
clients drop connections, send nonsense and 10 MB, dawdle, and a worker is killed. Started again with the same words,
it goes on where it was. Prints a table, then one JSON line, which it writes to benchmarks/results/serving.json.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil

from benchmarks.http_clients import HEAD, ask_all, ask_once, build_request, connect
from benchmarks.output import write_result
from benchmarks.scoring import ROOT, draw_reviews
from modeling_bert_bilstm.hardware.environment import describe_environment
from modeling_bert_bilstm.inference import ReviewScorer


RESULT = ROOT / "benchmarks" / "results" / "serving.json"
NUM_CLIENTS = 32
REQUEST_REVIEWS = (1, 8)  # in the requests whose throughput is measured
PART_REQUESTS = 500  # what is lost at most if the run is stopped
MAX_REVIEWS = 8
# Another batch adds numbers up in another order; in bfloat16 that shows in the third digit.
TOLERANCE = 0.02


# ---------------------------------------------------------------------------------------------------------------------
# The server


@contextlib.contextmanager
def start_server(folder: str, log: Path) -> Iterator[tuple[int, int]]:
    """Start a server as a user does, and yield its port and its process id once all its workers are ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "modeling_bert_bilstm.inference.server", folder, "--port", str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    try:
        while not is_ready(port):
            if process.poll() is not None:
                raise RuntimeError(f"The server did not start:\n{log.read_text(encoding='utf-8')}")
            time.sleep(0.5)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)


def is_ready(port: int) -> bool:
    """Say whether all workers are ready."""
    with contextlib.suppress(OSError):
        status, body = asyncio.run(ask_once(port, b"GET /health HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"))
        return status == 200 and body["num_ready"] == body["num_workers"]
    return False


# ---------------------------------------------------------------------------------------------------------------------
# Throughput


def measure_throughput(
    port: int, scorer: ReviewScorer, texts: list[str], request_reviews: int, num_rounds: int
) -> dict[str, list[float]]:
    """Return reviews a second of the scorer and of the server, round by round, and the latencies of all requests."""
    requests = [build_request(texts[i : i + request_reviews]) for i in range(0, len(texts), request_reviews)]
    rates: dict[str, list[float]] = {"scorer": [], "server": [], "latencies_ms": []}
    for round_number in range(num_rounds + 1):
        started = time.perf_counter()
        scorer.score(texts, show_progress=False)
        middle = time.perf_counter()
        responses, latencies_ms = asyncio.run(ask_all(port, requests, NUM_CLIENTS))
        ended = time.perf_counter()
        assert all(status == 200 for status, _ in responses)
        if round_number:  # the first one is for kernels that are made once
            rates["scorer"].append(len(texts) / (middle - started))
            rates["server"].append(len(texts) / (ended - middle))
            rates["latencies_ms"] += latencies_ms
            print(f"scorer {rates['scorer'][-1]:.1f}, server {rates['server'][-1]:.1f} reviews a second", flush=True)
    return rates


def summarise_throughput(rates: dict[str, list[float]]) -> dict:
    """Return medians over the rounds, and the median, 95th and 99th percentile of the latency."""
    return {
        "scorer_reviews_per_second": float(np.median(rates["scorer"])),
        "server_reviews_per_second": float(np.median(rates["server"])),
        "share": float(np.median(np.divide(rates["server"], rates["scorer"]))),
        "latency_ms": np.percentile(rates["latencies_ms"], (50, 95, 99)).tolist(),
    }


# ---------------------------------------------------------------------------------------------------------------------
# Right answers, under fire


async def disturb(port: int, process_id: int, part: int, counts: dict[str, int]) -> None:
    """Do what bad clients do, once; in every fourth part kill a worker as well."""

    async def expect(name: str, request: bytes, wanted: tuple[int, ...]) -> None:
        status, _ = await ask_once(port, request)
        assert status in wanted, f"{name}: {status}"
        counts[name] = counts.get(name, 0) + 1

    for body in (b"{", b"[" * 100_000, b'{"reviews": "\\ud800"}'):
        await expect("malformed JSON", HEAD % len(body) + body, (400, 422))
    for body in (b'{"reviews": 3}', b'{"reviews": [null]}', b"[]"):
        await expect("wrong types", HEAD % len(body) + body, (422,))
    await expect("10 MB bodies", HEAD % 10_000_000 + b" " * 10_000_000, (413,))
    for sent in (HEAD % 900 + b"{", build_request(["Superb."] * 8)):
        async with connect(port) as (_, writer):
            writer.write(sent)
            await writer.drain()
        counts["dropped connections"] = counts.get("dropped connections", 0) + 1
    if part % 4 == 1:
        workers = [
            child for child in psutil.Process(process_id).children() if "spawn_main" in " ".join(child.cmdline())
        ]
        os.kill(workers[0].pid, signal.SIGKILL)
        counts["killed workers"] = counts.get("killed workers", 0) + 1
        await expect("slow clients", HEAD % 900 + b"{", (408,))


def check_responses(
    responses: list[tuple[int, dict]], draws: list[np.ndarray], rows: np.ndarray, lengths: list[int]
) -> tuple[int, float]:
    """Return how many requests got another answer than their own, and the largest difference of a probability."""
    num_wrong, largest = 0, 0.0
    for (status, body), places in zip(responses, draws, strict=True):
        found = body.get("predictions", [])
        is_right = status == 200 and [entry["word_pieces"] for entry in found] == [lengths[i] for i in places]
        if is_right:
            difference = np.abs([list(entry["probabilities"].values()) for entry in found] - rows[places]).max()
            largest, is_right = max(largest, float(difference)), difference <= TOLERANCE
        num_wrong += not is_right
    return num_wrong, largest


def check_answers(port: int, process_id: int, scorer: ReviewScorer, texts: list[str], state: dict, path: Path) -> None:
    """Ask and check part by part; `state` counts, and is written after each part."""
    rows = scorer.score(texts, show_progress=False)
    lengths = [len(scorer.tokenizer(text, verbose=False)["input_ids"]) for text in texts]
    while state["num_requests"] < state["asked"]["num_requests"]:
        part = state["num_requests"] // PART_REQUESTS
        generator = np.random.default_rng(part)
        count = min(PART_REQUESTS, state["asked"]["num_requests"] - state["num_requests"])
        draws = [generator.choice(len(texts), generator.integers(1, MAX_REVIEWS + 1)) for _ in range(count)]
        requests = [build_request([texts[i] for i in places]) for places in draws]

        async def run(requests: list[bytes] = requests, part: int = part) -> list[tuple[int, dict]]:
            (responses, _), _ = await asyncio.gather(
                ask_all(port, requests, NUM_CLIENTS), disturb(port, process_id, part, state["survived"])
            )
            return responses

        num_wrong, largest = check_responses(asyncio.run(run()), draws, rows, lengths)
        state["num_wrong"] += num_wrong
        state["num_reviews"] += sum(map(len, draws))
        state["largest_difference"] = max(state["largest_difference"], largest)
        state["num_requests"] += count
        path.write_text(json.dumps(state), encoding="utf-8")
        print(f"{state['num_requests']:,} requests, {state['num_wrong']} wrong", flush=True)


# ---------------------------------------------------------------------------------------------------------------------


def render_table(result: dict) -> str:
    """Render the Markdown table of a result."""
    hardware, versions = result["environment"]["hardware"], result["environment"]["versions"]
    survived = ", ".join(f"{number:,} {name}" for name, number in result["survived"].items())
    rows = [
        f"| {count} | {way['scorer_reviews_per_second']:.1f} | {way['server_reviews_per_second']:.1f} "
        f"| {way['share']:.0%} | {' / '.join(f'{ms:,.0f}' for ms in way['latency_ms'])} |"
        for count, way in result["throughput"].items()
    ]
    return "\n".join(
        [
            f"| reviews a request, {NUM_CLIENTS} clients | ReviewScorer alone, reviews a second | the server | its "
            "share | latency: median / 95th / 99th percentile, ms |",
            "|---|---|---|---|---|",
            *rows,
            f"\nThen {result['num_requests']:,} requests of 1 to {MAX_REVIEWS} reviews were checked: "
            f"{result['num_wrong']:,} wrong or mixed-up answers, {result['largest_difference']:.4f} the largest "
            f"difference of a probability. Meanwhile: {survived}. {result['num_texts']} reviews of "
            f"{result['mean_word_pieces']:.0f} word pieces in the mean; clients on the same {hardware['num_cores']} "
            f"cores; {hardware['processor']}, torch {versions['torch']}, medians of {result['num_rounds']} rounds in "
            "turn.",
        ]
    )


def main(argv: list[str] | None = None) -> dict:
    """Measure, print, write; return the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a trained folder")
    parser.add_argument("--num_requests", type=int, default=10_000, help="requests to check")
    parser.add_argument("--num_texts", type=int, default=640, help="reviews to draw")
    parser.add_argument("--num_rounds", type=int, default=3, help="timed rounds")
    parser.add_argument("--max_characters", type=int, default=400, help="of the reviews in checked requests")
    parser.add_argument(
        "--state", type=Path, default=ROOT / "runs" / "serving.json", help="where to keep what is done"
    )
    asked = vars(parser.parse_args(argv)).copy()
    path = asked.pop("state")
    texts = draw_reviews(asked["num_texts"])
    scorer = ReviewScorer(asked["model"])
    state = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if state.get("asked") != asked:
        state = {"asked": asked, "num_requests": 0, "num_reviews": 0, "num_wrong": 0, "largest_difference": 0.0}
        state |= {"survived": {}, "throughput": {}}
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, start_server(asked["model"], Path(home) / "log") as (port, process_id):
        for count in map(str, REQUEST_REVIEWS):
            if count not in state["throughput"]:
                rates = measure_throughput(port, scorer, texts, int(count), asked["num_rounds"])
                state["throughput"][count] = summarise_throughput(rates)
                path.write_text(json.dumps(state), encoding="utf-8")
        # Beginnings of reviews: the check needs many requests, not long ones.
        short = [text[: asked["max_characters"]] for text in texts]
        check_answers(port, process_id, scorer, short, state, path)
    result = {
        **{name: value for name, value in state.items() if name != "asked"},
        "num_texts": len(texts),
        "num_rounds": asked["num_rounds"],
        "mean_word_pieces": float(
            np.mean([len(scorer.tokenizer(text, verbose=False)["input_ids"]) for text in texts])
        ),
        "environment": describe_environment(),
    }
    write_result(result, render_table(result), RESULT)
    return result


if __name__ == "__main__":
    main()
