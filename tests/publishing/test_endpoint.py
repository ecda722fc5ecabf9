"""handler.py: loaded as Inference Endpoints load it, started as the Dockerfile starts it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from modeling_bert_bilstm.publishing import PublishingError, build_hub_folder, check_handler
from modeling_bert_bilstm.publishing.check import CHECK_TEXTS, build_stranger_environment
from modeling_bert_bilstm.publishing.endpoint import HANDLER
from modeling_bert_bilstm.publishing.endpoint_handler import EndpointHandler
from tests.publishing.run_folder import HUB_FILES, write_run_folder


@pytest.fixture(scope="module")
def hub_folder(model_folder, tmp_path_factory):
    home = tmp_path_factory.mktemp("endpoint")
    names = build_hub_folder(write_run_folder(model_folder, home / "run"), home / "hub", with_handler=True)
    assert names == sorted([*HUB_FILES, *HANDLER])
    return home / "hub"


@pytest.fixture(scope="module")
def handler(hub_folder):
    return EndpointHandler(str(hub_folder))


def test_reviews_and_films_have_the_answers_of_the_pipelines(handler):
    one, many = handler({"inputs": CHECK_TEXTS[0]}), handler({"inputs": list(CHECK_TEXTS[:2])})
    assert one == many[:1]
    assert {entry["label"] for entry in one[0]} == {"negative", "positive"}
    assert sum(entry["score"] for entry in one[0]) == pytest.approx(1)
    films = handler({"inputs": {"a film": list(CHECK_TEXTS), "none": []}, "parameters": {"confidence": 0.5}})
    assert films["a film"]["num_reviews"] == len(CHECK_TEXTS)
    assert json.loads(json.dumps(films)) == films
    assert handler({"inputs": []}) == []


@pytest.mark.parametrize("data", [{}, {"inputs": 3}, {"inputs": ["a film", None]}, "a film", None])
def test_other_inputs_are_refused(handler, data):
    with pytest.raises(ValueError, match="`inputs` must be a review, a list of reviews, or a mapping from film"):
        handler(data)


def test_the_check_compares_with_the_pipeline(hub_folder, handler):
    expected = [handler._classify(text, top_k=1)[0] for text in CHECK_TEXTS]
    check_handler(hub_folder, expected)
    wrong = [*expected[:-1], {**expected[-1], "score": expected[-1]["score"] + 1e-3}]
    with pytest.raises(PublishingError, match=re.escape("must answer as the pipeline does: expected {'label'")):
        check_handler(hub_folder, wrong)
    source = (hub_folder / "handler.py").read_text(encoding="utf-8")
    try:
        (hub_folder / "handler.py").write_text(f"import modeling_bert_bilstm\n{source}", encoding="utf-8")
        with pytest.raises(PublishingError, match="fails in a process without this package, which said"):
            check_handler(hub_folder, expected)
    finally:
        (hub_folder / "handler.py").write_text(source, encoding="utf-8")


def ask(port, body):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.loads(response.read())


def test_the_program_answers_over_http(hub_folder, handler, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = re.search(r"^CMD (.+)$", (hub_folder / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert json.loads(command) == ["python", "handler.py", "8080"]
    environment = build_stranger_environment(str(tmp_path)) | {"HF_HUB_OFFLINE": "1"}
    log = tmp_path / "log"
    process = subprocess.Popen(
        [sys.executable, "handler.py", str(port)],
        cwd=hub_folder, env=environment, stdout=log.open("w"), stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 240
        while True:
            try:
                found = ask(port, {"inputs": list(CHECK_TEXTS)})
                break
            except urllib.error.URLError:
                assert process.poll() is None, log.read_text(encoding="utf-8")
                assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
                time.sleep(0.3)
        for row, wanted in zip(found, handler({"inputs": list(CHECK_TEXTS)}), strict=True):
            assert [entry["label"] for entry in row] == [entry["label"] for entry in wanted]
            assert [entry["score"] for entry in row] == pytest.approx([entry["score"] for entry in wanted], abs=1e-5)
        with pytest.raises(urllib.error.HTTPError, match="400"):
            ask(port, {"inputs": 3})
    finally:
        os.killpg(process.pid, signal.SIGKILL)
