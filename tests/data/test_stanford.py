"""The aclImdb folder and the Stanford trees."""

import lzma
import re

import pytest

from modeling_bert_bilstm.data import ReviewSource, load_reviews
from modeling_bert_bilstm.data.stanford import join_tokens


def test_acl_imdb_has_ratings_and_films(acl_imdb):
    reviews = load_reviews(ReviewSource(str(acl_imdb)))
    assert reviews["id"][:] == [
        "train/neg/0_3",
        "train/neg/1_4",
        "train/neg/10_1",
        "train/pos/0_9",
        "train/pos/1_7",
        "train/pos/2_10",
    ]
    assert reviews["text"][2:4] == ["the worst", "superb"]
    assert reviews["label"][:] == [0, 0, 0, 1, 1, 1]
    assert reviews["rating"][:] == [3, 4, 1, 9, 7, 10]
    assert reviews["group"][:] == [f"tt00000{i:02d}" for i in (0, 1, 10, 0, 1, 2)]


def test_split_picks_the_part(acl_imdb):
    assert load_reviews(ReviewSource(str(acl_imdb), split="test"))["text"][0] == "llud"


@pytest.mark.parametrize(("num_labels", "expected"), [(3, [0, 1, 0, 2, 1, 2]), (4, [1, 1, 0, 3, 2, 3])])
def test_more_classes_come_from_the_ratings(acl_imdb, num_labels, expected):
    assert load_reviews(ReviewSource(str(acl_imdb)), num_labels=num_labels)["label"][:] == expected


def test_acl_imdb_without_url_lists_has_no_films(acl_imdb):
    for sentiment in ("neg", "pos"):
        (acl_imdb / "train" / f"urls_{sentiment}.txt").unlink()
    assert "group" not in load_reviews(ReviewSource(str(acl_imdb))).column_names


def test_a_short_url_list_is_an_error(acl_imdb):
    (acl_imdb / "train" / "urls_neg.txt").write_text("http://www.imdb.com/title/tt0000001/\n", encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape("`urls_neg.txt` has 1 lines, but `1_4.txt` needs line 2.")):
        load_reviews(ReviewSource(str(acl_imdb)))


def test_a_misnamed_review_is_an_error(acl_imdb):
    (acl_imdb / "train" / "neg" / "copy.txt").write_text("dull", encoding="utf-8")
    with pytest.raises(ValueError, match=r"must be named ID_RATING.txt, such as `0_9.txt`, got `.*copy.txt`"):
        load_reviews(ReviewSource(str(acl_imdb)))


def test_another_folder_is_an_error(acl_imdb):
    with pytest.raises(FileNotFoundError, match=re.escape("with `dev/neg` and `dev/pos`: it holds ['test', 'train']")):
        load_reviews(ReviewSource(str(acl_imdb), split="dev"))
    with pytest.raises(FileNotFoundError, match="is not an aclImdb folder"):
        load_reviews(ReviewSource(str(acl_imdb / "train" / "neg")))


TREES = """(4 (3 (2 It) (3 (2 's) (3 (2 a) (4 lovely)))) (2 .))
(2 (2 Fine) (2 -LRB-) (2 ok) (2 -RRB-))
(0 (1 bad) (1 (2 and\\/or) (0 awful)))
"""


@pytest.mark.parametrize("name", ["trees.txt", "trees.txt.xz"])
def test_trees_give_text_and_root(tmp_path, name):
    data = TREES.encode("utf-8")
    (tmp_path / name).write_bytes(lzma.compress(data) if name.endswith(".xz") else data)
    reviews = load_reviews(ReviewSource(str(tmp_path / name)), num_labels=5)
    assert reviews["text"][:] == ["It's a lovely.", "Fine (ok)", "bad and/or awful"]
    assert reviews["label"][:] == [4, 2, 0]
    two = load_reviews(ReviewSource(str(tmp_path / name)), num_labels=2)
    assert (two["id"][:], two["label"][:]) == (["0", "2"], [1, 0])


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("`` I do n't know , '' he said .", '"I don\'t know," he said.'),
        ("the ` best ' of the actors ' work", "the 'best' of the actors' work"),
        ("-LSB- 2\xa01\\/2 \\*\\*\\* -RSB- for $ 5 : ca n't we ?", "[2 1/2 ***] for $5: can't we?"),
        ("the '70s ... -- got 'em !", "the '70s... -- got 'em!"),
    ],
)
def test_tokens_become_readable(tokens, text):
    assert join_tokens(tokens.split(" ")) == text


@pytest.mark.parametrize("line", ["A plain review.", "(5 (2 Too) (2 good))", "(3 (2 Good) (2 film)", "(3 )"])
def test_a_line_that_is_no_tree_is_an_error(tmp_path, line):
    (tmp_path / "a.txt").write_text(f"(3 (2 Good) (2 film))\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"Line 2 of `.*a.txt` must be a Stanford tree such as `\(3 \(2 Good\)"):
        load_reviews(ReviewSource(str(tmp_path / "a.txt")), num_labels=5)
