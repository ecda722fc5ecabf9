"""The prior over films: it finds how audiences differ, and weighs where reviews are few."""

import time
import tracemalloc

import numpy as np
import pytest

from modeling_bert_bilstm import polarity
from modeling_bert_bilstm.polarity import PolarityTally, fit_film_prior
from tests.drawn_reviews import LABELS, POLARITY, draw_films, draw_reviews, summarise


@pytest.mark.parametrize(
    "film_prior", [[1.0, 1.0], [0.3, 0.2], [8.0, 2.0], [1.0] * 5, [0.2, 0.1, 0.2, 0.3, 0.4], [1.0, 1.0, 2.0, 4.0, 4.0]]
)
def test_prior_is_found_without_labels(film_prior):
    generator = np.random.default_rng(1)
    found = fit_film_prior(draw_films(generator, film_prior, generator.integers(5, 60, 300)))
    np.testing.assert_allclose(found / found.sum(), np.array(film_prior) / sum(film_prior), atol=0.05)
    assert 0.6 < found.sum() / sum(film_prior) < 1.6


def test_order_of_films_and_of_their_reviews_changes_nothing():
    generator = np.random.default_rng(2)
    films = [draw_reviews(generator, generator.dirichlet([1, 2]), 9, distance=2.0)[1] for _ in range(40)]
    found = fit_film_prior(map(PolarityTally.from_probabilities, films))
    shuffled = [PolarityTally.from_probabilities(films[i][::-1]) for i in generator.permutation(40)]
    assert fit_film_prior(shuffled).tolist() == found.tolist()


def test_order_changes_nothing_where_not_all_films_are_read(monkeypatch):
    monkeypatch.setattr(polarity, "_MAX_FILMS", 25)
    films = draw_films(np.random.default_rng(8), [1, 2], [5] * 60)
    found = fit_film_prior(films)
    assert fit_film_prior(films[::-1]).tolist() == found.tolist()
    assert found.tolist() != fit_film_prior(films[:25]).tolist()


@pytest.mark.parametrize("film_prior", [[0.5, 2.0], [0.5, 1.0, 0.5, 0.2, 2.0]])
def test_mirrored_films_mirror_the_prior(film_prior):
    generator = np.random.default_rng(9)
    rows = [draw_reviews(generator, generator.dirichlet(film_prior), 8, distance=2.0)[1] for _ in range(60)]
    straight, mirrored = (
        fit_film_prior(PolarityTally.from_probabilities(row[:, ::step]) for row in rows) for step in (1, -1)
    )
    np.testing.assert_allclose(mirrored[::-1], straight, rtol=1e-6)


def test_films_without_reviews_do_not_count():
    films = draw_films(np.random.default_rng(3), [1, 1], [9] * 30)
    assert fit_film_prior([*films, *[PolarityTally(2)] * 30]).tolist() == fit_film_prior(films).tolist()
    assert fit_film_prior([*films[:19], *[PolarityTally(2)] * 30]) is None
    assert fit_film_prior([]) is None


def test_label_prior_is_taken_out():
    generator = np.random.default_rng(4)
    plain, skewed = [], []
    for _ in range(100):
        _, probabilities = draw_reviews(generator, generator.dirichlet([1, 3]), 20, distance=2.0)
        plain.append(PolarityTally.from_probabilities(probabilities))
        rows = probabilities * [0.8, 0.2]
        skewed.append(PolarityTally.from_probabilities(rows / rows.sum(axis=1, keepdims=True)))
    np.testing.assert_allclose(fit_film_prior(skewed, [0.8, 0.2]), fit_film_prior(plain), rtol=0.01)


def test_few_reviews_are_pulled_towards_the_corpus_and_many_are_not():
    prior = np.array([1.0, 4.0])  # most films are liked

    def measure_pull(num_reviews):
        rows = [[0.8, 0.2]] * num_reviews
        alone, among = summarise(rows, film_prior=[0.05, 0.05]), summarise(rows, film_prior=prior)
        return [among[name] - alone[name] for name in ("polarity", "audience_polarity")]

    few, many = measure_pull(3), measure_pull(300)
    assert min(few) > 0.25
    assert max(many) < 0.05
    assert min(many) > 0


def test_prior_halves_the_error_on_small_films():
    """Audience from three reviews a film, with what the other films teach and without."""
    generator, truths = np.random.default_rng(5), []
    tallies = []
    for _ in range(300):
        share = generator.beta(8, 2)
        truths.append(2 * share - 1)
        _, probabilities = draw_reviews(generator, [1 - share, share], 3, distance=2.0)
        tallies.append(PolarityTally.from_probabilities(probabilities))

    def measure(film_prior):
        found = [tally.summarise(LABELS[2], POLARITY[2], film_prior=film_prior) for tally in tallies]
        low, high = np.transpose([entry["audience_interval"] for entry in found])
        errors = np.abs(np.array([entry["audience_polarity"] for entry in found]) - truths)
        return errors.mean(), np.mean((low <= truths) & (truths <= high))

    error, coverage = measure(fit_film_prior(tallies))
    assert error < 0.5 * measure(None)[0]
    assert 0.8 < coverage < 0.98


@pytest.mark.parametrize("shares", [[0.1, 0.15, 0.2, 0.3, 0.25], [0.05, 0.3, 0.1, 0.4, 0.15]])
def test_films_that_are_all_alike_do_not_outweigh_their_reviews(shares):
    """Of the points at which the prior is looked for, one is the nearest to each film, and not near."""
    generator = np.random.default_rng(10)
    rows = [draw_reviews(generator, shares, 1_000, distance=4.0)[1] for _ in range(30)]
    film_prior = fit_film_prior(map(PolarityTally.from_probabilities, rows))
    intervals = [summarise(row, film_prior=film_prior)["audience_interval"] for row in rows]
    truth = np.dot(shares, POLARITY[5])
    assert np.mean([low <= truth <= high for low, high in intervals]) > 0.7


def test_a_corpus_is_quick():
    generator = np.random.default_rng(6)
    films = draw_films(generator, [0.5] * 5, generator.integers(1, 31, 700))
    start = time.process_time()
    film_prior = fit_film_prior(films)
    for film in films:
        film.summarise(LABELS[5], POLARITY[5], film_prior=film_prior)
    assert time.process_time() - start < 6  # a tenth of 7,000 films, in well under a tenth of a minute


def test_a_film_of_very_many_reviews_is_quick_and_small():
    generator = np.random.default_rng(7)
    film = PolarityTally.from_probabilities(generator.dirichlet([0.3, 0.3], 100_000))
    films = [film, *draw_films(generator, [1, 1], [5] * 20)]
    tracemalloc.start()
    start = time.process_time()
    film.summarise(LABELS[2], POLARITY[2])
    fit_film_prior(films)
    seconds, (_, peak) = time.process_time() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 5
    assert peak < 100 * 2**20  # bytes
