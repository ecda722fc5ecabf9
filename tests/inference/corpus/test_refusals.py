"""What the command that scores a corpus refuses, and what it says then."""

import json
import re
import runpy
import shutil
import sys

import pytest

from modeling_bert_bilstm import BertBiLSTMForSequenceClassification
from modeling_bert_bilstm.inference.corpus import job
from modeling_bert_bilstm.inference.corpus.options import RESULT_OPTIONS, parse_options
from modeling_bert_bilstm.inference.corpus.scorers import ScorerOptions, describe_model
from tests.inference.corpus.jobs import read_files, write_corpus


def test_a_model_is_told_apart_by_its_words_and_labels(telling_model, tmp_path):
    shutil.copytree(telling_model, tmp_path / "copy")
    expected = describe_model(telling_model).sha256
    assert describe_model(str(tmp_path / "copy")).sha256 == expected
    config = json.loads((tmp_path / "copy" / "config.json").read_text(encoding="utf-8"))
    words = (tmp_path / "copy" / "tokenizer.json").read_text(encoding="utf-8")
    changes = [
        ("config.json", json.dumps({**config, "label_prior": [0.4, 0.6]})),
        ("config.json", json.dumps({**config, "id2label": {"0": "bad", "1": "good"}})),
        ("tokenizer.json", words.replace('"superb"', '"splendid"')),
    ]
    for name, content in changes:
        before = (tmp_path / "copy" / name).read_text(encoding="utf-8")
        assert content != before
        (tmp_path / "copy" / name).write_text(content, encoding="utf-8")
        assert describe_model(str(tmp_path / "copy")).sha256 != expected
        (tmp_path / "copy" / name).write_text(before, encoding="utf-8")
    with pytest.raises(ValueError, match="must be the model of the job on every machine, found another here"):
        ScorerOptions(
            telling_model, "another", device=ScorerOptions(telling_model, "").resolve().device
        ).build_scorer()


def test_another_input_model_or_option_is_refused(run, tmp_path, tiny_model, tiny_tokenizer):
    run()
    expected = read_files(tmp_path / "out")
    other = write_corpus(tmp_path / "other.parquet", seed=9)
    with pytest.raises(ValueError, match="holds a corpus that was scored otherwise: input sha256 was .*--overwrite"):
        run(input=other)
    with pytest.raises(
        ValueError, match="options group_column was 'film' and is 'text'$|group_column was 'film' and is"
    ):
        run("--group_column", "text")
    with pytest.raises(ValueError, match="options shard_reviews was '7' and is '8'"):
        run("--shard_reviews", 8)
    tiny_tokenizer.save_pretrained(tmp_path / "telling")
    tiny_model.save_pretrained(tmp_path / "telling")
    with pytest.raises(ValueError, match="model sha256 was "):
        run("--model", tmp_path / "telling")
    assert read_files(tmp_path / "out") == expected
    run("--overwrite", input=other)
    assert read_files(tmp_path / "out") != expected
    run("--overwrite")
    assert read_files(tmp_path / "out") == expected


def test_a_job_of_another_kind_of_device_is_refused(run, tmp_path):
    folder, _ = run()
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["resolved"]["device"] = "abacus"
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "predictions" / "part-00005.parquet").unlink()
    with pytest.raises(ValueError, match="was begun on 'abacus', and this is '"):
        run()


def test_an_input_that_changes_while_it_is_scored_is_noticed(run, tmp_path, monkeypatch):
    path = write_corpus(tmp_path / "changing.parquet")
    conclude = job.Job.conclude
    monkeypatch.setattr(job.Job, "conclude", lambda self: (write_corpus(path, num_rows=1), conclude(self))[1])
    with pytest.raises(ValueError, match="must hold the review that was scored, found nothing. The input has changed"):
        run(input=path)


def test_a_model_without_polarity_scores_reviews_only(run, tiny_model, tiny_tokenizer, tmp_path):
    tiny_model.config.label_polarity = None
    tiny_model.save_pretrained(tmp_path / "plain")
    tiny_tokenizer.save_pretrained(tmp_path / "plain")
    with pytest.raises(ValueError, match="`--group_column` needs a model of 2 to 5 labels with `label_polarity`"):
        run("--model", tmp_path / "plain")
    _, summary = run("--model", tmp_path / "plain", options=["--precision", "float32"])
    assert summary["reviews"] == 36
    config = BertBiLSTMForSequenceClassification.from_pretrained(tmp_path / "plain").config
    config.problem_type = "multi_label_classification"
    config.save_pretrained(tmp_path / "plain")
    with pytest.raises(ValueError, match="must give one of several labels to a review"):
        run("--model", tmp_path / "plain")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--shard_reviews", "0"], "`--shard_reviews` must be at least 1, got 0."),
        (["--max_review_characters", "-1"], "`--max_review_characters` must be at least 1, got -1."),
        (["--max_word_pieces", "0"], "`--max_word_pieces` must be at least 1, got 0."),
        (["--delimiter", "::"], "`--delimiter` must be one character, got '::'."),
        (["--num_workers", "2"], "`--num_workers` is for `--engine ray`, got `--engine local`."),
        (["--ray_address", "auto"], "`--ray_address` is for `--engine ray`"),
        (["--engine", "ray", "--backend", "auto"], "Name a backend with `--engine ray`."),
        (["--dataset_revision", "main"], "`--dataset_revision` is for a data set on the Hub, but "),
        (["--text_column", "review"], "must have the columns ['review', 'film'], found ['text', 'film']"),
        (["--model", "nowhere"], "`--model` must be a folder that train.py wrote or an id on the Hub, found neither"),
    ],
)
def test_options_that_do_not_fit_are_errors(run, words, message, tmp_path):
    with pytest.raises((ValueError, OSError), match=re.escape(message)):
        run(*words)
    assert not (tmp_path / "out").exists()


def test_the_output_may_not_be_in_the_input(run, tmp_path):
    (tmp_path / "folder").mkdir()
    write_corpus(tmp_path / "folder" / "a.parquet")
    with pytest.raises(ValueError, match="`--output` must be outside of the folder that is read"):
        run(input=tmp_path / "folder", output="folder/out")


def test_the_input_may_not_be_in_the_output(run):
    folder, _ = run()
    for words in ((), ("--overwrite",)):
        with pytest.raises(ValueError, match="`--output` must not hold what is read, which could be lost"):
            run(*words, input=folder / "films.parquet", options=["--text_column", "most_positive_review"])
    assert (folder / "films.parquet").is_file()


def test_a_mistake_ends_the_command_with_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["score", str(tmp_path / "no.csv"), "--model", "m", "--output", "o"])
    monkeypatch.delitem(sys.modules, "modeling_bert_bilstm.inference.score")
    with pytest.raises(
        SystemExit, match=r"^modeling_bert_bilstm\.inference\.score: `.*no\.csv` must be a folder or end"
    ):
        runpy.run_module("modeling_bert_bilstm.inference.score", run_name="__main__")


def test_every_option_that_changes_the_result_is_in_the_manifest():
    without = {"input", "model", "output", "overwrite", "engine", "num_workers", "ray_address"}
    of_the_hub = {"dataset_config_name", "dataset_split_name"}  # they stand with the input
    options = vars(parse_options(["in", "--model", "m", "--output", "o"]))
    assert set(options) - without - of_the_hub == set(RESULT_OPTIONS)
