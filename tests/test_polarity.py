"""The papers' rule against hand-worked cases; the tally and its summary by their properties."""

import itertools
import json
import re
import time

import numpy as np
import pytest

from modeling_bert_bilstm.polarity import PolarityTally, decide_verdict, predict_labels
from tests.drawn_reviews import LABELS, POLARITY, draw_reviews, summarise


# Worked by hand from the algorithms as printed; counts run from the most negative label to the most positive.
RULES = [
    # OP2: positive if pos > 1.2 neg, negative if neg > 1.2 pos.
    ((10, 13), "positive"),
    ((10, 12), "neutral"),
    ((12, 10), "neutral"),
    ((13, 10), "negative"),
    ((0, 1), "positive"),
    ((1, 0), "negative"),
    ((0, 0), "neutral"),
    ((5_000_000, 6_000_000), "neutral"),  # 1.2 times 5 million is exactly 6 million
    ((5_000_000, 6_000_001), "positive"),
    # OP3: neutral if neu > 0.85 of all, else 1.5 times.
    ((0, 86, 14), "neutral"),
    ((0, 85, 15), "positive"),
    ((15, 85, 0), "negative"),
    ((14, 86, 0), "neutral"),
    ((10, 5, 15), "neutral"),
    ((10, 5, 16), "positive"),
    ((15, 5, 10), "neutral"),
    ((16, 5, 10), "negative"),
    ((3, 17, 0), "negative"),  # 17 of 20 is exactly 0.85
    ((0, 0, 0), "neutral"),
    # OP4: sides by 1.2 times, then the outer label against the inner one by 1.5 times.
    ((6, 4, 5, 3), "negative"),
    ((7, 4, 5, 3), "very negative"),
    ((4, 6, 5, 3), "negative"),
    ((4, 3, 4, 6), "positive"),
    ((3, 4, 4, 7), "very positive"),
    ((3, 4, 7, 4), "positive"),
    ((6, 6, 5, 5), "neutral"),
    ((5, 5, 6, 6), "neutral"),
    ((7, 6, 5, 5), "negative"),
    ((5, 5, 6, 7), "positive"),
    ((3, 0, 0, 0), "very negative"),
    ((0, 0, 0, 3), "very positive"),
    ((0, 0, 0, 0), "neutral"),
    # OP5: neutral if neu > 0.85 of all, else OP4 without the neutral ones.
    ((0, 0, 86, 0, 14), "neutral"),
    ((0, 0, 85, 0, 15), "very positive"),
    ((9, 6, 85, 0, 0), "negative"),
    ((10, 5, 85, 0, 0), "very negative"),
    ((5, 5, 30, 6, 6), "neutral"),
    ((5, 5, 30, 6, 7), "positive"),
    ((6, 7, 30, 5, 5), "negative"),
    ((0, 0, 0, 0, 0), "neutral"),
    # Table VI of the paper, true labels: Amazon-5 and SST-2 as the rules as printed decide them.
    ((5465, 3791, 6941, 14421, 45500), "very positive"),
    ((1116, 886), "negative"),
    ((2941, 2058, 2132, 2867), "neutral"),
]


@pytest.mark.parametrize(("counts", "verdict"), RULES)
def test_verdict_follows_the_rules_as_printed(counts, verdict):
    assert decide_verdict(counts) == verdict


@pytest.mark.parametrize("num_labels", [2, 3, 4, 5])
def test_verdict_mirrors_when_labels_are_mirrored(num_labels):
    swap = {"negative": "positive", "positive": "negative", "neutral": "neutral"}
    for counts in itertools.product(range(5), repeat=num_labels):
        words = decide_verdict(counts).split()
        assert decide_verdict(counts[::-1]).split() == [*words[:-1], swap[words[-1]]]


@pytest.mark.parametrize("counts", [[3], [1, 2, 3, 4, 5, 6], [1, -1]])
def test_verdict_refuses_counts_outside_the_rules(counts):
    with pytest.raises(
        ValueError, match=re.escape(f"`counts` must be 2 to 5 whole numbers of at least 0, one a label, got {counts}")
    ):
        decide_verdict(counts)


def test_verdict_refuses_shares():
    with pytest.raises(TypeError):
        decide_verdict([0.4, 0.6])


def test_predicted_label_is_the_single_top():
    assert predict_labels(np.array([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]])).tolist() == [1, -1, 0]


