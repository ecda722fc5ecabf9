"""The options of scoring a corpus."""

import argparse
from pathlib import Path

from ..backends import BACKENDS, PRECISIONS
from .rows import DEFAULT_MAX_CHARACTERS


ENGINES = ("local", "ray")
DEFAULT_SHARD_REVIEWS = 4_096

# What the result depends on; the engine and its workers are not among them.
RESULT_OPTIONS = (
    "text_column",
    "group_column",
    "delimiter",
    "dataset_revision",
    "shard_reviews",
    "max_review_characters",
    "max_word_pieces",
    "backend",
    "precision",
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `python -m modeling_bert_bilstm.inference.score`."""
    parser = argparse.ArgumentParser(
        prog="python -m modeling_bert_bilstm.inference.score",
        description="Score the reviews of a corpus, and say what those of each film say together. Stopped at any "
        "moment and started again with the same words, it goes on and writes the same files.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "input",
        help="Parquet, CSV or JSON lines, packed by gzip or xz or not; a folder of them; or "
        "the id of a data set on the Hub",
    )
    add = parser.add_argument
    add("--model", required=True, help="folder that train.py wrote, or an id on the Hub")
    add("--output", required=True, type=Path, metavar="DIR", help="folder for the results")
    add("--text_column", default="text", metavar="NAME", help="column with the review (default: text)")
    add("--group_column", metavar="NAME", help="column with the film; without it there is no films.parquet")
    add("--overwrite", action="store_true", help="begin anew, in place of going on with what is in the folder")
    add("--delimiter", metavar="CHARACTER", help="what separates the cells of CSV (default: a comma; in .tsv a tab)")
    add("--dataset_config_name", metavar="NAME", help="configuration of a data set on the Hub")
    add("--dataset_split_name", default="train", metavar="NAME", help="its split (default: train)")
    add("--dataset_revision", metavar="NAME", help="its branch, tag or commit (default: main, as it is at the start)")
    add(
        "--backend",
        default="torch",
        choices=("auto", *BACKENDS),
        help="what computes (default: torch); auto takes minutes to find the fastest",
    )
    add("--precision", default="auto", choices=PRECISIONS, help="default: auto, bfloat16 where it is faster here")
    add(
        "--max_word_pieces",
        type=int,
        metavar="N",
        help="word pieces a batch (default: 4,096, on a GPU 65,536); less needs less memory",
    )
    add(
        "--shard_reviews",
        type=int,
        default=DEFAULT_SHARD_REVIEWS,
        metavar="N",
        help="rows that are scored together "
        f"and lost together by a stop (default: {DEFAULT_SHARD_REVIEWS:,}; a GPU is quicker with more)",
    )
    add(
        "--max_review_characters",
        type=int,
        default=DEFAULT_MAX_CHARACTERS,
        metavar="N",
        help="longer reviews are "
        f"rejected, since their memory grows with their length (default: {DEFAULT_MAX_CHARACTERS:,})",
    )
    add("--engine", default="local", choices=ENGINES, help="local: this process (default); ray: workers of Ray")
    add("--num_workers", type=int, metavar="N", help="workers of Ray (default: one a GPU, or one for four cores)")
    add("--ray_address", metavar="ADDRESS", help="cluster to join (default: RAY_ADDRESS, or else one of this machine)")
    return parser


def parse_options(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the options.

    Raises:
        ValueError: A number is too small, or an option does not go with another.
    """
    options = build_parser().parse_args(argv)
    for name in ("shard_reviews", "max_review_characters", "max_word_pieces", "num_workers"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(f"`--{name}` must be at least 1, got {value}.")
    if options.delimiter == "\\t":  # as it is typed in a shell
        options.delimiter = "\t"
    if options.delimiter is not None and len(options.delimiter) != 1:
        raise ValueError(f"`--delimiter` must be one character, got {options.delimiter!r}.")
    for name in ("num_workers", "ray_address"):
        if getattr(options, name) is not None and options.engine != "ray":
            raise ValueError(f"`--{name}` is for `--engine ray`, got `--engine {options.engine}`.")
    if options.backend == "auto" and options.engine == "ray":
        raise ValueError("`--backend auto` is for one process. Name a backend with `--engine ray`.")
    return options
