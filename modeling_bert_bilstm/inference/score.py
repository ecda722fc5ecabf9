"""Score a corpus of any size and say what the reviews of each film say together.

python -m modeling_bert_bilstm.inference.score reviews.parquet --model runs/imdb --text_column text \
    --group_column film --output scores

Memory does not grow with the corpus. Killed at any moment and started again with the same words, it goes on where it
was, and every file but summary.json, which tells the time it took, ends up the same to the last byte.
"""

import argparse
import json
import re
import sys
import time
from pathlib import Path

from ..hardware import describe_environment, limit_kept_kernels, measure_peak_memory
from .corpus.files import ENDINGS, FileCorpus, get_ending
from .corpus.hub import HubCorpus
from .corpus.job import Corpus, Job, describe_job
from .corpus.manifest import SUMMARY, JobFolder, read_asked
from .corpus.options import parse_options
from .corpus.rows import Columns
from .corpus.scorers import ScoredModel, describe_model
from .corpus.writing import write_json


_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


def main(argv: list[str] | None = None) -> dict:
    """Score a corpus as the command line says, print what came of it and return the summary."""
    started = time.perf_counter()
    limit_kept_kernels()
    options = parse_options(argv)
    corpus = open_corpus(options)  # 1. what is read
    model = describe_model(options.model)  # 2. what it is scored with
    if options.group_column is not None:
        check_polarity(model)
    folder = JobFolder(options.output)
    with folder.open():  # 3. where the result goes: a new folder, or one to go on with
        folder.begin(describe_job(options, corpus, model), overwrite=options.overwrite)
        if folder.is_finished:
            summary = json.loads((folder.path / SUMMARY).read_text(encoding="utf-8"))
            sys.stdout.write(f"`{folder.path}` is finished already.\n{render_summary(summary)}\n")
            return summary
        sys.stdout.write(f"{render_beginning(corpus, model, folder)}\n")
        job = Job(options, corpus, model, folder)
        peak_memory_mib = job.score()  # 4. shard by shard
        counts = job.conclude()  # 5. what was rejected, and the films
        seconds = folder.seconds + time.perf_counter() - started
        summary = {
            **counts,
            "seconds": round(seconds, 3),
            "reviews_per_second": round(counts["reviews"] / seconds, 1),
            **measure_peak_memory(),
            "peak_memory_mib_of_scoring": round(peak_memory_mib, 1),
            "model": model.name,
            "engine": options.engine,
            **(folder.resolved or {}),
            "environment": describe_environment(),
        }
        write_json(folder.path / SUMMARY, summary, folder.work_folder)
        folder.finish()
    sys.stdout.write(f"{render_summary(summary)}\n")
    return summary


def open_corpus(options: argparse.Namespace) -> Corpus:
    """Return the rows of the input.

    Raises:
        FileNotFoundError: There is no such file, folder or data set.
        ValueError: The input cannot be read, or an option is not for it.
    """
    columns = Columns(options.text_column, options.group_column, options.max_review_characters)
    path = Path(options.input).expanduser()
    if path.exists() or get_ending(path) in ENDINGS or not _HUB_ID.fullmatch(options.input):
        given = [name for name in ("dataset_config_name", "dataset_revision") if getattr(options, name) is not None]
        if given:
            raise ValueError(
                f"`--{given[0]}` is for a data set on the Hub, but `{options.input}` is a file or folder."
            )
        if path.is_dir() and options.output.resolve().is_relative_to(path.resolve()):
            raise ValueError(
                f"`--output` must be outside of the folder that is read, got `{options.output}` in `{options.input}`."
            )
        if path.resolve().is_relative_to(options.output.resolve()):
            raise ValueError(
                f"`--output` must not hold what is read, which could be lost, got `{options.input}` in "
                f"`{options.output}`."
            )
        return FileCorpus(path, columns, options.delimiter)
    return HubCorpus(
        options.input,
        columns,
        config_name=options.dataset_config_name,
        split=options.dataset_split_name,
        revision=_find_commit_of_job(options) or options.dataset_revision,
    )


def _find_commit_of_job(options: argparse.Namespace) -> str | None:
    """The commit that the job in the output folder reads, if it was asked for the same."""
    asked = {} if options.overwrite else read_asked(options.output)
    is_same = asked.get("options", {}).get("dataset_revision") == options.dataset_revision
    return asked.get("input", {}).get("commit") if is_same else None


def check_polarity(model: ScoredModel) -> None:
    """Make sure that there is a polarity to estimate for films.

    Raises:
        ValueError: The model gives none.
    """
    if model.label_polarity is None or not 2 <= len(model.labels) <= 5:
        raise ValueError(
            "`--group_column` needs a model of 2 to 5 labels with `label_polarity` in its config, found "
            f"{model.label_polarity!r} for {list(model.labels)}. Set it before you save the model, or leave "
            "`--group_column` out: then only reviews are scored."
        )


def render_beginning(corpus: Corpus, model: ScoredModel, folder: JobFolder) -> str:
    """Return the line that is printed first."""
    rows = "rows" if corpus.num_rows is None else f"{corpus.num_rows:,} rows"
    _, row = folder.find_first_open()
    begun = f"goes on at row {row:,}" if row else "begins"
    return f"{rows}, {model.name} ({', '.join(model.labels)}): {begun} in {folder.path}"


def render_summary(summary: dict) -> str:
    """Return the lines that are printed at the end."""
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in summary["rejected"].items())
    lines = [f"{summary['reviews']:,} reviews scored, {sum(summary['rejected'].values()):,} rejected"]
    lines[0] += f" ({reasons})" if reasons else ""
    if "films" in summary:
        without = summary["reviews_without_film"]
        lines.append(f"{summary['films']:,} films" + (f"; {without:,} reviews have none" if without else ""))
    how = f"{summary['engine']}, {summary.get('backend')} {summary.get('precision')} on {summary.get('device')}"
    lines.append(
        f"{summary['seconds']:,.1f} s, {summary['reviews_per_second']:,.1f} reviews a second, "
        f"{summary['peak_memory_mib']:,.0f} MiB at most ({how})"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        main()
    except (ImportError, OSError, RuntimeError, TypeError, ValueError) as error:
        sys.exit(f"modeling_bert_bilstm.inference.score: {' '.join(str(error).split())}")
    except KeyboardInterrupt:
        sys.exit("Stopped. What is done stays: the same words, but for --overwrite, go on from there.")
