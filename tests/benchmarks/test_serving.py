"""The load test counts what is wrong, and its result is rendered."""

import numpy as np

from benchmarks import http_clients, serving


ROWS = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
LENGTHS = [5, 7, 9]


def answer(*places, status=200, shift=0.0):
    entries = [
        {"probabilities": {"negative": ROWS[i][0] + shift, "positive": ROWS[i][1] - shift}, "word_pieces": LENGTHS[i]}
        for i in places
    ]
    return status, {"predictions": entries}


def check(response, places):
    return serving.check_responses([response], [np.array(places)], ROWS, LENGTHS)


def test_only_the_own_answer_is_right():
    assert check(answer(0, 2), [0, 2]) == (0, 0.0)
    wrong = [
        answer(2, 0),
        answer(0),
        answer(0, 2, 1),
        answer(0, 1),
        answer(0, 2, status=503),
        answer(0, 2, shift=0.03),
    ]
    assert [check(response, [0, 2])[0] for response in wrong] == [1] * len(wrong)
    num_wrong, largest = check(answer(0, 2, shift=0.01), [0, 2])
    assert (num_wrong, round(largest, 6)) == (0, 0.01)
    assert check((503, {"detail": "full"}), [0]) == (1, 0.0)


def test_a_request_is_what_http_wants():
    request = http_clients.build_request(["caf\u00e9"])
    head, body = request.split(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert body == b'{"reviews": ["caf\\u00e9"]}'


def test_throughput_is_the_median_of_rounds_in_turn():
    rates = {"scorer": [50.0, 60.0, 100.0], "server": [45.0, 48.0, 99.0], "latencies_ms": [1.0, 2.0, 3.0]}
    found = serving.summarise_throughput(rates)
    assert (found["scorer_reviews_per_second"], found["server_reviews_per_second"], found["share"]) == (60, 48, 0.9)
    assert found["latency_ms"][0] == 2


def test_the_table():
    way = {"scorer_reviews_per_second": 60.0, "server_reviews_per_second": 57.0, "share": 0.95}
    result = {
        "num_requests": 10_000, "num_reviews": 45_000, "num_wrong": 0, "largest_difference": 0.0041,
        "survived": {"malformed JSON": 60, "killed workers": 5}, "num_texts": 320, "num_rounds": 3,
        "throughput": {"1": {**way, "latency_ms": [500.0, 810.0, 1_200.0]}}, "mean_word_pieces": 294.0,
        "environment": {"hardware": {"num_cores": 2, "processor": "P"}, "versions": {"torch": "2.13.0"}},
    }  # fmt: skip
    table = serving.render_table(result)
    for shown in (
        "| 1 | 60.0 | 57.0 | 95% | 500 / 810 / 1,200 |",
        "10,000 requests of 1 to 8",
        "0 wrong",
        "60 malformed",
    ):
        assert shown in table
