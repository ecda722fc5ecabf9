"""The command that scores a corpus: its files say what the scorer and the pipeline say, and mistakes are refused."""

import json
import re

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch

from modeling_bert_bilstm.inference import scoring
from modeling_bert_bilstm.inference.backends import build_backend
from modeling_bert_bilstm.inference.corpus import engines, files, films, grouping, job
from tests.conftest import build_reviews
from tests.inference.corpus.jobs import build_corpus, read_files, write_corpus


def read_table(path):
    return pyarrow.parquet.read_table(path)


# ---------------------------------------------------------------------------------------------------------------------
# What comes out


def test_predictions_are_those_of_the_scorer(run, scorer):
    folder, summary = run()
    corpus = build_corpus(40)
    rows = [i for i, text in enumerate(corpus["text"].to_pylist()) if text is not None]
    texts = [corpus["text"][i].as_py() for i in rows]
    table = read_table(folder / "predictions")
    assert len(list((folder / "predictions").iterdir())) == 6
    assert table["row"].to_pylist() == rows
    assert table["film"].to_pylist() == [corpus["film"][i].as_py() for i in rows]
    expected = scorer.score(texts)
    assert np.ptp(expected[:, 0]) > 0.3
    np.testing.assert_allclose(np.stack(table["probabilities"].to_pylist()), expected, atol=1e-6)
    np.testing.assert_allclose(table["score"].to_numpy(), expected.max(axis=1), atol=1e-6)
    assert table["label"].to_pylist() == [entry["label"] for entry in scorer.predict(texts)]
    assert (summary["reviews"], summary["rejected"], summary["films"]) == (36, {"missing text": 4}, 5)
    rejected = read_table(folder / "rejected.parquet")
    assert rejected["row"].to_pylist() == [4, 13, 22, 31]
    assert rejected["film"].to_pylist() == [corpus["film"][i].as_py() for i in (4, 13, 22, 31)]
    assert set(rejected["reason"].to_pylist()) == {"missing text"}


@pytest.mark.parametrize("num_films", [5, 25])  # of 25 the pipeline and the job tell a prior
def test_films_are_those_of_the_pipeline(run, scorer, tmp_path, num_films):
    folder, _ = run(input=write_corpus(tmp_path / "films.parquet", num_rows=100, num_films=num_films))
    corpus = build_corpus(100, num_films=num_films).to_pylist()
    entries = scorer.aggregate(corpus, group_key="film", text_key="text")
    films = read_table(folder / "films.parquet").to_pylist()
    assert [film["film"] for film in films] == sorted(entries)
    for film in films:
        entry = entries[film["film"]]
        assert film["num_reviews"] == entry["num_reviews"]
        assert film["num_rejected"] == len(entry["skipped"])
        assert film["verdict"] == entry["verdict"]
        for label in ("negative", "positive"):
            assert film[f"count_{label}"] == entry["counts"][label]
            assert film[f"share_{label}"] == pytest.approx(entry["shares"][label], abs=1e-4)
        found = film["polarity"], film["interval_low"], film["interval_high"]
        assert found == pytest.approx((entry["polarity"], *entry["interval"]), abs=1e-4)
        found = film["audience_polarity"], film["audience_low"], film["audience_high"]
        assert found == pytest.approx((entry["audience_polarity"], *entry["audience_interval"]), abs=1e-4)


