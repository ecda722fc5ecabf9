"""One chart of a films table: films from the most positive to the most negative, each with its interval."""

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from ..extras import import_optional
from .films_table import VIEWS, FilmsTable, count_films, describe_view, tidy


if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

FORMATS = (".png", ".svg")
MAX_FILMS = 100  # at either end; more have no room for their names

_RED, _BLUE, _GREY = "#b2182b", "#2166ac", "#4d4d4d"
# Marker, colour, whether it is filled: each verdict can be told without its colour.
_LOOKS = {
    "very positive": ("^", _BLUE, True),
    "positive": ("^", _BLUE, False),
    "neutral": ("o", _GREY, False),
    "negative": ("v", _RED, False),
    "very negative": ("v", _RED, True),
}
_MAX_NAME = 44  # as wide as so many Latin letters of a terminal
_ROW_INCHES = 0.25

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ChartFilms:
    """The films of a chart.

    Attributes:
        groups: Their numbers in one or two arrays, each from the most positive film on, one above the other.
        num_others: How many selected films stand in none.
        title: Which films these are.
    """

    groups: list[np.ndarray]
    num_others: int
    title: str

    @property
    def rows(self) -> np.ndarray:
        """All their numbers, from the upper end of the chart to the lower."""
        return np.concatenate(self.groups)


def draw_chart(
    table: FilmsTable,
    path: str | Path,
    *,
    view: str = "all",
    top: int = 10,
    min_reviews: int = 0,
    sort: str = "polarity",
) -> str:
    """Draw films with their intervals, the most positive one uppermost, and return the title, which says which films.

    Args:
        table: The films.
        path: Where to write it; ends with .png or .svg.
        view: One of `films_table.VIEWS`; "all" are the top and the bottom, or every film where these would meet.
        top: How many films, of "all" at either end; 100 at most.
        min_reviews: Films with fewer are left out.
        sort: See `FilmsTable.rank`.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: There is no film to draw.
    """
    matplotlib = import_optional("matplotlib", "report")
    figures, lines = (import_optional(f"matplotlib.{name}", "report") for name in ("figure", "lines"))
    films = choose_films(table, view=view, top=top, min_reviews=min_reviews, sort=sort)
    is_svg = Path(path).suffix.lower() == ".svg"
    names = [_cut(name) for name in table.get_names(films.rows)]
    families = ["sans-serif"] if is_svg else _find_fonts("".join(names))
    # Text in an SVG stays text: it can be searched, and is set in the fonts of whoever looks at it.
    settings = {"font.family": families, "svg.fonttype": "none", "svg.hashsalt": "films"}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # `_find_fonts` says it once
        figure = figures.Figure(
            figsize=(9, 1.7 + _ROW_INCHES * (len(names) + len(films.groups) - 1)), layout="constrained"
        )
        axis = figure.add_subplot()
        _draw_films(axis, table, films, names)
        handles = _build_legend(lines.Line2D, table, films)
        figure.legend(
            handles=handles, loc="outside lower center", ncols=len(handles), columnspacing=1.2, frameon=False
        )
        figure.suptitle(films.title, x=0.01, ha="left", fontsize="large", wrap=True)
        figure.savefig(path, dpi=120, metadata={"Date": None} if is_svg else {"Software": None})
    return films.title


def choose_films(table: FilmsTable, *, view: str, top: int, min_reviews: int, sort: str) -> ChartFilms:
    """Return which films a chart shows; see `draw_chart`.

    Raises:
        ValueError: There is no film to draw.
    """
    top = min(top, MAX_FILMS)
    ranked = table.rank("top" if view == "all" else view, min_reviews=min_reviews, sort=sort)
    described = {"num_films": len(ranked), "min_reviews": min_reviews, "sort": sort}
    if not len(ranked):
        raise ValueError(
            f"A chart needs a film with at least {max(min_reviews, 1)} scored reviews, but there is none among the "
            f"{count_films(len(table.films))} in {table.path}. Lower `--min_reviews`, or score more reviews."
        )
    if view == "all" and len(ranked) > 2 * top:
        lowest = table.rank("bottom", min_reviews=min_reviews, sort=sort)
        chosen = [ranked[:top], lowest[~np.isin(lowest, ranked[:top])][:top][::-1]]
        title = describe_view("top", num_shown=top, **described)
        count = f"{top} " if top > 1 else ""
        title = title.replace(VIEWS["top"], f"{VIEWS['top']} and the {count}{VIEWS['bottom']}", 1)
    else:
        chosen = [ranked if view == "all" else ranked[:top]]
        title = describe_view("top" if view == "all" else view, num_shown=len(chosen[0]), **described)
    groups = [rows[np.argsort(-table.polarity[rows], kind="stable")] for rows in chosen]
    return ChartFilms(groups, len(ranked) - sum(map(len, groups)), title)


