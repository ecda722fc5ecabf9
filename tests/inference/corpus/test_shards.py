"""Shards, tallies and the folder of a job: what is bounded, what stays the same, what is refused."""

import contextlib
import itertools
import json
import os
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling_bert_bilstm.inference.corpus import grouping, large_tally, shards
from modeling_bert_bilstm.inference.corpus.grouping import FilmGroups
from modeling_bert_bilstm.inference.corpus.large_tally import LargeTally
from modeling_bert_bilstm.inference.corpus.manifest import JobFolder
from modeling_bert_bilstm.inference.corpus.rows import Row
from modeling_bert_bilstm.inference.corpus.shards import ShardCounts, ShardWriter, cut_shards
from modeling_bert_bilstm.polarity import PolarityTally, predict_labels


def build_rows(texts, start=0):
    return [Row(start + i, text or None, "film", None if text else "empty text") for i, text in enumerate(texts)]


# ---------------------------------------------------------------------------------------------------------------------
# Shards


@settings(deadline=None)
@given(st.lists(st.sampled_from(["", "short", "x" * 30, "x" * 99])), st.integers(1, 9), st.integers(0, 50))
def test_every_row_is_in_one_shard(texts, max_rows, limit):
    rows = build_rows(texts)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(shards, "_MAX_CHARACTERS", limit)
        cut = list(cut_shards(rows, 0, 0, max_rows))
    numbers = [number for shard in cut for number in sorted([*shard.numbers, *(row.number for row in shard.rejected)])]
    assert numbers == list(range(len(rows)))
    assert [shard.index for shard in cut] == list(range(len(cut)))
    assert [shard.start for shard in cut] == list(itertools.accumulate([0, *(s.num_rows for s in cut)]))[: len(cut)]
    assert all(1 <= shard.num_rows <= max_rows for shard in cut)
    assert all(sum(map(len, shard.texts[:-1])) < max(limit, 1) for shard in cut)
    for shard in cut:  # going on at any shard cuts the same ones
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(shards, "_MAX_CHARACTERS", limit)
            assert list(cut_shards(rows[shard.start :], shard.index, shard.start, max_rows)) == cut[shard.index :]


def test_rows_are_read_when_they_are_needed():
    read = []
    rows = (read.append(row.number) or row for row in build_rows(["text"] * 100))
    for i, shard in enumerate(cut_shards(rows, 0, 0, 7)):
        assert len(read) <= 7 * (i + 1)
        assert len(shard.texts) <= 7


@pytest.fixture
def writer(tmp_path):
    (tmp_path / "predictions").mkdir()
    (tmp_path / ".work").mkdir()
    return ShardWriter(tmp_path, tmp_path / ".work", ("negative", "positive"), pyarrow.string(), True)


def test_what_a_shard_holds_is_written(writer):
    (shard,) = cut_shards(build_rows(["a", "", "b", "c", "d"], 20), 3, 20, 10)
    probabilities = np.array([[0.9, 0.1], [0.5, 0.5], [np.nan, 0.5], [0.49999996, 0.50000004]], dtype=np.float32)
    assert writer.write(shard, probabilities) == ShardCounts(3, 20, 5, 3, 2)
    table = pyarrow.parquet.read_table(writer.get_path(3))
    assert table.schema.field("row").type == pyarrow.int64()
    assert table.schema.field("score").type == pyarrow.float32()
    assert table.schema.field("probabilities").type == pyarrow.list_(pyarrow.float32())
    assert table.drop_columns(["score", "probabilities"]).to_pydict() == {
        "row": [20, 22, 24],
        "film": ["film"] * 3,
        "label": ["negative", None, None],  # in whole millionths the last is a tie as well
    }
    np.testing.assert_array_equal(
        np.stack(table["probabilities"].to_pylist()).astype(np.float32), probabilities[[0, 1, 3]]
    )
    np.testing.assert_array_equal(table["score"].to_numpy(), probabilities[[0, 1, 3]].max(axis=1))
    rejected = pyarrow.parquet.read_table(writer.get_rejected_path(3))
    assert rejected.to_pydict() == {
        "row": [21, 23],
        "film": ["film"] * 2,
        "reason": ["empty text", "no finite score"],
    }


