"""The page on the systems of the literature, reports/comparison.md, from baselines/results alone.

A difference never stands without its interval. `python -m reports.render` writes the page, and its short form into
README.md.
"""

from collections.abc import Sequence
from pathlib import Path

from baselines.results import RESULTS
from reports import ablations
from reports.cells import (
    letter_machines,
    render_accuracy,
    render_comparison,
    render_difference,
    render_machines,
    render_note,
    render_seeds,
)
from reports.measured import (
    CORPUS_NAMES,
    DEFAULT_ENCODER,
    REFERENCE,
    Row,
    adjust,
    compare_rows,
    find_reference,
    find_row,
    load_rows,
)


ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "reports" / "comparison.md"
NOTHING_YET = "Nothing is measured yet: `make compare DATA=FOLDER` does it."
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
    "ours",
)
EXPLANATION = f"""# Every system of the literature

Written by `python -m reports.render` from baselines/results; never edited by hand. `make compare DATA=FOLDER` first
runs what is missing. docs/data.md has the corpora, baselines/ the systems, docs/reproduce.md what the papers claim.

- Official splits (of MR, which has none, a fixed fifth is the test), the same reviews for all; train reviews whose
  text stands in validation or test are dropped.
- *Accuracy* in per cent: mean ± standard deviation over the seeds. *Seeds*: measured, of planned where some are
  missing.
- *Less {REFERENCE}*: points of accuracy less those of the encoder's own classification head of transformers,
  fine-tuned on the same encoder (on {DEFAULT_ENCODER} for a system without), with the 95% interval of a paired
  bootstrap over test reviews and seeds. Where a system has one seed, the interval does not cover its seeds.
- *p*: exact McNemar test between the pairs of seeds, the largest of these p-values, by Holm's method adjusted for the
  other rows of the table.
- *Train*: seconds of training; *reviews/s*: of the test reviews, read once; *memory*: the most that the process held,
  in MiB; *on*: the machine, as told under the table. Seconds of unlike machines do not compare, nor do those of runs
  that shared one.
"""


