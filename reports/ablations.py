"""The parts of reports/comparison.md that look closer at some systems: polarity rule, length.

Shapes: F films, N reviews, C classes.
"""

from pathlib import Path

import numpy as np

from baselines.results import Result, read_test_reviews
from modeling_bert_bilstm.data import get_label_scheme
from modeling_bert_bilstm.evaluation.significance import Difference, paired_bootstrap
from modeling_bert_bilstm.polarity import SharePosterior, decide_verdict
from reports.cells import render_difference, render_seeds
from reports.machines import render_remarks
from reports.measured import CORPUS_NAMES, REFERENCE, Row, find_pair


LENGTHS = (64, 128, 256, 512)
MIN_SHARE_LONGER = 0.1
MIN_REVIEWS_A_FILM = 10
_NUM_RESAMPLES = 2000

_JUDGED_BY_FILM = (REFERENCE, "ours", "ours_no_lstm", "tfidf")
# What our model brings, with and without the BiLSTM; then what of that is the BiLSTM's, reading on's, the head's.
_COMPARED_BY_LENGTH = (
    ("ours", REFERENCE),
    ("ours_no_lstm", REFERENCE),
    ("ours", "ours_no_lstm"),
    ("ours", "ours_first_512"),
    ("ours_first_512", REFERENCE),
)


def measure_polarity(result: Result, films: np.ndarray) -> dict[str, np.ndarray]:
    """Return for each film with enough reviews what was said of it from the predictions, and how far off that is.

    Args:
        result: Test predictions of a corpus with films.
        films: A number for the film of each test review, (N,).

    Returns:
        `same_verdict`, whether the papers' rule says the same of predicted and of true labels; `same_label`, whether
        the most frequent label is the same, which is to have no rule; `counted` and
        `estimated`, the distance in polarity, in [0, 2], of the counted predictions and of the estimate to the true
        mean; each (F,).
    """
    probabilities, labels = result.probabilities, result.labels
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    num_labels = probabilities.shape[1]
    values = np.asarray(get_label_scheme(num_labels).polarity)
    counts = np.array(list(result.record["train_label_counts"].values()), dtype=np.float64)
    found: dict[str, list] = {"same_verdict": [], "same_label": [], "counted": [], "estimated": []}
    order = np.argsort(films, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(films[order])) + 1):
        if len(rows) < MIN_REVIEWS_A_FILM:
            continue
        true, said = (np.bincount(of_film[rows], minlength=num_labels) for of_film in (labels, result.predictions))
        shares = SharePosterior(probabilities[rows], counts / counts.sum()).shares
        polarity = true @ values / len(rows)
        found["same_verdict"].append(decide_verdict(true.tolist()) == decide_verdict(said.tolist()))
        found["same_label"].append(true.argmax() == said.argmax())
        found["counted"].append(abs(said @ values / len(rows) - polarity))
        found["estimated"].append(abs(shares @ values - polarity))
    return {key: np.asarray(numbers, dtype=np.float64) for key, numbers in found.items()}


def bootstrap_mean(numbers: np.ndarray, seed: int = 0) -> Difference:
    """Return the mean of F numbers with its 95% percentile interval over them."""
    drawn = np.random.default_rng(seed).integers(0, len(numbers), (_NUM_RESAMPLES, len(numbers)))
    low, high = np.quantile(numbers[drawn].mean(axis=1), [0.025, 0.975])
    return Difference(float(numbers.mean()), float(low), float(high))


def render_polarity(rows: dict[str, list[Row]], folder: Path) -> str | None:
    """Render how well the papers' rule, no rule, counting and the estimate tell the overall polarity of films."""
    lines, used = [], []
    for corpus, of_corpus in rows.items():
        reviews = read_test_reviews(folder / corpus)
        chosen = [row for row in of_corpus if row.system in _JUDGED_BY_FILM]
        for row in chosen if reviews is not None and reviews.films is not None else ():
            found = measure_polarity(row.results[0], reviews.films)
            if not len(found["counted"]):
                continue
            used.append(row)
            cells = [CORPUS_NAMES[corpus], row.name, row.encoder or "", f"{len(found['counted']):,}"]
            cells += [f"{100 * found[key].mean():.2f}" for key in ("same_verdict", "same_label")]
            cells.append(render_difference(bootstrap_mean(found["same_verdict"] - found["same_label"])))
            cells += [f"{found[key].mean():.3f}" for key in ("counted", "estimated")]
            difference = bootstrap_mean(found["estimated"] - found["counted"])
            cells.append(f"{difference.difference:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]")
            lines.append(f"| {' | '.join(cells)} |")
    head = [
        "| corpus | system | encoder | films | same verdict | same label | rule less label | error, counted "
        "| error, estimate | estimate less counted |",
        "|---" * 10 + "|",
    ]
    return "\n".join(head + lines) + render_remarks(used) if lines else None


def group_by_length(num_word_pieces: np.ndarray) -> dict[str, np.ndarray]:
    """Return which of N reviews have which length, (N,) each; one more group has all up to the last bound."""
    bounds = list(zip((0, *LENGTHS), (*LENGTHS, np.inf), strict=True))
    between = [f"{low + 1} to {high}" for low, high in bounds[1:-1]]
    names = [f"up to {LENGTHS[0]}", *between, f"more than {LENGTHS[-1]}"]
    groups = {
        name: (low < num_word_pieces) & (num_word_pieces <= high)
        for name, (low, high) in zip(names, bounds, strict=True)
    }
    groups[f"all up to {LENGTHS[-1]}"] = num_word_pieces <= LENGTHS[-1]
    return {name: is_in for name, is_in in groups.items() if is_in.any()}


def render_lengths(rows: dict[str, list[Row]], folder: Path) -> str | None:
    """Render accuracy by length of the review, for each corpus that has long ones."""
    parts = []
    for corpus, of_corpus in rows.items():
        reviews = read_test_reviews(folder / corpus)
        if reviews is None or (reviews.num_word_pieces > LENGTHS[0]).mean() < MIN_SHARE_LONGER:
            continue
        chosen = group_by_length(reviews.num_word_pieces)
        heads = [f"{name} ({int(is_in.sum()):,})" for name, is_in in chosen.items()]
        lines = [f"| {CORPUS_NAMES[corpus]} | encoder | seeds | {' | '.join(heads)} |"]
        lines.append("|---" * (3 + len(chosen)) + "|")
        for row in of_corpus:
            cells = [f"{100 * row.correct[:, is_in].mean():.2f}" for is_in in chosen.values()]
            lines.append(f"| {row.name} | {row.encoder or ''} | {render_seeds(row)} | {' | '.join(cells)} |")
        for encoder in dict.fromkeys(row.encoder for row in of_corpus if row.encoder):
            for system, other in _COMPARED_BY_LENGTH:
                pair = find_pair(of_corpus, system, other, encoder)
                if pair:
                    cells = [
                        render_difference(paired_bootstrap(*(each.correct[:, is_in] for each in pair)))
                        for is_in in chosen.values()
                    ]
                    seeds = " and ".join(dict.fromkeys(render_seeds(each) for each in pair))
                    lines.append(f"| {system} less {other} | {encoder} | {seeds} | {' | '.join(cells)} |")
        note = f"\n\nIn brackets the reviews of each length, by the tokenizer of {reviews.encoder}."
        parts.append("\n".join(lines) + note + render_remarks(of_corpus))
    return "\n\n".join(parts) or None
