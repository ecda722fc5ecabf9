"""Train, validation and test: cut, without leaks, every row accounted for."""

import re

import datasets
import pytest

from modeling_bert_bilstm.data import ReviewSource, load_splits


def build_rows(num_rows, word="review", group_size=5):
    """Three negative rows, then two positive ones, and so on; films of five rows."""
    return [(f"{word} {i}", int(i % 5 > 2), f"film {i // group_size}") for i in range(num_rows)]


def assert_nothing_is_lost(splits, report):
    for split, rows in splits.items():
        lost = ("dropped_", "moved_", "not_sampled")
        numbers = report[split]
        assert numbers["num_reviews"] == len(rows) == sum(numbers["label_counts"].values())
        assert numbers["rows_read"] - sum(n for name, n in numbers.items() if name.startswith(lost)) == len(rows)


def test_validation_is_cut_in_proportion(write):
    splits, report = load_splits(train=write("a.csv", build_rows(100)))
    assert list(splits) == list(report) == ["train", "validation"]
    assert report["validation"]["label_counts"] == {"negative": 6, "positive": 4}
    assert report["train"]["label_counts"] == {"negative": 54, "positive": 36}
    assert report["train"]["moved_to_validation"] == 10
    assert not set(splits["train"]["id"]) & set(splits["validation"]["id"])
    assert_nothing_is_lost(splits, report)


def test_sizes_are_shares_of_the_source_or_rows(write):
    source = write("a.csv", build_rows(100))
    splits, report = load_splits(train=source, validation_size=0.2, test_size=30)
    assert [(split, len(rows)) for split, rows in splits.items()] == [("train", 50), ("validation", 20), ("test", 30)]
    assert list(report) == list(splits)
    assert_nothing_is_lost(splits, report)
    assert list(load_splits(train=source, validation_size=None)[0]) == ["train"]


def test_the_cut_is_fixed_and_follows_the_seed(write):
    source = write("a.csv", build_rows(100))
    first, second, other = (load_splits(train=source, test_size=10, seed=seed) for seed in (42, 42, 43))
    assert first[1] == second[1]
    assert first[0]["test"]["id"][:] == second[0]["test"]["id"][:] != other[0]["test"]["id"][:]


def test_sources_of_their_own_are_left_whole(write):
    splits, report = load_splits(
        train=write("a.csv", build_rows(20)),
        validation=write("b.csv", build_rows(10, "other")),
        test=write("c.csv", build_rows(15, "third")),
    )
    assert {split: len(rows) for split, rows in splits.items()} == {"train": 20, "validation": 10, "test": 15}
    assert_nothing_is_lost(splits, report)


def test_a_test_source_with_splits_gives_its_test_split(acl_imdb):
    folder = ReviewSource(str(acl_imdb))
    splits, _ = load_splits(train=folder, test=folder, validation_size=2)
    assert {name.split("/")[0] for name in splits["test"]["id"]} == {"test"}
    assert {name.split("/")[0] for part in ("train", "validation") for name in splits[part]["id"]} == {"train"}
    named = ReviewSource(str(acl_imdb), split="train")
    assert load_splits(train=None, test=named)[0]["test"]["id"][0] == "train/neg/0_3"
    with pytest.raises(FileNotFoundError, match="with `validation/neg` and `validation/pos`: it holds"):
        load_splits(train=folder, validation=folder)


def test_each_source_on_the_hub_gives_its_own_split(monkeypatch):
    asked = []

    def load_dataset(*args, split, **kwargs):
        asked.append(split)
        return datasets.Dataset.from_dict({"text": [f"dull {split}", f"superb {split}"], "label": [0, 1]})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    load_splits(**{split: ReviewSource("me/films") for split in ("train", "validation", "test")})
    assert asked == ["train", "validation", "test"]


