"""The papers' rule against hand-worked cases; the estimate and the tally by their properties."""

import itertools
import json
import re
import time

import numpy as np
import pytest

from modeling_bert_bilstm.polarity import PolarityTally, ShareLikelihood, decide_verdict, predict_labels


LABELS = {2: ["negative", "positive"], 5: ["very negative", "negative", "neutral", "positive", "very positive"]}
POLARITY = {2: [-1.0, 1.0], 3: [-1.0, 0.0, 1.0], 5: [-1.0, -0.5, 0.0, 0.5, 1.0]}


def draw_reviews(generator, shares, num_reviews, *, distance):
    """True labels, and calibrated probabilities of a classifier trained on equal shares that errs."""
    num_labels = len(shares)
    labels = generator.choice(num_labels, size=num_reviews, p=shares)
    centres = distance * np.arange(num_labels)
    seen = centres[labels] + generator.standard_normal(num_reviews)
    scores = np.exp(-0.5 * (seen[:, None] - centres) ** 2)
    return labels, scores / scores.sum(axis=1, keepdims=True)


def summarise(probabilities, **options):
    num_labels = np.shape(probabilities)[1]
    tally = PolarityTally.from_probabilities(np.array(probabilities, dtype=float))
    return tally.summarise(LABELS[num_labels], POLARITY[num_labels], **options)


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


@pytest.mark.parametrize("distance", [0.3, 1.3, 3.0])
@pytest.mark.parametrize("shares", [[0.1, 0.1, 0.2, 0.3, 0.3], [0, 0, 0, 0, 1], [0.5, 0, 0, 0, 0.5]])
def test_maximisation_rises_every_cycle_and_reaches_the_top(monkeypatch, shares, distance):
    _, probabilities = draw_reviews(np.random.default_rng(0), shares, 300, distance=distance)
    likelihood = ShareLikelihood(probabilities)
    heights = []
    climb = ShareLikelihood.climb

    def record(self, before):
        after = climb(self, before)
        assert self.compute(after) >= self.compute(before) - 1e-9
        heights.append(self.compute(before))
        return after

    monkeypatch.setattr(ShareLikelihood, "climb", record)
    found = likelihood.maximise()
    assert len(heights) < 100
    assert np.diff(heights).min(initial=0) >= -1e-9
    assert found.sum() == pytest.approx(1)
    assert likelihood.compute_gains(found).max() <= 1 + 1e-8  # the conditions of a maximum on the simplex


def test_maximisation_equals_plain_expectation_maximisation():
    _, probabilities = draw_reviews(np.random.default_rng(3), [0.3, 0.7], 50, distance=2.0)
    prior = np.array([0.6, 0.4])
    shares = prior
    for _ in range(5_000):  # Saerens et al. 2002, equations 2.6 and 2.7, word for word
        adjusted = probabilities * shares / prior
        shares = (adjusted / adjusted.sum(axis=1, keepdims=True)).mean(axis=0)
    np.testing.assert_allclose(ShareLikelihood(probabilities, prior).maximise(), shares, atol=1e-6)


def test_interval_equals_the_profile_likelihood_on_a_grid():
    _, probabilities = draw_reviews(np.random.default_rng(4), [0.3, 0.7], 20, distance=2.0)
    likelihood = ShareLikelihood(probabilities)
    grid = np.linspace(0, 1, 20_001)
    heights = np.array([likelihood.compute(np.array([1 - share, share])) for share in grid])
    allowed = grid[heights >= heights.max() - 2.705543 / 2]  # the 90% quantile of chi squared
    expected = 2 * allowed[[0, -1]] - 1
    np.testing.assert_allclose(likelihood.compute_interval([-1, 1], likelihood.maximise()), expected, atol=2e-4)


def test_estimate_recovers_the_share_and_beats_counting():
    generator = np.random.default_rng(5)
    counting, estimating = [], []
    for share in (0.05, 0.3, 0.8, 0.95) * 10:
        labels, probabilities = draw_reviews(generator, [1 - share, share], 200, distance=2.0)
        counting.append(abs((probabilities[:, 1] > 0.5).mean() - labels.mean()))
        estimating.append(abs(summarise(probabilities)["shares"]["positive"] - labels.mean()))
    assert np.mean(estimating) < 0.7 * np.mean(counting)
    assert np.mean(estimating) < 0.05