def test_of_very_many_films_some_tell_what_they_have_in_common(run, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(films, "fit_film_prior", lambda tallies, prior: drawn.append(list(tallies)))
    path = write_corpus(tmp_path / "many.parquet", num_rows=160, num_films=40)
    for num_films, output in ((2_000, "all"), (20, "half")):
        monkeypatch.setattr(films, "_PRIOR_FILMS", num_films)
        run("--shard_reviews", 50, input=path, output=output)
    assert len(drawn[0]) == 40
    assert drawn[1] == drawn[0][::2]


def test_the_most_telling_reviews_are_those_of_the_highest_and_lowest_polarity(run):
    folder, _ = run()
    corpus, predictions = build_corpus(40), read_table(folder / "predictions").to_pylist()
    for film in read_table(folder / "films.parquet").to_pylist():
        polarity = {p["row"]: p["probabilities"] @ np.array([-1, 1]) for p in predictions if p["film"] == film["film"]}
        for which, sign in (("positive", 1), ("negative", -1)):
            telling = {row: sign * value for row, value in polarity.items() if sign * value > 0}
            expected = max(telling, key=telling.get) if telling else None
            assert film[f"most_{which}_row"] == expected
            assert film[f"most_{which}_review"] == (None if expected is None else corpus["text"][expected].as_py())


@pytest.mark.parametrize("rows_at_once", [1, 2, 100])
def test_reviews_given_twice_are_two_reviews(run, tmp_path, monkeypatch, rows_at_once):
    monkeypatch.setattr(grouping, "_ROWS_AT_ONCE", rows_at_once)
    texts, _ = build_reviews(6)
    table = pyarrow.table({"text": texts * 3, "film": ["a"] * 18})
    pyarrow.parquet.write_table(table, tmp_path / "twice.parquet")
    folder, _ = run(input=tmp_path / "twice.parquet")
    (film,) = read_table(folder / "films.parquet").to_pylist()
    assert film["num_reviews"] == film["count_negative"] + film["count_positive"] == 18
    probabilities = np.stack(read_table(folder / "predictions")["probabilities"].to_pylist())[:, 1]
    found = film["most_positive_row"], film["most_negative_row"]
    assert found == (probabilities.argmax(), probabilities.argmin())
    assert (film["most_positive_review"], film["most_negative_review"]) == tuple((texts * 3)[row] for row in found)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "folder"])
def test_every_form_of_input_gives_the_same(run, tmp_path, name):
    corpus = build_corpus(40)
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
        pyarrow.parquet.write_table(corpus.slice(0, 13), path / "a.parquet")
        corpus.slice(13).to_pandas().to_json(path / "b.jsonl", orient="records", lines=True)
    elif name == "a.csv":
        corpus.to_pandas().to_csv(path, index=False)
    else:
        corpus.to_pandas().to_json(path, orient="records", lines=True)
    expected, found = read_files(run()[0]), read_files(run(input=path, output="other")[0])
    differing = {name for name in expected if found[name] != expected[name]}
    # CSV cannot tell a missing text from an empty one.
    assert differing == {"manifest.json", *(["rejected.parquet"] if name == "a.csv" else [])}


@pytest.mark.parametrize(
    ("films", "expected"),
    [([2, 10, None, 2], [2, 10]), (["b", None, "a", ""], ["a", "b"]), ([2.5, float("nan"), 1.0, None], [1.0, 2.5])],
)
def test_films_may_be_numbers_and_missing(run, tmp_path, films, expected):
    texts = ["good film .", "bad film .", "fine film .", None]
    pyarrow.parquet.write_table(pyarrow.table({"text": texts, "film": films}), tmp_path / "a.parquet")
    folder, summary = run(input=tmp_path / "a.parquet")
    table = read_table(folder / "films.parquet")
    assert table["film"].to_pylist() == expected
    num_missing = sum(film is None or film != film for film in films[:3])
    assert summary["reviews_without_film"] == num_missing == 3 - sum(table["num_reviews"].to_pylist())
    assert len(read_table(folder / "predictions")) == 3


def test_a_film_of_which_nothing_can_be_scored_is_listed(run, tmp_path):
    pyarrow.parquet.write_table(pyarrow.table({"text": ["good", " "], "film": ["a", "b"]}), tmp_path / "a.parquet")
    folder, _ = run(input=tmp_path / "a.parquet")
    _, film = read_table(folder / "films.parquet").to_pylist()
    assert (film["film"], film["num_reviews"], film["num_rejected"]) == ("b", 0, 1)
    assert film["polarity"] is film["interval_low"] is film["share_positive"] is film["most_positive_row"] is None


def test_without_group_column_there_are_no_films(run):
    folder, summary = run(options=["--precision", "float32", "--shard_reviews", "7"])
    assert sorted(path.name for path in folder.iterdir()) == [
        "manifest.json",
        "predictions",
        "rejected.parquet",
        "summary.json",
    ]
    assert read_table(folder / "predictions").column_names == ["row", "label", "score", "probabilities"]
    assert read_table(folder / "rejected.parquet").column_names == ["row", "reason"]
    assert "films" not in summary


