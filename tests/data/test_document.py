"""What docs/data.md says is true: its block runs, its sources are read, its flags are the arguments."""

import inspect
import json
import re
from dataclasses import fields

import datasets
import pytest

from modeling_bert_bilstm.data import ReviewSource, load_reviews, load_splits
from modeling_bert_bilstm.training.arguments import DataArguments, build_parser
from tests.conftest import REPOSITORY


TEXT = (REPOSITORY / "docs" / "data.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
CALLS = re.findall(r"`(ReviewSource\(.*?\))`", TEXT.split("## Sources")[1].split("\n- ")[0])


def build_package(num_rows):
    rows = [
        f"review {i} of the {part},{i % 2},{part}" for part in ("imdb", "rotten_tomatoes") for i in range(num_rows)
    ]
    return "\n".join(["text,label,source", *rows, ""])


@pytest.fixture
def sources(tmp_path, monkeypatch, acl_imdb, install_reviews):
    """Every source of the table, tiny, under its name there; the Hub is a double."""
    rows = {"text": ["dull", "superb"], "label": ["0", "1"]}

    def load_dataset(path, config_name, **fields):
        assert (path, config_name) == ("stanfordnlp/imdb", None)
        return datasets.Dataset.from_dict(rows)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    install_reviews(build_package(2))
    (tmp_path / "reviews.csv").write_text("review;sentiment\ndull;neg\nsuperb;pos\n", encoding="utf-8")
    lines = [json.dumps({"text": text, "label": label}) for text, label in zip(*rows.values(), strict=True)]
    (tmp_path / "reviews.jsonl").write_text("\n".join(lines), encoding="utf-8")
    datasets.Dataset.from_dict({"sentence": rows["text"], "label": rows["label"]}).to_parquet("train.parquet")
    (tmp_path / "train.txt").write_text("(1 (2 dull) (2 film))\n(4 (3 superb) (2 film))\n", encoding="utf-8")


def test_there_is_something_to_test():
    assert len(BLOCKS) == 1
    assert len(CALLS) == 7


@pytest.mark.parametrize("block", BLOCKS)
def test_the_python_blocks_run(install_reviews, block):
    install_reviews(build_package(2600))
    names = {}
    exec(block, names)  # noqa: S102
    assert len(names["reviews"]) == 2600
    assert list(names["splits"]) == ["train", "validation", "test"]
    assert not set(names["splits"]["train"]["group"]) & set(names["splits"]["test"]["group"])


@pytest.mark.parametrize("call", CALLS)
def test_every_source_of_the_table_is_read(sources, call):
    reviews = load_reviews(eval(call, {"ReviewSource": ReviewSource}))
    assert set(reviews["label"]) == {0, 1}


def test_the_half_of_the_corpus_that_is_tested_on_is_another(sources):
    (call,) = re.findall(r"`(load_splits\(.*?\)\))`", TEXT, flags=re.DOTALL)
    splits, _ = eval(call, {"load_splits": load_splits, "ReviewSource": ReviewSource})
    assert {name.split("/")[0] for name in splits["test"]["id"]} == {"test"}


def test_the_arguments_are_flags():
    flags = {option for action in build_parser()._actions for option in action.option_strings}
    table = dict(re.findall(r"^\| `(\w+)` \| (.*--.*|none) \|$", TEXT.split("## Sources")[0], flags=re.MULTILINE))
    arguments = {field.name for field in fields(ReviewSource)} | set(inspect.signature(load_splits).parameters)
    called_alike = {field.name for field in fields(DataArguments)} | {"cache_dir", "token"}
    assert {f"--{name}" for name in arguments & called_alike} <= flags
    assert arguments - called_alike - {"train", "validation", "test"} == set(table)
    for name, cell in table.items():
        named = set(re.findall(r"--\w+", cell))
        assert named <= flags
        assert bool(named) == (cell != "none"), name
