"""films.parquet: what the reviews of each film say together, written at the end from the shards.

Shapes: N reviews, C labels.
"""

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow
import pyarrow.parquet

from ...polarity import METHODS, PolarityTally, fit_film_prior
from .grouping import FilmGroups, FilmReviews, read_predictions, read_rejected
from .large_tally import LargeTally
from .manifest import FILMS, REJECTED
from .rows import Film, Row
from .scorers import ScoredModel
from .shards import ShardCounts, ShardWriter
from .writing import write_whole


CONFIDENCE = 0.9
METHOD = METHODS[0]

_DATABASE = "films.sqlite"
_FILMS_AT_ONCE = 1_000
_REJECTED_AT_ONCE = 10_000
_POLARITIES = ("polarity", "interval_low", "interval_high", "audience_polarity", "audience_low", "audience_high")
# The film prior is read off so many films, spread over all of them, and so many reviews of each.
_PRIOR_FILMS, _PRIOR_REVIEWS = 2_000, 1_000


@dataclass(frozen=True)
class FilmWriter:
    """Writes what a job's shards say together.

    Attributes:
        shards: Where the shards are.
        model: What scored them; its labels have a polarity.
        read_rows: Gives the rows of the input from a row on.
    """

    shards: ShardWriter
    model: ScoredModel
    read_rows: Callable[[int], Iterator[Row]]

    def write(self, done: list[ShardCounts], report: Callable[[int], object], begin: Callable[[int], object]) -> int:
        """Write films.parquet and return the number of films.

        Args:
            done: All shards.
            report: Called with 1 for each film that is estimated.
            begin: Called with the number of films before.
        """
        path = self.shards.work_folder / _DATABASE
        path.unlink(missing_ok=True)
        groups = FilmGroups(path, len(self.model.labels))
        try:
            for counts in done:
                groups.add_reviews(read_predictions(self.shards.get_path(counts.shard)))
            groups.add_reviews(read_rejected(self.shards.folder / REJECTED))
            groups.sort()
            begin(num_films := groups.count_films())
            film_prior = fit_film_prior(self._draw_tallies(groups, num_films), self.model.label_prior)
            for film, parts in groups.iterate():
                groups.add_film(film, *self._estimate(parts, film_prior))
                report(1)
            groups.add_texts(self._fetch_texts(groups.iterate_wanted()))
            self._write_table(groups, film_prior)
        finally:
            groups.close()
        return num_films

    def _draw_tallies(self, groups: FilmGroups, num_films: int) -> Iterator[PolarityTally]:
        """Tallies of the first reviews of films at even distances."""
        for _, parts in itertools.islice(groups.iterate(), 0, None, -(-num_films // _PRIOR_FILMS) or None):
            probabilities = next(parts).probabilities[:_PRIOR_REVIEWS]
            yield PolarityTally.from_probabilities(probabilities.astype(np.float64))

    def _estimate(
        self, parts: Iterator[FilmReviews], film_prior: np.ndarray | None
    ) -> tuple[str, int | None, int | None]:
        """What is known of a film as JSON, and the rows of its most positive and most negative review."""
        tally, num_rejected = LargeTally(len(self.model.labels)), 0
        telling = {1: (0.0, None), -1: (0.0, None)}  # by sign: polarity of the most telling review, and its row
        for part in parts:
            num_rejected += part.num_rejected
            if not len(part.rows):
                continue
            probabilities = part.probabilities.astype(np.float64)
            tally.add(probabilities)
            polarity = probabilities @ self.model.label_polarity  # (N,)
            for sign, (most, _) in telling.items():
                best = int((sign * polarity).argmax())  # of equals the first
                if sign * polarity[best] > most:
                    telling[sign] = sign * polarity[best], int(part.rows[best])
        summary = tally.to_tally().summarise(
            self.model.labels,
            self.model.label_polarity,
            self.model.label_prior,
            confidence=CONFIDENCE,
            method=METHOD,
            film_prior=film_prior,
        )
        summary = {**tally.correct(summary, self.model.label_polarity), "num_rejected": num_rejected}
        return json.dumps(summary), telling[1][1], telling[-1][1]

    def _fetch_texts(self, wanted: Iterator[int]) -> Iterator[tuple[int, str]]:
        """The texts of rows in their order, from one reading of the input."""
        first = next(wanted, None)
        if first is None:
            return
        rows = self.read_rows(first)
        for number in itertools.chain([first], wanted):
            row = next((row for row in rows if row.number == number), None)
            if row is None or row.text is None:
                found = "nothing" if row is None else row.reason
                raise ValueError(
                    f"Row {number} must hold the review that was scored, found {found}. The input has changed since: "
                    "score it anew with `--overwrite`."
                )
            yield number, row.text

    def _write_table(self, groups: FilmGroups, film_prior: np.ndarray | None) -> None:
        schema = self._build_schema(film_prior)
        films = groups.iterate_films()
        with (
            write_whole(self.shards.folder / FILMS, self.shards.work_folder) as draft,
            pyarrow.parquet.ParquetWriter(draft, schema) as writer,
        ):
            while some := list(itertools.islice(films, _FILMS_AT_ONCE)):
                writer.write_table(pyarrow.Table.from_pylist([self._build_entry(*film) for film in some], schema))

    def _build_entry(
        self, film: Film, fields: str, positive: int | None, negative: int | None, *texts: str | None
    ) -> dict[str, Film]:
        summary = json.loads(fields)
        shares = summary["shares"] or dict.fromkeys(summary["counts"])
        intervals = [summary[name] or (None, None) for name in ("interval", "audience_interval")]
        polarities = (summary["polarity"], *intervals[0], summary["audience_polarity"], *intervals[1])
        return {
            "film": film,
            **{name: summary[name] for name in ("num_reviews", "num_rejected")},
            **{f"count_{name.replace(' ', '_')}": count for name, count in summary["counts"].items()},
            **{f"share_{name.replace(' ', '_')}": share for name, share in shares.items()},
            **dict(zip(_POLARITIES, polarities, strict=True)),
            "verdict": summary["verdict"],
            **dict(zip(("most_positive_review", "most_negative_review"), texts, strict=True)),
            **{"most_positive_row": positive, "most_negative_row": negative},
        }

    def _build_schema(self, film_prior: np.ndarray | None) -> pyarrow.Schema:
        labels = [self.model.labels[i] for i in np.argsort(self.model.label_polarity, kind="stable")]
        names = [label.replace(" ", "_") for label in labels]
        integer, number, text = pyarrow.int64(), pyarrow.float64(), pyarrow.string()
        fields = {
            "film": self.shards.film_type,
            **dict.fromkeys(("num_reviews", "num_rejected", *(f"count_{name}" for name in names)), integer),
            **dict.fromkeys((f"share_{name}" for name in names), number),
            **dict.fromkeys(_POLARITIES, number),
            **dict.fromkeys(("verdict", "most_positive_review", "most_negative_review"), text),
            **dict.fromkeys(("most_positive_row", "most_negative_row"), integer),
        }
        summary = {
            "labels": list(self.model.labels),
            "label_polarity": list(self.model.label_polarity),
            "confidence": CONFIDENCE,
            "method": METHOD,
            "film_prior": None if film_prior is None else film_prior.tolist(),
            "model": self.model.name,
        }
        return pyarrow.schema(fields.items(), metadata={"summary": json.dumps(summary, ensure_ascii=False)})


def write_rejected(shards: ShardWriter, done: list[ShardCounts]) -> dict[str, int]:
    """Write rejected.parquet from the shards, and return how many rows have each kind of reason."""
    reasons: Counter[str] = Counter()
    waiting = [shards.build_rejected([])]
    with (
        write_whole(shards.folder / REJECTED, shards.work_folder) as draft,
        pyarrow.parquet.ParquetWriter(draft, shards.rejected_schema) as writer,
    ):
        for counts in done:
            if counts.rejected:
                waiting.append(pyarrow.parquet.read_table(shards.get_rejected_path(counts.shard)))
                reasons.update(reason.partition(":")[0] for reason in waiting[-1]["reason"].to_pylist())
            # Parquet cannot be read with very many row groups, so that small shards share one.
            if sum(map(len, waiting)) >= _REJECTED_AT_ONCE:
                writer.write_table(pyarrow.concat_tables(waiting))
                waiting = [waiting[0].slice(0, 0)]
        writer.write_table(pyarrow.concat_tables(waiting))
    return dict(sorted(reasons.items()))
