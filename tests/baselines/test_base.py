"""What holds for every system, the names, and the logistic regression that several end in."""

import importlib
import inspect
import sys
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from baselines.base import SYSTEMS, build_system, check_reviews, needs_encoder
from baselines.logistic_regression import TunedLogisticRegression
from baselines.transformer_from_scratch import TransformerNetwork
from tests.conftest import NEGATIVE, POSITIVE, VOCABULARY, build_reviews


# Small and quick; the rest is as it is used.
OPTIONS = {
    "majority": {},
    "tfidf": {},
    "word2vec": {"vector_size": 20},
    "fasttext": {"vector_size": 20, "num_buckets": 1000},
    "glove": {},
    "frozen_cls": {},
    "frozen_mean": {},
    "transformer_from_scratch": {"num_epochs": 8, "batch_size": 8, "learning_rate": 1e-3},
    "bilstm_from_scratch": {"num_epochs": 4, "batch_size": 16},
    "bilstm_glove": {"num_epochs": 4, "batch_size": 16},
}
DRAWING = ["word2vec", "fasttext", "transformer_from_scratch", "bilstm_from_scratch", "bilstm_glove"]


def build_plain_reviews(num_reviews, seed=0):
    """Return reviews of two telling words, good and bad: an encoder 12 numbers wide could not tell 16 apart."""
    texts, labels = build_reviews(num_reviews, seed=seed, max_words=8)
    plain = {**dict.fromkeys(POSITIVE, "good"), **dict.fromkeys(NEGATIVE, "bad")}
    return [" ".join(plain.get(word, word) for word in text.split()) for text in texts], labels


TRAIN, TEST = build_plain_reviews(80), build_plain_reviews(40, seed=1)


@pytest.fixture(autouse=True, scope="module")
def _in_float32():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("modeling_bert_bilstm.hardware.rates._measure_speedup", lambda: 1.0)
        yield


@pytest.fixture(autouse=True, scope="module")
def _small_transformer():
    with pytest.MonkeyPatch.context() as patch:
        small = partial(TransformerNetwork, num_layers=2, width=32, inner_width=48)
        patch.setattr("baselines.transformer_from_scratch.TransformerNetwork", small)
        yield


@pytest.fixture(scope="module")
def glove_file(tmp_path_factory):
    vectors = np.random.default_rng(0).normal(size=(len(VOCABULARY), 25))
    lines = [" ".join([word, *map(str, row)]) for word, row in zip(VOCABULARY, vectors, strict=True)]
    path = tmp_path_factory.mktemp("glove") / "glove.25d.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def fit(encoder_folder, glove_file):
    fitted = {}

    def fit(name, seed=3, again=False):
        if again or (name, seed) not in fitted:
            options = {**OPTIONS[name], **({"glove": glove_file} if "glove" in name else {})}
            system = build_system(name, num_labels=2, seed=seed, encoder=encoder_folder, **options)
            system.fit(*TRAIN)
            fitted[name, seed] = system
        return fitted[name, seed]

    return fit


# ---------------------------------------------------------------------------------------------------------------------
# Every system


@pytest.mark.parametrize("name", OPTIONS)
def test_rows_are_probabilities(fit, name):
    probabilities = fit(name).predict_proba(TEST[0])
    assert probabilities.shape == (40, 2)
    assert probabilities.dtype == np.float64
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("name", OPTIONS)
def test_order_and_batch_mates_change_nothing(fit, name):
    texts = [*TEST[0], "good " * 40]
    expected = fit(name).predict_proba(texts)
    np.testing.assert_allclose(fit(name).predict_proba(texts[::-1])[::-1], expected, atol=1e-5)
    for i in (0, 7, 40):
        np.testing.assert_allclose(fit(name).predict_proba([texts[i]]), expected[i : i + 1], atol=1e-5)


@pytest.mark.parametrize("name", OPTIONS)
def test_unknown_words_alone_still_have_a_probability(fit, name):
    probabilities = fit(name).predict_proba(["zyxw vutsr", "", "   "])
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("name", sorted(OPTIONS.keys() - {"majority"}))
def test_separable_reviews_are_told_apart(fit, name):
    accuracy = (fit(name).predict_proba(TEST[0]).argmax(axis=1) == TEST[1]).mean()
    assert accuracy >= 0.75  # the larger class has 0.5


@pytest.mark.parametrize("name", OPTIONS)
def test_the_same_seed_gives_the_same(fit, name):
    first = fit(name).predict_proba(TEST[0])
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002 - what others may have drawn before
    np.testing.assert_array_equal(fit(name, again=True).predict_proba(TEST[0]), first)


@pytest.mark.parametrize("name", DRAWING)
def test_another_seed_gives_something_else(fit, name):
    assert not np.allclose(fit(name).predict_proba(TEST[0]), fit(name, seed=4).predict_proba(TEST[0]))


# ---------------------------------------------------------------------------------------------------------------------
# Names


