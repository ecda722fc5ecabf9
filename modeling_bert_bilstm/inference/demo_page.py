"""The page: one review with the words that moved it, and a file of reviews with the films in it.

Nothing on it comes from another server: fonts, scripts and styles are those that Gradio brings along. It asks nobody
for updates and tells nobody of its use.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import escape
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from ..extras import import_optional
from .corpus.scorers import describe_loaded_model
from .demo_upload import ENDINGS, Limits, read_columns, render_counts, score_upload
from .explain import ReviewExplainer, render_html
from .films_chart import draw_chart
from .films_table import FilmsTable, tidy
from .scoring import ReviewScorer


if TYPE_CHECKING:
    from gradio import Blocks
    from gradio.components import Component

EXAMPLES = (
    "A warm and funny film. The two leads are superb together, and I was sorry when it ended.",
    "The first hour is dull, the jokes fall flat, and even the music cannot save it.",
    "Slow and far too long, but what an ending! I left the cinema in tears.",
)
MOST_PROBABLE = "the most probable label"
# The exact one first: the gradient alone says little of a review that leaves no doubt.
METHOD_NAMES = {
    "exact, takes seconds": "layer_integrated_gradients",
    "at a glance": "gradient_times_input",
}
KEPT_SECONDS = 3_600
MAX_WAITING = 32  # requests that wait for the model; more are told to come back

_CHART_FILMS = 10  # at either end
_FIELD_WIDTH = 240  # pixels, so that what is chosen can be read: two fields stand one above the other on a phone


def load_gradio() -> ModuleType:
    """Return Gradio, told to keep to itself.

    Raises:
        ImportError: It is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read at import, and later when an error is raised
    return import_optional("gradio", "demo")


