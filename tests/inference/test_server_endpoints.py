"""The endpoints over HTTP, in this process: the scorer's answers, and refusals that say the limit."""

import json
import logging

import numpy as np
import pytest
from fastapi.testclient import TestClient

from modeling_bert_bilstm import BertBiLSTMForSequenceClassification
from modeling_bert_bilstm.inference import ReviewScorer
from modeling_bert_bilstm.inference.explain import ReviewExplainer
from modeling_bert_bilstm.inference.serving.limits import Limits
from tests.conftest import build_reviews
from tests.inference.served import SMALL, Workers, build_app


TOKEN = "s3cret-9"


@pytest.fixture
def workers(model_folder, tiny_tokenizer):
    return Workers(BertBiLSTMForSequenceClassification.from_pretrained(model_folder).eval(), tiny_tokenizer)


@pytest.fixture
def client(model_folder, workers):
    with TestClient(build_app(model_folder, workers)) as client:
        yield client


@pytest.fixture
def scorer(workers, tiny_tokenizer):
    return ReviewScorer(workers.api.model, tiny_tokenizer, precision="float32")


def refuse(response, status):
    """Return the reason of a refusal."""
    assert response.status_code == status, response.text
    detail = response.json()["detail"]
    return detail if isinstance(detail, str) else " ".join(problem["msg"] for problem in detail)


def test_predictions_are_those_of_the_scorer(client, scorer, tiny_tokenizer):
    texts = [*build_reviews(4, max_words=60)[0], ""]
    found = client.post("/predict", json={"reviews": texts}).json()["predictions"]
    expected = scorer.score(texts)
    np.testing.assert_allclose([list(entry["probabilities"].values()) for entry in found], expected, atol=1e-6)
    assert [entry["label"] for entry in found] == [entry["label"] for entry in scorer.predict(texts)]
    assert [entry["score"] for entry in found] == pytest.approx(expected.max(axis=1).tolist(), abs=1e-6)
    assert [entry["word_pieces"] for entry in found] == [len(tiny_tokenizer(text)["input_ids"]) for text in texts]


def test_one_review_is_as_good_as_a_list_of_one(client):
    one = client.post("/predict", json={"reviews": "a superb film"}).json()
    assert one == client.post("/predict", json={"reviews": ["a superb film"]}).json()
    assert len(one["predictions"]) == 1


def test_films_are_those_of_the_scorer(client, scorer):
    films = {"Alien": build_reviews(3)[0], "empty": [], "with a gap": ["a fine film", "  "]}
    found = client.post("/polarity", json={"films": films, "confidence": 0.8}).json()["films"]
    assert found == json.loads(json.dumps(scorer.aggregate(films, confidence=0.8)))
    counted = client.post("/polarity", json={"films": films, "method": "classify_and_count"}).json()["films"]
    assert counted["Alien"]["interval"] is None


def test_methods_that_the_model_cannot_do_are_refused(client):
    body = {"films": {"Alien": ["a fine film"]}, "method": "adjusted_count"}
    assert "'classify_and_count'" in refuse(client.post("/polarity", json=body), 422)


def test_explanations_are_those_of_the_explainer(client, workers, tiny_tokenizer):
    review = "a superb film, but boring"
    found = client.post("/explain", json={"review": review, "label": "negative"}).json()
    expected = ReviewExplainer(workers.api.model, tiny_tokenizer).attribute(review, label="negative")
    assert [word["word"] for word in found["words"]] == list(expected.words)
    assert [word["value"] for word in found["words"]] == pytest.approx(expected.values.tolist(), abs=1e-6)
    assert [review[word["start"] : word["end"]] for word in found["words"]] == list(expected.words)
    assert (found["label"], found["score"]) == ("negative", pytest.approx(expected.score, abs=1e-6))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"reviews": ["a film"] * 7}, "at most 6 items"),
        ({"reviews": []}, "at least 1 item"),
        ({"reviews": "a" * 901}, "at most 900 characters"),
        ({"reviews": 3}, "valid string"),
        ({"reviews": ["a film", None]}, "valid string"),
        ({"reviews": {"text": "a film"}}, "valid string"),
        ({"review": "a film"}, "Field required"),
        ({"reviews": "a film", "top_k": 1}, "Extra inputs are not permitted"),
        (["a film"], "valid dictionary"),
    ],
)
def test_refusals_say_what_is_wrong(client, workers, body, reason):
    asked = len(workers.payloads)
    response = client.post("/predict", json=body)
    assert reason in refuse(response, 422)
    assert "a film" not in response.text
    assert len(workers.payloads) == asked


def test_the_limits_of_films_and_explanations(client):
    films = {"one": ["a film"] * 4, "another": ["a film"] * 3}
    assert "at most 6 reviews, found 7" in refuse(client.post("/polarity", json={"films": films}), 422)
    assert "at least 1 item" in refuse(client.post("/polarity", json={"films": {}}), 422)
    assert "at most 300 characters" in refuse(client.post("/explain", json={"review": "a" * 301}), 422)
    assert "'negative' or 'positive'" in refuse(client.post("/explain", json={"review": "a", "label": "x"}), 422)


@pytest.mark.parametrize(
    "body", [b"{", b"[" * 3_000, b"\xff\xfe", b'{"reviews": ' + b"9" * 3_900, b'{"reviews": "\\ud800"}']
)
def test_malformed_bodies_are_refused(client, body):
    response = client.post("/predict", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422)
    assert response.json()["detail"]


