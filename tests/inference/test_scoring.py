"""ReviewScorer: the model's probabilities in the order given, in bounded memory, whatever the batches."""

import contextlib
import itertools
import random
import threading
import time

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import pipeline

from modeling_bert_bilstm import AggregatePolarityPipeline, BertBiLSTMForSequenceClassification
from modeling_bert_bilstm.inference import ReviewScorer, scoring, torch_backend
from tests.conftest import build_reviews


@pytest.fixture
def model(tiny_model, tiny_tokenizer, reviews):
    """The tiny model with a classifier whose probabilities differ from review to review."""
    with torch.no_grad():
        tiny_model.classifier.weight *= 100
        logits = tiny_model(**tiny_tokenizer(reviews[0], padding=True, return_tensors="pt")).logits
        tiny_model.classifier.bias -= logits.mean(dim=0)
    return tiny_model


@pytest.fixture
def build_scorer(model, tiny_tokenizer):
    return lambda **options: ReviewScorer(model, tiny_tokenizer, **{"precision": "float32", **options})


@pytest.fixture
def scorer(build_scorer):
    return build_scorer()


@pytest.fixture
def texts(reviews):
    """Reviews of one window and of several, and one without words."""
    return [*reviews[0], "superb brilliant ending " * 40, "", *build_reviews(9, seed=1, max_words=70)[0]]


@pytest.fixture
def alone(model, tiny_tokenizer, texts):
    """The probabilities of each text scored on its own."""
    with torch.inference_mode():
        logits = [model(**tiny_tokenizer(text, return_tensors="pt")).logits for text in texts]
    probabilities = torch.cat(logits).softmax(-1).numpy()
    assert np.ptp(probabilities[:, 0]) > 0.3, "the scores must differ for these tests to tell anything"
    return probabilities


# ---------------------------------------------------------------------------------------------------------------------
# The answers


def test_probabilities_are_those_of_the_stock_pipeline(scorer, model, tiny_tokenizer, texts):
    pipe = pipeline("sentiment-analysis", model=model, tokenizer=tiny_tokenizer, device="cpu", top_k=None)
    stock = [{entry["label"]: entry["score"] for entry in pipe(text)[0]} for text in texts]
    expected = [[scores["negative"], scores["positive"]] for scores in stock]
    found = scorer.score(texts)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_predictions_are_those_of_the_stock_pipeline(scorer, model, tiny_tokenizer, texts):
    pipe = pipeline("sentiment-analysis", model=model, tokenizer=tiny_tokenizer, device="cpu")
    found = scorer.predict(texts)
    for text, prediction in zip(texts, found, strict=True):
        (expected,) = pipe(text)
        assert prediction == {"label": expected["label"], "score": pytest.approx(expected["score"], abs=1e-5)}
    assert {prediction["label"] for prediction in found} == {"negative", "positive"}


@pytest.mark.parametrize("as_given", [list, tuple, iter, np.array, lambda texts: (text for text in texts)])
def test_order_is_kept_for_every_iterable(scorer, texts, alone, as_given):
    np.testing.assert_allclose(scorer.score(as_given(texts)), alone, atol=1e-5)
    np.testing.assert_allclose(list(scorer.stream(as_given(texts))), alone, atol=1e-5)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False), st.integers(1, 900), st.integers(1, 40))
def test_neither_order_nor_batches_nor_buffers_change_a_score(
    build_scorer, texts, alone, generator: random.Random, max_word_pieces, buffer_reviews
):
    order = list(range(len(texts)))
    generator.shuffle(order)
    scorer = build_scorer(max_word_pieces=max_word_pieces, buffer_reviews=buffer_reviews)
    found = scorer.score([texts[i] for i in order])
    np.testing.assert_allclose(found, alone[order], atol=1e-5)


def test_bfloat16_changes_little(build_scorer, texts, alone):
    difference = np.abs(build_scorer(precision="bfloat16").score(texts) - alone).max()
    assert 0 < difference < 0.02


def test_nothing_gives_nothing(scorer):
    assert scorer.score([]).shape == scorer.score(iter([])).shape == (0, 2)
    assert list(scorer.stream([])) == scorer.predict([]) == []


@pytest.mark.parametrize("problem_type", ["multi_label_classification", "regression"])
def test_other_problems_give_their_own_numbers(build_scorer, model, tiny_tokenizer, texts, problem_type):
    model.config.problem_type = problem_type
    with torch.inference_mode():
        logits = torch.cat([model(**tiny_tokenizer(text, return_tensors="pt")).logits for text in texts])
    expected = logits if problem_type == "regression" else logits.sigmoid()
    np.testing.assert_allclose(build_scorer().score(texts), expected.numpy(), atol=1e-4)


# ---------------------------------------------------------------------------------------------------------------------
# Memory and progress


