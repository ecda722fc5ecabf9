"""Seeded choices: in proportion, whole groups, the same everywhere."""

import random
import re
from collections import Counter

import pytest

from modeling_bert_bilstm.data.sampling import compute_fingerprint, normalise_text, pick_rows, resolve_size


NAMES = [str(i) for i in range(100)]
STRATA = ["a"] * 60 + ["b"] * 30 + ["c"] * 10


def test_classes_keep_their_proportion():
    assert Counter(STRATA[i] for i in pick_rows(NAMES, STRATA, 20, 42)) == {"a": 12, "b": 6, "c": 2}
    assert Counter(STRATA[i] for i in pick_rows(NAMES, STRATA, 7, 42)) == {"a": 4, "b": 2, "c": 1}


def test_the_choice_is_fixed_for_ever():
    # Written down once: another machine or version must choose the same.
    assert pick_rows(NAMES, STRATA, 10, 42) == [1, 10, 23, 32, 44, 57, 61, 72, 84, 98]


def test_the_choice_hangs_on_names_and_not_on_the_order_of_rows():
    order = list(range(100))
    random.Random(0).shuffle(order)
    shuffled = pick_rows([NAMES[i] for i in order], [STRATA[i] for i in order], 25, 7)
    assert sorted(order[i] for i in shuffled) == pick_rows(NAMES, STRATA, 25, 7)


def test_another_seed_chooses_other_rows():
    assert pick_rows(NAMES, STRATA, 20, 1) != pick_rows(NAMES, STRATA, 20, 2)


def test_rows_that_must_come_count_towards_the_size():
    picked = pick_rows(NAMES, STRATA, 20, 42, must=[0, 1, 2, 99])
    assert len(picked) == 20
    assert {0, 1, 2, 99} <= set(picked)
    assert Counter(STRATA[i] for i in picked) == {"a": 12, "b": 6, "c": 2}
    with pytest.raises(ValueError, match="The 4 reviews of the groups that were asked for do not fit into 3 reviews"):
        pick_rows(NAMES, STRATA, 3, 42, must=[0, 1, 2, 99])


def test_groups_stay_whole_and_balanced():
    groups = [f"film {i // 5}" for i in range(100)]
    picked = pick_rows(groups, STRATA, 23, 42)
    assert len(picked) == 20
    assert all(count == 5 for count in Counter(groups[i] for i in picked).values())
    assert 10 <= Counter(STRATA[i] for i in picked)["a"] <= 15


def test_a_group_that_breaks_the_proportion_is_better_than_none():
    assert pick_rows(["x"] * 6 + ["y"] * 6, ["a"] * 6 + ["b"] * 6, 7, 42) in ([*range(6)], [*range(6, 12)])
    with pytest.raises(ValueError, match="No group fits into 5 reviews: the smallest has 6. Ask for more"):
        pick_rows(["x"] * 6 + ["y"] * 6, ["a"] * 6 + ["b"] * 6, 5, 42)


@pytest.mark.parametrize(("size", "expected"), [(0.1, 10), (25, 25), (25.0, 25), (0.001, 1), (99, 99)])
def test_a_size_is_rows_or_a_share(size, expected):
    assert resolve_size(size, 100, "test_size") == expected


@pytest.mark.parametrize("size", [0, 100, -1, 1.5, "10", True, 0.999])
def test_a_size_that_leaves_nothing_is_an_error(size):
    message = "`test_size` must be a share in (0, 1), or a number of rows from 1 to 99, one less than the 100 reviews"
    with pytest.raises(ValueError, match=re.escape(message)):
        resolve_size(size, 100, "test_size")


def test_the_fingerprint_hangs_on_rows_and_not_on_their_order():
    base = compute_fingerprint(["a", "b"], [0, 1])
    assert base == compute_fingerprint(["b", "a"], [1, 0])
    assert base == "d1a10999fa7c153ba8b9cad8d9d444cee85b6521bd53ebc3666188e8f3aad657"
    for texts, labels in ((["a", "b"], [1, 0]), (["a"], [0]), (["a", "b", "b"], [0, 1, 1])):
        assert compute_fingerprint(texts, labels) != base


def test_copies_are_known_whatever_their_spacing_and_quotes():
    assert normalise_text("It 's `` Fine '' .") == normalise_text('it\'s "fine"!')
    assert normalise_text("fine") != normalise_text("fin")
    assert normalise_text("...") == "..." != normalise_text("!!!")
