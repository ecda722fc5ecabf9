"""Ray's workers give the files that one process gives, whoever is killed on the way."""

import contextlib
import os
import re
import signal
import sys
from types import SimpleNamespace

import psutil
import pytest

from modeling_bert_bilstm.inference import score
from modeling_bert_bilstm.inference.corpus import files, ray_engine
from modeling_bert_bilstm.inference.corpus.job import ShardWriter
from modeling_bert_bilstm.inference.corpus.ray_engine import WorkerPlan, plan_workers
from modeling_bert_bilstm.inference.corpus.shards import Shard
from tests.inference.corpus.jobs import OPTIONS, find_drafts, read_files, run_until, write_corpus


ray = pytest.importorskip("ray")

KILLED = -signal.SIGKILL


@pytest.fixture(scope="module")
def cluster():
    """A cluster of this machine with two cores; its address."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        yield start_cluster().address_info["gcs_address"]
        ray.shutdown()


def start_cluster():
    """Start it; a machine that is very busy needs more than the half minute that Ray waits."""
    options = {"object_store_memory": 100 * 2**20, "include_dashboard": False, "log_to_driver": False}
    for _ in range(2):
        with contextlib.suppress(Exception):
            return ray.init(address="local", num_cpus=2, **options)
        ray.shutdown()
    return ray.init(address="local", num_cpus=2, **options)


@pytest.fixture(scope="module")
def job(cluster, telling_model, tmp_path_factory):
    """The words of a job without `--engine` and `--output`, and the files that one process gives."""
    folder = tmp_path_factory.mktemp("job")
    words = [str(write_corpus(folder / "corpus.parquet", num_rows=90)), "--model", telling_model, *OPTIONS]
    score.main([*words, "--output", str(folder / "undisturbed")])
    return words, read_files(folder / "undisturbed")


def test_a_killed_worker_loses_nothing(job, tmp_path, monkeypatch):
    """One of two workers is killed while each has shards at hand; meanwhile memory stays bounded."""
    words, expected = job
    read, written, held, killed = 0, 0, [], []

    def count_read(*row, original=files.build_row):
        nonlocal read
        read += 1
        return original(*row)

    def count_written(self, shard, probabilities, original=ShardWriter.write):
        nonlocal written
        held.append(read - written)
        written += shard.num_rows
        return original(self, shard, probabilities)

    def kill_one(*args, original=ray.wait, **kwargs):
        if not killed and written:
            killed.extend(find_workers()[:1])
            os.kill(killed[0], signal.SIGKILL)
        return original(*args, **kwargs)

    monkeypatch.setattr(files, "build_row", count_read)
    monkeypatch.setattr(ShardWriter, "write", count_written)
    monkeypatch.setattr(ray, "wait", kill_one)
    summary = score.main([*words, "--engine", "ray", "--num_workers", "2", "--output", str(tmp_path / "out")])
    assert killed
    assert read_files(tmp_path / "out") == expected
    assert len(held) == 13
    assert max(held) <= 7 * 2 * 2
    assert (summary["engine"], summary["reviews"]) == ("ray", 80)
    assert summary["peak_memory_mib_of_scoring"] > 50


def find_workers():
    """The processes that score: Ray calls them so."""
    children = psutil.Process().children(recursive=True)
    return [child.pid for child in children if " ".join(child.cmdline()).startswith("ray::_Worker")]


def test_a_killed_job_goes_on(job, cluster, tmp_path):
    """Killed while its workers score, before the manifest, and during the films, and begun by another engine."""
    words, expected = job
    words = [*words, "--output", str(tmp_path / "out")]
    with_ray = [*words, "--engine", "ray", "--num_workers", "1", "--ray_address", cluster]
    for engine, point, count, num_parts in (
        (words, "before_the_manifest", 2, 2),
        (with_ray, "while_workers_score", 3, 3),
        (with_ray, "before_the_manifest", 3, 6),
        (with_ray, "during_the_films", 3, 13),
    ):
        assert run_until(engine, point, count) == KILLED
        assert len(list((tmp_path / "out" / "predictions").iterdir())) == num_parts
        assert find_drafts(tmp_path / "out")
    score.main(words)
    assert read_files(tmp_path / "out") == expected


def test_rows_that_kill_every_worker_end_the_job_with_a_message(monkeypatch):
    def get(answer):
        raise ray.exceptions.RayActorError

    monkeypatch.setattr(ray, "get", get)
    engine = ray_engine.RayEngine.__new__(ray_engine.RayEngine)
    engine._ray = ray
    with pytest.raises(RuntimeError, match="Rows 14 to 20 ended their worker 4 times, perhaps for want of memory"):
        engine._fetch(None, Shard(2, 14, 7))


# ---------------------------------------------------------------------------------------------------------------------
# How many workers


@pytest.mark.parametrize(
    ("nodes", "num_workers", "expected"),
    [
        ([{"CPU": 2.0}], None, (1, 2, 0)),
        ([{"CPU": 2.0}], 2, (2, 1, 0)),
        ([{"CPU": 16.0}], None, (4, 4, 0)),
        ([{"CPU": 6.0}, {"CPU": 6.0}], None, (2, 4, 0)),
        ([{"CPU": 6.0}, {"CPU": 6.0}], 3, (3, 3, 0)),
        ([{"CPU": 6.0}, {"CPU": 6.0}], 12, (12, 1, 0)),
        ([{"CPU": 8.0, "GPU": 2.0}, {"CPU": 8.0, "GPU": 1.0}], None, (3, 1, 1)),
        ([{"CPU": 8.0, "GPU": 2.0}, {"CPU": 8.0}], 1, (1, 1, 1)),
    ],
)
def test_workers_fit_their_machines(nodes, num_workers, expected):
    assert plan_workers(nodes, num_workers) == WorkerPlan(*expected)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([{"CPU": 2.0}], "must be at most one a GPU or core of the cluster, got 3 for 2 cores."),
        ([{"CPU": 8.0, "GPU": 2.0}], "got 3 for 2 GPUs."),
    ],
)
def test_more_workers_than_fit_are_an_error(nodes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        plan_workers(nodes, 3)


def test_without_ray_its_install_line_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=re.escape('pip install "modeling-bert-bilstm[ray]"')):
        ray_engine.RayEngine(ray_engine.ScorerOptions("model", ""))


@pytest.mark.parametrize(
    ("address", "message"),
    [("1.2.3.4:5", "joined at `--ray_address 1.2.3.4:5`: No such."), (None, "started here: No such.")],
)
def test_a_cluster_that_cannot_be_reached_is_an_error(monkeypatch, address, message):
    def init(**options):
        raise Exception("No such.")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    double = SimpleNamespace(init=init, is_initialized=lambda: False)
    monkeypatch.setattr(ray_engine, "import_optional", lambda package, extra: double)
    with pytest.raises(ConnectionError, match=re.escape(f"Ray could not be {message} Look whether it runs")):
        ray_engine.RayEngine(ray_engine.ScorerOptions("model", ""), address=address)