@pytest.mark.parametrize("buffer_reviews", [1, 4, 7])
def test_streaming_holds_no_more_than_two_buffers(build_scorer, texts, alone, buffer_reviews):
    num_read, furthest = 0, 0

    def read():
        nonlocal num_read
        for text in itertools.islice(itertools.cycle(texts), 100):
            num_read += 1
            assert threading.current_thread() is threading.main_thread(), "the caller's thread reads"
            yield text

    rows = []
    for row in build_scorer(buffer_reviews=buffer_reviews).stream(read()):
        furthest = max(furthest, num_read - len(rows))
        rows.append(row)
    assert furthest == 2 * buffer_reviews
    np.testing.assert_allclose(rows, alone[np.arange(100) % len(texts)], atol=1e-5)


def test_an_endless_stream_can_be_left(build_scorer, texts):
    rows = build_scorer(buffer_reviews=3).stream(itertools.cycle(texts))
    assert len(list(itertools.islice(rows, 5))) == 5


def test_batches_keep_to_the_budget(build_scorer, texts, monkeypatch):
    scorer = build_scorer(max_word_pieces=200)
    shapes = []
    compute_logits = scorer.backend.compute_logits
    monkeypatch.setattr(
        scorer.backend, "compute_logits", lambda ids, mask: shapes.append(ids.shape) or compute_logits(ids, mask)
    )
    scorer.score(texts)
    assert sum(rows for rows, _ in shapes) == len(texts)
    assert all(rows * columns <= 200 and columns % 16 == 0 for rows, columns in shapes)
    assert shapes[0] == (1, 128), "the longest comes first, and is not cut"


@pytest.mark.parametrize(
    ("num_reviews", "show_progress", "is_shown"),
    [(99, None, False), (100, None, True), (3, True, True), (100, False, False)],
)
@pytest.mark.parametrize("is_counted", [True, False])
def test_progress(scorer, monkeypatch, num_reviews, show_progress, is_shown, is_counted):
    bars = []

    def build_bar(**options):
        bars.append(tqdm(**options))
        bars[-1].update = lambda num_reviews: counts.append(num_reviews)
        bars[-1].options = options
        return bars[-1]

    counts, tqdm = [], scoring.logging.tqdm
    monkeypatch.setattr(scoring.logging, "tqdm", build_bar)
    texts = ["good"] * num_reviews
    scorer.score(texts if is_counted else iter(texts), show_progress)
    (bar,) = bars
    assert bar.options["disable"] is not is_shown
    assert bar.options["unit"] == "review"
    assert bar.options["total"] == (num_reviews if is_counted or num_reviews < 100 else None)
    assert sum(counts) == num_reviews


# ---------------------------------------------------------------------------------------------------------------------
# Films


def test_films_get_the_entries_of_the_pipeline(scorer, model, tiny_tokenizer, texts, monkeypatch):
    pipe = AggregatePolarityPipeline(model=model, tokenizer=tiny_tokenizer, task="aggregate-polarity", device="cpu")
    scored, compute_logits = [], scorer.backend.compute_logits
    monkeypatch.setattr(
        scorer.backend, "compute_logits", lambda ids, mask: scored.extend(ids) or compute_logits(ids, mask)
    )
    films = {"Alien": texts[:9], "Brazil": [*texts[9:], None], "Casablanca": [], "Dune": 3}
    for options in ({}, {"confidence": 0.5, "return_reviews": True}):
        expected, found = pipe(films, **options), scorer.aggregate(films, **options)
        assert list(found) == list(expected)
        for name, entry in expected.items():
            reviews, found_reviews = entry.pop("reviews", []), found[name].pop("reviews", [])
            assert_near(found[name], entry)
            for found_review, review in zip(found_reviews, reviews, strict=True):
                assert_near(found_review, review)
    assert len(scored) == 2 * (len(texts) - 1), "the scorer's backend computes"
    assert scorer.aggregate(texts)["num_reviews"] == len(texts) - 1, "the empty one is left out, as by the pipeline"


def assert_near(found, expected):
    """Equal, numbers to the last digit or two that the pipeline rounds to."""
    assert list(found) == list(expected)
    for key, value in expected.items():
        if isinstance(value, dict):
            assert_near(found[key], value)
        elif isinstance(value, float | list | tuple) and key != "skipped":
            np.testing.assert_allclose(found[key], value, atol=1e-4)
        else:
            assert found[key] == value


def test_batch_size_is_refused_with_its_reason(scorer, texts):
    with pytest.raises(ValueError, match=r"formed by word pieces\. Set `max_word_pieces`"):
        scorer.aggregate(texts, batch_size=4)
    with pytest.raises(TypeError, match="Did you mean `confidence`"):
        scorer.aggregate(texts, confidense=0.5)


# ---------------------------------------------------------------------------------------------------------------------
# Where the model comes from, and what is refused


@pytest.mark.parametrize("kind", [str, lambda folder: folder])
def test_a_folder_is_scored_like_its_loaded_model(model_folder, tiny_model, tiny_tokenizer, reviews, kind):
    scorer = ReviewScorer(kind(model_folder), precision="float32")
    assert (scorer.backend.name, scorer.backend.precision) == ("torch", "float32")
    expected = ReviewScorer(tiny_model, tiny_tokenizer, precision="float32").score(reviews[0])
    np.testing.assert_allclose(scorer.score(reviews[0]), expected, atol=1e-6)


