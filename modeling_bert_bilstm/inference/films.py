"""Read what a scored corpus says of its films: tables in the terminal, a CSV, a chart.

python -m modeling_bert_bilstm.inference.films scored --view divided --chart films.png
"""

import argparse
import os
import sys
from pathlib import Path

from .films_chart import FORMATS, draw_chart
from .films_table import SORTS, VIEWS, FilmsTable, count_films, load_films
from .films_text import build_console, render_overview, render_view


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m modeling_bert_bilstm.inference.films",
        description="Read what a scored corpus says of its films: tables in the terminal, a CSV, a chart.",
    )
    parser.add_argument("folder", type=Path, metavar="OUT", help="folder that the scoring wrote films.parquet to")
    parser.add_argument(
        "--view",
        choices=[*VIEWS, "all"],
        default="all",
        help="most positive (top), most negative (bottom), reviewers far apart (divided: the largest spread of "
        "polarity among a film's reviews), widest interval (uncertain); default: each in turn",
    )
    parser.add_argument("--top", type=int, default=10, metavar="N", help="films in a view (default: %(default)s)")
    parser.add_argument(
        "--min_reviews",
        type=int,
        default=5,
        metavar="N",
        help="leave out films with fewer scored reviews, from the CSV as well (default: %(default)s)",
    )
    parser.add_argument(
        "--sort",
        choices=SORTS,
        default="polarity",
        help="what top and bottom go by: the estimate, or the less extreme end (bound) of its interval, so that a "
        "film leads only if it surely deserves it (default: %(default)s)",
    )
    parser.add_argument("--reviews", action="store_true", help="quote the most telling reviews of each film")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write all films, with every column, as CSV")
    parser.add_argument(
        "--chart",
        type=Path,
        metavar="FILE",
        help=f"draw the view's films with their intervals, {' or '.join(FORMATS)}; without --view the top and the "
        'bottom (needs pip install "modeling-bert-bilstm[report]")',
    )
    return parser


def main(argv: list[str] | None = None) -> FilmsTable:
    """Print the views that the command line asks for, write its files and return the films."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if arguments.top < 1 or arguments.min_reviews < 0:
        parser.error(
            f"--top must be at least 1 and --min_reviews at least 0, got {arguments.top}, {arguments.min_reviews}."
        )
    if arguments.chart and arguments.chart.suffix.lower() not in FORMATS:
        parser.error(f"--chart must end with {' or '.join(FORMATS)}, got {arguments.chart.name!r}.")

    table = load_films(arguments.folder)
    options = {"top": arguments.top, "min_reviews": arguments.min_reviews, "sort": arguments.sort}
    written = []  # before anything is printed, so that the files do not depend on who reads it to the end
    if arguments.csv:
        num_films = table.write_csv(arguments.csv, min_reviews=arguments.min_reviews)
        written.append(f"\n{arguments.csv}: {num_films:,} of {count_films(len(table.films))}\n")
    if arguments.chart:
        title = draw_chart(table, arguments.chart, view=arguments.view, **options)
        written.append(f"\n{arguments.chart}: {title}\n")

    views = [arguments.view] if arguments.view != "all" else list(VIEWS)
    if len(table.select(arguments.min_reviews)) <= arguments.top:
        views = views[:1]  # each would show the same films
    console = build_console(sys.stdout)
    _print(render_overview(table, arguments.min_reviews))
    for view in views:
        _print("\n" + render_view(table, view, console, **options, with_reviews=arguments.reviews))
    _print("".join(written))
    return table


def _print(text: str) -> None:
    """Write to the terminal or what stands for it, with a question mark for what it cannot show."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, errors="replace").decode(encoding))


if __name__ == "__main__":
    try:
        main()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ImportError, OSError, ValueError) as error:
        sys.exit(f"modeling_bert_bilstm.inference.films: {error}")
