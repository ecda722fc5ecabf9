"""The page on the systems of the literature, reports/comparison.md, from results alone.

A difference never stands without its interval. `python -m reports.render` writes the page; reports/short.py has its
short form.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from baselines.base import EPOCH, get_entry
from baselines.results import RESULTS
from benchmarks import bilstm
from reports import ablations, parts
from reports.cells import render_accuracy, render_comparison, render_seeds
from reports.compared import ALPHA, adjust, compare_rows
from reports.machines import (
    letter_machines,
    render_cost,
    render_each_cost,
    render_effort,
    render_machines,
    render_note,
    render_remarks,
    render_untold,
)
from reports.measured import (
    CORPUS_NAMES,
    DEFAULT_ENCODER,
    REFERENCE,
    Row,
    find_reference,
    list_not_run,
    load_rows,
)


ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "reports" / "comparison.md"
NOTHING_YET = "Nothing is measured yet: `make compare DATA=FOLDER` does it."
COSTS = ("train_seconds", "reviews_per_second", "peak_memory_mib")
EXPLANATION = f"""# Every system of the literature

Written by `python -m reports.render` from results alone; never edited by hand. `make compare DATA=FOLDER` first
runs what is missing. docs/data.md has the corpora, baselines/ the systems, docs/reproduce.md what the papers claim.

## How to read it

- Official splits (of MR, which has none, a fixed fifth is the test), the same reviews for all; train reviews whose
  text stands in validation or test are dropped.
- *Validation chooses*: the epoch that is kept, else it is the last; the strength of regularisation. No learning rate
  was tuned: {REFERENCE} and ours share theirs, 1e-4 (new layers 1e-3) on {DEFAULT_ENCODER}, 5e-5 on gte-small
  and 2e-5 on all-mpnet-base-v2; the papers' systems have those of the papers.
- The papers chose their settings for encoders of BERT's size. On {DEFAULT_ENCODER}, which is smaller, their learning
  rates may be too small: compare {REFERENCE} with {REFERENCE}_gao, _case_study and _mini_project, which are the same
  head.
- Calibration error is that of the networks as they come out of training; train.py also fits a temperature.
- Two choices rest on measurements that read test reviews (docs/log.md, reports/speed.md). Dropout stays on in the
  encoder, by SST-5; {REFERENCE} and ours share it. Ours reads in windows of 256 word pieces, by 2,000 reviews of IMDb.
- Ours reads whole reviews, {REFERENCE} the first 512 word pieces: all of every sentence of SST and MR.
- gte-small learnt from a mix that may hold sentiment data: compare it with other encoders with care. A difference
  between two systems on it is free of that.
- *Accuracy* in per cent: mean ± standard deviation over the seeds. *Seeds*: measured, of planned where some are
  missing.
- *Less {REFERENCE}*: points of accuracy less those of the encoder's own classification head of transformers,
  fine-tuned on the same encoder (on {DEFAULT_ENCODER} for a system without), with the 95% interval of a paired
  bootstrap over test reviews and seeds. Where a system has one seed, the interval does not cover its seeds. **A
  difference is shown where its interval leaves 0 out**, on this page and in docs/reproduce.md. Half the width of an
  interval is how large a measured difference would have shown; a true one must be 1.4 times that to be shown four
  times of five.
- Of equal systems one pair in twenty leaves 0 out by luck, and there are many pairs here: no interval allows for their
  number. Of three seeds it is also too narrow where they spread by more than a point: in simulations it held the truth
  in 94% of cases at 1.1 points, in 87% at 2.0 (in no result file; modeling_bert_bilstm/evaluation/significance.py).
- *p*: exact McNemar test of each seed that both systems have, in their order, after Holm's correction for all such
  tests of the table. Where none is below {ALPHA}, no seed alone shows the difference, and a verdict says so.
- *Train*: seconds of training; *reviews/s*: of the test reviews, read once, empty below 10 ms; *memory*: the most that
  the process held, or the GPU where one was used, in MiB; *on*: the machine, as told under the table, with the
  allocator where another than glibc's was preloaded: it changes the memory of a training more than most systems do.
  *No AMX*: its processor is known to lack these instructions for bfloat16, which earlier results do not tell; there
  networks ran in float32. Of seeds on several machines each has its mean. Seconds of unlike machines do not compare,
  nor do those of runs that shared one.