def test_half_precision_files_are_read_as_float32(model, tiny_tokenizer, tmp_path):
    model.bfloat16().save_pretrained(tmp_path)
    tiny_tokenizer.save_pretrained(tmp_path)
    assert ReviewScorer(tmp_path, precision="float32").model.dtype == torch.float32
    with pytest.raises(ValueError, match=r"must be in float32, got torch\.bfloat16\. Load it with"):
        ReviewScorer(model, tiny_tokenizer)


def test_auto_chooses_on_the_first_reviews(build_scorer, texts, alone, monkeypatch):
    calls = []

    def choose(model, tokenizer, sample, **options):
        calls.append((sample, options))
        return torch_backend.build(model, precision=options["precision"])

    monkeypatch.setattr(scoring, "choose_backend", choose)
    scorer = build_scorer(backend="auto", max_word_pieces=160)
    assert scorer.backend is None
    np.testing.assert_allclose(scorer.score(texts), alone, atol=1e-5)
    scorer.score(texts)
    ((sample, options),) = calls
    assert options == {"precision": "float32", "folder": None}
    assert sum(int(mask.sum()) for _, mask in sample) >= 2 * 160
    assert sum(len(ids) for ids, _ in sample) < len(texts), "not all reviews are needed to choose"
    assert scorer.backend.name == "torch"


def test_auto_is_not_chosen_on_one_short_review(build_scorer, monkeypatch):
    samples = []

    def choose(model, tokenizer, sample, **options):
        samples.append(sample)
        return torch_backend.build(model, precision="float32")

    monkeypatch.setattr(scoring, "choose_backend", choose)
    build_scorer(backend="auto", max_word_pieces=400).score(["superb"])
    assert sum(int(mask.sum()) for _, mask in samples[0]) > 400 * torch.get_num_threads()


def test_rows_before_a_mistake_come_out(build_scorer):
    rows = build_scorer(buffer_reviews=4).stream(["superb"] * 4 + ["dull"] * 2 + [7])
    assert [next(rows).shape for _ in range(4)] == [(2,)] * 4
    with pytest.raises(TypeError, match="found int at position 6"):
        next(rows)


def test_a_stream_can_be_closed(build_scorer, texts):
    with contextlib.closing(build_scorer(buffer_reviews=2).stream(itertools.cycle(texts))) as rows:
        next(rows)
    assert list(rows) == []


def test_an_interrupt_leaves_no_batch_at_work(build_scorer, monkeypatch):
    scorer = build_scorer(max_word_pieces=16)
    scorer._backend.num_workers, scorer._backend.min_batches = 2, 2
    done, compute_logits = [], scorer._backend.compute_logits
    slowly = lambda *batch: (done.append(1), time.sleep(0.01), compute_logits(*batch))[-1]  # noqa: E731
    monkeypatch.setattr(scorer._backend, "compute_logits", slowly)

    def interrupt(num_reviews):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        list(scorer._score_buffers(["superb film"] * 300, interrupt))
    so_far = len(done)
    time.sleep(0.2)
    assert len(done) == so_far < 100
    assert caught.traceback, "which keeps what it was working on alive"


def test_wrong_arguments_are_refused(model, tiny_tokenizer, encoder_folder):
    for options, message in (
        ({"backend": "tensorrt"}, "'torch_compiled', 'onnx', 'onnx_int8', 'openvino', 'openvino_int8'.*'tensorrt'"),
        ({"precision": "half"}, "`precision` must be one of"),
        ({"max_word_pieces": 0}, "`max_word_pieces` must be a whole number of at least 1, got 0"),
        ({"buffer_reviews": 2.5}, r"`buffer_reviews` must be a whole number of at least 1, got 2\.5"),
    ):
        with pytest.raises(ValueError, match=message):
            ReviewScorer(model, tiny_tokenizer, **options)
    with pytest.raises(ValueError, match="A loaded model needs its tokenizer"):
        ReviewScorer(model)
    with pytest.raises(TypeError, match="must be a folder, an id on the Hub or a loaded model, got int"):
        ReviewScorer(3)
    with pytest.raises(ValueError, match="must be of the type 'bert_bilstm', found 'bert'"):
        ReviewScorer(encoder_folder)
    with pytest.raises(ValueError, match="must be of the type 'bert_bilstm', found 'bert'"):
        ReviewScorer(model.encoder, tiny_tokenizer)


@pytest.mark.parametrize("method", ["score", "stream", "predict"])
def test_what_is_no_review_is_refused(scorer, method):
    for texts in ("A superb film.", {"text": ["good"]}, 3):
        with pytest.raises(TypeError, match=f"found {type(texts).__name__}. Put a single review into a list"):
            getattr(scorer, method)(texts)
    with pytest.raises(TypeError, match="found NoneType at position 2"):
        list(getattr(scorer, method)(["good", "bad", None]))


def test_a_model_in_training_is_scored_without_dropout(model, tiny_tokenizer, texts, alone):
    model.train()
    np.testing.assert_allclose(ReviewScorer(model, tiny_tokenizer, precision="float32").score(texts), alone, atol=1e-5)
    assert model.training
    assert isinstance(model, BertBiLSTMForSequenceClassification)
