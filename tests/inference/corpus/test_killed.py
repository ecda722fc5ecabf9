"""A job that is killed at any moment and started again gives the same files, byte for byte."""

import json
import os
import signal

import pyarrow.parquet
import pytest

from modeling_bert_bilstm.inference import score
from tests.inference.corpus.jobs import OPTIONS, find_drafts, read_files, run_until, write_corpus


KILLED = -signal.SIGKILL
# 40 rows in 6 shards, 4 of them with rejected rows. Written in this order: the manifest; of each shard its part, its
# rejected rows, the manifest, the times; rejected.parquet, films.parquet, summary.json, the manifest.
NUM_FILES = 1 + 6 * 3 + 4 + 4


@pytest.fixture(scope="module")
def job(telling_model, tmp_path_factory):
    """The words of a job without `--output`, and the files that it gives undisturbed."""
    folder = tmp_path_factory.mktemp("job")
    corpus = write_corpus(folder / "corpus.parquet")
    words = [str(corpus), "--model", telling_model, *OPTIONS]
    score.main([*words, "--output", str(folder / "undisturbed")])
    return words, read_files(folder / "undisturbed")


@pytest.mark.parametrize(
    ("point", "count"),
    [("during_a_shard", 4), ("before_the_manifest", 1), ("before_the_manifest", 3), ("during_the_films", 3)],
)
def test_a_killed_job_goes_on(job, tmp_path, point, count):
    words, expected = job
    words = [*words, "--output", tmp_path / "out"]
    assert run_until(words, point, count) == KILLED
    assert find_drafts(tmp_path / "out"), "the job was killed in the middle of its work"
    assert_all_files_are_whole(tmp_path / "out")
    summary = score.main([str(word) for word in words])
    assert read_files(tmp_path / "out") == expected
    assert (summary["reviews"], summary["rejected"]) == (36, {"missing text": 4})


def test_a_job_that_is_killed_again_and_again_goes_on(job, tmp_path):
    """At every file that it writes, before and after: each process gets one step further than the one before."""
    words, expected = job
    words = [*words, "--output", tmp_path / "out"]
    for count in range(NUM_FILES):
        if run_until(words, "after_a_file" if count % 2 else "before_a_file", 2 + count % 3) != KILLED:
            break
    else:
        pytest.fail("the job makes no headway")
    assert count > 6, "it was killed in every shard"
    assert read_files(tmp_path / "out") == expected


@pytest.mark.parametrize("count", [1, 2, 6, *range(NUM_FILES - 3, NUM_FILES + 1)])
def test_a_job_that_is_killed_at_any_file_goes_on(job, tmp_path, count):
    words, expected = job
    words = [*words, "--output", tmp_path / "out"]
    assert run_until(words, "before_a_file", count) == KILLED
    assert_all_files_are_whole(tmp_path / "out")
    score.main([str(word) for word in words])
    assert read_files(tmp_path / "out") == expected


def assert_all_files_are_whole(folder):
    """What a reader finds while the job is going on, or was killed, is no part of a file, and nothing else."""
    files = [path for path in folder.rglob("*") if path.is_file() and ".work" not in path.parts]
    assert all(path.suffix in (".json", ".parquet") for path in files)
    for path in files:
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        else:
            pyarrow.parquet.read_table(path)


def test_nothing_is_scored_twice(job, tmp_path, monkeypatch):
    words, _ = job
    words = [*words, "--output", str(tmp_path / "out")]
    assert run_until(words, "before_the_manifest", 4) == KILLED
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "predictions").iterdir()}
    assert len(kept) == 4
    score.main(words)
    unchanged = [path.name for path, written in kept.items() if path.stat().st_mtime_ns == written]
    assert sorted(unchanged) == ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]
    rows = pyarrow.parquet.read_table(tmp_path / "out" / "predictions")["row"].to_pylist()
    assert sorted(rows) == [row for row in range(40) if row % 9 != 4]


def test_a_finished_job_is_left_alone(job, tmp_path, capsys):
    words, expected = job
    words = [*words, "--output", str(tmp_path / "out")]
    first = score.main(words)
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*")}
    assert score.main(words) == first
    assert "is finished already" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*")} == written
    assert read_files(tmp_path / "out") == expected


@pytest.mark.parametrize("lost", ["predictions/part-00002.parquet", "films.parquet", "rejected.parquet"])
def test_a_file_that_was_removed_is_made_again(job, tmp_path, lost):
    words, expected = job
    words = [*words, "--output", str(tmp_path / "out")]
    score.main(words)
    os.unlink(tmp_path / "out" / lost)
    score.main(words)
    assert read_files(tmp_path / "out") == expected