def test_train_rows_whose_text_is_held_out_are_dropped(write):
    rows = build_rows(40)
    splits, report = load_splits(
        train=write("a.csv", rows),
        validation=write("b.csv", [("Review  1 !", 0, "x"), ("new", 1, "x"), ("both", 1, "x")]),
        test=write("c.csv", [(rows[5][0], 1, "x"), (rows[6][0], 0, "x"), ("BOTH", 1, "x")]),
    )
    assert report["train"]["dropped_leaked"] == 3
    assert not {"1", "5", "6"} & set(splits["train"]["id"])
    assert (len(splits["validation"]), len(splits["test"])) == (3, 3)
    assert report["validation"]["shared_with_test"] == 1
    assert_nothing_is_lost(splits, report)


def test_validation_that_is_cut_never_holds_a_test_text(write):
    rows = build_rows(50)
    splits, report = load_splits(train=write("a.csv", rows), test=write("c.csv", rows[:20]), validation_size=15)
    assert report["train"]["dropped_leaked"] == 20
    assert report["validation"]["shared_with_test"] == 0
    assert not set(splits["validation"]["text"]) & set(splits["test"]["text"])


def test_copies_inside_the_source_do_not_leak_over_a_cut(write):
    rows = [(f"review {i // 2}", i % 2, "x") for i in range(60)]
    splits, report = load_splits(train=write("a.csv", rows), validation_size=10, test_size=10)
    texts = {split: set(part["text"]) for split, part in splits.items()}
    assert report["train"]["dropped_leaked"] > 0
    assert not texts["train"] & (texts["validation"] | texts["test"])
    assert not texts["validation"] & texts["test"]
    assert_nothing_is_lost(splits, report)