@pytest.mark.parametrize("num_labels", [2, 5])
def test_uniform_reviews_are_neutral(num_labels):
    summary = summarise(np.full((9, num_labels), 1 / num_labels))
    assert summary["verdict"] == "neutral"
    assert summary["polarity"] == 0
    assert summary["interval"] == [-summary["interval"][1], summary["interval"][1]]
    assert summary["interval"][1] > 0.6


def test_mirrored_reviews_mirror_the_answer():
    _, probabilities = draw_reviews(np.random.default_rng(8), [0.0, 0.1, 0.1, 0.1, 0.7], 60, distance=1.5)
    straight, mirrored = summarise(probabilities), summarise(probabilities[:, ::-1])
    assert straight["verdict"] == "very positive"
    assert mirrored["verdict"] == "very negative"
    assert mirrored["polarity"] == pytest.approx(-straight["polarity"], abs=1e-5)
    assert mirrored["interval"] == pytest.approx([-end for end in reversed(straight["interval"])], abs=1e-5)
    assert list(mirrored["counts"].values()) == list(straight["counts"].values())[::-1]


def test_labels_in_any_order_give_the_same_answer():
    _, probabilities = draw_reviews(np.random.default_rng(9), [0.1, 0.1, 0.1, 0.3, 0.4], 60, distance=1.5)
    prior = np.array([0.1, 0.2, 0.4, 0.2, 0.1])
    order = [3, 0, 4, 2, 1]
    tally = PolarityTally.from_probabilities(probabilities[:, order])
    shuffled = tally.summarise(np.array(LABELS[5])[order].tolist(), np.array(POLARITY[5])[order], prior[order])
    assert shuffled == summarise(probabilities, label_prior=prior)
    assert list(shuffled["counts"]) == list(shuffled["shares"]) == LABELS[5]


def test_no_reviews_give_no_estimate():
    assert PolarityTally(2).summarise(LABELS[2], POLARITY[2]) == {
        "verdict": "neutral",
        "polarity": None,
        "interval": None,
        "audience_polarity": None,
        "audience_interval": None,
        "num_reviews": 0,
        "counts": {"negative": 0, "positive": 0},
        "shares": None,
    }


def test_tallies_merge_in_any_order_and_split():
    generator = np.random.default_rng(10)
    _, probabilities = draw_reviews(generator, [0.1, 0.1, 0.2, 0.3, 0.3], 90, distance=1.3)
    probabilities[60:] = probabilities[:30]  # the same row on both sides of a split
    whole = PolarityTally.from_probabilities(probabilities)
    for _ in range(5):
        parts = np.array_split(generator.permutation(probabilities), sorted(generator.choice(90, size=3)))
        parts = [PolarityTally.from_probabilities(part) for part in parts]
        merged = sum(parts, start=PolarityTally(5))
        assert merged == whole
        assert merged.summarise(LABELS[5], POLARITY[5]) == whole.summarise(LABELS[5], POLARITY[5])
    assert whole + PolarityTally(5) == PolarityTally(5) + whole == whole
    assert whole.num_reviews == 90


def test_tally_survives_json():
    tally = PolarityTally.from_probabilities(np.array([[0.1, 0.9], [1 / 3, 2 / 3], [0.1, 0.9]]))
    assert PolarityTally.from_dict(json.loads(json.dumps(tally.to_dict()))) == tally


def test_many_reviews_are_quick():
    _, probabilities = draw_reviews(np.random.default_rng(11), [0.1, 0.1, 0.2, 0.3, 0.3], 25_000, distance=0.8)
    start = time.process_time()
    assert summarise(probabilities)["polarity"] == pytest.approx(0.3, abs=0.03)
    assert time.process_time() - start < 2


def test_bad_values_say_what_was_expected():
    with pytest.raises(ValueError, match=re.escape("must have two axes, reviews and labels, got (2,)")):
        PolarityTally.from_probabilities(np.array([0.5, 0.5]))
    for row in ([0.5, 0.6], [1.5, -0.5], [float("nan"), 0.5]):
        with pytest.raises(ValueError, match=re.escape(f"sum to 1, but row 1 is {row}.")):
            PolarityTally.from_probabilities(np.array([[0.5, 0.5], row]))
    with pytest.raises(ValueError, match="these have 2 and 5. Score both parts with the same model."):
        PolarityTally(2) + PolarityTally(5)
