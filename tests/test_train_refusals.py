"""What train.py refuses before it trains: evaluating what never learnt, writing over a run, names that are wrong."""

import re
import shutil

import datasets
import pytest

import train
from tests.conftest import build_reviews


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def prepare(tmp_path):
    """Return a function that prepares a run on invented reviews, from a model and flags."""
    datasets.Dataset.from_dict(dict(zip(("text", "label"), build_reviews(24), strict=True))).to_csv(
        tmp_path / "reviews.csv"
    )

    def prepare_run(model, *flags, data=("--train_file", str(tmp_path / "reviews.csv"))):
        folder = ["--model_name_or_path", str(model), "--output_dir", str(tmp_path / "run"), "--use_cpu"]
        return train.prepare_run([*folder, *data, *flags])

    return prepare_run


SMALL = ("--window_length", "16", "--window_overlap", "4", "--lstm_hidden_size", "5")


def test_only_a_trained_model_is_evaluated(prepare, encoder_folder, model_folder):
    message = (
        "`--no_do_train` measures a trained model, but 'tiny-bert' is an encoder, whose classifier would be random."
    )
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        prepare(encoder_folder, *SMALL, "--no_do_train")
    assert "Name a folder that train.py wrote with `--model_name_or_path`" in str(caught.value)
    prepare(model_folder, "--no_do_train")


def test_nothing_is_resumed_without_training(prepare, model_folder):
    """It would write the numbers of another model over those of the run."""
    with pytest.raises(
        ValueError, match=re.escape("`--resume_from_checkpoint` goes on with training, which")
    ) as caught:
        prepare(model_folder, "--no_do_train", "--resume_from_checkpoint", "last")
    assert "name a folder that train.py wrote with `--model_name_or_path`" in str(caught.value)
    prepare(model_folder, "--no_do_train", "--resume_from_checkpoint", "no")


def test_a_fresh_classifier_is_not_evaluated(prepare, model_folder):
    with pytest.raises(ValueError, match=re.escape("`--ignore_mismatched_sizes` starts a classifier afresh")):
        prepare(model_folder, "--no_do_train", "--ignore_mismatched_sizes")


def test_training_needs_train_reviews(prepare, encoder_folder, tmp_path):
    with pytest.raises(ValueError, match=re.escape("Training needs `--dataset_name` or `--train_file`")):
        prepare(encoder_folder, *SMALL, data=("--test_file", str(tmp_path / "reviews.csv")))


def test_a_model_folder_that_does_not_exist(prepare, tmp_path):
    with pytest.raises(FileNotFoundError, match="The model folder '.*tiny-brt' does not exist."):
        prepare(tmp_path / "tiny-brt", *SMALL)


def test_an_encoder_that_is_nowhere_is_said_before_reviews_are_read(prepare, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train, "load_splits", lambda **kwargs: pytest.fail("the reviews were read"))
    with pytest.raises(FileNotFoundError, match="The encoder 'nobody/no-such-encoder' is neither a folder here nor a"):
        prepare("nobody/no-such-encoder", *SMALL)


def test_an_encoder_without_tokenizer_is_said_before_reviews_are_read(prepare, encoder_folder, tmp_path, monkeypatch):
    folder = tmp_path / "bare"
    shutil.copytree(encoder_folder, folder, ignore=lambda _, names: [name for name in names if "tokenizer" in name])
    monkeypatch.setattr(train, "load_splits", lambda **kwargs: pytest.fail("the reviews were read"))
    with pytest.raises(FileNotFoundError, match="No tokenizer was found with 'bare'"):
        prepare(folder, *SMALL)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["acuracy"], "no metric of single_label_classification: 'acuracy'. The nearest is `accuracy`."),
        (["eval_f1"], "no metric of single_label_classification: 'eval_f1'. The nearest is `f1_"),
        (["num_reviews"], "no metric of single_label_classification: 'num_reviews'."),
        (
            ["accuracy", "--do_regression"],
            "no metric of regression: 'accuracy'. It has `loss`, `mae`, `mse`, `pearson`.",
        ),
    ],
)
def test_a_metric_is_one_of_the_task(flags, message, prepare, encoder_folder, monkeypatch):
    monkeypatch.setattr(train, "load_splits", lambda **kwargs: pytest.fail("the reviews were read"))
    with pytest.raises(ValueError, match=re.escape(f"`--metric_for_best_model` names {message}")):
        prepare(encoder_folder, *SMALL, "--metric_for_best_model", *flags)


@pytest.mark.parametrize("metric", ["accuracy", "eval_f1_macro", "loss", "expected_calibration_error"])
def test_metrics_that_there_are(metric, prepare, encoder_folder):
    training = prepare(encoder_folder, *SMALL, "--metric_for_best_model", metric).options[2]
    assert training.greater_is_better == (metric in ("accuracy", "eval_f1_macro"))


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_folder_gives_the_split_that_it_is_named_for(split, prepare, encoder_folder, tmp_path):
    """The aclImdb folder behind `--test_file` is its test split."""
    for part, offset in {"train": 0, "validation": 40, "test": 80}.items():
        texts, labels = build_reviews(40, seed=offset)
        for i, (text, label) in enumerate(zip(texts, labels, strict=True)):
            path = tmp_path / "aclImdb" / part / ("neg", "pos")[label] / f"{i}_{(2, 9)[label]}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{part} {i} {text}", encoding="utf-8")
        for name in ("neg", "pos"):
            urls = "\n".join(f"http://www.imdb.com/title/tt{i:07}/usercomments" for i in range(40))
            (tmp_path / "aclImdb" / part / f"urls_{name}.txt").write_text(urls, encoding="utf-8")
    flags = ["--validation_size", "0", *(["--no_do_train"] if split != "train" else [])]
    found = train.load_splits(
        **train.build_split_options(
            *reversed(train.parse_arguments([f"--{split}_file", str(tmp_path / "aclImdb"), *flags])[:2])
        )
    )[0][split]
    assert len(found) == 40
    assert all(text.startswith(split) for text in found["text"])
