"""A run leaves whole results that hold what was measured and no text, and runs nothing twice."""

import json
import sys

import numpy as np
import pytest
import torch
from pyarrow import parquet

from baselines import run, run_record
from baselines.corpora import load_corpus
from baselines.encoders import compute_folder_fingerprint
from baselines.experiment import Experiment
from baselines.results import (
    list_results,
    read_result,
    read_test_reviews,
)
from tests.conftest import TINY_ENCODER


class FakeSystem:
    """Is sure of what a hash of the review says; remembers what it was given."""

    def __init__(self, **options):
        self.options = options

    def fit(self, texts, labels, validation=None):
        self.num_fitted = (len(texts), len(labels), len(validation[0]))
        self.given = (texts, labels), validation

    def predict_proba(self, texts):
        places = np.array([len(text) % self.options["num_labels"] for text in texts])
        probabilities = np.full((len(texts), self.options["num_labels"]), 0.1)
        probabilities[np.arange(len(texts)), places] = 1.0
        return probabilities / probabilities.sum(axis=1, keepdims=True)

    def count_parameters(self):
        return 17


@pytest.fixture
def built(monkeypatch):
    systems = []

    def build(name, **options):
        systems.append(FakeSystem(name=name, **options))
        return systems[-1]

    monkeypatch.setattr(run, "build_system", build)
    return systems


@pytest.fixture
def experiment():
    return Experiment("sst5-stock-tiny", "stock", "sst5", "tiny-bert", (1, 2), {"where": "{data}/x"})


@pytest.fixture
def result(built, experiment, corpora_folder, encoder_folder, tmp_path):
    return run.run_seed(experiment, 2, corpora_folder, encoder_folder, tmp_path / "results")


def write_experiment(folder, **fields):
    fields = {"system": "majority", "corpus": "sst5", "encoder": None, "seeds": [1, 2], **fields}
    path = folder / f"{fields.setdefault('name', 'sst5-majority')}.json"
    path.write_text(json.dumps(fields), encoding="utf-8")
    return path


def test_a_result_holds_what_was_measured(result, built, corpora_folder, encoder_folder):
    record = json.loads(result.read_text(encoding="utf-8"))
    assert {"accuracy", "f1_macro", "mcc", "expected_calibration_error"} <= set(record["metrics"])
    assert (record["experiment"], record["system"], record["seed"]) == ("sst5-stock-tiny", "stock", 2)
    assert (record["corpus"], record["encoder"]) == ("sst5", "tiny-bert")
    assert record["num_parameters"] == 17
    assert record["train_seconds"] >= 0
    assert record["num_reviews"] == dict(zip(("train", "validation", "test"), (built[0].num_fitted[0], 20, 25)))  # noqa: B905
    assert record["fingerprints"] == load_corpus("sst5", corpora_folder).fingerprints
    assert {"torch", "scikit-learn"} <= set(record["environment"]["versions"])
    assert built[0].options["encoder"] == encoder_folder
    assert built[0].options["seed"] == 2
    assert built[0].options["num_labels"] == 5


def test_a_system_learns_from_train_and_chooses_by_validation(result, built, corpora_folder):
    corpus = load_corpus("sst5", corpora_folder)
    train, validation = built[0].given
    assert train == (corpus.train.texts, corpus.train.labels)
    assert validation == (corpus.validation.texts, corpus.validation.labels)
    assert corpus.validation.texts != corpus.test.texts


def test_unlabelled_reviews_are_given(built, corpora_folder, tmp_path):
    run.run_seed(Experiment("x", "word2vec", "imdb", None, (1,)), 1, corpora_folder, None, tmp_path)
    assert built[0].options["unlabelled"] == load_corpus("imdb", corpora_folder).unlabelled
    assert len(built[0].options["unlabelled"]) == 30


def test_speed_is_in_reviews_a_second(built, experiment, corpora_folder, tmp_path, monkeypatch):
    """25 reviews; every look at the clock is half a second later."""
    now = iter(range(100))
    monkeypatch.setattr(run.time, "perf_counter", lambda: next(now) / 2)
    record = read_result(run.run_seed(experiment, 1, corpora_folder, None, tmp_path)).record
    assert (record["train_seconds"], record["reviews_per_second"]) == (0.5, 50.0)


