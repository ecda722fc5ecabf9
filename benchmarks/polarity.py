"""How close the estimates of overall polarity come to the truth: of films, and of bags drawn at known shares.

usage: python -m benchmarks.polarity IMDB_RUN IMDB_FILE [SST5_RUN]

A run is a folder that train.py wrote, with the predictions of validation and test. IMDB_FILE is the file that was its
`--test_file`, a Parquet file with film and rating (1 to 10 stars) of each row. What an estimate knows beyond the
reviews comes from validation (label prior, confusion) and from the other films or bags of the same call (film prior),
never from a test label. Prints a table, then one JSON line, which it writes to benchmarks/results/polarity.json;
`python -m reports.render` puts it into reports/polarity.md. Takes some minutes on one core.

Shapes: G groups (films or bags), N reviews, C labels.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pyarrow import parquet

from benchmarks.bags import ScoredReviews, draw_bags, load_run
from benchmarks.output import write_result
from modeling_bert_bilstm.extras import import_optional
from modeling_bert_bilstm.hardware import describe_environment
from modeling_bert_bilstm.polarity import METHODS, PolarityTally, decide_verdict, fit_film_prior


RESULT = Path(__file__).resolve().parent / "results" / "polarity.json"
COUNTING, AVERAGING, ADJUSTING = "classify and count", "probabilistic count", "adjusted count"
PLAIN, ALONE, DEFAULT = "EM, no prior", "EM, flat prior", "EM, film prior"
UNCORRECTED = "EM, film prior, label prior of training"
BAG_SIZES = (10, 50, 200)
MIN_REVIEWS, NUM_SEEN = 10, 3
SEED = 42
COLUMNS = {
    "error": ("mean absolute error of a share", ".4f"),
    "ratio": ("to counting's", ".2f"),
    "ratio_error": ("its standard error", ".3f"),
    "whole_ratio": ("to counting's, in whole reviews", ".2f"),
    "bias": ("bias of polarity", "+.3f"),
    "rank_correlation": ("rank correlation with stars", ".3f"),
    "coverage": ("90% interval holds the truth", ".1%"),
    "width": ("its width", ".2f"),
    "audience_coverage": ("90% interval of the audience", ".1%"),
    "audience_width": ("its width", ".2f"),
    "agreement": ("papers' rule as on true labels", ".1%"),
}


def estimate(reviews: ScoredReviews, tallies: Sequence[PolarityTally]) -> dict[str, list[dict]]:
    """Return the summary of each group by each estimate."""
    names = [str(label) for label in range(len(reviews.label_polarity))]
    next_to_none, trained = np.full(len(names), 1e-6), reviews.training_prior
    options = {
        COUNTING: {"method": METHODS[3]},
        AVERAGING: {"method": METHODS[2]},
        ADJUSTING: {"method": METHODS[1], "label_confusion": reviews.label_confusion},
        PLAIN: {"film_prior": next_to_none},
        ALONE: {},
        UNCORRECTED: {"label_prior": trained, "film_prior": fit_film_prior(tallies, trained)},
        DEFAULT: {"film_prior": fit_film_prior(tallies, reviews.label_prior)},
    }
    return {
        name: [
            tally.summarise(names, reviews.label_polarity, **{"label_prior": reviews.label_prior, **given})
            for tally in tallies
        ]
        for name, given in options.items()
    }


def measure(
    reviews: ScoredReviews,
    groups: Sequence[np.ndarray],
    summaries: dict[str, list[dict]],
    *,
    audience: np.ndarray | None = None,
    stars: np.ndarray | None = None,
) -> dict[str, dict[str, float]]:
    """Return what each estimate gets right of some groups.

    Args:
        reviews: The scored reviews.
        groups: Rows of each group.
        summaries: What `estimate` returned of them.
        audience: Shares that each group was drawn at, (G, C), where they are known.
        stars: Mean stars of each group, (G,), where they are known.
    """
    shares, values = reviews.compute_shares(groups), reviews.label_polarity
    sizes = np.array([len(group) for group in groups])[:, None]
    verdicts = decide_verdicts(shares * sizes)
    measured, errors, whole_errors = {}, {}, {}
    for name, found in summaries.items():
        guessed = np.array([list(entry["shares"].values()) for entry in found])  # (G, C)
        errors[name] = np.abs(guessed - shares).mean(axis=1)  # (G,)
        whole_errors[name] = np.abs(np.rint(guessed * sizes) / sizes - shares).mean(axis=1)
        row = {
            "error": float(errors[name].mean()),
            "bias": float(((guessed - shares) @ values).mean()),
            "agreement": float(
                np.mean([a == b for a, b in zip(decide_verdicts(guessed * sizes), verdicts, strict=True)])
            ),
        }
        if stars is not None:
            row["rank_correlation"] = rank(guessed @ values, stars)
        for prefix, truth in (("", shares), ("audience_", audience)):
            if truth is not None and found[0]["interval"] is not None:
                row |= measure_intervals([entry[f"{prefix}interval"] for entry in found], truth @ values, prefix)
        measured[name] = row
    counted = errors[COUNTING]
    for name, row in measured.items():
        row["ratio"] = row["error"] / float(counted.mean())
        deviation = (errors[name] - row["ratio"] * counted).std() / counted.mean()
        row["ratio_error"] = float(deviation / len(groups) ** 0.5)
        row["whole_ratio"] = float(whole_errors[name].mean() / counted.mean())
    return measured


def measure_intervals(intervals: Sequence[Sequence[float]], truth: np.ndarray, prefix: str) -> dict[str, float]:
    """Return how often intervals (G, 2) of polarity hold the truth (G,), and how wide they are."""
    low, high = np.transpose(intervals)
    is_held = (low <= truth + 1e-6) & (truth <= high + 1e-6)  # they are rounded to millionths
    return {f"{prefix}coverage": float(is_held.mean()), f"{prefix}width": float((high - low).mean())}


def decide_verdicts(counts: np.ndarray) -> list[str]:
    """Return the papers' verdict on each row of counts (G, C), rounded to whole reviews."""
    return [decide_verdict(row) for row in np.rint(counts).astype(int).tolist()]


