"""The page on word attributions, reports/attribution.md, and its chart, from the result in benchmarks/results."""

import json
from pathlib import Path

from benchmarks import attribution
from modeling_bert_bilstm.attribution import METHODS


ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "reports" / "attribution.md"
CHART = ROOT / "reports" / "attribution.png"
NAMES = {"imdb": "IMDb", "sst5": "SST-5"}
# Line, marker, shade: each can be told without its colour.
LOOKS = {
    METHODS[0]: ("-", "o", "black"),
    METHODS[1]: ("--", "s", "#2166ac"),
    attribution.RANDOM: (":", "^", "#666666"),
}


def load() -> dict:
    """Return the result."""
    return json.loads(attribution.RESULT.read_text(encoding="utf-8"))


def render_completeness(corpora: dict[str, dict]) -> str:
    """Render how nearly the values add up, and what a review costs."""
    lines = [
        "| corpus | method | off by, median | at most | within 5% | processor seconds a review, median |",
        "|---" * 6 + "|",
    ]
    for name, summary in corpora.items():
        for method in METHODS:
            row = summary[method]
            cells = (
                f"{row['median_error']:.1%}",
                f"{row['largest_error']:.1%}",
                f"{row['complete']:.0%}",
                f"{row['seconds']:.2f}",
            )
            lines.append(f"| {NAMES[name]} | {method.replace('_', ' ')} | {' | '.join(cells)} |")
    return "\n".join(lines)


def render_steps(corpora: dict[str, dict]) -> str:
    """Render how many points of the path it took."""
    parts = []
    for name, summary in corpora.items():
        steps = ", ".join(f"{count} reviews at {steps}" for steps, count in summary["num_steps"].items())
        parts.append(f"{NAMES[name]}: {steps}")
    return "; ".join(parts) + "."


def render_short() -> str:
    """Render the part that the README quotes."""
    result = load()
    share = result["shares"][1]
    lines = [
        f"| {share:.0%} of the words deleted | " + " | ".join(NAMES[name] for name in result["corpora"]) + " |",
        "|---" * (len(result["corpora"]) + 1) + "|",
    ]
    for name in (*METHODS, attribution.RANDOM):
        rows = [summary[name] for summary in result["corpora"].values()]
        cells = [f"{-row['drop'][1]:+.2f} ± {row['drop_error'][1]:.2f}" for row in rows]
        lines.append(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")
    return "\n".join(lines)


def render_page() -> str:
    """Render the whole page."""
    result = load()
    corpora, hardware, num_draws = result["corpora"], result["environment"]["hardware"], result["num_draws"]
    parts = [
        "# Word attributions\n\nWritten by `python -m reports.render` from benchmarks/results/attribution.json; never "
        "edited by hand. `python -m benchmarks.attribution` measures it on test reviews drawn at random, on "
        f"{hardware['processor']}.\n",
        "## Deletion\n\nOf each review the label that the model predicts is explained; then a share of the words is "
        "deleted from the text, and what is left is scored again. The numbers say by how much the log-odds of the "
        f"label fall, mean ± standard error over reviews; random words: mean of {num_draws} draws.\n\n"
        "![How far the score falls, by the share of words deleted](attribution.png)\n",
    ]
    for name, summary in corpora.items():
        parts.append(
            f"{NAMES[name]}, {summary['run']} ({summary['encoder']}), {summary['num_reviews']} reviews, half of them "
            f"longer than {summary['median_words']:.0f} words and signs:\n\n"
            f"{attribution.render_table(summary, result['shares'])}\n"
        )
    parts.append(
        "## Completeness and cost\n\nHow far the values of a review are from adding up to the difference between its "
        "score and that of the review without its words, as a share of that difference. The gradient at the review "
        "alone has no reason to add up. Along the path, points are added until the values do: "
        f"{render_steps(corpora)}\n\n{render_completeness(corpora)}\n"
    )
    return "\n".join(parts)


def draw_chart(result: dict, path: Path) -> None:
    """Draw how far the score falls over the share of words deleted, a panel a corpus, and save the chart."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    corpora, shares = result["corpora"], [100 * share for share in result["shares"]]
    figure, axes = pyplot.subplots(
        1, len(corpora), figsize=(4.4 * len(corpora), 3.4), layout="constrained", squeeze=False
    )
    for axis, (name, summary) in zip(axes[0], corpora.items(), strict=True):
        for row, (line, marker, colour) in LOOKS.items():
            margins = [1.96 * error for error in summary[row]["drop_error"]]
            look = {"fmt": line + marker, "color": colour, "capsize": 3, "markersize": 5}
            axis.errorbar(shares, summary[row]["drop"], margins, label=row.replace("_", " "), **look)
        axis.set(
            title=f"{NAMES[name]}, {summary['num_reviews']} reviews", xlabel="% of the words deleted", xticks=shares
        )
        axis.set_ylim(bottom=min(0, axis.get_ylim()[0]))
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("fall of the predicted label's log-odds")
    axes[0, 0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    pyplot.close(figure)