def test_half_a_surrogate_pair_as_a_name_is_refused(client):
    for body in (b'{"films": {"\\ud800": ["a film"]}}', b'{"\\ud800": 1}'):
        response = client.post("/polarity", content=body, headers={"Content-Type": "application/json"})
        assert response.status_code == 422


def test_a_body_over_the_limit_is_refused(client):
    assert "at most 4,000 bytes" in refuse(client.post("/predict", content=b" " * 4_001), 413)
    parts = (b" " * 1_000 for _ in range(5))  # of no declared length
    assert "at most 4,000 bytes" in refuse(client.post("/predict", content=parts), 413)
    whole = json.dumps({"reviews": "a " * 400}).ljust(4_000).encode()
    assert client.post("/predict", content=whole, headers={"Content-Type": "application/json"}).status_code == 200


def test_a_full_queue_says_when_to_come_again(client, workers):
    workers.gate.clear()
    portal = client.portal
    takers = [portal.start_task_soon(client.app.state.batcher.score, [np.arange(300)]) for _ in range(2)]
    takers += [portal.start_task_soon(client.app.state.batcher.score, [np.arange(300)] * 4) for _ in range(2)]
    while client.get("/health").json()["num_waiting"] < 8:
        pass
    response = client.post("/predict", json={"reviews": "a film"})
    assert "at most 8 may" in refuse(response, 503)
    assert int(response.headers["Retry-After"]) >= 1
    for taker in takers:
        taker.cancel()
    portal.call(workers.gate.set)
    assert client.post("/predict", json={"reviews": "a film"}).status_code == 200


def test_an_answer_that_takes_too_long_is_given_up(model_folder, workers):
    limits = Limits(answer_seconds=0.3)
    with TestClient(build_app(model_folder, workers, limits=limits)) as client:
        workers.gate.clear()
        assert "longer than 0.3 s" in refuse(client.post("/predict", json={"reviews": "a film"}), 504)
        client.portal.call(workers.gate.set)
        assert client.post("/predict", json={"reviews": "a film"}).status_code == 200


def test_a_worker_that_fails_is_tried_again_and_then_told(client, workers):
    workers.failures = [RuntimeError("gone")]
    assert client.post("/predict", json={"reviews": ["a film", "a fine one"]}).status_code == 200
    workers.failures = [RuntimeError("gone")] * 2
    assert "could not be scored" in refuse(client.post("/predict", json={"reviews": "a film"}), 500)
    assert client.post("/predict", json={"reviews": "a film"}).status_code == 200


def test_the_token(model_folder, workers):
    with TestClient(build_app(model_folder, workers, token=TOKEN)) as client:
        for given in (
            None,
            "",
            "Bearer",
            "Bearer x",
            f"Basic {TOKEN}",
            TOKEN,
            f"Bearer {TOKEN}x",
            f"Bearer {TOKEN[:-1]}",
        ):
            headers = {} if given is None else {"Authorization": given.encode()}
            for send in (
                lambda h: client.get("/info", headers=h),
                lambda h: client.post("/predict", content=b"{", headers=h),
            ):
                response = send(headers)
                assert "Authorization: Bearer" in refuse(response, 401)
                assert response.headers["WWW-Authenticate"] == "Bearer"
        assert client.get("/health").status_code == client.get("/openapi.json").status_code == 200
        good = {"Authorization": f"Bearer {TOKEN}".encode()}
        assert client.get("/info", headers=good).status_code == 200
        assert client.post("/predict", json={"reviews": "a film"}, headers=good).status_code == 200


def test_health_and_info(client, workers, model_folder):
    assert client.get("/health").json() == {"status": "ok", "num_workers": 2, "num_ready": 2, "num_waiting": 0}
    workers.ready = [False, True]
    assert client.get("/health").status_code == 200
    workers.ready = [False, False]
    assert (client.get("/health").status_code, client.get("/health").json()["status"]) == (503, "not ready")
    info = client.get("/info").json()
    assert (info["labels"], info["limits"]["max_reviews"]) == (["negative", "positive"], SMALL.max_reviews)
    assert str(model_folder.parent) not in json.dumps(info)


def test_the_log_has_no_texts(client, caplog):
    with caplog.at_level(logging.DEBUG):
        client.post("/predict", json={"reviews": ["a zxqsecret film", "fine"]})
        client.post("/explain", json={"review": "a zxqsecret film"})
        client.post("/predict", content=b'{"reviews": zxqsecret')
        client.post("/predict", json={"zxqsecret": 1})
        client.get("/zxqsecret")
    lines = [record.getMessage() for record in caplog.records if record.name == "modeling_bert_bilstm.access"]
    assert lines[0].startswith("POST /predict 200, reviews 2, word pieces 8, ")
    assert lines[-1].startswith("GET (another path) 404, ")
    # The client of these tests writes the addresses that it asks for down, too.
    assert not [r for r in caplog.records if "zxqsecret" in r.getMessage() and not r.name.startswith("http")]


def test_limits_are_checked():
    with pytest.raises(ValueError, match="`max_reviews` must be at least 1, got 0"):
        Limits(max_reviews=0)
    with pytest.raises(ValueError, match="`max_waiting_reviews` must be at least `max_reviews`, 256"):
        Limits(max_waiting_reviews=9)
