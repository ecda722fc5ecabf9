"""A result is written whole or not at all, and of one corpus all are of the same reviews."""

import numpy as np
import pytest

from baselines import results as results_module
from baselines.results import (
    TestReviews,
    check_reviews_of_results,
    is_there,
    list_results,
    open_whole,
    read_result,
    write_result,
    write_test_reviews,
)


def test_prediction_is_that_before_rounding(tmp_path):
    """Both round to the same half-precision number."""
    write_result(tmp_path / "a.json", {}, np.array([1]), np.array([[0.49999, 0.50001]]))
    found = read_result(tmp_path / "a.json")
    assert found.predictions.tolist() == [1]
    assert found.probabilities[0, 0] == found.probabilities[0, 1]


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(results_module.json, "dumps", stop)
    with pytest.raises(KeyboardInterrupt):
        write_result(tmp_path / "x" / "a.json", {}, np.array([1]), np.array([[0.4, 0.6]]))
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["a.parquet"]  # whole, and no result without a.json
    assert list_results(tmp_path) == []
    assert not is_there(tmp_path / "x" / "a.json")
    with pytest.raises(KeyboardInterrupt), open_whole(tmp_path / "b") as partial:  # noqa: PT012
        partial.write_text("half", encoding="utf-8")
        stop()
    assert not (tmp_path / "b").exists()
    assert len(list(tmp_path.iterdir())) == 1


def test_results_of_one_corpus_are_of_the_same_reviews(tmp_path):
    reviews = TestReviews(np.array([3, 4]), np.array([0, 1]), None, "tiny")
    write_test_reviews(tmp_path, reviews)
    write_test_reviews(tmp_path, reviews)
    check_reviews_of_results(tmp_path, {}, np.array([0, 1]))
    with pytest.raises(ValueError, match=r"`.*lengths\.parquet` is of other reviews than this run, .* \(test\)"):
        check_reviews_of_results(tmp_path, {}, np.array([1, 1]))
