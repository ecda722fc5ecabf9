"""The chart of films: what is drawn is what the table holds, nothing is cut off, nothing depends on colour."""

import re
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from modeling_bert_bilstm.inference import films_chart
from modeling_bert_bilstm.inference.films_chart import choose_films, draw_chart
from modeling_bert_bilstm.inference.films_table import VIEWS, load_films
from tests.inference.conftest import draw_probabilities


pytest.importorskip("matplotlib")
from fontTools.fontBuilder import FontBuilder
from fontTools.ttLib.tables._g_l_y_f import Glyph
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


NAMES = [
    "Dr. Strangelove or: How I Learned to Stop Worrying and Love the Bomb (1964)",
    "$9.99 or $10 & <a_b>",
    "Броненосец «Потёмкин»",
    "Amélie\n(Le fabuleux destin)",
    "الرسالة",
]
RARE = "\U0001f9ff"  # in none of matplotlib's own fonts


@pytest.fixture(scope="module")
def five_labels(write_films):
    """The table of five films of which each has another verdict."""
    rows = [np.eye(5)[[label] * 20] * 0.9 + 0.02 for label in range(5)]
    return load_films(write_films(dict(zip(NAMES, rows, strict=True)), num_labels=5))


@pytest.fixture(scope="module")
def many(write_films):
    """The table of 40 films with 1 to 20 reviews."""
    return load_films(
        write_films(
            {f"film {i:02}": draw_probabilities(1 + i % 20, seed=i, shares=[i / 40, 1 - i / 40]) for i in range(40)}
        )
    )


@pytest.fixture
def figures(monkeypatch):
    """The figures that were saved."""
    saved, save = [], Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *args, **kwargs: (save(self, *args, **kwargs), saved.append(self))
    )
    return saved


def choose(table, **options):
    return choose_films(table, **{"view": "all", "top": 10, "min_reviews": 0, "sort": "polarity"} | options)


def test_what_is_drawn_is_what_the_table_holds(many, figures, tmp_path):
    draw_chart(many, tmp_path / "films.png", top=7, min_reviews=5)
    axis, rows = figures[0].axes[0], choose(many, top=7, min_reviews=5).rows
    lines = [line for line in axis.lines if len(set(line.get_ydata())) == 1]
    heights = [int(height) for height in axis.get_yticks()]
    assert heights == [*range(7), *range(8, 15)]
    assert axis.get_ylim()[0] > axis.get_ylim()[1]  # the first stands uppermost
    assert [label.get_text() for label in axis.get_yticklabels()] == many.get_names(rows)
    for height, row, interval, point in zip(heights, rows, lines[::2], lines[1::2], strict=True):
        assert {*interval.get_ydata(), *point.get_ydata()} == {height}
        np.testing.assert_array_equal(interval.get_xdata(), many.interval[row])
        np.testing.assert_array_equal(point.get_xdata(), [many.polarity[row]])
    counts = [text.get_text() for text in axis.texts if text.get_text().isdigit()]
    assert counts == [str(count) for count in many.num_reviews[rows]]
    assert "18 others" in [text.get_text() for text in axis.texts]


@pytest.mark.parametrize("sort", ["polarity", "bound"])
def test_top_and_bottom_do_not_meet(many, monkeypatch, sort):
    monkeypatch.setattr(films_chart, "MAX_FILMS", 25)
    for top, sizes in ((1, [1, 1]), (13, [13, 13]), (19, [19, 19]), (20, [40]), (500, [40])):
        films = choose(many, top=top, sort=sort)
        assert [len(group) for group in films.groups] == sizes
        assert len(set(films.rows)) == len(films.rows) == 40 - films.num_others
        for group in films.groups:
            assert (np.diff(many.polarity[group]) <= 0).all()


def test_a_chart_has_room_for_its_films(many, monkeypatch):
    monkeypatch.setattr(films_chart, "MAX_FILMS", 8)
    films = choose(many, top=500)
    assert [len(group) for group in films.groups] == [8, 8]
    assert films.title == "The 8 most positive and the 8 most negative of 40 films"
    assert len(choose(many, view="top", top=500).rows) == 8


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_drawn_from_the_most_positive_film_on(many, view):
    films = choose(many, view=view, min_reviews=3)
    assert set(films.rows) == set(many.rank(view, min_reviews=3)[:10])
    assert (np.diff(many.polarity[films.rows]) <= 0).all()
    assert films.title == f"The 10 {VIEWS[view]} of 36 films with at least 3 reviews"