def test_a_result_tells_how_its_system_was_trained_in_fact(corpora_folder, encoder_folder, tmp_path):
    options = {"settings": {"num_epochs": 2}}
    experiment = Experiment("sst2-stock-tiny", "stock", "sst2", "tiny-bert", (1,), options)
    record = read_result(run.run_seed(experiment, 1, corpora_folder, encoder_folder, tmp_path)).record
    assert record["options"] == options
    assert record["process"]["num_threads"] == torch.get_num_threads()
    assert record["process"]["allocator"] in ("glibc, memory kept", "jemalloc", "tcmalloc", "as it comes")
    assert record["settings"].items() >= {"num_epochs": 2, "learning_rate": 1e-4, "seed": 1}.items()
    assert record["settings"]["max_review_length"] == TINY_ENCODER["max_position_embeddings"]
    assert [row["epoch"] for row in record["training"]["history"]] == [1, 2]
    assert record["training"]["best_epoch"] in (1, 2)
    assert record["precision"] in ("bfloat16", "float32")
    assert record["encoder_fingerprint"] == compute_folder_fingerprint(encoder_folder)


def test_what_a_system_does_not_tell_is_left_out():
    assert run_record.describe_training(FakeSystem(), None) == {}


def test_paths_are_put_into_options_and_not_into_results(result, built, corpora_folder, tmp_path):
    assert built[0].options["where"] == f"{corpora_folder}/x"
    written = result.read_text(encoding="utf-8")
    assert '"{data}/x"' in written
    assert str(corpora_folder) not in written
    assert str(tmp_path) not in written


def test_predictions_stand_in_the_order_of_the_test_reviews(result, corpora_folder):
    corpus = load_corpus("sst5", corpora_folder)
    found = read_result(result)
    assert found.labels.tolist() == corpus.test.labels
    expected = [len(text) % 5 for text in corpus.test.texts]
    assert found.predictions.tolist() == expected
    assert found.probabilities.argmax(axis=1).tolist() == expected
    assert found.probabilities.shape == (25, 5)
    assert found.correct.mean() == pytest.approx(found.record["metrics"]["accuracy"])


def test_no_text_of_a_review_is_written(result, corpora_folder):
    corpus = load_corpus("sst5", corpora_folder)
    files = [path for path in result.parent.parent.rglob("*") if path.is_file()]
    assert len(files) == 3
    for path in files:
        content = path.read_bytes()
        assert not any(text.encode() in content for split in (corpus.train, corpus.test) for text in split.texts)
    for path in result.parent.glob("*.parquet"):
        assert not any("string" in str(kind) or "binary" in str(kind) for kind in parquet.read_schema(path).types)


def test_lengths_are_those_of_the_tokenizer(result, corpora_folder, tiny_tokenizer):
    corpus, reviews = load_corpus("sst5", corpora_folder), read_test_reviews(result.parent)
    assert reviews.num_word_pieces.tolist() == [len(tiny_tokenizer(text).input_ids) for text in corpus.test.texts]
    assert reviews.labels.tolist() == corpus.test.labels
    assert reviews.films is None
    assert reviews.encoder == "tiny-bert"


def test_films_are_numbers(built, corpora_folder, encoder_folder, tmp_path):
    run.run_seed(Experiment("x", "stock", "imdb", "tiny-bert", (1,)), 1, corpora_folder, encoder_folder, tmp_path)
    films, names = read_test_reviews(tmp_path / "imdb").films, load_corpus("imdb", corpora_folder).test.films
    assert len(set(films.tolist())) == len(set(names)) == len(set(zip(films.tolist(), names, strict=True)))


def test_what_is_no_distribution_is_refused(built, experiment, corpora_folder, tmp_path, monkeypatch):
    for wrong in (np.full((25, 4), 0.25), np.full((25, 5), 0.5), np.full((25, 5), np.nan)):
        monkeypatch.setattr(FakeSystem, "predict_proba", lambda self, texts, wrong=wrong: wrong)
        with pytest.raises(ValueError, match=r"'stock' must give a distribution .* \(25, 5\)"):
            run.run_seed(experiment, 1, corpora_folder, None, tmp_path)
    assert not list(tmp_path.rglob("*.json"))


