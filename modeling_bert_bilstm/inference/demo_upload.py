"""A file of reviews that somebody uploads: its columns, and what its films get, within limits.

It is scored as `python -m modeling_bert_bilstm.inference.score` would, with the model that is loaded already, and by
nothing but what the caller's folder holds afterwards is it remembered.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..hardware import measure_peak_memory
from .corpus.files import FileCorpus
from .corpus.job import Job, describe_job
from .corpus.manifest import JobFolder
from .corpus.options import parse_options
from .corpus.rows import Columns
from .corpus.scorers import ScoredModel
from .corpus.shards import Shard
from .corpus.text_files import compute_max_record, iterate_records, read_lines
from .films_table import FilmsTable, count_films, load_films
from .scoring import ReviewScorer


ENDINGS = (".csv", ".tsv")

_DELIMITERS = (",", ";", "\t")
# Names of columns in the corpora of film reviews that people have, the more telling first.
_TEXT_NAMES = ("text", "review", "review_text", "review_content", "comment", "content", "sentence", "body")
_FILM_NAMES = (
    "film",
    "movie",
    "title",
    "movie_title",
    "film_title",
    "name",
    "group",
    "movie_id",
    "film_id",
    "imdb_id",
)


@dataclass(frozen=True)
class Limits:
    """What a visitor may send.

    Attributes:
        upload_mib: Size of a file, in MiB.
        rows: Rows of a file, of which each is a review to score.
        review_characters: Length of one review.
    """

    upload_mib: int = 10
    rows: int = 1_000
    review_characters: int = 20_000


@dataclass(frozen=True)
class UploadColumns:
    """The columns of a file.

    Attributes:
        names: As its first line has them.
        delimiter: What stands between them.
        text: The one that seems to hold the reviews.
        film: The one that seems to hold the films.
    """

    names: tuple[str, ...]
    delimiter: str
    text: str
    film: str


def read_columns(path: Path) -> UploadColumns:
    """Return the columns of a file, separated by what gives most of them.

    Raises:
        ValueError: Its first line cannot be read, is no text, or names fewer than two columns.
    """
    headers = {delimiter: _read_first_record(path, delimiter) for delimiter in _DELIMITERS}
    delimiter = max(headers, key=lambda found: len(headers[found]))  # of equals the first
    names = headers[delimiter]
    if len(set(names)) < 2 or any("\0" in name for name in names):  # as a packed file has
        raise ValueError(
            f"`{path.name}` must begin with a line that names its columns, one with the reviews and one with the "
            f"films, found {names}. Separate them by commas, semicolons or tabs."
        )
    text = _find_name(_TEXT_NAMES, names) or names[0]
    others = [name for name in names if name != text]
    return UploadColumns(tuple(names), delimiter, text, _find_name(_FILM_NAMES, others) or others[0])


def _read_first_record(path: Path, delimiter: str) -> list[str]:
    max_bytes = compute_max_record(Columns("text"))
    with path.open("rb") as stream:
        records = iterate_records(read_lines(stream, max_bytes, path.name), delimiter, max_bytes)
        return [name.strip() and name for name in next(records, ([], None))[0]]


def _find_name(wanted: tuple[str, ...], names: list[str]) -> str | None:
    by_name = {name.strip().lower().replace(" ", "_"): name for name in reversed(names)}
    return next((by_name[name] for name in wanted if name in by_name), None)


def score_upload(
    path: Path,
    columns: UploadColumns,
    folder: Path,
    *,
    scorer: ReviewScorer,
    model: ScoredModel,
    limits: Limits,
    report: Callable[[int, int], object],
) -> tuple[FilmsTable, dict[str, int | dict[str, int]]]:
    """Score the reviews of a file, and return its films and the counts of what was scored and what was rejected.

    Args:
        path: The file; its name ends in one of `ENDINGS`.
        columns: Its columns; `text` and `film` are read.
        folder: A new folder, for files on the way; the films are read from it as long as they are used.
        scorer: What scores.
        model: What there is to know of its model.
        limits: What the file may have.
        report: Called with the number of reviews that are scored and of all rows.

    Raises:
        ValueError: The file has more rows than the limit, none at all, or cannot be read; the message names it
            without its folder.
    """
    try:
        corpus = FileCorpus(
            path, Columns(columns.text, columns.film, limits.review_characters), delimiter=columns.delimiter
        )
        num_rows = _count_rows(corpus, limits, path.name)
    except ValueError as error:
        raise ValueError(str(error).replace(str(path), path.name)) from error
    options = parse_options(
        [str(path), "--model", model.name, "--output", str(folder)]
        + [f"--text_column={columns.text}", f"--group_column={columns.film}", f"--delimiter={columns.delimiter}"]
    )
    job_folder = JobFolder(folder)
    with job_folder.open():
        job_folder.begin(describe_job(options, corpus, model))
        job = Job(options, corpus, model, job_folder)
        job.score(_LoadedEngine(scorer, lambda num_scored: report(num_scored, num_rows)))
        counts = job.conclude()
    return load_films(folder), counts


def _count_rows(corpus: FileCorpus, limits: Limits, name: str) -> int:
    num_rows = sum(1 for _ in itertools.islice(corpus.read_rows(), limits.rows + 1))
    if num_rows > limits.rows:
        raise ValueError(
            f"`{name}` may have at most {limits.rows:,} rows here, found more. Send a part of it, or score it with "
            "`python -m modeling_bert_bilstm.inference.score`, which takes any number."
        )
    if not num_rows:
        raise ValueError(f"`{name}` must hold at least one review below its first line, found none.")
    return num_rows


def render_counts(counts: Mapping) -> str:
    """Return a line that says how many reviews were scored, and what could not be and why."""
    rejected = ", ".join(f"{count:,} {reason}" for reason, count in counts["rejected"].items())
    parts = [f"{counts['reviews']:,} reviews of {count_films(counts['films'])}"]
    parts += [f"rejected: {rejected}"] if rejected else []
    parts += [f"without a film: {counts['reviews_without_film']:,}"] if counts["reviews_without_film"] else []
    return "; ".join(parts) + "."


class _LoadedEngine:
    """Scores with a scorer that is there already."""

    resolved: Mapping[str, str] = {}

    def __init__(self, scorer: ReviewScorer, report: Callable[[int], object]):
        self._scorer, self._report, self._num_scored = scorer, report, 0

    def __enter__(self) -> "_LoadedEngine":
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing is open."""

    @property
    def peak_memory_mib(self) -> float:
        """See `corpus.engines.Engine`."""
        return measure_peak_memory()["peak_memory_mib"]

    def score(self, shards: Iterator[Shard], report: Callable[[int], object]) -> Iterator[tuple[Shard, np.ndarray]]:
        """See `corpus.engines.Engine`."""

        def count(num_reviews: int) -> None:
            report(num_reviews)
            self._num_scored += num_reviews
            self._report(self._num_scored)

        for shard in shards:
            yield shard, self._scorer.score(shard.texts, False, report=count)
