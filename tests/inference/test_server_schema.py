"""The server against its own OpenAPI: whatever schemathesis makes up is answered as the page says."""

import json
import socket
import threading
import time
from dataclasses import replace

import pytest
import schemathesis
import torch
import uvicorn
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from modeling_bert_bilstm import BertBiLSTMForSequenceClassification
from tests.conftest import build_tiny_tokenizer
from tests.inference.served import SMALL, Workers, build_app


TOKEN = "s3cret"
# A body that is too big, where one that is wrong was meant to be sent, would be taken for a wrong answer.
LIMITS = replace(SMALL, max_body_bytes=2_000_000, body_seconds=20.0)
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
    negative_data_rejection, positive_data_acceptance, ignored_auth, unsupported_method,
]  # fmt: skip


OPERATIONS = [("POST", "/predict"), ("POST", "/polarity"), ("POST", "/explain"), ("GET", "/health"), ("GET", "/info")]


@pytest.fixture(scope="module", autouse=True)
def keep_subnormal_numbers():
    """Hypothesis draws them, and other tests of this process may have had them flushed to zero, as training does."""
    torch.set_flush_denormal(False)


@pytest.fixture(scope="module")
def app(model_folder):
    model = BertBiLSTMForSequenceClassification.from_pretrained(model_folder).eval()
    return build_app(model_folder, Workers(model, build_tiny_tokenizer()), limits=LIMITS, token=TOKEN)


@pytest.fixture(scope="module")
def schema(app):
    """The schema of the server, which answers on the loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        yield schemathesis.openapi.from_url(f"http://127.0.0.1:{listening.getsockname()[1]}/openapi.json", timeout=60)
        server.should_exit = True
        thread.join(20)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_server_keeps_its_word(schema, method, path, mode):
    if method == "GET" and mode is GenerationMode.NEGATIVE:
        mode = GenerationMode.POSITIVE  # it takes nothing that could be wrong
    operation = schema[path][method]

    @settings(max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case):
        response = case.call(timeout=60, headers={"Authorization": f"Bearer {TOKEN}"})
        # A schema cannot say how many reviews all films may have together.
        is_too_much = mode is GenerationMode.POSITIVE and path == "/polarity" and response.status_code == 422
        if is_too_much:
            assert sum(map(len, case.body["films"].values())) > LIMITS.max_reviews
        checks = [check for check in CHECKS if not (is_too_much and check is positive_data_acceptance)]
        case.validate_response(response, checks=checks)

    check()


def test_the_page_names_every_endpoint_and_its_limits(app):
    page = app.openapi()
    assert set(page["paths"]) == {"/predict", "/polarity", "/explain", "/health", "/info"}
    shown = json.dumps(page)
    for limit in ('"maxItems": 6', '"maxLength": 900', '"maxLength": 300'):
        assert limit in shown
    assert set(page["paths"]["/predict"]["post"]["responses"]) == {
        "200", "400", "401", "408", "413", "422", "500", "503", "504",
    }  # fmt: skip