def build_page(name: str, scorer: ReviewScorer, limits: Limits) -> "Blocks":
    """Return the page of a model; its `launch` serves it.

    Args:
        name: What the model is called.
        scorer: What scores; its model explains too.
        limits: What a visitor may send.

    Raises:
        ImportError: Gradio is not installed.
        ValueError: The model's tokenizer is a slow one.
    """
    gr = load_gradio()
    explainer = ReviewExplainer(scorer.model, scorer.tokenizer)
    with gr.Blocks(
        title=f"{name}: reviews of films", analytics_enabled=False, delete_cache=(KEPT_SECONDS // 6, KEPT_SECONDS)
    ) as page:
        gr.Markdown(
            f"# What reviews say of films\n\nRead by {_quote(name)}. A text is not kept, a file for about an hour."
        )
        with gr.Tab("One review"):
            _add_review(gr, scorer, explainer, limits)
        with gr.Tab("A file of reviews"):
            _add_films(gr, name, scorer, limits)
    return page.queue(max_size=MAX_WAITING, api_open=False)


def _add_review(gr: ModuleType, scorer: ReviewScorer, explainer: ReviewExplainer, limits: Limits) -> None:
    """Text in; the probabilities of the labels, and then the review with its words shaded, out."""
    is_regression = explainer.model.config.problem_type == "regression"
    limit = f"at most {limits.review_characters:,} characters"
    review = gr.Textbox(label=f"Review, {limit}", lines=5, max_lines=12, elem_id="review")
    with gr.Row():
        asked = [MOST_PROBABLE, *explainer.labels]
        label = gr.Dropdown(
            asked,
            value=MOST_PROBABLE,
            label="Explain",
            visible=len(explainer.labels) > 1,
            min_width=_FIELD_WIDTH,
            elem_id="label",
        )
        method = gr.Dropdown(
            list(METHOD_NAMES),
            value=next(iter(METHOD_NAMES)),
            label="How",
            min_width=_FIELD_WIDTH,
            elem_id="method",
        )
    button = gr.Button("Read it", variant="primary", elem_id="read")
    bars = gr.Label(label="Score" if is_regression else "Probability of each label", elem_id="bars")
    words = gr.HTML(elem_id="words")
    gr.Examples([[text] for text in EXAMPLES], [review], cache_examples=False, api_visibility="private")

    def name(values: np.ndarray) -> dict[str, float] | float:
        return float(values[0]) if is_regression else dict(zip(explainer.labels, values.tolist(), strict=True))

    def read(text: str, label: str, method: str) -> Iterator[tuple[dict[str, float] | float, str]]:
        if not text.strip():
            raise _refuse(gr, "There is no review yet. Type or paste one, or choose an example below.")
        if len(text) > limits.review_characters:
            raise _refuse(gr, f"A review may have {limit} here, found {len(text):,}.")
        yield name(_saying_why(gr, scorer.score, [text], False)[0]), "<p>Looking for the words that moved it ...</p>"
        found = explainer.attribute(text, label=None if label == MOST_PROBABLE else label, method=METHOD_NAMES[method])
        yield name(found.probabilities), render_html(found)

    _call_with_model(gr.on, [button.click, review.submit], read, [review, label, method], [bars, words])


def _add_films(gr: ModuleType, name: str, scorer: ReviewScorer, limits: Limits) -> None:
    """A file in; the films as a table, a chart, and a file to download out."""
    try:
        model = describe_loaded_model(name, scorer.model, scorer.tokenizer)
    except ValueError:
        model = None
    if model is None or model.label_polarity is None or not 2 <= len(model.labels) <= 5:
        gr.Markdown("This model tells no polarity of films: it does not give one of 2 to 5 labels with a polarity.")
        return
    gr.Markdown(
        f"A {' or '.join(ending.strip('.').upper() for ending in ENDINGS)} file whose first line names its columns, "
        f"one with the reviews and one with the films: at most {limits.upload_mib:,} MiB, {limits.rows:,} rows and "
        f"{limits.review_characters:,} characters a review."
    )
    file = gr.File(label="File of reviews", file_types=list(ENDINGS), elem_id="file")
    with gr.Row():
        text = gr.Dropdown([], label="Column with the reviews", min_width=_FIELD_WIDTH, elem_id="text_column")
        film = gr.Dropdown([], label="Column with the films", min_width=_FIELD_WIDTH, elem_id="film_column")
    button = gr.Button("Read the films", variant="primary", elem_id="read_films")
    counts = gr.Markdown(min_height=64, elem_id="counts")  # the progress is shown on it
    chart = gr.Image(format="png", show_label=False, buttons=["fullscreen"], visible=False, elem_id="chart")
    table = gr.Dataframe(interactive=False, visible=False, elem_id="films")
    download = gr.DownloadButton("Download the films as CSV", visible=False, elem_id="download")
    outputs = [counts, chart, table, download]

    def hide() -> list["Component"]:
        return [gr.update(value=None, visible=False) for _ in outputs[1:]]

    def choose(path: str | None) -> list["Component"]:
        hidden = ["", *hide()]
        if path is None:
            return [gr.update(choices=[], value=None), gr.update(choices=[], value=None), *hidden]
        columns = _saying_why(gr, read_columns, Path(path))
        chosen = (gr.update(choices=list(columns.names), value=value) for value in (columns.text, columns.film))
        return [*chosen, *hidden]

    file.change(choose, file, [text, film, *outputs], show_progress="hidden", api_visibility="private")
    shown = gr.Progress()

    def read(path: str | None, text_column: str, film_column: str, progress: object = shown) -> Iterator[list]:
        if path is None:
            raise _refuse(gr, "There is no file yet. Choose one above.")
        columns = replace(_saying_why(gr, read_columns, Path(path)), text=text_column, film=film_column)

        yield ["Scoring the reviews ...", *hide()]  # in place of what an earlier file gave

        def report(num_scored: int, num_rows: int) -> None:
            progress((num_scored, num_rows), unit="reviews")

        # What was yielded is copied by Gradio before it comes back here and the folder goes.
        with tempfile.TemporaryDirectory(prefix="films_") as folder:
            options = {"scorer": scorer, "model": model, "limits": limits, "report": report}
            films, found = _saying_why(gr, score_upload, Path(path), columns, Path(folder) / "scored", **options)
            yield [render_counts(found), *_show_films(gr, films, Path(folder))]

    _call_with_model(button.click, None, read, [file, text, film], outputs)


def _show_films(gr: ModuleType, table: FilmsTable, folder: Path) -> list["Component"]:
    """The chart, the table and the file."""
    path = folder / "films.csv"
    table.write_csv(path)
    download = gr.update(value=str(path), visible=True)
    rows = table.rank("top")
    if not len(rows):
        return [gr.update(visible=False), gr.update(visible=False), download]
    draw_chart(table, folder / "films.png", top=_CHART_FILMS)
    numbers = np.c_[table.polarity, table.interval][rows]
    polarities = [f"{value + 0.0:+.2f}" for value in numbers[:, 0].round(2)]
    intervals = [f"{low + 0.0:+.2f} to {high + 0.0:+.2f}" for low, high in numbers[:, 1:].round(2)]
    cells = {
        "film": table.get_names(rows),
        "polarity": polarities,
        f"{table.confidence:.0%} interval": intervals,
        "reviews": table.num_reviews[rows].tolist(),
        "verdict": table.verdicts.take(rows).to_pylist(),
        **{label: [f"{share:.0%}" for share in table.shares[rows, i]] for i, label in enumerate(table.labels)},
    }
    films = gr.update(
        value={"headers": list(cells), "data": list(map(list, zip(*cells.values(), strict=True)))},
        column_widths=[f"{width}px" for width in (160, 100, 160, 100, 130, *[130] * len(table.labels))],
        label="Films by the polarity of their audience in [-1, 1], and the share of each label among their reviews",
        visible=True,
    )
    return [gr.update(value=str(folder / "films.png"), visible=True), films, download]


def _call_with_model(listen: Callable, triggers: list | None, function: Callable, *wires: list["Component"]) -> None:
    """Let events call a function that needs the model, one visitor at a time."""
    listen(
        *([triggers] if triggers else []),
        fn=function,
        inputs=wires[0],
        outputs=wires[1],
        show_progress_on=wires[1][0],
        concurrency_id="model",
        concurrency_limit=1,
        api_visibility="private",
    )


def _saying_why(gr: ModuleType, function: Callable, *arguments: object, **options: object) -> object:
    """Call a function, and tell the visitor what it does not take."""
    try:
        return function(*arguments, **options)
    except ValueError as error:
        raise _refuse(gr, str(error)) from error


def _refuse(gr: ModuleType, message: str) -> Exception:
    """Return what shows a message: escaped and not in the log, since it may quote what a visitor sent."""
    return gr.Error(escape(message), duration=None, print_exception=False)


def _quote(name: str) -> str:
    """A name as code in Markdown."""
    return f"`{tidy(name).replace('`', '')}`"
