"""An uploaded file: its columns are found, it is scored as a corpus is, and what is too much is refused."""

import csv
import gzip
import re

import pytest

from modeling_bert_bilstm.inference import ReviewScorer
from modeling_bert_bilstm.inference.corpus.scorers import describe_loaded_model, describe_model
from modeling_bert_bilstm.inference.demo_upload import Limits, read_columns, render_counts, score_upload
from modeling_bert_bilstm.inference.films_table import load_films
from modeling_bert_bilstm.inference.score import main as score_corpus


LIMITS = Limits(rows=12, review_characters=300)


@pytest.fixture(scope="module")
def scorer(model_folder):
    return ReviewScorer(model_folder)


@pytest.fixture
def rows(reviews):
    """Eleven rows, of which one has no review and one no film."""
    texts = reviews[0][:9]
    return [*((f"film {i % 3}", text) for i, text in enumerate(texts)), ("film 0", " "), ("", "a good film")]


@pytest.fixture
def write(tmp_path):
    def write(rows, *, header=("film", "review"), delimiter=",", name="reviews.csv"):
        with (tmp_path / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=delimiter).writerows([header, *rows])
        return tmp_path / name

    return write


@pytest.fixture
def score(scorer, tmp_path):
    def score(path, *, limits=LIMITS, reported=None):
        model = describe_loaded_model("tiny", scorer.model, scorer.tokenizer)
        report = (reported if reported is not None else []).append
        options = {"scorer": scorer, "model": model, "limits": limits}
        return score_upload(
            path, read_columns(path), tmp_path / "scored", **options, report=lambda *counts: report(counts)
        )

    return score


@pytest.mark.parametrize(
    ("header", "text", "film"),
    [
        (["film", "review"], "review", "film"),
        (["Review", "Title"], "Review", "Title"),
        (["id", "Movie Title", "rating", "Review Text"], "Review Text", "Movie Title"),
        (["a", "b", "c"], "a", "b"),
        (["b", "text"], "text", "b"),
        (["title", "text", "film"], "text", "film"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_columns_are_found(write, header, text, film, delimiter):
    found = read_columns(write([["x"] * len(header)], header=header, delimiter=delimiter))
    assert (found.names, found.delimiter, found.text, found.film) == (tuple(header), delimiter, text, film)


@pytest.mark.parametrize("content", ["", "review\na good film\n", "review,review\na,b\n", "\x00\n"])
def test_a_file_without_two_columns_is_refused(tmp_path, content):
    (tmp_path / "one.csv").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"^`one.csv` must begin with a line that names its columns.*found \["):
        read_columns(tmp_path / "one.csv")


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_films_are_those_of_the_command(model_folder, write, score, rows, tmp_path, capsys, delimiter):
    path = write(rows, delimiter=delimiter)
    table, counts = score(path)
    words = [path, "--model", model_folder, "--output", tmp_path / "asked", "--text_column", "review"]
    summary = score_corpus([*map(str, words), "--group_column", "film", "--delimiter", delimiter])
    assert {name: summary[name] for name in counts} == counts
    assert counts["reviews"] == 10
    assert render_counts(counts) == "10 reviews of 3 films; rejected: 1 empty text; without a film: 1."
    table.write_csv(tmp_path / "here.csv")
    assert load_films(tmp_path / "asked").write_csv(tmp_path / "there.csv") == 3
    assert (tmp_path / "here.csv").read_bytes() == (tmp_path / "there.csv").read_bytes()


def test_progress_reaches_the_number_of_reviews(write, score, rows, scorer, monkeypatch):
    reported = []
    monkeypatch.setattr(scorer, "max_word_pieces", 48)
    score(write(rows), reported=reported)
    assert len(reported) > 1, "several batches"
    assert [total for _, total in reported] == [11] * len(reported)
    assert [done for done, _ in reported] == sorted(done for done, _ in reported)
    assert reported[-1] == (10, 11)


def test_a_row_too_many_is_refused_before_anything_is_scored(write, score, rows, scorer, monkeypatch):
    assert score(write(rows + rows[:1]))[1]["reviews"] == 11
    monkeypatch.setattr(scorer, "score", lambda *arguments, **options: pytest.fail("scored"))
    with pytest.raises(ValueError, match=r"^`reviews.csv` may have at most 12 rows here, found more\. Send a part"):
        score(write(rows + rows[:2]))


def test_a_long_review_is_rejected_and_counted(write, score):
    _, counts = score(write([("a", "good " * 60), ("a", "good " * 60 + "x")]))
    assert counts["rejected"] == {"text too long": 1}
    assert counts["reviews"] == 1


def test_a_file_without_rows_is_refused(write, score):
    with pytest.raises(ValueError, match=r"^`reviews.csv` must hold at least one review below its first line"):
        score(write([]))


def test_what_cannot_be_read_is_named_without_its_folder(write, score, tmp_path):
    path = write([("a", "good")], header=("film", "film"), name="twice.csv")
    columns = read_columns(write([("a", "good")]))
    with pytest.raises(ValueError, match=re.escape("`twice.csv` must have the columns ['review', 'film']")):
        score_upload(path, columns, tmp_path / "x", scorer=None, model=None, limits=LIMITS, report=None)


@pytest.mark.parametrize("separator", [b"x", b",", b";", b"\t"])
def test_a_packed_file_is_refused_whatever_its_time_reads_like(score, tmp_path, separator):
    """The second in which gzip packed it stands in its header, and may hold what separates columns."""
    packed = tmp_path / "packed.csv"
    packed.write_bytes(gzip.compress(b"film,review\n", mtime=int.from_bytes(separator + b"\1\1\1", "little")))
    with pytest.raises(ValueError, match=r"^`packed.csv` must begin"):
        score(packed)


def test_a_loaded_model_is_described_as_its_folder_is(model_folder, scorer):
    described = describe_loaded_model(model_folder.name, scorer.model, scorer.tokenizer)
    assert described == describe_model(str(model_folder))
