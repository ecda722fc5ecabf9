"""The films table: what the file holds is what is ranked, shown and written; few reviews do not lead by chance."""

import csv
import io
import re
import runpy
import sys

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from rich.cells import cell_len

from modeling_bert_bilstm.inference import films, films_table
from modeling_bert_bilstm.inference.films_table import SORTS, VIEWS, describe_view, load_films
from modeling_bert_bilstm.inference.films_text import build_console, render_overview, render_view
from tests.inference.conftest import LABELS, draw_probabilities


LONG = "Dr. Strangelove or: How I Learned to Stop Worrying and Love the Bomb (1964)"
SPIRITED = "千と千尋の神隠し"
HOSTILE = "Up \x1b[31m[bold]red[/bold]\n:cat: \u202e1\r"  # escapes, markup, line breaks, a turned direction


@pytest.fixture(scope="module")
def corpus(write_films):
    """The table of 30 films with 1 to 30 reviews, from all negative to all positive, and one without; read only."""
    probabilities = {f"film {i:02}": draw_probabilities(i, seed=i, shares=[i / 30, 1 - i / 30]) for i in range(1, 31)}
    return load_films(write_films(probabilities | {"none": np.zeros((0, 2))}, num_rejected=3))


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def as_terminal(monkeypatch):
    """Let what is written to a `Terminal` be coloured whatever these tests run in."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def render(table, view="top", *, width=None, monkeypatch=None, stream=None, **options):
    if width:
        monkeypatch.setenv("COLUMNS", str(width))
    return render_view(table, view, build_console(stream or io.StringIO()), **options)


@pytest.mark.parametrize("num_labels", [2, 5])
def test_the_table_is_the_file(write_films, num_labels):
    folder = write_films({f"film {i}": draw_probabilities(20, num_labels=num_labels, seed=i) for i in range(7)},
                         num_labels=num_labels)  # fmt: skip
    table, stored = load_films(folder), pyarrow.parquet.read_table(folder / "films.parquet").to_pylist()
    assert list(table.labels) == sorted(LABELS[num_labels], key=LABELS[num_labels].get)
    assert list(table.label_polarity) == sorted(LABELS[num_labels].values())
    assert table.get_names(range(7)) == [row["film"] for row in stored]
    np.testing.assert_array_equal(table.polarity, [row["audience_polarity"] for row in stored])
    np.testing.assert_array_equal(table.interval, [[row["audience_low"], row["audience_high"]] for row in stored])
    np.testing.assert_allclose(table.shares @ table.label_polarity, [row["polarity"] for row in stored], atol=1e-5)


def test_bottom_is_the_top_of_the_mirrored_films(write_films):
    probabilities = {f"film {i}": draw_probabilities(12, seed=i) for i in range(20)}
    table = load_films(write_films(probabilities))
    mirrored = load_films(write_films({name: rows[:, ::-1] for name, rows in probabilities.items()}))
    for sort in ("polarity", "bound"):
        np.testing.assert_array_equal(table.rank("bottom", sort=sort), mirrored.rank("top", sort=sort))
    for view in ("divided", "uncertain"):
        assert set(table.rank(view)[:10]) == set(mirrored.rank(view)[:10])


def test_each_view_goes_by_its_number(corpus):
    for view, numbers in (
        ("top", -corpus.polarity),
        ("bottom", corpus.polarity),
        ("divided", -corpus.spread),
        ("uncertain", -corpus.width),
    ):
        ranked = corpus.rank(view, min_reviews=4)
        assert sorted(ranked) == list(range(3, 30))
        assert (np.diff(numbers[ranked]) >= 0).all()


def test_a_single_review_does_not_lead(write_films):
    table = load_films(write_films({"loved": np.tile([0.95, 0.05], (40, 1)), "once": np.array([[0.999, 0.001]])}))
    polarities = table.shares @ table.label_polarity  # of the reviews alone
    assert polarities[1] >= polarities[0]
    for sort in SORTS:
        assert table.get_names(table.rank("top", sort=sort)) == ["loved", "once"]
    assert table.get_names(table.rank("top", min_reviews=5)) == ["loved"]
    assert table.get_names(table.rank("uncertain")) == ["once", "loved"]


def test_of_equals_the_film_with_more_reviews_leads(write_films):
    sure = np.array([[1.0, 0.0]])
    table = load_films(write_films({name: np.tile(sure, (n, 1)) for name, n in (("a", 6), ("b", 9), ("c", 7))}))
    assert table.get_names(table.rank("top")) == ["b", "c", "a"]


def test_divided_is_the_spread_of_the_reviews(write_films):
    sides = np.eye(5)[[1] * 20 + [4] * 20]  # very negative and very positive
    middle = np.eye(5)[[0] * 20 + [2] * 10 + [3] * 10]
    one = np.eye(5)[[3] * 40]
    table = load_films(write_films({"middle": middle, "one": one, "sides": sides}, num_labels=5))
    assert table.get_names(table.rank("divided")) == ["sides", "middle", "one"]
    values = np.array(list(LABELS[5].values()))
    expected = [np.std(rows @ values) for rows in (middle, one, sides)]
    np.testing.assert_allclose(table.spread, expected, atol=0.01)


def test_a_film_without_an_estimate_is_in_no_view(corpus, monkeypatch):
    assert np.isnan(corpus.polarity[30])
    for view in VIEWS:
        assert 30 not in corpus.rank(view)
        assert "none" not in render(corpus, view, top=100, monkeypatch=monkeypatch)
    assert "1 film without a review that could be scored" in render_overview(corpus, 0)
    assert "4 films with fewer than 5 reviews (--min_reviews), 1 film without" in render_overview(corpus, 5)
    assert "31 films, 465 reviews (93 rejected); model tiny" in render_overview(corpus, 5)


def test_the_csv_holds_every_column(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(films_table, "_ROWS", 7)
    assert corpus.write_csv(tmp_path / "films.csv") == 31
    with (tmp_path / "films.csv").open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    stored = pyarrow.parquet.read_table(corpus.path).to_pylist()
    for row, expected, spread in zip(written, stored, corpus.spread, strict=True):
        assert row.pop("spread") == ("" if np.isnan(spread) else str(round(spread, 6)))
        assert row == {name: "" if value is None else str(value) for name, value in expected.items()}
    assert corpus.write_csv(tmp_path / "films.csv", min_reviews=11) == 20


def test_reviews_are_read_a_few_films_at_once(write_films, monkeypatch):
    monkeypatch.setattr(films_table, "_ROWS", 2)
    table = load_films(write_films({i: draw_probabilities(4, seed=i) for i in range(9)}))
    assert table.get_names([7, 0]) == ["7", "0"]
    for row, (positive, negative) in zip([7, 0, 8], table.read_reviews([7, 0, 8]), strict=True):
        assert positive.startswith("positive")
        assert f"of “{row}”" in positive
        assert f"of “{row}”" in negative


@pytest.mark.parametrize("num_labels", [2, 5])
@pytest.mark.parametrize("view", VIEWS)
def test_no_line_is_wider_than_the_screen(write_films, monkeypatch, num_labels, view):
    names = [LONG, SPIRITED, SPIRITED * 9, "Amélie", HOSTILE]
    table = load_films(write_films(
        {name: draw_probabilities(30, num_labels=num_labels, seed=i) for i, name in enumerate(names)},
        num_labels=num_labels,
    ))  # fmt: skip
    columns = []
    for width in range(30, 181, 3):
        text = render(table, view, width=width, monkeypatch=monkeypatch, with_reviews=True)
        assert max(map(cell_len, text.splitlines())) <= width
        assert not re.search(r"[\x1b\r\u202e]", text)
        header = next(line for line in text.splitlines() if line.startswith("film"))
        assert "polarity" in header
        columns.append(len(header.split()))
    assert columns[0] < columns[-1]


def test_a_pipe_gets_whole_names_and_no_escapes(write_films, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    table = load_films(write_films({HOSTILE: draw_probabilities(9), LONG[:60]: draw_probabilities(9, seed=1)}))
    text = render(table, "divided", with_reviews=True)
    assert "\x1b" not in text
    assert f"{LONG[:60]}  " in text
    assert "Up [31m[bold]red[/bold] :cat: 1  " in text
    assert "reviews  polarity    90% interval  -1        0        +1  spread  negative  positive  verdict" in text
    assert not re.search(r" $", text, flags=re.MULTILINE)


def test_colours_are_for_terminals_that_want_them(corpus, as_terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert "\x1b[32mpositive" in render(corpus, stream=Terminal())
    assert "\x1b" not in render(corpus)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in render(corpus, stream=Terminal())


def test_the_drawing_is_the_interval(write_films, monkeypatch):
    table = load_films(write_films({"a": np.tile([[0.9, 0.1], [0.1, 0.9]], (30, 1)), "b": np.eye(2)[[1] * 50]}))
    first, second = render(table, width=120, monkeypatch=monkeypatch).splitlines()[-2:]
    start = second.index("●")  # 21 steps from -1 to 1
    assert re.fullmatch(r" *─+●─+ *", first[start : start + 21])
    assert abs(first.index("●") - second.index("│")) <= 0  # an estimate of 0 stands at the mark of 0
    assert second.index("│") - second.index("●") == 10  # and one of -1 ten steps before it


@pytest.mark.parametrize(
    ("shown", "number", "options", "title"),
    [
        (10, 58, {"min_reviews": 5}, "The 10 most positive of 58 films with at least 5 reviews"),
        (1, 1_611, {}, "The most positive of 1,611 films"),
        (3, 9, {"sort": "bound"}, "The 3 most positive of 9 films, by the less extreme end of the interval"),
        (9, 9, {"min_reviews": 1}, "All 9 films with at least 1 review"),
        (1, 1, {}, "The only film"),
        (0, 0, {"min_reviews": 5}, "There is no film with at least 5 reviews"),
    ],
)
def test_titles_say_what_is_shown(shown, number, options, title):
    assert describe_view("top", num_shown=shown, num_films=number, **options) == title


def test_the_command_shows_each_view_and_writes_what_is_asked(corpus, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    paths = [tmp_path / "films.csv", tmp_path / "films.svg"]
    films.main([str(corpus.path.parent), "--top", "3", "--csv", str(paths[0]), "--chart", str(paths[1])])
    printed = capsys.readouterr().out
    titles = [line for line in printed.splitlines() if line.startswith("The 3")]
    assert titles == [f"The 3 {kind} of 26 films with at least 5 reviews" for kind in VIEWS.values()]
    assert all(path.stat().st_size for path in paths)
    assert f"{paths[0]}: 26 of 31 films" in printed
    assert f"{paths[1]}: The 3 most positive and the 3 most negative of 26 films with at least 5" in printed


def test_views_of_the_same_films_are_shown_once(corpus, capsys):
    films.main([str(corpus.path.parent), "--top", "26"])
    assert re.findall("All 26 .*", capsys.readouterr().out) == [
        "All 26 films with at least 5 reviews, most positive first"
    ]
    films.main([str(corpus.path.parent), "--view", "uncertain", "--top", "26", "--reviews"])
    printed = capsys.readouterr().out
    assert printed.count("\n  + positive review, line 1 of") == printed.count("\n  - negative review") == 26
    films.main([str(corpus.path.parent), "--view", "bottom", "--reviews"])
    assert "\n  + " not in capsys.readouterr().out


def test_no_films_are_no_error(write_films, capsys):
    films.main([str(write_films({}))])
    assert "0 films, 0 reviews" in capsys.readouterr().out


def test_a_stream_that_is_not_unicode_is_written_to(write_films, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    films.main([str(write_films({SPIRITED: draw_probabilities(9)}))])
    stream.flush()
    assert b"????????" in stream.buffer.getvalue()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--top", "0"], "--top must be at least 1 and --min_reviews at least 0, got 0, 5."),
        (["--chart", "films.gif"], "--chart must end with .png or .svg, got 'films.gif'."),
    ],
)
def test_bad_options_are_refused(corpus, options, message, capsys):
    with pytest.raises(SystemExit):
        films.main([str(corpus.path.parent), *options])
    assert message in capsys.readouterr().err


def test_a_folder_that_was_not_scored_is_refused(tmp_path, monkeypatch):
    (tmp_path / "summary.json").touch()
    with pytest.raises(FileNotFoundError, match=re.escape("films.parquet in it, found ['summary.json']. ")):
        load_films(tmp_path)
    monkeypatch.delitem(sys.modules, films.__name__)
    monkeypatch.setattr(sys, "argv", ["films", str(tmp_path / "absent")])
    with pytest.raises(SystemExit, match="inference.films: .* found no such folder"):
        runpy.run_module(films.__name__, run_name="__main__")


@pytest.mark.parametrize("kind", ["text", "without summary", "without columns"])
def test_a_file_of_another_kind_is_refused(corpus, tmp_path, kind):
    table, path = pyarrow.parquet.read_table(corpus.path), tmp_path / "films.parquet"
    if kind == "text":
        path.write_text("film,polarity\n", encoding="utf-8")
    else:
        kept = table.replace_schema_metadata(None) if kind == "without summary" else table.drop(["share_positive"])
        pyarrow.parquet.write_table(kept, path)
    with pytest.raises(ValueError, match=r"films.parquet must be as .*Score the corpus again\."):
        load_films(tmp_path)


def test_an_unknown_view_is_refused(corpus):
    with pytest.raises(ValueError, match="`view` must be one of"):
        corpus.rank("best")
