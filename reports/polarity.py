"""The page on overall polarity, reports/polarity.md, from the result in benchmarks/results alone."""

import json
from pathlib import Path

from benchmarks import polarity


ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "reports" / "polarity.md"

ESTIMATES = """| estimate | share of a label |
|---|---|
| classify and count | of the predicted labels |
| probabilistic count | mean probability |
| adjusted count | the shares under which a classifier that errs as on validation would predict these labels |
| EM, no prior | expectation maximisation (Saerens et al. 2002): the shares under which the probabilities are likeliest |
| EM, flat prior | the same with one pseudo review of each label; what a film alone gets |
| EM, film prior | the same with pseudo reviews that all films of the call tell; the default |
| EM, film prior, label prior of training | the default, if probabilities were taken to be calibrated for the shares of labels in the training data, not for those that validation finds |
"""  # noqa: E501 - rows of a table

# Largest ratio to counting's error, by size of a bag; for films; and the coverage of a nominal 90%.
BAG_AIMS = {"10": 0.95, "50": 0.66, "200": 0.6}
FILM_AIM = 0.75
COVERAGE_AIM = (0.85, 0.95)


def load() -> dict:
    """Return the result."""
    return json.loads(polarity.RESULT.read_text(encoding="utf-8"))


def render_aims(imdb: dict) -> str:
    """Render what was aimed at beside what was found."""
    lines = [
        "| default, on IMDb | error, to counting's | aim | in whole reviews | 90% interval holds the truth | aim |",
        "|---" * 6 + "|",
    ]
    cases = {f"bags of {size}": (imdb["bags"][size], aim) for size, aim in BAG_AIMS.items()}
    films = imdb["films"]["many"]
    cases[f"{films['num_films']:,} films of at least {polarity.MIN_REVIEWS} reviews"] = films["rows"], FILM_AIM
    for name, (rows, aim) in cases.items():
        found = rows[polarity.DEFAULT]
        ratio = f"{found['ratio']:.2f} ± {found['ratio_error']:.3f}"
        is_close, is_held = found["ratio"] <= aim, COVERAGE_AIM[0] <= found["coverage"] <= COVERAGE_AIM[1]
        aims = f"at most {aim}: {_render_met(is_close)}", f"85% to 95%: {_render_met(is_held)}"
        cells = ratio, aims[0], f"{found['whole_ratio']:.2f}", f"{found['coverage']:.1%}", aims[1]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _render_met(is_met: bool) -> str:
    return "met" if is_met else "**not met**"


def render_bags(bags: dict[str, dict]) -> str:
    """Render a table for each size of bag."""
    return "\n\n".join(f"Bags of {size}:\n\n{polarity.render_table(rows)}" for size, rows in bags.items())


def render_foretold(foretold: dict[str, dict[str, float]]) -> str:
    """Render how well three reviews foretell the others."""
    lines = [
        "| from three reviews of a film | root mean square error of polarity | rank correlation |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | {row['error']:.3f} | {row['rank_correlation']:.3f} |" for name, row in foretold.items()]
    return "\n".join(lines)


def describe_run(run: dict) -> str:
    """Describe the model that scored the reviews."""
    prior = ", ".join(f"{share:.3f}" for share in run["label_prior"])
    return (
        f"{run['name']} ({run['encoder']}) is right about {run['accuracy']:.2%} of {run['num_reviews']:,} test "
        f"reviews; label prior by validation: {prior}."
    )


def render_short() -> str:
    """Render the part of the films that the README quotes."""
    films = load()["imdb"]["films"]["many"]
    rows = {name: films["rows"][name] for name in (polarity.COUNTING, polarity.DEFAULT)}
    named = {"counting predicted labels": rows[polarity.COUNTING], "the estimate": rows[polarity.DEFAULT]}
    return polarity.render_table(named, ("error", "ratio", "rank_correlation", "coverage", "agreement"))


def render_part(title: str, text: str, table: str) -> str:
    """Render one part of the page."""
    return f"## {title}\n\n{text}\n\n{table}\n"


def render_page() -> str:
    """Render the whole page."""
    result = load()
    imdb, sst5, speed = result["imdb"], result["sst5"], result["speed"]
    films, hardware = imdb["films"], result["environment"]["hardware"]
    many, few = films["many"], films["few"]
    parts = [
        "# Overall polarity\n\nWritten by `python -m reports.render` from benchmarks/results/polarity.json; never "
        "edited by hand. `python -m benchmarks.polarity IMDB_RUN IMDB_FILE SST5_RUN` measures it, and takes nothing "
        "from a test label: the film prior is fitted to the probabilities of all films or bags of a call, label prior "
        f"and confusion to validation. {hardware['processor']}, {hardware['num_cores']} cores, one used.\n",
        f"{describe_run(imdb)}\n\n{render_aims(imdb)}\n\nThe estimates:\n\n{ESTIMATES}",
        "Errors are of shares among the very reviews that were scored, and the interval is of their polarity. The "
        "audience is all who might review a film, for a bag the shares that it was drawn at; it grows surer with more "
        "reviews alone, however sure the classifier is. The papers' rule is applied to the estimated shares, in whole "
        "reviews, and compared with the same rule on true labels.\n",
        "An error of counting is a whole number of reviews, one of an estimate is not. Of ten reviews counting mostly "
        "gets all right or one wrong, while the estimate is a little off even where all are clear: rounded to whole "
        "reviews it is further ahead. It is not rounded by default, for 8.6 of ten says more than 9.\n",
        render_part(
            f"IMDb: {many['num_films']:,} films of at least {polarity.MIN_REVIEWS} reviews",
            "The official test split.",
            polarity.render_table(many["rows"]),
        ),
        render_part(
            f"IMDb: {few['num_films']:,} films of fewer reviews",
            "The rest of it.",
            polarity.render_table(few["rows"]),
        ),
        render_part(
            f"IMDb: what {polarity.NUM_SEEN} reviews foretell",
            f"The true polarity of the other reviews of the {many['num_films']:,} films.",
            render_foretold(films["foretold"]),
        ),
        render_part(
            "IMDb: bags",
            f"{imdb['num_bags']:,} of each size. A share of positive reviews is drawn evenly from 5% to 95%; then "
            "each review is positive with that chance.",
            render_bags(imdb["bags"]),
        ),
        render_part(
            "IMDb: bags of fixed shares",
            "The same, but the number of positive reviews is the share times the size, rounded: fewer bags of 10 are "
            "all of one label, which is where an estimate finds most errors of counting.",
            render_bags(imdb["fixed_bags"]),
        ),
    ]
    if sst5:
        text = f"{describe_run(sst5)} {sst5['num_bags']:,} bags of each size, at shares of which any are as likely."
        parts.append(render_part("SST-5: bags of five classes", text, render_bags(sst5["bags"])))
    parts.append(
        f"## Speed\n\nTallies of 7,000 films of up to 30 reviews, with their film prior: {speed['corpus']:.1f} s. One "
        f"film of a million reviews: {speed['film']:.1f} s. On one core, after scoring.\n"
    )
    return "\n".join(parts)
