"""The short form of the comparison in README.md: accuracy of the main systems on each corpus, and what ours brings."""

from pathlib import Path

from baselines.results import RESULTS
from reports.cells import render_accuracy, render_difference
from reports.compare import NOTHING_YET
from reports.compared import compare_rows
from reports.measured import (
    CORPUS_NAMES,
    DEFAULT_ENCODER,
    REFERENCE,
    Row,
    describe_options,
    find_pair,
    find_row,
    load_rows,
)


SHORT_SYSTEMS = (
    "majority",
    "tfidf",
    "glove",
    "bilstm_glove",
    "frozen_cls",
    "nkhata_code",
    "nkhata_text",
    "gao_bert_bilstm",
    "stock",
    "ours_no_lstm",
    "ours",
)
SHORT_DIFFERENCES = (("ours", REFERENCE), ("ours", "ours_no_lstm"))


def render_short(results: Path = RESULTS) -> str:
    """Render the short table: accuracy of the main systems on each corpus, and what ours brings."""
    rows = load_rows(results)
    if not rows:
        return NOTHING_YET
    lines = ["| | " + " | ".join(CORPUS_NAMES[corpus] for corpus in rows) + " |", "|---|" + "---|" * len(rows)]
    for system in SHORT_SYSTEMS:
        found = [find_row(of_corpus, system) for of_corpus in rows.values()]
        if any(found):
            cells = [f"{render_accuracy(row)} ({len(row.results)})" if row else "" for row in found]
            lines.append(f"| {system} | {' | '.join(cells)} |")
    for system, other in SHORT_DIFFERENCES:
        pairs = [find_pair(of_corpus, system, other) for of_corpus in rows.values()]
        if any(pairs):
            cells = [render_difference(compare_rows(*pair).difference) if pair else "" for pair in pairs]
            lines.append(f"| {system} less {other} | {' | '.join(cells)} |")
    lines.append(
        "\nAccuracy in per cent on the official test split (of MR on a fixed fifth), mean ± deviation (seeds), with "
        f"{DEFAULT_ENCODER} where there is an encoder; differences with their 95% intervals, over "
        "reviews and, of systems with several, seeds." + describe_unlike(rows)
    )
    return "\n".join(lines)


def describe_unlike(rows: dict[str, list[Row]]) -> str:
    """Return which systems of the short table have options on one corpus that they have not on another."""
    by_options: dict[tuple[str, str], list[str]] = {}
    for system in SHORT_SYSTEMS:
        found = {corpus: find_row(of_corpus, system) for corpus, of_corpus in rows.items()}
        told = {corpus: describe_options(row.record["options"]) for corpus, row in found.items() if row}
        for options in dict.fromkeys(told.values()) if len(set(told.values())) > 1 else ():
            corpora = ", ".join(CORPUS_NAMES[corpus] for corpus, of_corpus in told.items() if of_corpus == options)
            by_options.setdefault((corpora, options), []).append(system)
    sentences = [
        f" On {corpora} {', '.join(systems)} {'have' if len(systems) > 1 else 'has'} {options}."
        for (corpora, options), systems in by_options.items()
        if options
    ]
    return "".join(sentences)