@pytest.mark.parametrize("task", ["single_label", "regression"])
@pytest.mark.parametrize(
    ("held_out", "where"),
    [(("test",), "test"), (("validation",), "validation"), (("validation", "test"), "validation and test")],
)
def test_a_train_source_that_leaks_whole_is_named_as_the_cause(write, task, held_out, where):
    rows = build_rows(25)
    sources = {split: write(f"{split}.csv", rows) for split in ("train", *held_out)}
    flags = " and ".join(f"`--{split}_file`" for split in held_out)
    message = (
        f"All 25 train reviews also stand in {where}, so that none is left to train on. Name another source with "
        f"`--train_file`, or with {flags}."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        load_splits(**sources, task=task)


def test_what_leaks_and_cuts_leave_of_train_is_said(write):
    rows = build_rows(40)
    message = (
        "`validation_size` asks for 10 of 40 train reviews, but 0 moved to test and 36 that also stand there leave "
        "only 4. Ask for fewer, or name another source with `--train_file` or `--test_file`."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        load_splits(train=write("a.csv", rows), test=write("b.csv", rows[4:]), validation_size=0.25)
    sources = {"train": write("a.csv", rows), "test": write("b.csv", rows[4:])}
    splits, _ = load_splits(**sources, task="regression", validation_size=3)
    assert (len(splits["train"]), len(splits["validation"])) == (1, 3)


def test_films_stay_on_one_side(write):
    splits, report = load_splits(train=write("a.csv", build_rows(100)), test_size=22, split_by_group=True)
    films = [set(rows["group"]) for rows in splits.values()]
    assert not films[0] & films[1] | films[0] & films[2] | films[1] & films[2]
    assert (len(splits["validation"]), len(splits["test"])) == (10, 20)
    assert_nothing_is_lost(splits, report)


def test_a_review_without_film_stands_alone(write):
    rows = [
        (text, label, "" if i % 2 else film) for i, (text, label, film) in enumerate(build_rows(40, group_size=20))
    ]
    splits, _ = load_splits(train=write("a.csv", rows), validation_size=7, split_by_group=True)
    assert splits["validation"]["group"][:] == [None] * 7


def test_test_groups_are_always_in_test(write):
    source = write("a.csv", build_rows(100))
    splits, report = load_splits(train=source, test_groups=["film 3", "film 7"])
    assert set(splits["test"]["group"]) == {"film 3", "film 7"}
    splits, report = load_splits(train=source, test_groups=["film 3"], test_size=30, max_predict_samples=12)
    assert splits["test"]["group"][:].count("film 3") == 5
    assert (len(splits["test"]), report["test"]["not_sampled"]) == (12, 18)
    assert_nothing_is_lost(splits, report)


def test_samples_are_in_proportion(write):
    splits, report = load_splits(train=write("a.csv", build_rows(100)), max_train_samples=10, max_eval_samples=5)
    assert report["train"]["label_counts"] == {"negative": 6, "positive": 4}
    assert report["validation"]["label_counts"] == {"negative": 3, "positive": 2}
    assert_nothing_is_lost(splits, report)
    assert load_splits(train=write("a.csv", build_rows(100)), max_train_samples=1000)[1]["train"]["not_sampled"] == 0


def test_a_run_may_only_evaluate(write):
    splits, report = load_splits(train=None, test=write("c.csv", [("good", 1, "x")]))
    assert list(splits) == list(report) == ["test"]


def test_the_fingerprint_tells_splits_apart(write):
    report = load_splits(train=write("a.csv", build_rows(100)), test_size=10)[1]
    assert len({numbers["fingerprint"] for numbers in report.values()}) == 3


def test_several_labels_and_numbers_are_split_too(write):
    rows = [(f"review {i}", ["[]", '["sad"]', '["sad", "long"]'][i % 3], "x") for i in range(30)]
    splits, report = load_splits(train=write("a.csv", rows), task="multi_label", validation_size=6)
    assert report["validation"]["label_counts"] == {"long": 2, "sad": 4}
    splits, report = load_splits(train=write("a.csv", build_rows(20)), task="regression")
    assert report["train"]["label_counts"] == {}
    assert len(splits["validation"]) == 2


def test_numbers_do_not_steer_the_cut(write):
    rows = [(f"review {i}", i / 7, "x") for i in range(40)]
    turned = [(text, 9 - number, film) for text, number, film in rows]
    cuts = [
        load_splits(train=write("a.csv", part), task="regression", validation_size=8)[0] for part in (rows, turned)
    ]
    assert cuts[0]["validation"]["id"][:] == cuts[1]["validation"]["id"][:]


def test_a_label_without_train_reviews_is_said(write, caplog):
    load_splits(train=write("a.csv", build_rows(20)), num_labels=3, validation_size=None)
    assert "No train review is labelled ['positive']." in caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"test_groups": ["Film 33"]}, "['Film 33'] are none of its 4 films. Nearest: ['film 3'"),
        ({"test_size": 20}, "`test_size` must be a share in (0, 1), or a number of rows from 1 to 19"),
        (
            {"test_size": 15, "validation_size": 5},
            "asks for 5 of 20 train reviews, but 15 moved to test and 0 that also stand there leave only 5.",
        ),
        ({"validation_size": 1.5}, "got 1.5."),
        ({"max_eval_samples": 0}, "The number of validation samples must be a whole number of at least 1, got 0."),
        (
            {"test_groups": ["film 1"], "test_size": 4},
            "The 5 reviews of the groups that were asked for do not fit into 4",
        ),
    ],
)
def test_what_does_not_fit_is_an_error(write, arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        load_splits(train=write("a.csv", build_rows(20)), **arguments)


def test_train_of_one_class_is_an_error(write):
    with pytest.raises(ValueError, match=re.escape("all 2 are ['positive']. Check `--label_column`")):
        load_splits(train=write("a.csv", [("good", 1, "x"), ("fine", 1, "y")]), validation_size=None)


def test_groups_need_a_column(write):
    source = ReviewSource(write("a.csv", build_rows(20)).path)
    with pytest.raises(ValueError, match="`--split_by_group` needs the film of each review. Name its column with"):
        load_splits(train=source, split_by_group=True)
    with pytest.raises(ValueError, match="`--test_groups` needs the film of each review. Name its column with"):
        load_splits(train=source, test_groups=["film 1"])


def test_sources_and_cuts_must_agree(write):
    source = write("a.csv", build_rows(20))
    with pytest.raises(
        ValueError, match="At least one of `train`, `validation` and `test` must be a source, got none"
    ):
        load_splits(train=None)
    with pytest.raises(ValueError, match="cut the test from train: leave them out, or the test source"):
        load_splits(train=source, test=source, test_size=5)
    with pytest.raises(ValueError, match="cut the test from train, but there is no train source"):
        load_splits(train=None, validation=source, test_groups=["film 1"])
