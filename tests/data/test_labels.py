"""Label schemes, the rules of the papers, and the reading of label cells."""

import re

import pytest

from modeling_bert_bilstm.data import LABEL_SCHEMES, get_label_polarity, get_label_scheme
from modeling_bert_bilstm.data.labels import read_label
from modeling_bert_bilstm.data.targets import build_target, collect_label_names


def label_all(num_labels, scale):
    scheme = get_label_scheme(num_labels)
    return [scheme.label_of_rating(rating, scale) for rating in range(1, scale + 1)]


@pytest.mark.parametrize(
    ("num_labels", "scale", "expected"),
    [
        (2, 10, [0, 0, 0, 0, None, None, 1, 1, 1, 1]),
        (3, 10, [0, 0, 0, 1, 1, 1, 1, 2, 2, 2]),
        (4, 10, [0, 0, 1, 1, None, None, 2, 2, 3, 3]),
        (2, 5, [0, 0, None, 1, 1]),
        (3, 5, [0, 0, 1, 2, 2]),
        (5, 5, [0, 1, 2, 3, 4]),
    ],
)
def test_ratings_become_the_classes_of_the_papers(num_labels, scale, expected):
    assert label_all(num_labels, scale) == expected


def test_a_rating_between_two_classes_has_none():
    assert get_label_scheme(3).label_of_rating(3.5) is None


@pytest.mark.parametrize(("num_labels", "scale"), [(5, 10), (4, 5), (2, 100)])
def test_a_scale_without_rule_is_an_error(num_labels, scale):
    with pytest.raises(ValueError, match=f"no rule that turns ratings of 1-{scale} into {num_labels} classes. Known"):
        get_label_scheme(num_labels).label_of_rating(1, scale)


@pytest.mark.parametrize("rating", [0, 11, -1])
def test_a_rating_outside_its_scale_is_an_error(rating):
    with pytest.raises(ValueError, match=re.escape(f"in 1 to 10, got {rating}. Set the scale with `--rating_scale`")):
        get_label_scheme(2).label_of_rating(rating)


@pytest.mark.parametrize(
    ("num_labels", "expected"), [(2, [0, 0, None, 1, 1]), (3, [0, 0, 1, 2, 2]), (5, [0, 1, 2, 3, 4])]
)
def test_tree_scores_become_classes(num_labels, expected):
    assert [get_label_scheme(num_labels).label_of_tree_score(score) for score in range(5)] == expected


def test_tree_scores_without_rule_are_errors():
    with pytest.raises(ValueError, match=re.escape("make 2, 3 or 5 classes, not 4. Set `--num_labels`.")):
        get_label_scheme(4).label_of_tree_score(2)
    with pytest.raises(ValueError, match="whole number in 0 to 4, got 5"):
        get_label_scheme(5).label_of_tree_score(5)


def test_schemes_run_from_negative_to_positive_and_are_mirrored():
    mirror = {"negative": "positive", "positive": "negative", "neutral": "neutral"}
    for num_labels, scheme in LABEL_SCHEMES.items():
        assert scheme.num_labels == len(scheme.polarity) == num_labels
        assert list(scheme.polarity) == sorted(set(scheme.polarity))
        assert [-value for value in reversed(scheme.polarity)] == list(scheme.polarity)
        mirrored = [" ".join(mirror.get(word, word) for word in name.split()) for name in reversed(scheme.names)]
        assert mirrored == list(scheme.names)
        assert "negative" in scheme.names[0]


@pytest.mark.parametrize("num_labels", LABEL_SCHEMES)
def test_our_schemes_have_a_polarity(num_labels):
    scheme = LABEL_SCHEMES[num_labels]
    assert get_label_polarity(list(scheme.names)) == scheme.polarity


@pytest.mark.parametrize(
    "names",
    [
        ["comedy", "horror"],
        ["positive", "negative"],
        ["negative", "positive", "sarcastic"],
        ["negative"],
        ["1", "2"],
        [],
    ],
)
def test_other_label_sets_have_no_polarity(names):
    assert get_label_polarity(names) is None


def test_an_unknown_scheme_is_an_error():
    with pytest.raises(ValueError, match=re.escape("must be one of [2, 3, 4, 5], got 6. Name the classes")):
        get_label_scheme(6)


NAMES = get_label_scheme(5).names


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0),
        (4.0, 4),
        ("3", 3),
        (" 2.0 ", 2),
        ("Very Positive", 4),
        ("very_negative", 0),
        ("highly-positive", 4),
        ("NEG", 1),
        ("pos", 3),
        ("neu", 2),
    ],
)
def test_labels_are_read_in_many_spellings(value, expected):
    assert read_label(value, NAMES) == expected


@pytest.mark.parametrize("value", ["postive", "1.5", "nan", True, "inf", [1]])
def test_an_unknown_label_is_an_error(value):
    with pytest.raises(ValueError, match=re.escape(f"The label {value!r} is none of {list(NAMES)}, nor a number")):
        read_label(value, NAMES)


def test_an_unknown_label_names_the_nearest():
    with pytest.raises(ValueError, match=re.escape("Did you mean 'positive'? Correct it, or name an own label set")):
        read_label("Postive", NAMES)


@pytest.mark.parametrize("value", [5, -1, "-1", "9"])
def test_a_label_outside_the_range_is_an_error(value):
    with pytest.raises(
        ValueError, match=re.escape(f"The label {value!r} is outside 0 to 4, the range of 5 labels. Set")
    ):
        read_label(value, NAMES)


def test_own_names_win_over_numbers():
    assert [read_label(value, ["1", "2", "3"]) for value in (1, "2", 3)] == [0, 1, 2]
    assert [read_label(value, ["-1", "0", "1"]) for value in (-1, "0", 1)] == [0, 1, 2]


def test_multi_label_cells_become_vectors():
    target = build_target("multi_label", label_names=["funny", "sad", "long"])
    cells = [["sad", "funny"], '["long"]', "sad", [], [2, 0]]
    assert [target.read(cell) for cell in cells] == [[1, 1, 0], [0, 0, 1], [0, 1, 0], [0, 0, 0], [1, 0, 1]]
    assert collect_label_names([["b", "a"], None, '["c"]', "a"]) == ["a", "b", "c"]
    with pytest.raises(ValueError, match="are not a JSON list"):
        target.read("[sad")


def test_regression_cells_become_numbers():
    target = build_target("regression")
    assert [target.read(cell) for cell in (1, "2.5", -3.0)] == [1.0, 2.5, -3.0]
    assert target.read_score(7, "rating", 10) == 7
    for cell in ("good", float("nan"), True, None):
        with pytest.raises(ValueError, match=re.escape(f"The value {cell!r} must be a finite number.")):
            target.read(cell)


def test_ratings_need_one_of_our_schemes():
    with pytest.raises(ValueError, match="A rating has a rule for our schemes of 2 to 5 classes and for regression"):
        build_target(label_names=["a", "b"]).read_score(3, "rating", 10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "ranking"}, "`task` must be one of ('single_label', 'multi_label', 'regression'), got 'ranking'"),
        ({"label_names": ["a"]}, "must be two or more different names"),
        ({"label_names": ["a", "A"]}, "got ['a', 'A'] for single_label"),
        ({"task": "regression", "label_names": ["a", "b"]}, "got ['a', 'b'] for regression"),
        ({"num_labels": 7}, "`num_labels` must be one of [2, 3, 4, 5], got 7"),
    ],
)
def test_a_target_that_cannot_be_is_an_error(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        build_target(**arguments)
