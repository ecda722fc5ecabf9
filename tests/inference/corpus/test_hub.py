"""A data set of the Hub as a corpus: streamed from one commit, by a local double of the Hub."""

import re
from types import SimpleNamespace

import datasets
import huggingface_hub
import pytest
from huggingface_hub.errors import RepositoryNotFoundError

from modeling_bert_bilstm.inference import score
from modeling_bert_bilstm.inference.corpus.hub import HubCorpus
from modeling_bert_bilstm.inference.corpus.rows import Columns
from tests.conftest import build_reviews


COLUMNS = Columns("review", "movie")


class HubDouble:
    """A folder for each commit, read by the real library, which streams a folder as it streams the Hub."""

    def __init__(self, folder):
        self.folder, self.asked = folder, []
        self.branches, self.commits = {}, set()

    def commit(self, branch, sha, columns, **kinds):
        features = datasets.Features({name: kinds.get(name, datasets.Value("string")) for name in columns})
        rows = datasets.Dataset.from_dict(columns, features=features)
        half = len(rows) // 2
        for i, part in enumerate((rows.select(range(half)), rows.select(range(half, len(rows))))):
            part.to_parquet(self.folder / sha / f"train-{i}.parquet")
        self.branches[branch] = sha
        self.commits.add(sha)

    def dataset_info(self, name, revision=None):
        if name != "me/reviews" or (revision or "main") not in {*self.branches, *self.commits}:
            raise RepositoryNotFoundError("404", response=SimpleNamespace(headers={}, request=None, status_code=404))
        return SimpleNamespace(sha=self.branches.get(revision or "main", revision))

    def load_dataset(self, name, config_name, *, split, revision, streaming):
        assert (name, streaming) == ("me/reviews", True)
        self.asked.append(revision)
        folder = str(self.folder / revision)
        return self.load(folder, config_name, split=split, streaming=True, cache_dir=str(self.folder / "cache"))


@pytest.fixture
def hub(tmp_path, monkeypatch):
    double = HubDouble(tmp_path / "hub")
    double.load = datasets.load_dataset
    monkeypatch.setattr(datasets, "load_dataset", double.load_dataset)
    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", double.dataset_info)
    texts = [*build_reviews(9)[0], None]
    double.commit("main", "a1", {"review": texts, "movie": [i % 3 for i in range(10)]}, movie=datasets.Value("int32"))
    return double


def test_a_data_set_is_streamed_from_any_row(hub):
    corpus = HubCorpus("me/reviews", COLUMNS)
    rows = list(corpus.read_rows())
    assert [row.number for row in rows] == list(range(10))
    assert [row.film for row in rows] == [i % 3 for i in range(10)]
    assert [row.text for row in rows] == [*build_reviews(9)[0], None]
    assert str(corpus.film_type) == "int64"
    assert list(corpus.read_rows(6)) == rows[6:]
    assert list(corpus.read_rows(10)) == []


def test_a_missing_column_split_and_data_set_are_errors(hub):
    found = "`me/reviews` must have the columns ['text', 'movie'], found ['review', 'movie']"
    with pytest.raises(ValueError, match=re.escape(found)):
        HubCorpus("me/reviews", Columns("text", "movie"))
    with pytest.raises(ValueError, match="has no split 'testing' .* `--dataset_split_name`"):
        HubCorpus("me/reviews", COLUMNS, split="testing")
    with pytest.raises(FileNotFoundError, match="`me/other` is neither a file or folder here nor a data set"):
        HubCorpus("me/other", COLUMNS)
    with pytest.raises(FileNotFoundError, match="at revision 'old'"):
        HubCorpus("me/reviews", COLUMNS, revision="old")


def test_without_a_network_the_way_out_is_named():
    with pytest.raises(ConnectionError, match="Without a network, name a file or folder"):
        HubCorpus("me/reviews", COLUMNS)


def test_a_job_goes_on_with_the_commit_that_it_began_with(hub, model_folder, tmp_path, monkeypatch):
    words = ["me/reviews", "--model", str(model_folder), "--text_column", "review", "--group_column", "movie"]
    words += ["--precision", "float32", "--shard_reviews", "4"]
    expected = score.main([*words, "--output", str(tmp_path / "undisturbed")])
    assert (expected["reviews"], expected["rejected"], expected["films"]) == (9, {"missing text": 1}, 3)
    with monkeypatch.context() as context:
        context.setattr(score.Job, "conclude", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            score.main([*words, "--output", str(tmp_path / "out")])
    hub.commit("main", "b2", {"review": ["new"] * 4, "movie": ["x"] * 4})
    score.main([*words, "--output", str(tmp_path / "out")])
    assert set(hub.asked) == {"a1"}
    for name in ("films.parquet", "rejected.parquet", "predictions/part-00000.parquet"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()
    summary = score.main([*words, "--output", str(tmp_path / "out"), "--overwrite"])
    assert (summary["reviews"], hub.asked[-1]) == (4, "b2")