def test_a_shard_without_reviews_is_written(writer):
    (shard,) = cut_shards(build_rows(["", ""]), 0, 0, 10)
    assert writer.write(shard, np.empty((0, 2), dtype=np.float32)) == ShardCounts(0, 0, 2, 0, 2)
    full, _ = cut_shards(build_rows(["a", "b"]), 0, 0, 1)
    writer.write(full, np.array([[0.9, 0.1]], dtype=np.float32))
    assert pyarrow.parquet.read_schema(writer.get_path(0)) == pyarrow.parquet.read_schema(writer.get_path(full.index))


# ---------------------------------------------------------------------------------------------------------------------
# Tallies


def draw(num_reviews, num_labels=3, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(num_labels) / 2, num_reviews)


def test_a_small_tally_is_the_tally():
    tally = LargeTally(3)
    for part in np.split(draw(60), 4):
        tally.add(part)
    assert tally.to_tally() == PolarityTally.from_probabilities(draw(60))


@pytest.mark.parametrize("max_rows", [1, 5, 40, 200])
def test_a_large_tally_is_bounded_and_knows_no_order(max_rows, monkeypatch):
    monkeypatch.setattr(large_tally, "_REVIEWS_AT_ONCE", 16)
    probabilities, found = draw(500), []
    for order in (slice(None), slice(None, None, -1)):
        tally = LargeTally(3, max_rows)
        for part in np.array_split(probabilities[order], 7):
            tally.add(part)
            assert len(tally.to_tally().rows) <= max_rows
        found.append(tally.to_tally())
    assert found[0] == found[1]
    assert found[0].num_reviews == 500


def test_a_large_tally_says_nearly_the_same():
    labels, polarity = ["negative", "neutral", "positive"], [-1.0, 0.0, 1.0]
    probabilities = draw(3_000)
    expected = PolarityTally.from_probabilities(probabilities).summarise(labels, polarity)
    tally = LargeTally(3, 1_000)
    tally.add(probabilities)
    assert tally.step == 2**15  # 0.03
    found = tally.correct(tally.to_tally().summarise(labels, polarity), polarity)
    assert found["polarity"] == pytest.approx(expected["polarity"], abs=1e-3)
    assert found["interval"] == pytest.approx(expected["interval"], abs=1e-3)
    for name in ("counts", "verdict", "num_reviews"):
        assert found[name] == expected[name]


def test_counts_stay_exact_where_labels_are_in_no_order():
    probabilities = draw(400)
    tally = LargeTally(3, 2)
    tally.add(probabilities)
    labels, polarity = ["neutral", "positive", "negative"], [0.0, 1.0, -1.0]
    found = tally.correct(tally.to_tally().summarise(labels, polarity), polarity)
    predicted = Counter(labels[i] for i in predict_labels(np.rint(probabilities * 1e6)) if i >= 0)
    assert found["counts"] == {name: predicted[name] for name in ("negative", "neutral", "positive")}


# ---------------------------------------------------------------------------------------------------------------------
# Films together


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.one_of(st.integers(-3, 3), st.text(max_size=3).filter(str.strip)), st.booleans())))
def test_reviews_are_brought_together_by_film(tmp_path_factory, films):
    films = [(film, scored) for film, scored in films if not isinstance(film, str) or film.isprintable()]
    groups = FilmGroups(tmp_path_factory.mktemp("groups") / "films.sqlite", 2)
    chances = draw(len(films), 2).astype(np.float32) if films else np.empty((0, 2), np.float32)
    reviews = [(film, i, chances[i].tobytes() if scored else None) for i, (film, scored) in enumerate(films)]
    groups.add_reviews(reversed(reviews))
    groups.sort()
    found = {film: list(parts) for film, parts in groups.iterate()}
    assert groups.count_films() == len(found) == len({film for film, _ in films})
    for film, (part,) in found.items():
        rows = [i for i, (name, scored) in enumerate(films) if name == film and scored]
        assert part.rows.tolist() == rows
        np.testing.assert_array_equal(part.probabilities, chances[rows])
        assert part.num_rejected == sum(name == film and not scored for name, scored in films)
    texts = [film for film in found if isinstance(film, str)]
    assert list(found) == sorted(film for film in found if isinstance(film, int)) + sorted(texts)
    groups.close()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are listed by Linux only")
