"""Render what the documents quote, from results alone: `python -m reports.render`.

A quoted part stands between `<!-- name: begin -->` and `<!-- name: end -->`; tests/test_readme.py compares it with
what this file renders. `reports/quickstart.json` is the results.json of a quickstart run, copied here to be quoted.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import corpora, length
from modeling_bert_bilstm.training.results import render_summary
from reports import attribution, claims, compare, films, polarity, short, speed


ROOT = Path(__file__).resolve().parents[1]


def render_quickstart() -> str:
    """Render the summary that train.py printed at the end of the quoted run."""
    results = json.loads((ROOT / "reports" / "quickstart.json").read_text(encoding="utf-8"))
    return f"```\n{render_summary(results, Path('runs/quickstart')).strip()}\n```"


def render_length() -> str:
    """Render the table of cost by length."""
    return length.render_table(json.loads(length.RESULT.read_text(encoding="utf-8")))


def render_corpora() -> str:
    """Render the table of what the readers keep and drop."""
    return corpora.render_table(json.loads(corpora.RESULT.read_text(encoding="utf-8")))


QUOTES: dict[str, tuple[str, Callable[[], str]]] = {
    "quickstart": ("README.md", render_quickstart),
    "length": ("docs/architecture.md", render_length),
    "corpora": ("docs/data.md", render_corpora),
    "comparison": ("README.md", short.render_short),
    "films": ("README.md", films.render_views),
    "polarity": ("README.md", polarity.render_short),
    "attribution": ("README.md", attribution.render_short),
    "claims": ("docs/reproduce.md", claims.render_claims),
}


def split_at_markers(text: str, name: str) -> tuple[str, str, str]:
    """Return what stands before, between and after the markers of a quoted part."""
    before, rest = text.split(f"<!-- {name}: begin -->\n")
    inside, after = rest.split(f"<!-- {name}: end -->")
    return before, inside.rstrip("\n"), after


def write_speed() -> None:
    """Write the page on speed, and its chart."""
    speed.PAGE.write_text(speed.render_page(), encoding="utf-8")
    length.draw_chart(json.loads(length.RESULT.read_text(encoding="utf-8")), speed.CHART)


def write_comparison() -> None:
    """Write the page on the systems of the literature."""
    compare.PAGE.write_text(compare.render_page(), encoding="utf-8")


def write_polarity() -> None:
    """Write the page on overall polarity."""
    polarity.PAGE.write_text(polarity.render_page(), encoding="utf-8")


def write_attribution() -> None:
    """Write the page on word attributions, and its chart."""
    attribution.PAGE.write_text(attribution.render_page(), encoding="utf-8")
    attribution.draw_chart(attribution.load(), attribution.CHART)


# The page that goes with a quoted part.
PAGES: dict[str, Callable[[], None]] = {
    "length": write_speed, "comparison": write_comparison, "films": films.draw, "polarity": write_polarity,
    "attribution": write_attribution,
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Write the quoted parts that are named, or all, into their documents, and the pages that go with them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(QUOTES)}; default: all")
    names = parser.parse_args(argv).names or list(QUOTES)
    if not set(names) <= set(QUOTES):
        parser.error(f"the names must be of {', '.join(QUOTES)}, got {', '.join(names)}")
    for name in names:
        if name in PAGES:
            PAGES[name]()
        document, render = QUOTES[name]
        path = ROOT / document
        before, _, after = split_at_markers(path.read_text(encoding="utf-8"), name)
        text = f"{before}<!-- {name}: begin -->\n{render()}\n<!-- {name}: end -->{after}"
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
