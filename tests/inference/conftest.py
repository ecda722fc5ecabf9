"""Films as the scoring of a corpus writes them, from invented probabilities."""

import json

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from modeling_bert_bilstm.polarity import PolarityTally, fit_film_prior


LABELS = {
    2: {"positive": 1.0, "negative": -1.0},  # not in the order of their polarity, as a model may have them
    5: {"neutral": 0.0, "very negative": -1.0, "negative": -0.5, "positive": 0.5, "very positive": 1.0},
}


def draw_probabilities(num_reviews, *, num_labels=2, seed=0, shares=None):
    """Return calibrated probabilities, (N, C), of reviews drawn from `shares`, in the order of `LABELS`."""
    generator = np.random.default_rng(seed)
    true = generator.choice(num_labels, num_reviews, p=shares)
    return generator.dirichlet(np.ones(num_labels) / 2, num_reviews) * 0.4 + np.eye(num_labels)[true] * 0.6


def summarise_film(name, probabilities, labels, *, num_rejected=0, film_prior=None):
    """Return the row of a film."""
    tally = PolarityTally.from_probabilities(probabilities)
    summary = tally.summarise(list(labels), list(labels.values()), film_prior=film_prior)
    values = probabilities @ list(labels.values())
    row = {"film": name, "num_reviews": summary["num_reviews"], "num_rejected": num_rejected}
    for label, count in summary["counts"].items():
        row[f"count_{label.replace(' ', '_')}"] = count
        row[f"share_{label.replace(' ', '_')}"] = summary["shares"][label] if summary["shares"] else None
    for polarity, interval, prefix in (
        ("polarity", "interval", "interval"),
        ("audience_polarity", "audience_interval", "audience"),
    ):
        row[polarity] = summary[polarity]
        row[f"{prefix}_low"], row[f"{prefix}_high"] = summary[interval] or (None, None)
    row["verdict"] = summary["verdict"]
    for which, pick in (("positive", np.argmax), ("negative", np.argmin)):
        number = int(pick(values)) if len(values) else None
        row[f"most_{which}_review"] = None if number is None else f"{which} review, line 1\nof “{name}”, no. {number}"
        row[f"most_{which}_row"] = number
    return row


@pytest.fixture(scope="session")
def write_films(tmp_path_factory):
    """A function that writes a new folder with films.parquet: {name: probabilities (N, C)} -> its path."""

    def write(films, *, num_labels=2, num_rejected=0):
        labels = LABELS[num_labels]
        film_prior = fit_film_prior(map(PolarityTally.from_probabilities, films.values()))
        options = {"num_rejected": num_rejected, "film_prior": film_prior}
        rows = [summarise_film(name, rows, labels, **options) for name, rows in films.items()]
        name = next((name for name in films if name is not None), "")
        types = pyarrow.Table.from_pylist([summarise_film(name, np.eye(num_labels), labels)]).schema
        table = pyarrow.Table.from_pylist(rows, types)
        summary = {
            "labels": list(labels),
            "label_polarity": list(labels.values()),
            "confidence": 0.9,
            "method": "expectation_maximisation",
            "model": "tiny",
        }
        table = table.replace_schema_metadata({"summary": json.dumps(summary)})
        folder = tmp_path_factory.mktemp("scored")
        pyarrow.parquet.write_table(table, folder / "films.parquet")
        return folder

    return write