def test_a_large_sort_is_on_the_disk_of_the_output(tmp_path, monkeypatch):
    monkeypatch.setattr(grouping, "_CACHE_KIB", 64)
    folder = tmp_path / "what's left"
    folder.mkdir()
    groups = FilmGroups(folder / "films.sqlite", 2)
    groups.add_reviews((f"film {i * 7919 % 10_007}", i, bytes(8)) for i in range(40_000))
    sorted_in = set()

    def look():
        for entry in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                path = Path(os.readlink(f"/proc/self/fd/{entry}"))
                sorted_in.update([path.parent] if path.name.startswith("etilqs") else [])

    groups._database.set_progress_handler(look, 10_000)
    groups.sort()
    groups.close()
    assert sorted_in == {folder}


# ---------------------------------------------------------------------------------------------------------------------
# The folder


ASKED = {"input": {"sha256": "a" * 64}, "options": {"text_column": "text", "group_column": None}}


def begin(path, asked=ASKED, **options):
    folder = JobFolder(path)
    with folder.open():
        folder.begin(asked, **options)
    return folder


def test_a_job_that_asks_for_the_same_goes_on(tmp_path):
    folder = JobFolder(tmp_path / "out")
    with folder.open():
        folder.begin(ASKED)
        for index in (0, 2, 1, 4):
            (folder.path / "predictions" / f"part-{index:05d}.parquet").touch()
            folder.record(ShardCounts(index, index * 10, 10, 10, 0), {"backend": "torch"}, 1.5)
    again = begin(tmp_path / "out")
    assert again.shards == folder.shards
    assert again.resolved == {"backend": "torch"}
    assert again.seconds == 1.5
    assert again.find_first_open() == (3, 30)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert [entry["shard"] for entry in manifest["shards"]] == [0, 1, 2, 4]
    begin(tmp_path / "out", overwrite=True)
    assert begin(tmp_path / "out").seconds == 0  # what another job took is not this one's


@pytest.mark.parametrize(
    ("group", "name", "value", "message"),
    [
        ("input", "sha256", "b" * 64, f"input sha256 was '{'a' * 40}' and is '{'b' * 40}'"),
        ("options", "text_column", "review", "options text_column was 'text' and is 'review'"),
        ("options", "backend", "onnx", "options backend was 'None' and is 'onnx'"),
    ],
)
def test_a_job_that_asks_for_something_else_is_refused(tmp_path, group, name, value, message):
    begin(tmp_path)
    (tmp_path / "predictions" / "part-00000.parquet").touch()
    other = {**ASKED, group: {**ASKED[group], name: value}}
    with pytest.raises(ValueError, match=re.escape(message) + ".* `--output`.* `--overwrite`"):
        begin(tmp_path, other)
    assert (tmp_path / "predictions" / "part-00000.parquet").exists()
    assert begin(tmp_path, other, overwrite=True).asked[group][name] == value
    assert not (tmp_path / "predictions" / "part-00000.parquet").exists()


def test_files_that_are_of_no_job_are_left_alone(tmp_path):
    (tmp_path / "films.parquet").write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError, match=re.escape("has ['films.parquet'] and no manifest.json")):
        begin(tmp_path, overwrite=True)
    assert (tmp_path / "films.parquet").read_text(encoding="utf-8") == "mine"
    (tmp_path / "films.parquet").rename(tmp_path / "notes.txt")
    (tmp_path / ".work").mkdir()
    (tmp_path / ".work" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError, match=re.escape("has ['.work/notes.txt'] and no manifest.json")):
        begin(tmp_path, overwrite=True)
    (tmp_path / ".work" / "notes.txt").rename(tmp_path / ".work" / "manifest.json.draft")  # of a job that was killed
    begin(tmp_path, overwrite=True)
    assert (tmp_path / "notes.txt").exists()


def test_what_is_no_folder_and_no_manifest_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match="must be a folder, but .* is a file"):
        begin(tmp_path / "file")
    begin(tmp_path / "out")
    (tmp_path / "out" / "manifest.json").write_text('{"asked": 1}', encoding="utf-8")
    with pytest.raises(ValueError, match="is no manifest of a scored corpus"):
        begin(tmp_path / "out")


def test_only_one_process_writes(tmp_path):
    with JobFolder(tmp_path).open(), pytest.raises(BlockingIOError, match="Another process is scoring into"):
        begin(tmp_path)
    begin(tmp_path)
