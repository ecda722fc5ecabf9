r"""What README shows of a real scored corpus: IMDb's test reviews, from the result in benchmarks/results alone.

    python train.py recipes/imdb_minilm.yaml
    python -m modeling_bert_bilstm.inference.score --model runs/imdb_minilm test.parquet \
        --group_column film --output scores

The result has `summary.json` as it was written and, of `films.parquet`, the columns without reviews.
"""

import io
import json
from pathlib import Path

from modeling_bert_bilstm.inference.films_chart import draw_chart
from modeling_bert_bilstm.inference.films_table import load_films
from modeling_bert_bilstm.inference.films_text import build_console, render_overview, render_view


ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "imdb_films"
CHART = ROOT / "reports" / "films.png"

_MIN_REVIEWS = 20
_WIDTH = 100  # characters


def render_views() -> str:
    """Render what the terminal shows of the films with `--min_reviews 20 --top 3`, and what the scoring took."""
    table, console = load_films(RESULT), build_console(io.StringIO())
    console.width = _WIDTH
    views = (render_view(table, view, console, top=3, min_reviews=_MIN_REVIEWS) for view in ("top", "divided"))
    text = "\n".join((render_overview(table, _MIN_REVIEWS), *views)).strip()
    return f"```\n{text}\n```\n\n{render_cost(json.loads((RESULT / 'summary.json').read_text(encoding='utf-8')))}"


def render_cost(summary: dict) -> str:
    """Render what the scoring took and where."""
    hardware = summary["environment"]["hardware"]
    return (
        f"Scoring these took {summary['seconds'] / 60:.1f} minutes on {hardware['num_cores']} cores "
        f"({hardware['processor']}): {summary['reviews_per_second']:.0f} reviews a second in {summary['precision']}, "
        f"{summary['peak_memory_mib'] / 1024:.1f} GiB at most."
    )


def draw() -> None:
    """Draw the films with the widest intervals."""
    draw_chart(load_films(RESULT), CHART, view="uncertain", top=8, min_reviews=_MIN_REVIEWS)