def test_other_reviews_than_those_of_the_results_are_refused_before_training(
    result, built, experiment, corpora_folder, tmp_path
):
    path = result.with_suffix(".parquet")
    table = parquet.read_table(path)
    parquet.write_table(table.take(list(reversed(range(len(table))))), path)
    with pytest.raises(ValueError, match=r"is of other reviews than this run, .* order \(test\)"):
        run.run_seed(experiment, 1, corpora_folder, None, tmp_path / "results")
    record = json.loads(result.read_text(encoding="utf-8"))
    record["fingerprints"]["train"] = "other"
    result.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(ValueError, match=r"order \(train\)"):
        run.run_seed(experiment, 1, corpora_folder, None, tmp_path / "results")
    assert len(built) == 1


def test_what_exists_is_skipped(corpora_folder, tmp_path, built):
    path = write_experiment(tmp_path)
    arguments = [str(path), "--data", str(corpora_folder), "--results", str(tmp_path / "r"), "--in_this_process"]
    assert run.main(arguments) == 0
    files = {file: file.read_bytes() for file in (tmp_path / "r").rglob("*-*.*")}
    assert len(files) == 4
    assert len(built) == 2
    (tmp_path / "r" / "sst5" / "sst5-majority-1.parquet").unlink()
    run.main(arguments)
    assert [system.options["seed"] for system in built] == [1, 2, 1]
    assert set(files) == set((tmp_path / "r").rglob("*-*.*"))
    run.main([*arguments, "--seed", "7"])
    assert built[-1].options["seed"] == 7


def test_each_seed_has_a_process_of_its_own(corpora_folder, tmp_path, monkeypatch):
    path = write_experiment(tmp_path)
    arguments = [str(path), "--data", str(corpora_folder), "--results", str(tmp_path / "r"), "--seed", "1"]
    processes = []
    start = run.subprocess.run
    monkeypatch.setattr(run.subprocess, "run", lambda *a, **k: processes.append(start(*a, **k)) or processes[-1])
    assert run.main(arguments) == 0
    assert len(processes) == 1
    assert processes[0].args[0] == sys.executable
    (result,) = list_results(tmp_path / "r")
    assert result.record["system"] == "majority"
    assert len(set(result.predictions.tolist())) == 1


def test_a_seed_that_fails_stops_no_other(corpora_folder, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(run, "run_apart", lambda path, seed, arguments: asked.append(seed) or seed != 1)
    assert run.main([str(write_experiment(tmp_path)), "--data", str(corpora_folder), "--results", str(tmp_path)]) == 1
    assert asked == [1, 2]


def test_an_encoder_that_is_not_at_hand_leaves_its_experiments_out(corpora_folder, tmp_path, monkeypatch, caplog):
    asked = []
    monkeypatch.setattr(run, "run_apart", lambda path, seed, arguments: asked.append(path.stem) or True)
    with_encoder = write_experiment(tmp_path, name="x", system="stock", encoder="gte-small")
    flags = ["--data", str(corpora_folder), "--results", str(tmp_path)]
    assert run.main([str(with_encoder), str(write_experiment(tmp_path)), *flags]) == 0
    assert set(asked) == {"sst5-majority"}
    assert "x: left out: The encoder 'gte-small' was not found" in caplog.text
    with pytest.raises(FileNotFoundError, match="`--encoder` must be its folder, or one that holds `gte-small`"):
        run.main([str(with_encoder), *flags])


def test_an_encoder_of_another_size_leaves_its_experiments_out(
    corpora_folder, encoder_folder, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(run, "run_apart", lambda path, seed, arguments: True)
    with_encoder = write_experiment(tmp_path, name="x", system="stock", encoder="gte-small")
    flags = ["--data", str(corpora_folder), "--results", str(tmp_path), "--encoder", str(encoder_folder)]
    assert run.main([str(with_encoder), str(write_experiment(tmp_path)), *flags]) == 0
    assert "x: left out: 'gte-small' must have" in caplog.text
    with pytest.raises(ValueError, match="'gte-small' must have"):
        run.main([str(with_encoder), *flags])


def test_glove_is_written_as_words_and_numbers(tmp_path, monkeypatch):
    from baselines.glove import GloveVectors

    vectors = GloveVectors({"good": 1, "bad": 0}, np.array([[0.5, -1], [0.25, 2]], dtype=np.float32))
    monkeypatch.setattr(run, "load_glove", lambda: vectors)
    path = run.write_glove(tmp_path)
    assert sorted(path.read_text(encoding="utf-8").splitlines()) == ["bad 0.5 -1", "good 0.25 2"]
