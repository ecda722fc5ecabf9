"""What the tests of scoring a corpus share: a model that tells reviews apart, invented corpora, killed jobs."""

import copy
import json
import multiprocessing
import os
import signal
from pathlib import Path

import pyarrow
import pyarrow.parquet
import torch

from tests.conftest import build_reviews


OPTIONS = ["--group_column", "film", "--precision", "float32", "--shard_reviews", "7"]


def save_telling_model(folder, model, tokenizer):
    """Save a copy of the tiny model with a classifier whose probabilities differ from review to review."""
    model = copy.deepcopy(model)
    with torch.no_grad():
        model.classifier.weight *= 100
        texts = build_reviews(24)[0]
        logits = model(**tokenizer(texts, padding=True, return_tensors="pt")).logits
        model.classifier.bias -= logits.mean(dim=0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def build_corpus(num_rows, *, num_films=5, seed=3):
    """Return rows with a text and a film; every ninth has no text, and films come in no order."""
    texts, _ = build_reviews(num_rows, seed=seed, max_words=40)
    texts = [None if i % 9 == 4 else text for i, text in enumerate(texts)]
    return pyarrow.table({"text": texts, "film": [f"film {i * 7 % num_films}" for i in range(num_rows)]})


def write_corpus(path, **options):
    """Write such a corpus as Parquet, in row groups of 11 rows, and return its path."""
    pyarrow.parquet.write_table(build_corpus(**{"num_rows": 40, **options}), path, row_group_size=11)
    return path


def read_files(folder):
    """Return the bytes of every file of a job but the one that tells the time it took."""
    files = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    assert json.loads(files.pop("summary.json").read_text(encoding="utf-8"))["seconds"] > 0
    return {name: path.read_bytes() for name, path in files.items()}


# ---------------------------------------------------------------------------------------------------------------------
# Killing. A server is started once, imports what a job needs and runs nothing; every job is a fork of it, a process of
# its own that ends by SIGKILL where the test says.


def run_until(argv, point, count):
    """Run a job in another process until it is killed there; return that process's exit code.

    Args:
        argv: What follows `python -m modeling_bert_bilstm.inference.score`.
        point: One of the functions below without "_kill_", or None to let it end.
        count: At which passing of the point it is killed.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["modeling_bert_bilstm.inference.score", __name__])
    process = context.Process(target=_run, args=([str(word) for word in argv], point, count))
    process.start()
    process.join()
    return process.exitcode


def _run(argv, point, count):
    from modeling_bert_bilstm.inference import score

    passed = 0

    def die_here():
        nonlocal passed
        passed += 1
        if passed == count:
            os.kill(os.getpid(), signal.SIGKILL)

    if point is not None:
        globals()[f"_kill_{point}"](die_here)
    score.main(argv)


def _after(owner, name, die_here):
    original = getattr(owner, name)

    def wrapped(*args, **kwargs):
        result = original(*args, **kwargs)
        die_here()
        return result

    setattr(owner, name, wrapped)


def _before(owner, name, die_here):
    original = getattr(owner, name)

    def wrapped(*args, **kwargs):
        die_here()
        return original(*args, **kwargs)

    setattr(owner, name, wrapped)


def _kill_during_a_shard(die_here):
    """Some of its reviews are scored."""
    from modeling_bert_bilstm.inference import scoring

    _after(scoring, "compute_probabilities", die_here)


def _kill_before_the_manifest(die_here):
    """A shard is written, and the manifest does not know."""
    from modeling_bert_bilstm.inference.corpus.manifest import JobFolder

    _before(JobFolder, "record", die_here)


def _kill_during_the_films(die_here):
    """Half of films.parquet is written."""
    from modeling_bert_bilstm.inference.corpus import films

    films._FILMS_AT_ONCE = 2
    _after(films.FilmWriter, "_build_entry", die_here)


def _kill_while_workers_score(die_here):
    """Ray's workers have shards at hand."""
    import ray

    _before(ray, "wait", die_here)


def _kill_before_a_file(die_here):
    """A draft is whole and not yet the file."""
    _before(os, "replace", die_here)


def _kill_after_a_file(die_here):
    """A file has just become whole."""
    _after(os, "replace", die_here)


def find_drafts(folder):
    """Return files that are no result."""
    return [path for path in Path(folder).rglob("*") if "draft" in path.name or ".work" in path.parts]
