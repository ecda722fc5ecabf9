"""The majority class, and TF-IDF with logistic regression."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from baselines.majority import MajorityClass
from baselines.mean_vectors import WORD_PATTERN
from baselines.tfidf import TfidfClassifier
from tests.conftest import build_reviews


def test_the_majority_class_gives_the_shares_of_the_training_reviews():
    system = MajorityClass(num_labels=3, seed=0)
    system.fit(["a", "b", "c", "d"], [2, 0, 2, 2])
    np.testing.assert_array_equal(system.predict_proba(["x", "y"]), [[0.25, 0, 0.75]] * 2)
    assert system.predict_proba([]).shape == (0, 3)
    assert system.count_parameters() == 3


def test_tfidf_is_that_of_scikit_learn():
    texts, labels = build_reviews(60)
    system = TfidfClassifier(num_labels=2, seed=0)
    system.fit(texts, labels)
    reference = make_pipeline(
        TfidfVectorizer(token_pattern=WORD_PATTERN, ngram_range=(1, 2), sublinear_tf=True, min_df=2),
        LogisticRegression(max_iter=1000),
    ).fit(texts, labels)
    unseen = build_reviews(20, seed=1)[0]
    np.testing.assert_allclose(system.predict_proba(unseen), reference.predict_proba(unseen), atol=1e-9)
    num_features = len(reference[0].vocabulary_)
    assert system.count_parameters() == num_features + num_features + 1


def test_tfidf_sees_pairs_of_words():
    texts, labels = ["not good", "good", "not bad", "bad"] * 4, [0, 1, 1, 0] * 4
    system = TfidfClassifier(num_labels=2, seed=0)
    system.fit(texts, labels, validation=(texts, labels))  # no word alone tells the class
    assert system.predict_proba(texts).argmax(axis=1).tolist() == labels


@pytest.mark.parametrize(("min_reviews", "num_features"), [(1, 5), (2, 2), (3, 1)])
def test_rare_words_are_left_out(min_reviews, num_features):
    system = TfidfClassifier(num_labels=2, seed=0, min_reviews=min_reviews)
    system.fit(["film good", "film bad", "good", "film"], [1, 0, 1, 0])
    # film in 3 reviews, good in 2, bad and two pairs in 1
    assert system.count_parameters() == 2 * num_features + 1


def test_tfidf_never_learns_from_validation_reviews():
    texts, labels = build_reviews(30)
    alone, beside = (TfidfClassifier(num_labels=2, seed=0) for _ in range(2))
    alone.fit(texts, labels)
    beside.fit(texts, labels, validation=(["unseen words unseen words"] * 2, [0, 1]))
    assert alone.count_parameters() == beside.count_parameters()
