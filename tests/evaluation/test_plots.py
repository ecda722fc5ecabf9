"""The figures show the numbers that they are given, without colour and with nothing cut off."""

import numpy as np
import pytest

from modeling_bert_bilstm.evaluation import plots
from modeling_bert_bilstm.evaluation.breakdowns import compute_accuracy_by_length, compute_reliability
from tests.evaluation.conftest import build_history, build_words, draw_answers


pytest.importorskip("matplotlib")
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image


LONG = ["surprisingly disappointing from start to end", "$bad_{x}$", "mixed", "fine", "unforgettable!"]
TRUE, PROBABILITIES = draw_answers(400, 5)
RIGHT, CONFIDENCE = PROBABILITIES.argmax(axis=1) == TRUE, PROBABILITIES.max(axis=1)
MATRIX = np.random.default_rng(0).integers(0, 90_000, size=(5, 5)) + np.diag([300_000] * 5)
LENGTHS = np.random.default_rng(0).integers(3, 9_000, size=400)
RELIABILITY = compute_reliability(TRUE, PROBABILITIES)
BEFORE = compute_reliability(TRUE, PROBABILITIES**2 / (PROBABILITIES**2).sum(axis=1, keepdims=True))
DRAWN = {
    "curves": lambda figure: plots.draw_learning_curves(figure, build_history(4)),
    "matrix": lambda figure: plots.draw_confusion_matrix(figure, MATRIX, LONG),
    "confidence": lambda figure: plots.draw_confidence(figure, CONFIDENCE, RIGHT, 5),
    "reliability": lambda figure: plots.draw_reliability(figure, RELIABILITY, BEFORE),
    "lengths": lambda figure: plots.draw_accuracy_by_length(figure, compute_accuracy_by_length(LENGTHS, RIGHT)),
    "words": lambda figure: plots.draw_important_words(figure, build_words(LONG), LONG),
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Each figure, and the file that it was written to."""
    folder, saved, save = tmp_path_factory.mktemp("figures"), [], Figure.savefig
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", lambda self, *args, **kw: (save(self, *args, **kw), saved.append(self)))
        for name, fill in DRAWN.items():
            plots.write_figure(fill, folder / f"{name}.png")
    return {name: (figure, folder / f"{name}.png") for name, figure in zip(DRAWN, saved, strict=True)}


@pytest.fixture
def fill():
    """Return a function that fills a figure without writing it."""

    def draw(function, *args):
        figure = Figure(layout="constrained")
        function(figure, *args)
        return figure

    return draw


@pytest.mark.parametrize("name", DRAWN)
def test_nothing_is_cut_off_and_no_text_is_small(name, drawn):
    figure, path = drawn[name]
    with Image.open(path) as picture:
        points = np.asarray(picture.convert("L"))
    for edge in (points[0], points[-1], points[:, 0], points[:, -1]):
        assert (edge == 255).all()
    # A phone shows the figure 360 pixels wide, 72 to the inch: letters as high as their points.
    assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 9


@pytest.mark.parametrize("name", DRAWN)
def test_it_is_as_wide_as_a_phone_and_says_nothing_of_its_maker(name, drawn):
    with Image.open(drawn[name][1]) as picture:
        assert picture.width == 1000
        assert picture.info.keys() <= {"dpi"}


def test_the_same_numbers_give_the_same_bytes(drawn, tmp_path):
    plots.write_figure(DRAWN["reliability"], tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == drawn["reliability"][1].read_bytes()


def test_curves_hold_the_history_and_differ_without_colour(drawn):
    history = build_history(4)
    for axis, measure in zip(drawn["curves"][0].axes, ("loss", "accuracy"), strict=True):
        lines = {line.get_label(): line for line in axis.lines}
        assert set(lines) == {"train", "validation"}
        for split, line in lines.items():
            assert list(line.get_xdata()) == [1, 2, 3, 4]
            assert list(line.get_ydata()) == [row[f"{split}_{measure}"] for row in history]
        assert len({line.get_linestyle() for line in axis.lines}) == 2
        assert len({line.get_marker() for line in axis.lines}) == 2


def test_without_validation_the_test_is_drawn_and_regression_has_no_accuracy(fill):
    figure = fill(plots.draw_learning_curves, [{"epoch": 1, "train_loss": 2, "test_loss": 1.5}])
    (axis,) = figure.axes
    assert [(line.get_label(), *line.get_ydata()) for line in axis.lines] == [("train", 2), ("test", 1.5)]
    assert [tick for tick in axis.get_xticks() if 0.6 <= tick <= 1.4] == [1]


def compute_luminance(color):
    """Relative luminance of WCAG 2.2."""
    channels = np.array(to_rgb(color))
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4) @ [
        0.2126,
        0.7152,
        0.0722,
    ]


def test_the_matrix_holds_its_counts_in_letters_that_stand_out(fill):
    counts = np.arange(49).reshape(7, 7) ** 3
    (axis,) = fill(plots.draw_confusion_matrix, counts, list("abcdefg")).axes
    (image,) = axis.images
    for text, count in zip(axis.texts, counts.flat, strict=True):
        assert text.get_text().startswith(f"{count:,}\n")
    for highest in (1, 0.75):  # all shades, and those where black gives way to white
        shares = np.zeros((12, 12))
        shares[:, 0] = np.linspace(0.66, highest, 12)
        shares[:, 1] = 1 - shares[:, 0]
        (axis,) = fill(plots.draw_confusion_matrix, np.round(shares * 1000).astype(int), list("abcdefghijkl")).axes
        for text, share in zip(axis.texts, shares.flat, strict=True):
            one, other = compute_luminance(image.cmap(round(share, 3))), compute_luminance(text.get_color())
            assert (max(one, other) + 0.05) / (min(one, other) + 0.05) >= 4.5


def test_right_and_wrong_sum_to_a_hundred_each_and_differ_by_a_hatch(drawn):
    (axis,) = drawn["confidence"][0].axes
    bars, (outline,) = axis.containers[0], [patch for patch in axis.patches if patch not in axis.containers[0]]
    expected = np.histogram(CONFIDENCE[RIGHT], np.linspace(0.2, 1, 21))[0] / RIGHT.sum() * 100
    np.testing.assert_allclose([bar.get_height() for bar in bars], expected)
    corners = outline.get_xy()
    assert corners[1:-1:2, 1].sum() == pytest.approx(100)
    assert outline.get_hatch()
    assert not bars[0].get_hatch()


def test_reliability_is_drawn_before_and_after(drawn):
    (axis,) = drawn["reliability"][0].axes
    before = next(line for line in axis.lines if line.get_label() == "before calibration")
    np.testing.assert_allclose(before.get_ydata(), BEFORE.accuracy)
    after, _, (intervals,) = axis.containers[0].lines
    np.testing.assert_allclose(after.get_xdata(), RELIABILITY.mean)
    np.testing.assert_allclose(after.get_ydata(), RELIABILITY.accuracy)
    assert after.get_linestyle() != before.get_linestyle()
    ends = [segment[:, 1] for segment in intervals.get_segments()]
    np.testing.assert_allclose(ends, np.stack([RELIABILITY.low, RELIABILITY.high], axis=1))


def test_lengths_are_named_by_their_ends(drawn):
    (axis,) = drawn["lengths"][0].axes
    groups = compute_accuracy_by_length(LENGTHS, RIGHT)
    names = [label.get_text() for label in axis.get_xticklabels()]
    assert names == [f"{first:,.0f}–{last:,.0f}" for first, last in zip(groups.first, groups.last, strict=True)]
    np.testing.assert_allclose(axis.containers[0].lines[0].get_ydata(), groups.accuracy)


def test_words_are_bars_from_the_strongest_down(drawn):
    words = build_words(LONG)
    axes = [axis for axis in drawn["words"][0].axes if axis.get_visible()]
    for axis, label in zip(axes, LONG, strict=True):
        expected = [entry["attribution"] for entry in words[label][: plots.NUM_WORDS]]
        assert [bar.get_width() for bar in axis.patches] == expected
        assert axis.get_yticklabels()[0].get_text() == "word0"
        assert axis.yaxis_inverted()


def test_a_long_word_and_a_label_without_words(fill):
    words = {"a": [{"word": "x" * 60, "attribution": 1.0, "num_reviews": 5}], "b": []}
    first, _ = fill(plots.draw_important_words, words, ["a", "b"]).axes
    assert first.get_yticklabels()[0].get_text() == "x" * 17 + "…"