@pytest.mark.parametrize("texts", [[], [None, ""]])
def test_a_corpus_without_reviews_has_no_scores(run, tmp_path, texts):
    table = pyarrow.table({"text": pyarrow.array(texts, pyarrow.string()), "film": ["a"] * len(texts)})
    pyarrow.parquet.write_table(
        table.cast(pyarrow.schema([("text", "string"), ("film", "string")])), tmp_path / "a.parquet"
    )
    folder, summary = run(input=tmp_path / "a.parquet")
    assert (summary["reviews"], summary["films"]) == (0, bool(texts))
    assert len(read_table(folder / "rejected.parquet")) == len(texts)


def test_the_files_say_what_they_are(run):
    folder, summary = run()
    told = json.loads(pyarrow.parquet.read_schema(folder / "films.parquet").metadata[b"summary"])
    assert told == {
        "labels": ["negative", "positive"],
        "label_polarity": [-1.0, 1.0],
        "confidence": 0.9,
        "method": "expectation_maximisation",
        "film_prior": None,
        "model": "telling",
    }
    assert summary == json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary["peak_memory_mib"] > 50
    assert summary["reviews_per_second"] == pytest.approx(36 / summary["seconds"], rel=0.2)
    assert (summary["engine"], summary["backend"], summary["precision"]) == ("local", "torch", "float32")
    assert summary["environment"]["versions"]["torch"] == torch.__version__
    assert str(folder.parent) not in (folder / "manifest.json").read_text(encoding="utf-8")


# ---------------------------------------------------------------------------------------------------------------------
# What stays the same and what is bounded


def test_threads_do_not_change_a_byte(run):
    expected = read_files(run()[0])
    num_threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert read_files(run(output="threads")[0]) == expected
    finally:
        torch.set_num_threads(num_threads)


def test_only_a_shard_is_held_at_a_time(run, tmp_path, monkeypatch):
    path = write_corpus(tmp_path / "long.parquet", num_rows=90)
    read, written, held = 0, 0, []

    def count_read(row, original=files.build_row):
        nonlocal read
        read += 1
        return original(*row)

    def count_written(self, shard, probabilities, original=job.ShardWriter.write):
        nonlocal written
        held.append(read - written)
        written += shard.num_rows
        return original(self, shard, probabilities)

    monkeypatch.setattr(files, "build_row", lambda *row: count_read(row))
    monkeypatch.setattr(job.ShardWriter, "write", count_written)
    run(input=path, options=["--precision", "float32", "--shard_reviews", "7"])
    assert (read, len(held), max(held)) == (90, 13, 7)


def test_what_was_chosen_at_the_beginning_stays(run, monkeypatch):
    """`auto` chooses by time: the second process does not choose again."""
    built = []

    def choose(model, tokenizer, sample, **options):
        return build_backend("torch", model, tokenizer, precision="float32")

    def build(name, *args, **options):
        built.append((name, options["precision"]))
        return build_backend(name, *args, **options)

    monkeypatch.setattr(scoring, "choose_backend", choose)
    monkeypatch.setattr(scoring, "build_backend", build)
    words = ["--group_column", "film", "--backend", "auto", "--shard_reviews", "7"]
    expected = read_files(run(options=words, output="undisturbed")[0])
    with monkeypatch.context() as context:
        context.setattr(engines.LocalEngine, "score", interrupt_after(3, engines.LocalEngine.score))
        with pytest.raises(KeyboardInterrupt):
            run(options=words)
    assert built == []
    monkeypatch.setattr(scoring, "choose_backend", None)
    folder, summary = run(options=words)
    assert built == [("torch", "float32")]
    assert (summary["backend"], summary["precision"], summary["device"]) == ("torch", "float32", "cpu")
    assert read_files(folder) == expected


def interrupt_after(count, original):
    def interrupted(*args):
        for i, answer in enumerate(original(*args)):
            if i == count:
                raise KeyboardInterrupt
            yield answer

    return interrupted


def test_the_bar_tells_rows_and_goes_on_where_the_job_was(run, monkeypatch, capsys):
    with monkeypatch.context() as context:
        context.setattr(engines.LocalEngine, "score", interrupt_after(3, engines.LocalEngine.score))
        with pytest.raises(KeyboardInterrupt):
            run()
    capsys.readouterr()
    run()
    printed = capsys.readouterr()
    assert "40 rows, telling (negative, positive): goes on at row 21 in " in printed.out
    assert "Scoring: " in printed.err
    assert " 21/40 " in printed.err
    assert " 40/40 " in printed.err
    assert re.search(r"36 reviews scored, 4 rejected \(4 missing text\)\n5 films\n", printed.out)