@pytest.mark.parametrize("name", SYSTEMS)
def test_each_name_leads_to_a_class_that_takes_what_the_name_says(name):
    entry = SYSTEMS[name]
    system_class = getattr(importlib.import_module(f"baselines.{entry.module}"), entry.class_name)
    parameters = inspect.signature(system_class).parameters
    assert {"num_labels", "seed", *entry.options, *entry.required} <= parameters.keys()
    assert ("encoder" in parameters) == needs_encoder(name)
    assert {parameter.kind for parameter in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    given = {"num_labels", "seed", "encoder", "unlabelled", *entry.options, *entry.required}
    assert all(parameter.default is not parameter.empty for key, parameter in parameters.items() if key not in given)


def test_the_names_are_all_systems_of_the_literature_and_the_ablations():
    poolings = {"cls", "mean", "max", "attention"}
    assert SYSTEMS.keys() == {
        *"majority tfidf word2vec fasttext glove frozen_cls frozen_mean".split(),
        *"transformer_from_scratch bilstm_from_scratch bilstm_glove".split(),
        *"stock_gao stock_case_study stock_mini_project stock gao_bert_bilstm nkhata_code nkhata_text".split(),
        *(f"ours_{pooling}" for pooling in {*poolings, "last"}),
        *"frozen_smote frozen_bilstm decoupled_smote decoupled".split(),
        *"ours ours_no_lstm ours_first_512 ours_class_weights ours_oversampling ours_augmented".split(),
    }


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"must be one of \['bilstm_from_scratch'.*'tfidf'.*got 'tfdif'"):
        build_system("tfdif", num_labels=2, seed=0)
    with pytest.raises(ValueError, match="got 'tfdif'"):
        needs_encoder("tfdif")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("frozen_cls", {"pooling": "mean", "encoder": "x"}, r"'frozen_cls' is made by its \['pooling'\]"),
        ("tfidf", {"min_revews": 1}, r"'tfidf' must be among .*'min_reviews'.*got \['min_revews'\]"),
        ("frozen_cls", {}, r"'frozen_cls' needs \['encoder'\]"),
        ("ours_augmented", {"encoder": "x"}, r"'ours_augmented' needs \['augment'\]"),
        ("ours_augmented", {"encoder": "x", "augment": None}, r"'ours_augmented' needs \['augment'\]"),
    ],
)
def test_options_that_do_not_fit_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        build_system(name, num_labels=2, seed=0, **options)


def test_unlabelled_reviews_reach_those_that_learn_from_them():
    assert build_system("word2vec", num_labels=2, seed=0, unlabelled=["a film"]).unlabelled == ["a film"]
    build_system("tfidf", num_labels=2, seed=0, unlabelled=["a film"])


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [([], [], "at least one"), (["a"], [0, 1], "as many.*got 1 and 2"), (["a", "b"], [0, 2], r"found \[2\]")],
)
def test_reviews_that_do_not_fit_are_refused(texts, labels, message):
    with pytest.raises(ValueError, match=message):
        check_reviews(texts, labels, 2)


# ---------------------------------------------------------------------------------------------------------------------
# Logistic regression


def draw_features(num_reviews, seed, num_labels=3):
    generator = np.random.default_rng(seed)
    labels = generator.integers(num_labels, size=num_reviews)
    features = generator.normal(size=(num_reviews, 11))
    features[:, :num_labels] += np.eye(num_labels)[labels]
    return features, labels


def test_the_regression_is_that_of_scikit_learn_on_standardised_features():
    features, labels = draw_features(60, seed=0)
    features = 7 * features + 100
    regression = TunedLogisticRegression(3, standardise=True)
    regression.fit(features, labels)
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    reference = LogisticRegression(max_iter=1000).fit(scaled, labels)
    np.testing.assert_allclose(regression.predict_proba(features), reference.predict_proba(scaled), atol=1e-9)
    assert regression.count_parameters() == 3 * 11 + 3


def test_validation_chooses_the_strength():
    (features, labels), validation = draw_features(40, seed=0), draw_features(400, seed=1)
    tuned = TunedLogisticRegression(3, standardise=False)
    tuned.fit(features, labels, validation)
    accuracies = [
        LogisticRegression(C=c, max_iter=1000).fit(features, labels).score(*validation)
        for c in (0.01, 0.1, 1.0, 10.0, 100.0)
    ]
    assert len(set(accuracies)) > 1
    assert (tuned.predict_proba(validation[0]).argmax(axis=1) == validation[1]).mean() == max(accuracies)


def test_a_class_without_a_review_and_a_constant_feature_do_no_harm():
    features, labels = draw_features(60, seed=0, num_labels=2)
    features[:, 5] = 1.0
    regression = TunedLogisticRegression(4, standardise=True)
    regression.fit(features, 2 * labels + 1)
    probabilities = regression.predict_proba(features)
    assert np.isfinite(probabilities).all()
    assert (probabilities[:, [0, 2]] == 0).all()
    assert (probabilities[:, [1, 3]] > 0).all()
    assert regression.predict_proba(features[:0]).shape == (0, 4)


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(ImportError, match=r"sklearn.*pip install \"modeling-bert-bilstm\[baselines\]\""):
        TunedLogisticRegression(2, standardise=False).fit(*draw_features(8, seed=0))
