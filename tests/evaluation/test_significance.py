"""Intervals and p-values against closed forms, statsmodels and simulations with a known truth."""

import numpy as np
import pytest

from modeling_bert_bilstm.evaluation.significance import holm, mcnemar, paired_bootstrap


def draw_correct(generator, shape, effect=0.0, hardness=None, seed_spread=0.0):
    """Draw whether each of S models is right about each of N reviews: hard reviews are hard for all models."""
    num_seeds, num_reviews = shape
    hardness = generator.normal(0, 1.5, num_reviews) if hardness is None else hardness
    logits = effect + hardness + generator.normal(0, seed_spread, (num_seeds, 1)) + generator.logistic(0, 0.5, shape)
    return logits > 0


@pytest.fixture
def pair():
    generator = np.random.default_rng(0)
    hardness = generator.normal(0, 1, 1500)
    return tuple(draw_correct(generator, (3, 1500), effect, hardness) for effect in (0.2, 0.0))


def test_the_difference_is_that_of_the_means(pair):
    first, second = pair
    found = paired_bootstrap(first, second, 500, 0)
    assert found.difference == pytest.approx(first.mean() - second.mean())
    assert found.low < found.difference < found.high


def test_the_same_seed_gives_the_same_interval(pair):
    assert paired_bootstrap(*pair, 500, 3) == paired_bootstrap(*pair, 500, 3)
    assert paired_bootstrap(*pair, 500, 3) != paired_bootstrap(*pair, 500, 4)


def test_swapping_the_systems_mirrors_the_interval(pair):
    forth, back = paired_bootstrap(*pair, 20_000), paired_bootstrap(*pair[::-1], 20_000)
    assert forth.difference == pytest.approx(-back.difference)
    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low), abs=1e-3)


def test_the_order_of_the_reviews_changes_nothing(pair):
    order = np.random.default_rng(1).permutation(1500)
    assert paired_bootstrap(*pair, 500) == paired_bootstrap(*(rows[:, order] for rows in pair), 500)


def test_losing_the_pairing_widens_the_interval(pair):
    shuffled = pair[1][:, np.random.default_rng(1).permutation(1500)]
    paired, unpaired = paired_bootstrap(*pair), paired_bootstrap(pair[0], shuffled)
    assert paired.high - paired.low < 0.85 * (unpaired.high - unpaired.low)


def test_one_seed_gives_the_normal_approximation(pair):
    first, second = (rows[:1] for rows in pair)
    change = first[0].astype(float) - second[0]
    half = 1.96 * change.std() / np.sqrt(len(change))
    found = paired_bootstrap(first, second, 20_000)
    assert (found.low, found.high) == pytest.approx((change.mean() - half, change.mean() + half), abs=1e-3)


def test_seeds_that_differ_widen_the_interval():
    """Models that are right about all reviews or about none: the spread is that of the seeds alone."""
    swinging = np.array([[True] * 50, [False] * 50])
    steady = np.ones((1, 50), dtype=bool)
    found = paired_bootstrap(swinging, steady, 4000)
    assert (found.difference, found.low, found.high) == (-0.5, -1.0, 0.0)
    assert paired_bootstrap(swinging[:1], steady) == (0, 0, 0)


def test_systems_may_have_other_numbers_of_seeds(pair):
    found = paired_bootstrap(pair[0], pair[1][:1])
    assert found.difference == pytest.approx(pair[0].mean() - pair[1][0].mean())


def test_kinds_of_reviews_stand_for_the_reviews(pair):
    """The spread is that of drawing the reviews one by one."""
    generator = np.random.default_rng(2)
    first, second = pair
    differences = []
    for _ in range(2000):
        reviews = generator.integers(0, 1500, 1500)
        seeds = generator.integers(0, 3, (2, 3))
        differences.append(first[seeds[0]][:, reviews].mean() - second[seeds[1]][:, reviews].mean())
    found = paired_bootstrap(first, second, 20_000)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(differences, [0.025, 0.975])), abs=3e-3)


@pytest.mark.parametrize(("num_seeds", "seed_spread"), [(1, 0.0), (3, 0.0), (3, 0.05)])
def test_the_interval_holds_the_truth_as_often_as_it_says(num_seeds, seed_spread):
    """Both systems are equally good, so that the truth is 0, however the reviews and the seeds were drawn."""
    generator = np.random.default_rng(5)
    covered = 0
    for i in range(400):
        hardness = generator.normal(0, 1.5, 800)
        first, second = (
            draw_correct(generator, (num_seeds, 800), 0.5, hardness, seed_spread=seed_spread) for _ in range(2)
        )
        found = paired_bootstrap(first, second, 400, i)
        covered += found.low <= 0 <= found.high
    assert 0.92 <= covered / 400 <= 0.995


def test_other_reviews_are_refused(pair):
    with pytest.raises(ValueError, match="the same reviews, found 1500 and 1400"):
        paired_bootstrap(pair[0], pair[1][:, :1400])
    with pytest.raises(ValueError, match=r"`correct_b` must be \(seeds, reviews\).*found \(1500,\)"):
        paired_bootstrap(pair[0], pair[1][0])
    with pytest.raises(ValueError, match="at least one of each"):
        paired_bootstrap(pair[0][:, :0], pair[1][:, :0])
    with pytest.raises(ValueError, match="the same reviews"):
        mcnemar(pair[0][0], pair[1][0, :3])


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (0, 6), (7, 7), (3, 12), (40, 71), (900, 1020)])
def test_mcnemar_is_that_of_statsmodels(only_a, only_b):
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    first = np.array([True] * 30 + [True] * only_a + [False] * only_b + [False] * 5)
    second = np.array([True] * 30 + [False] * only_a + [True] * only_b + [False] * 5)
    expected = tables.mcnemar([[30, only_a], [only_b, 5]], exact=True).pvalue
    assert mcnemar(first, second) == pytest.approx(expected if only_a + only_b else 1.0, rel=1e-9)
    assert mcnemar(first, second) == mcnemar(second, first)


def test_mcnemar_of_many_reviews_needs_no_approximation():
    first = np.arange(25_000) % 2 == 0
    assert mcnemar(first, ~first) == 1.0
    assert mcnemar(first, np.zeros(25_000, dtype=bool)) == 0.0  # smaller than any number


def test_holm_is_that_of_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    generator = np.random.default_rng(0)
    for size in (1, 2, 5, 30):
        p_values = generator.random(size) ** 4
        assert holm(p_values) == pytest.approx(multitest.multipletests(p_values, method="holm")[1])
    assert holm([0.04, 0.01, 0.04]) == pytest.approx([0.08, 0.03, 0.08])
    assert holm([]) == []


def test_a_p_value_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"`p_values` must be in \[0, 1\], found \[1.5\]"):
        holm([0.1, 1.5])
