"""The evaluation of overall polarity: bags as they should be, no test label in an estimate, a page from the result."""

import dataclasses
import json

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from benchmarks import bags, polarity
from reports import polarity as page
from tests.drawn_reviews import draw_reviews


def write_run(folder, generator, shares, num_reviews):
    (folder / "predictions").mkdir(parents=True)
    for split in ("validation", "test"):
        labels, probabilities = draw_reviews(generator, shares, num_reviews, distance=2.0)
        columns = {"id": list(map(str, range(num_reviews))), "label": labels, "probabilities": list(probabilities)}
        parquet.write_table(pyarrow.table(columns), folder / "predictions" / f"{split}.parquet")
    values = np.linspace(-1, 1, len(shares)).tolist()
    (folder / "config.json").write_text(json.dumps({"label_polarity": values}), encoding="utf-8")
    counts = {str(label): 100 for label in range(len(shares))}
    results = {
        "name": "a run",
        "model": {"encoder": "tiny"},
        "data": {"splits": {"train": {"label_counts": counts}}},
    }
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return write_run(folder / "imdb", np.random.default_rng(0), [0.5, 0.5], 1_200)


@pytest.fixture(scope="module")
def reviews(run):
    return bags.load_run(run)


def test_a_run_is_read_with_what_validation_tells(reviews):
    assert reviews.probabilities.shape == (1_200, 2)
    assert reviews.label_prior == pytest.approx([0.5, 0.5], abs=0.03)
    assert reviews.training_prior == [0.5, 0.5]
    assert np.diag(reviews.label_confusion).min() > 0.8
    assert 0.8 < reviews.accuracy < 0.9


def test_bags_have_the_shares_that_they_are_drawn_at(reviews):
    drawn, shares = bags.draw_bags(reviews.labels, 20, 400, np.random.default_rng(1))
    assert all(len(set(bag)) == 20 for bag in drawn)
    assert shares.min() >= 0.05
    assert shares.max() <= 0.95
    found = reviews.compute_shares(drawn)
    assert np.abs((found - shares).mean(axis=0)).max() < 0.02
    assert 0.05 < np.abs(found - shares)[:, 1].mean() < 0.1  # each review is drawn by itself
    fixed, shares = bags.draw_bags(reviews.labels, 20, 400, np.random.default_rng(1), is_fixed=True)
    assert np.abs(reviews.compute_shares(fixed) - shares).max() <= 0.025 + 1e-9


def test_bags_of_five_classes_have_any_shares():
    labels = np.arange(1_500) % 5
    drawn, shares = bags.draw_bags(labels, 50, 100, np.random.default_rng(2), is_fixed=True)
    assert {len(bag) for bag in drawn} == {50}
    found = np.stack([np.bincount(labels[bag], minlength=5) / 50 for bag in drawn])
    assert np.abs(found - shares).max() < 1 / 50 + 1e-9
    assert shares.max() > 0.7


def test_no_estimate_sees_a_test_label(reviews):
    drawn, _ = bags.draw_bags(reviews.labels, 10, 30, np.random.default_rng(3))
    mirrored = dataclasses.replace(reviews, labels=1 - reviews.labels)
    expected = polarity.estimate(reviews, reviews.tally(drawn))
    assert polarity.estimate(mirrored, mirrored.tally(drawn)) == expected


def test_what_is_measured(reviews):
    groups = [np.arange(10), np.arange(10, 40)]
    shares = reviews.compute_shares(groups)
    found = {
        polarity.COUNTING: [{"shares": {"0": 1 - share, "1": share}, "interval": None} for share in (0.44, 0.5)],
        polarity.DEFAULT: [
            {"shares": dict(enumerate(row)), "interval": [2 * row[1] - 1 - 0.1, 1], "audience_interval": [0.9, 1]}
            for row in shares
        ],
    }
    measured = polarity.measure(reviews, groups, found, audience=shares, stars=np.array([1.0, 2.0]))
    assert measured[polarity.DEFAULT]["error"] == measured[polarity.DEFAULT]["ratio"] == 0
    assert measured[polarity.DEFAULT]["coverage"] == measured[polarity.DEFAULT]["agreement"] == 1
    assert measured[polarity.DEFAULT]["audience_coverage"] == 0
    assert measured[polarity.DEFAULT]["audience_width"] == pytest.approx(0.1)
    assert measured[polarity.COUNTING]["ratio"] == 1
    assert measured[polarity.COUNTING]["error"] == pytest.approx(np.abs(shares[:, 1] - [0.44, 0.5]).mean())
    whole = np.abs(shares[:, 1] - [0.4, 0.5]).mean() / measured[polarity.COUNTING]["error"]
    assert measured[polarity.COUNTING]["whole_ratio"] == pytest.approx(whole)
    assert "coverage" not in measured[polarity.COUNTING]
    assert polarity.render_table(measured).count("\n") == 3


def test_the_whole_of_it(run, tmp_path, monkeypatch, capsys):
    generator = np.random.default_rng(4)
    film = np.repeat(np.arange(120), np.tile([4, 16], 60)).astype(str)
    rating = generator.integers(1, 11, 1_200)
    parquet.write_table(pyarrow.table({"film": film, "rating": rating}), tmp_path / "test.parquet")
    five = write_run(tmp_path / "five", generator, [0.2] * 5, 600)
    monkeypatch.setattr(polarity, "RESULT", tmp_path / "polarity.json")
    monkeypatch.setattr(polarity, "BAG_SIZES", (10, 50))
    monkeypatch.setattr(polarity, "measure_speed", lambda: {"corpus": 1.0, "film": 2.0})
    monkeypatch.setattr(page, "BAG_AIMS", {"10": 0.95, "50": 0.0})
    result = polarity.main([str(run), str(tmp_path / "test.parquet"), str(five), "--num_bags", "40"])
    assert json.loads((tmp_path / "polarity.json").read_text(encoding="utf-8")) == result
    assert result["imdb"]["films"]["many"]["num_films"] == result["imdb"]["films"]["few"]["num_films"] == 60
    assert result["imdb"]["bags"]["50"][polarity.DEFAULT]["ratio"] < 0.9
    assert result["sst5"]["bags"]["50"][polarity.DEFAULT]["ratio"] < 0.9
    text = page.render_page()
    assert "60 films of at least 10 reviews" in text
    assert "at most 0.0: **not met**" in text
    assert capsys.readouterr().out.startswith("| estimate |")


def test_the_page_is_rendered_from_the_result():
    assert page.PAGE.read_text(encoding="utf-8") == page.render_page()


def test_the_aims_are_met_or_said_not_to_be():
    imdb = page.load()["imdb"]
    assert imdb["num_bags"] >= 1_000
    assert imdb["films"]["many"]["num_films"] == 767
    lines = page.render_aims(imdb).splitlines()[2:]
    assert len(lines) == 4
    assert all(line.count("met") == 2 for line in lines)
