"""See a run: one page with its pictures, its most confident mistakes and its numbers.

python -m modeling_bert_bilstm.evaluation.report runs/quickstart
"""

import argparse
import base64
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..extras import import_optional
from .breakdowns import LEVEL, compute_wilson_interval, find_confident_mistakes
from .finished_run import SPLITS, FinishedRun, load_run
from .pictures import list_pictures, render_measuring_command, write_pictures


NUM_MISTAKES = 20

_TEMPLATE = Path(__file__).with_name("report.html.jinja")
_LINE_BREAK = re.compile(r"\s*<br\s*/?>\s*", flags=re.IGNORECASE)  # of reviews that were copied from web pages
_SHOWN_LETTERS = 600  # of a mistake before it is folded out


def write_report(run_folder: str | Path, output_folder: str | Path | None = None, *, split: str | None = None) -> Path:
    """Write the report of a run: report.html, which needs no other file, and its pictures as PNG beside it.

    What the run did not keep is named in its place, with the command that measures it.

    Args:
        run_folder: What train.py wrote.
        output_folder: Where to write. Default: `report` in the run folder.
        split: The split to report. Default: test, else validation, else train, whichever was measured.

    Returns:
        The path of report.html.

    Raises:
        FileNotFoundError: The folder holds no finished run.
        ImportError: matplotlib or jinja2 is not installed.
        ValueError: See `load_run`.
    """
    run = load_run(run_folder, split)
    jinja2 = import_optional("jinja2", "report", "The report")
    folder = Path(output_folder or run.folder / "report")
    folder.mkdir(parents=True, exist_ok=True)
    pictures = list_pictures(run)
    files = write_pictures(pictures, folder)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        run=run,
        pictures=pictures,
        images={name: base64.b64encode(path.read_bytes()).decode("ascii") for name, path in files.items()},
        command=render_measuring_command(run),
        headline=build_headline(run),
        metrics=build_metrics(run),
        words=_list_words(run),
        mistakes=build_mistakes(run),
        data=run.results.get("data") or {},
        settings=_flatten(run.results.get("arguments") or {}),
        versions=_flatten(run.results.get("environment") or {}),
    )
    path = folder / "report.html"
    # A review may hold half a pair of surrogates, which no file in UTF-8 can.
    path.write_bytes(page.encode("utf-8", errors="replace"))
    return path


def build_headline(run: FinishedRun) -> str:
    """Return the line that says how good the model is."""
    metrics = run.metrics
    if "accuracy" in metrics:
        num_reviews = metrics["num_reviews"]
        low, high = compute_wilson_interval(round(metrics["accuracy"] * num_reviews), num_reviews)
        return (
            f"{metrics['accuracy']:.1%} of {num_reviews:,} {run.split} reviews right ({LEVEL:.0%} interval "
            f"{low:.1%} to {high:.1%})"
        )
    names = [name for name in ("subset_accuracy", "f1_micro", "mae", "pearson") if name in metrics]
    if not names:
        return "No split was measured."
    return f"{run.split}: " + ", ".join(f"{name.replace('_', ' ')} {metrics[name]:.4f}" for name in names)


def build_metrics(run: FinishedRun) -> list[tuple[str, list[str]]]:
    """Return a row a metric: its name, and its value in each split that was measured, as text."""
    splits = run.results["metrics"]
    names = dict.fromkeys(name for split in splits.values() for name, x in split.items() if not isinstance(x, list))
    return [(name.replace("_", " "), [_render(split.get(name)) for split in splits.values()]) for name in names]


def build_mistakes(run: FinishedRun) -> list[dict[str, object]]:
    """Return the most confident wrong answers, the surest first, a long review in two parts."""
    found = run.predictions
    if found is None or found.texts is None:
        return []
    mistakes = []
    for i in find_confident_mistakes(found.labels, found.probabilities, NUM_MISTAKES):
        text = _LINE_BREAK.sub("\n", found.texts[i] or "").strip()
        # Folding ten more letters away would hide the end for nothing.
        end = text.rfind(" ", 0, _SHOWN_LETTERS) if len(text) > 1.2 * _SHOWN_LETTERS else len(text)
        end = end if end > 0 else _SHOWN_LETTERS
        mistakes.append(
            {
                "answer": run.labels[found.answers[i]],
                "label": run.labels[found.labels[i]],
                "confidence": found.confidence[i],
                "begin": text[:end],
                "rest": text[end:].strip(),
                "length": None if found.num_word_pieces is None else int(found.num_word_pieces[i]),
            }
        )
    return mistakes


def _list_words(run: FinishedRun) -> list[tuple[str, Sequence[Mapping]]]:
    words = (run.results.get("important_words") or {}).get("words") or {}
    return [(label, words.get(label, ())) for label in run.labels] if any(words.values()) else []


def _flatten(entries: Mapping, prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for name, value in entries.items():
        label = f"{prefix}{name}".replace("_", " ")
        rows += _flatten(value, f"{label}: ") if isinstance(value, Mapping) else [(label, _render(value))]
    return rows


def _render(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 else f"{value:.4g}"


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m modeling_bert_bilstm.evaluation.report",
        description="Write the report of a run: one page that needs no other file, and its pictures as PNG.",
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder that train.py wrote")
    parser.add_argument(
        "--output_dir", type=Path, metavar="FOLDER", help="where to write (default: `report` in the run folder)"
    )
    parser.add_argument("--split", choices=SPLITS, help="reviews to report (default: test, else validation)")
    return parser


def main(argv: list[str] | None = None) -> Path:
    """Write the report that the command line asks for, say where it is, and return its path."""
    arguments = build_parser().parse_args(argv)
    path = write_report(arguments.run_folder, arguments.output_dir, split=arguments.split)
    sys.stdout.write(f"{path}: {path.stat().st_size / 1024:,.0f} KiB, needs no other file\n")
    for picture in sorted(path.parent.glob("*.png")):
        sys.stdout.write(f"{picture}\n")
    return path


if __name__ == "__main__":
    try:
        main()
    except (ImportError, OSError, ValueError) as error:
        sys.exit(f"modeling_bert_bilstm.evaluation.report: {error}")