def _draw_films(axis: "Axes", table: FilmsTable, films: ChartFilms, names: Sequence[str]) -> None:
    """Draw a line and a marker for each film, with its name to the left and its number of reviews to the right."""
    num_upper = len(films.groups[0])
    heights = np.arange(len(names)) + (np.arange(len(names)) >= num_upper)  # a row stays free between the groups
    for height, row, verdict in zip(heights, films.rows, _get_verdicts(table, films), strict=True):
        marker, color, is_filled = _LOOKS[verdict]
        axis.plot(table.interval[row], [height, height], "|-", color=color, linewidth=1.4, markersize=5)
        face = color if is_filled else "white"
        axis.plot(table.polarity[row], height, marker, color=color, markerfacecolor=face, markersize=7, zorder=3)
        axis.annotate(
            f"{table.num_reviews[row]:,}", (1, height), (38, 0), xycoords=axis.get_yaxis_transform(),
            textcoords="offset points", ha="right", va="center", annotation_clip=False,
        )  # fmt: skip
    if len(films.groups) > 1:
        others = f"{films.num_others:,} other{'' if films.num_others == 1 else 's'}"
        background = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axis.text(0, num_upper, others, ha="center", va="center", color=_GREY, bbox=background)
    axis.set_yticks(heights, names, parse_math=False)  # a name may hold dollar signs
    axis.set(xlim=(-1.03, 1.03), ylim=(heights[-1] + 0.7, -0.7))
    source = f"model {tidy(table.model)}, {table.method.replace('_', ' ')}"
    axis.set_xlabel(
        f"polarity of a film's audience, from −1 (all negative) to +1 (all positive)\n{source}", parse_math=False
    )
    axis.set_xticks(np.linspace(-1, 1, 9), ["−1", "", "−0.5", "", "0", "", "+0.5", "", "+1"])
    axis.annotate(
        "reviews", (1, 1), (38, 4), xycoords="axes fraction", textcoords="offset points", ha="right", va="bottom"
    )
    axis.axvline(0, color="black", linewidth=0.8, zorder=0)
    axis.grid(axis="x", alpha=0.3)
    axis.grid(axis="y", alpha=0.4, linestyle=":")
    axis.tick_params(axis="y", length=0)
    axis.spines[["left", "right", "top"]].set_visible(False)


def _build_legend(line: "type[Line2D]", table: FilmsTable, films: ChartFilms) -> list["Line2D"]:
    shown = set(_get_verdicts(table, films))
    handles = [
        line(
            [],
            [],
            marker=marker,
            color=color,
            markerfacecolor=color if is_filled else "white",
            linewidth=0,
            label=name,
        )
        for name, (marker, color, is_filled) in _LOOKS.items()
        if name in shown
    ]
    interval = f"{table.confidence:.0%} interval; verdict:"
    return [line([], [], marker="|", color="black", linewidth=1.4, label=interval), *handles]


def _get_verdicts(table: FilmsTable, films: ChartFilms) -> list[str]:
    return table.verdicts.take(films.rows).to_pylist()


def _cut(name: str) -> str:
    text = Text(name)
    text.truncate(_MAX_NAME, overflow="ellipsis")
    return text.plain


def _find_fonts(text: str) -> list[str]:
    """Return matplotlib's own font and, if it lacks characters of a text, installed ones that have them."""
    manager = import_optional("matplotlib.font_manager", "report")
    open_font = import_optional("matplotlib.ft2font", "report").FT2Font
    families, missing = ["DejaVu Sans"], set(map(ord, text))
    missing -= open_font(manager.findfont("DejaVu Sans")).get_charmap().keys()
    installed = [entry for entry in manager.fontManager.ttflist if not entry.name.startswith("Last Resort")]  # boxes
    for entry in installed if missing else ():
        found = missing & open_font(entry.fname).get_charmap().keys()
        if found:
            families.append(entry.name)
            missing -= found
    if missing:
        logger.warning(
            "No installed font has %s of the films' names: they are drawn as boxes. Write the chart as .svg, or "
            "install a font that has them, such as Noto Sans CJK.",
            ", ".join(repr(chr(code)) for code in sorted(missing)[:5]),
        )
    return families