def render_corpus(rows: Sequence[Row]) -> str:
    """Render the table of all systems on one corpus."""
    letters = letter_machines(rows)
    references = [find_reference(rows, row) for row in rows]
    comparisons = adjust(
        [
            None if reference is None else compare_rows(row, reference)
            for row, reference in zip(rows, references, strict=True)
        ]
    )
    lines = [
        f"| system | encoder | seeds | accuracy | macro F1 | MCC | calibration error | less {REFERENCE} | p "
        "| parameters | train s | reviews/s | memory | on |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row, comparison in zip(rows, comparisons, strict=True):
        lines.append(
            f"| {row.name} | {row.encoder or ''} | {render_seeds(row)} | {render_accuracy(row)} "
            f"| {100 * row.compute_mean('f1_macro'):.2f} | {row.compute_mean('mcc'):.3f} "
            f"| {row.compute_mean('expected_calibration_error'):.3f} | {render_comparison(comparison)} "
            f"| {row.record['num_parameters']:,} | {row.compute_mean('train_seconds'):,.0f} "
            f"| {row.compute_mean('reviews_per_second'):,.0f} | {row.compute_mean('peak_memory_mib'):,.0f} "
            f"| {render_machines(row, letters)} |"
        )
    return "\n".join(lines) + "\n" + render_note(letters)


def render_cost(rows: dict[str, list[Row]]) -> str | None:
    """Render what the BiLSTM costs: our model with and without it, and the stock head, on the same corpora."""
    systems = (REFERENCE, "ours_no_lstm", "ours")
    chosen = []
    for of_corpus in rows.values():
        of_corpus = [row for row in of_corpus if row.system in systems]
        encoders = list(dict.fromkeys(row.encoder for row in of_corpus))
        chosen += sorted(of_corpus, key=lambda row, encoders=encoders: encoders.index(row.encoder))
    if not chosen:
        return None
    letters = letter_machines(chosen)
    lines = [
        "| corpus | encoder | system | parameters | train s, each seed | reviews/s, each seed "
        "| memory, each seed | on |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in chosen:
        each = [
            ", ".join(f"{value:,.0f}" for value in row.list_values(key))
            for key in ("train_seconds", "reviews_per_second", "peak_memory_mib")
        ]
        lines.append(
            f"| {CORPUS_NAMES[row.corpus]} | {row.encoder} | {row.name} | {row.record['num_parameters']:,} "
            f"| {' | '.join(each)} | {render_machines(row, letters)} |"
        )
    return "\n".join(lines) + "\n" + render_note(letters)


def render_part(title: str, text: str, table: str | None) -> str:
    """Render one part of the page, nothing without a table."""
    return f"## {title}\n\n{text}\n\n{table}\n" if table else ""


def render_page(results: Path = RESULTS) -> str:
    """Render the whole page."""
    rows = load_rows(results)
    if not rows:
        return f"{EXPLANATION}\n{NOTHING_YET}\n"
    parts = [EXPLANATION, *(render_one(corpus, of_corpus) for corpus, of_corpus in rows.items())]
    parts += [
        render_part(
            "What each part brings",
            "With a part less without it, all else as it was; one Holm family. *It helps* or *it hurts* stands where "
            "the interval leaves 0 out and the adjusted p is below 0.05.",
            ablations.render_parts(rows),
        ),
        render_part(
            "The polarity rule",
            "Films of the test reviews with at least ten; first seed. *Same verdict*: how often the papers' rule says "
            "of the predicted labels what it says of the true ones. *Error*: mean distance in polarity, from -1 to 1, "
            "between the true mean and that of the counted predictions, or the estimate of `polarity.py`; the "
            "difference with a 95% bootstrap interval over films.",
            ablations.render_polarity(rows, results),
        ),
        render_part(
            "Length",
            "Accuracy in per cent by the number of word pieces of a test review, special tokens included, mean over "
            "the seeds; differences with their 95% intervals. Corpora of which a tenth is longer than 64.",
            ablations.render_lengths(rows, results),
        ),
        render_part("What the BiLSTM costs", "The same systems, with and without, seed by seed.", render_cost(rows)),
    ]
    return "\n".join(part for part in parts if part)


def render_one(corpus: str, rows: Sequence[Row]) -> str:
    """Render the part of one corpus."""
    sizes = rows[0].record["num_reviews"]
    text = ", ".join(f"{split} {size:,}" for split, size in sizes.items())
    return render_part(CORPUS_NAMES[corpus], f"Reviews: {text}.", render_corpus(rows))


def render_short(results: Path = RESULTS) -> str:
    """Render the short table: accuracy of the main systems on each corpus, and ours less the stock head."""
    rows = load_rows(results)
    if not rows:
        return NOTHING_YET
    lines = ["| | " + " | ".join(CORPUS_NAMES[corpus] for corpus in rows) + " |", "|---|" + "---|" * len(rows)]
    for system in SHORT_SYSTEMS:
        found = [find_row(of_corpus, system) for of_corpus in rows.values()]
        if any(found):
            cells = [f"{render_accuracy(row)} ({len(row.results)})" if row else "" for row in found]
            lines.append(f"| {system} | {' | '.join(cells)} |")
    pairs = [[find_row(of_corpus, system) for system in ("ours", REFERENCE)] for of_corpus in rows.values()]
    if any(all(pair) for pair in pairs):
        cells = [render_difference(compare_rows(*pair).difference) if all(pair) else "" for pair in pairs]
        lines.append(f"| ours less {REFERENCE} | {' | '.join(cells)} |")
    lines.append(
        "\nAccuracy in per cent on the official test split (of MR on a fixed fifth), mean ± deviation (seeds), with "
        f"{DEFAULT_ENCODER} where there is an encoder; the difference with its 95% interval over reviews and seeds."
    )
    return "\n".join(lines)