"""


def describe_choice(row: Row) -> str:
    """Return what validation chooses for a row; of a single epoch there is nothing to choose."""
    options = row.record["options"]
    num_epochs = options.get("settings", options).get("num_epochs")
    return ", ".join(choice for choice in get_entry(row.system).chosen if choice != EPOCH or num_epochs != 1)


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
        f"| system | encoder | seeds | validation chooses | accuracy | macro F1 | MCC | calibration error "
        f"| less {REFERENCE} | p | parameters | train s | reviews/s | memory | on |",
        "|---" * 15 + "|",
    ]
    for row, comparison in zip(rows, comparisons, strict=True):
        cells = [row.name, row.encoder or "", render_seeds(row), describe_choice(row), render_accuracy(row)]
        cells += [f"{100 * row.compute_mean('f1_macro'):.2f}", f"{row.compute_mean('mcc'):.3f}"]
        cells += [f"{row.compute_mean('expected_calibration_error'):.3f}", *render_comparison(comparison)]
        cells += [f"{row.record['num_parameters']:,}", *(render_cost(row, key) for key in COSTS)]
        lines.append(f"| {' | '.join([*cells, render_machines(row, letters)])} |")
    return "\n".join(lines) + "\n" + render_note(letters) + render_untold(rows) + render_remarks(rows)


def render_costs(rows: dict[str, list[Row]]) -> str | None:
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
        "|---" * 8 + "|",
    ]
    for row in chosen:
        cells = [CORPUS_NAMES[row.corpus], row.encoder, row.name, f"{row.record['num_parameters']:,}"]
        cells += [render_each_cost(row, key) for key in COSTS]
        lines.append(f"| {' | '.join([*cells, render_machines(row, letters)])} |")
    measured = bilstm.render_table(json.loads(bilstm.RESULT.read_text(encoding="utf-8")))
    return "\n".join([measured, "", *lines]) + "\n" + render_note(letters) + render_remarks(chosen)


def render_part(title: str, text: str, table: str | None) -> str:
    """Render one part of the page, nothing without a table."""
    return f"## {title}\n\n{text}\n\n{table}\n" if table else ""


def render_page(results: Path = RESULTS) -> str:
    """Render the whole page."""
    rows = load_rows(results)
    if not rows:
        return f"{EXPLANATION}\n{NOTHING_YET}\n"
    effort = render_effort([row for of_corpus in rows.values() for row in of_corpus])
    sections = [f"{EXPLANATION}\n{effort}\n", *(render_one(corpus, of_corpus) for corpus, of_corpus in rows.items())]
    sections += [
        render_part(
            "What each part brings, all else equal",
            "Each pair differs in one option of one system: same encoder, same settings, the seeds that are told. "
            "Precision is the machine's: float32 on one without AMX (*on*, above), else bfloat16. "
            "*It helps* or *it hurts* stands where the interval leaves 0 out, else how large a measured difference "
            "would have shown.",
            parts.render_equal(rows),
        ),
        render_part(
            "Each as its paper trains it",
            "Pairs that differ in more than the part, so that a difference is not the part's alone.",
            parts.render_unequal(rows),
        ),
        render_part(
            "The polarity rule",
            "Films of the test reviews with at least ten; first seed. *Same verdict*: of how many, in per cent, the "
            "papers' rule says of the predicted labels what it says of the true ones; *same label*: of how many the "
            "most frequent label is the same, which is what there is without the rule; their difference in points "
            "with a 95% bootstrap interval over films. *Error*: mean distance in polarity, from -1 to 1, "
            "between the true mean and that of the counted predictions, or the estimate of `polarity.py` for each "
            "film by itself, from the shares of the train labels; the difference with a 95% bootstrap interval over "
            "films. reports/polarity.md has the estimate as it is used, with what validation and other films tell.",
            ablations.render_polarity(rows, results),
        ),
        render_part(
            "Length",
            "Accuracy in per cent by the number of word pieces of a test review, special tokens included, mean over "
            "the seeds; differences with their 95% intervals. Corpora of which a tenth is longer than 64.",
            ablations.render_lengths(rows, results),
        ),
        render_part(
            "What the BiLSTM costs",
            "First by itself, then the runs above, seed by seed, of which parameters compare, and seconds only where "
            "they had the machine alone, which they had not all.",
            render_costs(rows),
        ),
    ]
    return "\n".join(section for section in sections if section)


def render_one(corpus: str, rows: Sequence[Row]) -> str:
    """Render the part of one corpus."""
    sizes = rows[0].record["num_reviews"]
    text = f"Reviews: {', '.join(f'{split} {size:,}' for split, size in sizes.items())}."
    not_run = list_not_run(corpus, rows)
    if not_run:
        text += f" Not run yet: {', '.join(not_run)}."
    return render_part(CORPUS_NAMES[corpus], text, render_corpus(rows))