def test_verdicts_are_told_without_colour(five_labels, figures, tmp_path):
    looks = {(marker, is_filled) for marker, _, is_filled in films_chart._LOOKS.values()}
    assert len(looks) == 5
    draw_chart(five_labels, tmp_path / "films.png")
    axis = figures[0].axes[0]
    points = [line for line in axis.lines if len(line.get_xdata()) == 1]
    assert [point.get_marker() for point in points] == ["^", "^", "o", "v", "v"]
    assert [point.get_markerfacecolor() == "white" for point in points] == [False, True, True, True, False]
    labels = [text.get_text() for text in figures[0].legends[0].get_texts()]
    assert labels == ["90% interval; verdict:", *films_chart._LOOKS]


@pytest.mark.parametrize("sort", ["polarity", "bound"])
def test_nothing_is_cut_off(five_labels, many, figures, tmp_path, sort):
    for table, top in ((five_labels, 1), (five_labels, 10), (many, 1), (many, 40), (many, 12)):
        draw_chart(table, tmp_path / "films.png", top=top, min_reviews=5, sort=sort)
        figure = figures[-1]
        axis, renderer = figure.axes[0], FigureCanvasAgg(figure).get_renderer()
        texts = [*axis.get_yticklabels(), *axis.texts, axis.xaxis.label, figure._suptitle, figure.legends[0]]
        for text in texts:
            box = text.get_window_extent(renderer)
            assert box.x0 >= 0
            assert box.x1 <= figure.bbox.x1
            assert box.y0 >= 0
            assert box.y1 <= figure.bbox.y1


def test_an_svg_holds_its_text(five_labels, tmp_path):
    title = draw_chart(five_labels, tmp_path / "films.svg")
    content = " ".join(ElementTree.parse(tmp_path / "films.svg").getroot().itertext())
    for text in (title, NAMES[1], NAMES[2], "Amélie (Le fabuleux destin)", "model tiny, expectation maximisation"):
        assert text in content
    assert "Dr. Strangelove or: How I Learned to Stop W…" in content


@pytest.mark.parametrize("suffix", [".png", ".svg", ".PNG"])
def test_the_same_table_gives_the_same_file(five_labels, tmp_path, suffix):
    paths = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for path in paths:
        draw_chart(five_labels, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_one_film_is_drawn_and_none_is_refused(write_films, tmp_path):
    table = load_films(write_films({"One": draw_probabilities(8)}))
    assert draw_chart(table, tmp_path / "films.png", min_reviews=5) == "The only film with at least 5 reviews"
    with pytest.raises(ValueError, match=r"at least 9 scored reviews, but there is none among the 1 film in .*Lower"):
        draw_chart(table, tmp_path / "none.png", min_reviews=9)
    assert not (tmp_path / "none.png").exists()


@pytest.fixture
def own_fonts(monkeypatch):
    """Let only the fonts that come with matplotlib be installed; return the list of them."""
    manager = font_manager.fontManager
    own = [entry for entry in manager.ttflist if entry.name.startswith(("DejaVu", "Last Resort"))]
    monkeypatch.setattr(manager, "ttflist", own)
    return own


def write_font(path):
    """Write a font that has one character."""
    builder = FontBuilder(1000)
    builder.setupGlyphOrder([".notdef", "rare"])
    builder.setupCharacterMap({ord(RARE): "rare"})
    builder.setupGlyf({".notdef": Glyph(), "rare": Glyph()})
    builder.setupHorizontalMetrics({".notdef": (500, 0), "rare": (500, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Rare", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)


def test_names_are_set_in_fonts_that_have_their_characters(own_fonts, write_films, tmp_path, caplog, recwarn):
    table = load_films(write_films({f"a {RARE}": draw_probabilities(8)}))
    draw_chart(table, tmp_path / "boxes.png")
    assert f"No installed font has '{RARE}' of the films' names" in caplog.text
    caplog.clear()
    draw_chart(table, tmp_path / "films.svg")  # whoever looks at it may have one

    write_font(tmp_path / "rare.ttf")
    font_manager.fontManager.addfont(tmp_path / "rare.ttf")
    draw_chart(table, tmp_path / "films.png")
    assert (tmp_path / "films.png").read_bytes() != (tmp_path / "boxes.png").read_bytes()
    assert films_chart._find_fonts(f"a {RARE}") == ["DejaVu Sans", "Rare"]
    assert films_chart._find_fonts("a") == ["DejaVu Sans"]
    assert not caplog.records
    assert not recwarn.list


def test_a_missing_matplotlib_names_its_install_line(five_labels, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=re.escape('pip install "modeling-bert-bilstm[report]"')):
        draw_chart(five_labels, tmp_path / "films.png")