def test_training_prior_is_taken_out():
    labels, probabilities = draw_reviews(np.random.default_rng(6), [0.5, 0.5], 4_000, distance=1.5)
    skewed = probabilities * [0.9, 0.1]
    skewed /= skewed.sum(axis=1, keepdims=True)  # the same classifier, had it been trained on 90% negative
    shares = summarise(skewed, label_prior=[0.9, 0.1])["shares"]
    assert shares["positive"] == pytest.approx(summarise(probabilities)["shares"]["positive"], abs=1e-3)
    assert shares["positive"] == pytest.approx(labels.mean(), abs=0.03)


def measure_coverage(generator, shares, num_reviews):
    values = np.array(POLARITY[len(shares)])
    held = []
    for _ in range(100):
        _, probabilities = draw_reviews(generator, shares, num_reviews, distance=2.56 if len(shares) == 2 else 1.3)
        likelihood = ShareLikelihood(probabilities)
        lower, upper = likelihood.compute_interval(values, likelihood.maximise(), 0.9)
        held.append(lower <= values @ np.array(shares) <= upper)
    return np.mean(held)


def test_interval_holds_the_true_polarity_about_as_often_as_it_says():
    generator = np.random.default_rng(7)
    inside = [
        measure_coverage(generator, shares, n) for shares in ([0.5, 0.5], [0.1, 0.2, 0.3, 0.4, 0]) for n in (5, 50)
    ]
    at_the_edge = [measure_coverage(generator, shares, n) for shares in ([0, 1], [0, 0, 0, 0, 1]) for n in (5, 50)]
    assert 0.86 < np.mean(inside) < 0.94
    assert 0.90 < np.mean(at_the_edge) < 1  # half the interval would lie outside [-1, 1], so that it errs on one side
    assert min(inside + at_the_edge) > 0.80


@pytest.mark.parametrize(
    ("probabilities", "width"),
    [([[0.01, 0.99]], 1.4), ([[0.0, 1.0]] * 30, 0.05), ([[0.0, 1.0], [1.0, 0.0]], 1.5), ([[0.4, 0.6]], 2.0)],
)
def test_interval_holds_the_estimate_and_keeps_a_width(probabilities, width):
    summary = summarise(probabilities)
    lower, upper = summary["interval"]
    assert -1 <= lower <= summary["polarity"] <= upper <= 1
    assert upper - lower >= width


def test_more_confidence_and_fewer_reviews_widen_the_interval():
    def measure(num_reviews, confidence):
        lower, upper = summarise([[0.1, 0.9], [0.8, 0.2]] * num_reviews, confidence=confidence)["interval"]
        return upper - lower

    assert measure(5, 0.5) < measure(5, 0.9) < measure(5, 0.99)
    assert measure(50, 0.9) < measure(5, 0.9)


@pytest.mark.parametrize("num_labels", [2, 5])
def test_uniform_reviews_are_neutral(num_labels):
    summary = summarise(np.full((9, num_labels), 1 / num_labels))
    assert summary["verdict"] == "neutral"
    assert summary["polarity"] == 0
    assert summary["interval"] == [-1, 1]


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
    start = time.perf_counter()
    assert summarise(probabilities)["polarity"] == pytest.approx(0.3, abs=0.03)
    assert time.perf_counter() - start < 2


def test_bad_values_say_what_was_expected():
    with pytest.raises(ValueError, match=re.escape("must have two axes, reviews and labels, got (2,)")):
        PolarityTally.from_probabilities(np.array([0.5, 0.5]))
    for row in ([0.5, 0.6], [1.5, -0.5], [float("nan"), 0.5]):
        with pytest.raises(ValueError, match=re.escape(f"sum to 1, but row 1 is {row}.")):
            PolarityTally.from_probabilities(np.array([[0.5, 0.5], row]))
    with pytest.raises(ValueError, match="these have 2 and 5. Score both parts with the same model."):
        PolarityTally(2) + PolarityTally(5)
    with pytest.raises(ValueError, match="`confidence` must be a number between 0 and 1, such as 0.9, got 90."):
        summarise([[0.5, 0.5]], confidence=90)
    with pytest.raises(
        ValueError, match=re.escape("`label_prior` must be 2 shares above 0, one a label, got [1, 0].")
    ):
        ShareLikelihood(np.array([[0.5, 0.5]]), [1, 0])
