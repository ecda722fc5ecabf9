"""The views of a films table in a terminal: as wide as it is, and plain text where there is none."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .films_table import VIEWS, FilmsTable, count_films, describe_view, tidy


_GAP = 2  # columns of the screen between two of the table
_MAX_NAME = 60
_MIN_NAME = 16
_STROKES = 21  # steps from -1 to 1 in the drawing of an interval
_MAX_REVIEW = 280  # characters
_STYLES = {"negative": "red", "very negative": "bold red", "positive": "green", "very positive": "bold green"}
# What stays when the screen is narrow, the most needed first.
_NEEDED = ("polarity", "interval", "reviews", "verdict", "shares", "drawing")
_NEEDED_IN_DIVIDED = ("polarity", "spread", "shares", "reviews", "interval", "verdict", "drawing")


@dataclass(frozen=True)
class _Column:
    header: str
    cells: list[Text]
    is_number: bool = True

    @property
    def width(self) -> int:
        return max(cell_len(line) for line in [*self.header.split("\n"), *(cell.plain for cell in self.cells)])


def build_console(stream: TextIO) -> Console:
    """Return a console for a stream: colours and a width only for a terminal, and no colours with NO_COLOR set."""
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = 1_000  # what reads a pipe has no window to fit into
    return console


def render_overview(table: FilmsTable, min_reviews: int) -> str:
    """Return what the table holds and what the views leave out."""
    num_rejected = int(table.num_rejected.sum())
    rejected = f" ({num_rejected:,} rejected)" if num_rejected else ""
    text = (
        f"{count_films(len(table.films))}, {table.num_reviews.sum():,} reviews{rejected}; model {tidy(table.model)}, "
        f"polarity of each film's audience by {table.method.replace('_', ' ')}, {table.confidence:.0%} intervals.\n"
    )
    num_known = len(table.select(0))
    num_few, num_unknown = num_known - len(table.select(min_reviews)), len(table.films) - num_known
    left_out = [
        f"{count_films(num_few)} with fewer than {min_reviews} reviews (--min_reviews)" if num_few else "",
        f"{count_films(num_unknown)} without a review that could be scored" if num_unknown else "",
    ]
    return text + (f"Left out: {', '.join(filter(None, left_out))}.\n" if any(left_out) else "")


def render_view(
    table: FilmsTable,
    view: str,
    console: Console,
    *,
    top: int = 10,
    min_reviews: int = 0,
    sort: str = "polarity",
    with_reviews: bool = False,
) -> str:
    """Return the first films of a view as text, under a title that says which.

    Columns that do not fit the console are left out, the least needed first; then long names are cut.

    Args:
        table: The films.
        view: One of `films_table.VIEWS`.
        console: Where the text will stand.
        top: How many films.
        min_reviews: Films with fewer are left out.
        sort: See `FilmsTable.rank`.
        with_reviews: Put the most telling reviews of each film under the table.
    """
    ranked = table.rank(view, min_reviews=min_reviews, sort=sort)
    rows = ranked[:top]
    with console.capture() as capture:
        title = describe_view(view, num_shown=len(rows), num_films=len(ranked), min_reviews=min_reviews, sort=sort)
        order = f", {VIEWS[view]} first" if 1 < len(rows) == len(ranked) else ""
        console.print(Text(title + order, style="bold"))
        if len(rows):
            console.print(_build_table(table, rows, view, console))
        for part in _list_reviews(table, rows, view) if with_reviews else ():
            console.print(part)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def _build_table(table: FilmsTable, rows: np.ndarray, view: str, console: Console) -> Table:
    names = [Text(name) for name in table.get_names(rows)]
    longest = min(max(name.cell_len for name in names), _MAX_NAME)
    columns = _choose_columns(table, rows, view, console, min(longest, _MIN_NAME))
    room = console.width - sum(column.width + _GAP for column in columns)
    built = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    built.add_column("film", width=max(4, min(longest, room)), no_wrap=True, overflow="ellipsis", vertical="bottom")
    for column in columns:
        justify = "right" if column.is_number else "left"
        built.add_column(column.header, width=column.width, justify=justify, no_wrap=True)
    for cells in zip(names, *(column.cells for column in columns), strict=True):
        built.add_row(*cells)
    return built


def _choose_columns(
    table: FilmsTable, rows: np.ndarray, view: str, console: Console, name_width: int
) -> list[_Column]:
    """Return what fits beside names of this width, in the order in which it stands in the table."""
    columns = _build_columns(table, rows, is_ascii=not console.encoding.lower().startswith("utf"))
    kept, room = [], console.width - name_width
    for name in _NEEDED_IN_DIVIDED if view == "divided" else _NEEDED:
        width = sum(column.width + _GAP for column in columns[name])
        if width <= room:
            kept.append(name)
            room -= width
    return [column for name in columns if name in kept for column in columns[name]]


def _build_columns(table: FilmsTable, rows: np.ndarray, *, is_ascii: bool) -> dict[str, list[_Column]]:
    verdicts = [verdict or "" for verdict in table.verdicts.take(rows).to_pylist()]
    styles = [_STYLES.get(verdict, "") for verdict in verdicts]
    intervals, polarity = table.interval[rows], table.polarity[rows]
    drawings = [Text(_draw(*ends, value, is_ascii)) for ends, value in zip(intervals, polarity, strict=True)]
    shares = zip(table.labels, table.shares[rows].T, strict=True)
    return {
        "reviews": [_Column("reviews", [Text(f"{count:,}") for count in table.num_reviews[rows]])],
        "polarity": [_Column("polarity", [Text(_sign(value)) for value in polarity])],
        "interval": [
            _Column(
                f"{table.confidence:.0%} interval", [Text(f"{_sign(low)} to {_sign(high)}") for low, high in intervals]
            )
        ],
        "drawing": [_Column(f"-1{'0':^{_STROKES - 4}}+1", drawings, is_number=False)],
        "spread": [_Column("spread", [Text(f"{value:.2f}") for value in table.spread[rows]])],
        "shares": [
            _Column(label.replace(" ", "\n"), [Text(f"{share:.0%}") for share in values]) for label, values in shares
        ],
        "verdict": [_Column("verdict", list(map(Text, verdicts, styles)), is_number=False)],
    }


def _sign(value: float) -> str:
    return f"{round(value, 2) + 0.0:+.2f}"  # 0.0 turns -0.0 into 0.0


def _draw(low: float, high: float, polarity: float, is_ascii: bool) -> str:
    """Return an interval as a line of `_STROKES` characters from -1 to 1, with the estimate on it and zero marked."""
    line, point, zero = ("-", "o", "|") if is_ascii else ("─", "●", "│")
    first, last, at = (round((value + 1) / 2 * (_STROKES - 1)) for value in (low, high, polarity))
    strokes = [line if first <= i <= last else zero if i == _STROKES // 2 else " " for i in range(_STROKES)]
    strokes[at] = point
    return "".join(strokes)


def _list_reviews(table: FilmsTable, rows: np.ndarray, view: str) -> Iterator[Text | Padding]:
    """Yield each film's name and, below it, the start of its most telling reviews in this view."""
    for name, reviews in zip(table.get_names(rows), table.read_reviews(rows), strict=True):
        yield Text(f"\n{name}", style="bold")
        for sign, skipping_view, review in zip("+-", ("bottom", "top"), reviews, strict=True):
            if review and view != skipping_view:
                text = tidy(review.replace("<br />", " "))  # as IMDb's reviews have it
                text = text if len(text) <= _MAX_REVIEW else f"{text[:_MAX_REVIEW].rstrip()}…"
                yield Padding(Text(f"{sign} {text}"), (0, 0, 0, 2))
