"""The corpora of the comparison: official splits as they stand, nothing learnt from what is tested."""

import shutil

import pytest
from pyarrow import parquet

from baselines.corpora import CORPORA, load_corpus
from modeling_bert_bilstm.data.sampling import normalise_text
from tests.conftest import build_reviews


@pytest.fixture(scope="module")
def corpora(corpora_folder):
    return {name: load_corpus(name, corpora_folder) for name in CORPORA}


@pytest.mark.parametrize("name", CORPORA)
def test_no_text_is_learnt_and_tested(corpora, name):
    corpus = corpora[name]
    held_out = {normalise_text(text) for split in (corpus.validation, corpus.test) for text in split.texts}
    assert held_out.isdisjoint(normalise_text(text) for text in corpus.train.texts + (corpus.unlabelled or []))
    for split in (corpus.train, corpus.validation, corpus.test):
        assert len(split.texts) == len(split.labels) > 0
        assert set(split.labels) <= set(range(corpus.num_labels))


@pytest.mark.parametrize(("name", "num_labels"), [("sst5", 5), ("sst2", 2), ("mr", 2), ("imdb", 2), ("imdb3", 3)])
def test_classes(corpora, name, num_labels):
    assert corpora[name].num_labels == num_labels
    assert set(corpora[name].test.labels) == set(range(num_labels))
    assert corpora[name].label_names[0].endswith("negative")


def test_the_official_test_split_stays_whole_and_in_order(corpora):
    texts, labels = build_reviews(80, seed=21)
    assert corpora["imdb"].test.texts == texts
    assert corpora["imdb"].test.labels == labels
    assert corpora["sst5"].test.labels == [i % 5 for i in range(25)]


def test_sst2_is_tested_in_one_order_whatever_that_of_its_file(corpora, corpora_folder, tmp_path):
    test, again = corpora["sst2"].test, shutil.copytree(corpora_folder / "sst2", tmp_path / "sst2") / "test.parquet"
    assert test.texts == sorted(test.texts)
    assert sorted(zip(test.texts, test.labels, strict=True)) == sorted(zip(*build_reviews(25, seed=2), strict=True))
    rows = parquet.read_table(again)
    parquet.write_table(rows.take(list(reversed(range(len(rows))))), again)
    assert load_corpus("sst2", tmp_path).test == test


def test_every_reading_is_the_same(corpora, corpora_folder):
    for name, corpus in corpora.items():
        again = load_corpus(name, corpora_folder)
        assert again == corpus
        assert again.fingerprints == corpus.fingerprints


def test_fingerprints_tell_corpora_apart(corpora):
    found = [corpus.fingerprints for corpus in corpora.values()]
    assert len({fingerprints["test"] for fingerprints in found}) == len(CORPORA)
    assert {name for name, corpus in corpora.items() if "unlabelled" in corpus.fingerprints} == {
        "imdb",
        "imdb3",
        "imdb4",
    }


def test_mr_is_cut_in_proportion(corpora):
    corpus = corpora["mr"]
    assert len(corpus.test.labels) == 21
    assert 10 <= sum(corpus.test.labels) <= 11
    assert len(corpus.train.texts) + len(corpus.validation.texts) > 75


def test_imdb_validation_has_films_of_its_own(corpora):
    corpus = corpora["imdb"]
    assert set(corpus.validation.films).isdisjoint(corpus.train.films)
    assert 0 < len(corpus.validation.texts) <= 8
    assert len(set(corpus.test.films)) == 20
    assert corpora["sst5"].test.films is None


def test_unlabelled_reviews_know_no_test_review(corpora):
    assert len(corpora["imdb"].unlabelled) == 30
    assert corpora["sst2"].unlabelled is None


def test_a_corpus_needs_its_own_files_alone(corpora_folder, corpora, tmp_path):
    shutil.copytree(corpora_folder / "imdb", tmp_path / "imdb")
    (tmp_path / "imdb" / "unsup.parquet").unlink()
    corpus = load_corpus("imdb", tmp_path)
    assert corpus.unlabelled is None
    assert corpus.test == corpora["imdb"].test


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(ValueError, match=r"must be one of \['imdb', 'imdb3', .*got 'sst'"):
        load_corpus("sst", tmp_path)
    with pytest.raises(FileNotFoundError, match="`--data` must be the folder of the corpora"):
        load_corpus("sst5", tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"train\.txt\.xz"):
        load_corpus("sst5", tmp_path)
