"""Fixtures of scoring a corpus: a model that tells reviews apart, and the command."""

import os

import pytest

from modeling_bert_bilstm.inference import ReviewScorer, score
from tests.inference.corpus.jobs import OPTIONS, save_telling_model, write_corpus


# Else Ray keeps a secret in the home folder, which two runs of the tests on one machine would fight about. It stands
# here, so that every process of the tests has it.
os.environ["RAY_AUTH_MODE"] = "disabled"


@pytest.fixture(scope="session")
def telling_model(_tiny_model, tiny_tokenizer, tmp_path_factory):
    """The folder of a tiny model whose probabilities differ from review to review; treat it as read only."""
    return str(save_telling_model(tmp_path_factory.mktemp("telling") / "telling", _tiny_model, tiny_tokenizer))


@pytest.fixture(scope="session")
def scorer(telling_model):
    """What scores with it in one process."""
    return ReviewScorer(telling_model, precision="float32")


@pytest.fixture
def run(telling_model, tmp_path):
    """Score a corpus, of 40 rows if none is given, into a folder; return the folder and the summary."""
    corpus = write_corpus(tmp_path / "corpus.parquet")

    def run_score(*words, input=corpus, options=OPTIONS, output="out"):
        path = tmp_path / output
        words = [input, "--model", telling_model, *options, "--output", path, *words]
        return path, score.main([str(word) for word in words])

    return run_score