def rank(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's rank correlation."""
    return float(import_optional("scipy.stats", "baselines").spearmanr(first, second).statistic)


def measure_bags(reviews: ScoredReviews, num_bags: int, *, is_fixed: bool = False) -> dict[str, dict]:
    """Return what each estimate gets right of bags of each size."""
    generator, measured = np.random.default_rng(SEED), {}
    for size in BAG_SIZES:
        bags, shares = draw_bags(reviews.labels, size, num_bags, generator, is_fixed=is_fixed)
        summaries = estimate(reviews, reviews.tally(bags))
        measured[str(size)] = measure(reviews, bags, summaries, audience=None if is_fixed else shares)
    return measured


def measure_films(reviews: ScoredReviews, films: np.ndarray, stars: np.ndarray) -> dict:
    """Return what each estimate gets right of films with many reviews and with few, and of what few reviews foretell.

    Args:
        reviews: The scored reviews.
        films: Film of each, (N,).
        stars: Stars of each, (N,).
    """
    groups = [np.flatnonzero(films == film) for film in np.unique(films)]
    summaries = estimate(reviews, reviews.tally(groups))  # the film prior is that of all films
    found = {}
    for name, is_in in (("many", lambda size: size >= MIN_REVIEWS), ("few", lambda size: size < MIN_REVIEWS)):
        chosen = [i for i, group in enumerate(groups) if is_in(len(group))]
        of_chosen = {key: [entries[i] for i in chosen] for key, entries in summaries.items()}
        rows = [groups[i] for i in chosen]
        mean_stars = np.array([stars[row].mean() for row in rows])
        found[name] = {"num_films": len(rows), "rows": measure(reviews, rows, of_chosen, stars=mean_stars)}
    found["foretold"] = measure_foretelling(reviews, [group for group in groups if len(group) >= MIN_REVIEWS])
    return found


def measure_foretelling(reviews: ScoredReviews, groups: Sequence[np.ndarray]) -> dict[str, dict[str, float]]:
    """Return how far the polarity of a film's other reviews is from what three of its reviews make one expect."""
    generator = np.random.default_rng(SEED)
    shuffled = [generator.permutation(group) for group in groups]
    summaries = estimate(reviews, reviews.tally([group[:NUM_SEEN] for group in shuffled]))
    truth = reviews.compute_shares([group[NUM_SEEN:] for group in shuffled]) @ reviews.label_polarity
    guesses = {name: [entry["polarity"] for entry in summaries[name]] for name in (COUNTING, DEFAULT)}
    for name in (ALONE, DEFAULT):
        guesses[f"{name}, audience"] = [entry["audience_polarity"] for entry in summaries[name]]
    return {
        name: {"error": float(np.mean((np.array(guess) - truth) ** 2) ** 0.5), "rank_correlation": rank(guess, truth)}
        for name, guess in guesses.items()
    }


def measure_speed() -> dict[str, float]:
    """Return the processor seconds of a corpus of 7,000 films, and of one film with a million reviews."""
    generator = np.random.default_rng(SEED)
    films = [generator.dirichlet([0.3, 0.3], generator.integers(1, 31)) for _ in range(7_000)]
    seconds = {}
    for name, probabilities in (("corpus", films), ("film", [generator.dirichlet([0.3, 0.3], 1_000_000)])):
        tallies = [PolarityTally.from_probabilities(rows) for rows in probabilities]
        start = time.process_time()
        film_prior = fit_film_prior(tallies)
        for tally in tallies:
            tally.summarise(["negative", "positive"], [-1, 1], film_prior=film_prior)
        seconds[name] = time.process_time() - start
    return seconds


def render_table(measured: dict[str, dict[str, float]], columns: Sequence[str] = tuple(COLUMNS)) -> str:
    """Render what each estimate got right as a Markdown table, a row an estimate."""
    shown = [key for key in columns if any(key in row for row in measured.values())]
    lines = [f"| estimate | {' | '.join(COLUMNS[key][0] for key in shown)} |", "|---" * (len(shown) + 1) + "|"]
    for name, row in measured.items():
        cells = [format(row[key], COLUMNS[key][1]) if key in row else "" for key in shown]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def measure_run(folder: Path, num_bags: int) -> tuple[ScoredReviews, dict]:
    """Return a run's reviews, and what each estimate gets right of bags of them."""
    reviews = load_run(folder)
    record = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return reviews, {
        "name": record["name"],
        "encoder": record["model"]["encoder"],
        "accuracy": reviews.accuracy,
        "num_reviews": len(reviews.labels),
        "label_prior": reviews.label_prior,
        "num_bags": num_bags,
        "bags": measure_bags(reviews, num_bags),
    }


def main(argv: Sequence[str] | None = None) -> dict:
    """Measure, print, write; return the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("imdb_run", type=Path, help="folder of a run that predicted the IMDb test reviews")
    parser.add_argument("imdb_file", type=Path, help="the file of these reviews")
    parser.add_argument(
        "sst5_run", type=Path, nargs="?", help="folder of a run that predicted the SST-5 test sentences"
    )
    parser.add_argument("--num_bags", type=int, default=10_000, help="of each size")
    arguments = parser.parse_args(argv)

    reviews, imdb = measure_run(arguments.imdb_run, arguments.num_bags)
    table = parquet.read_table(arguments.imdb_file, columns=["film", "rating"]).take(reviews.ids.astype(np.int64))
    imdb["fixed_bags"] = measure_bags(reviews, arguments.num_bags, is_fixed=True)
    imdb["films"] = measure_films(reviews, np.array(table["film"].to_pylist()), table["rating"].to_numpy())
    sst5 = measure_run(arguments.sst5_run, arguments.num_bags)[1] if arguments.sst5_run else None
    result = {"imdb": imdb, "sst5": sst5, "speed": measure_speed(), "environment": describe_environment()}
    write_result(result, render_table(imdb["films"]["many"]["rows"]), RESULT)
    return result


if __name__ == "__main__":
    main()
