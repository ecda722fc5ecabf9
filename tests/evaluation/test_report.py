"""The report of a run: everything is on one page, nothing is invented, an older run gets what it has."""

import base64
import html
import json
import re
import shlex

import numpy as np
import pyarrow.parquet
import pytest

from modeling_bert_bilstm.evaluation import plots, report
from modeling_bert_bilstm.evaluation.breakdowns import compute_accuracy_by_length
from modeling_bert_bilstm.evaluation.finished_run import load_run
from modeling_bert_bilstm.evaluation.pictures import PICTURE_NAMES, list_pictures, render_measuring_command
from modeling_bert_bilstm.evaluation.report import build_mistakes, main, write_report
from modeling_bert_bilstm.training.arguments import parse_arguments
from tests.evaluation.conftest import draw_answers


FILE = "my reviews.csv"


@pytest.fixture
def without_drawing(monkeypatch):
    """Figures are empty files: what the page says is looked at."""
    monkeypatch.setattr(plots, "write_figure", lambda draw, path: path.write_bytes(b"\x89PNG"))


def read(path):
    return path.read_text(encoding="utf-8")


def read_text(path):
    """What a person reads on a page."""
    page = re.sub(r"<style>.*?</style>|data:image/png;base64,[^\"]*", "", read(path), flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def list_missing(path):
    return re.findall(r'class="part missing" id="(\w+)"', read(path))


def test_the_page_needs_no_other_file_and_has_every_picture(write_run):
    path = write_report(write_run())
    assert path.name == "report.html"
    images = re.findall(r'src="data:image/png;base64,([^"]+)"', read(path))
    files = [path.with_name(f"{name}.png") for name in PICTURE_NAMES]
    assert [base64.b64decode(image) for image in images] == [file.read_bytes() for file in files]
    assert {entry.name for entry in path.parent.iterdir()} == {"report.html", *(file.name for file in files)}
    assert not list_missing(path)
    without_images = re.sub(r"data:image/png;base64,[^\"]+", "", read(path))
    assert not re.search(r"<script|<link|@import|url\(|https?:|file:", without_images)
    assert set(re.findall(r'href="([^"]*)"', without_images)) <= {"#measure"}
    assert '<meta name="viewport" content="width=device-width' in without_images


@pytest.mark.usefixtures("without_drawing")
def test_numbers_are_those_of_the_run(write_run):
    folder = write_run()
    run = load_run(folder)
    text = read_text(write_report(folder))
    metrics = json.loads(read(folder / "results.json"))["metrics"]["test"]
    assert f"{metrics['accuracy']:.1%} of 300 test reviews right (95% interval " in text
    for name, value in metrics.items():
        if isinstance(value, float):
            assert f"{name.replace('_', ' ')} {value:.4f}" in text
    assert "after it (temperature 1.700, fitted on validation)" in text
    assert f"{metrics['expected_calibration_error']:.4f} after it" in text
    assert f"{np.trace(metrics['confusion_matrix'])} of 300 test reviews" in text
    groups = compute_accuracy_by_length(run.predictions.num_word_pieces, run.predictions.is_right)
    assert groups.accuracy[0] != groups.accuracy[-1]
    assert f"{groups.accuracy[0]:.1%} of the shortest are right, {groups.accuracy[-1]:.1%} of the longest" in text
    assert "by gradient times input on 200 test reviews; words that stand in at least 5 of them" in text
    assert "word0 (2.000, 9 reviews), word1 (1.900, 10 reviews)" in text
    assert (
        f"surer than {np.median(run.predictions.confidence[run.predictions.is_right]):.0%} where it is right" in text
    )


@pytest.mark.usefixtures("without_drawing")
def test_the_twenty_surest_mistakes_stand_with_their_texts(write_run):
    folder = write_run()
    table = pyarrow.parquet.read_table(folder / "predictions" / "test.parquet")
    labels, probabilities = table["label"].to_numpy(), np.stack(table["probabilities"].to_pylist())
    wrong = [i for i in range(300) if probabilities[i].argmax() != labels[i]]
    surest = sorted(wrong, key=lambda i: -probabilities[i].max())[:20]
    page = read(write_report(folder))
    found = re.findall(r"answers <strong>(\w+)</strong> \(([\d.]+)%\), labelled <strong>(\w+)</strong>, (\d+)", page)
    names = ["negative", "positive"]
    assert found == [
        (names[1 - labels[i]], f"{100 * probabilities[i].max():.1f}", names[labels[i]], f"{3 + i % 90}")
        for i in surest
    ]
    assert re.findall(r'<div class="review">(.*?)</div>', page) == [f"review {i}, of {i % 7} films" for i in surest]


@pytest.mark.usefixtures("without_drawing")
def test_a_text_is_no_markup(write_run):
    evil = '<script>alert("1")</script> & <img src=x onerror=alert(2)> {{ run }}'
    labels = ["<b>bad</b>", "$good$"]
    page = read(write_report(write_run(labels=labels, texts=[evil] * 300)))
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "<b>bad" not in page
    assert page.count(html.escape(evil, quote=False).replace('"', "&#34;")) == 20


def test_a_long_review_is_folded_whole_and_breaks_of_pages_are_lines(write_run):
    text = "One two.<br /><br />Three " + "four " * 400
    answers = (np.array([0, 1]), np.array([[0.1, 0.9], [0.2, 0.8]]))
    (mistake,) = build_mistakes(load_run(write_run(answers=answers, texts=[text, "short"])))
    assert mistake["begin"].startswith("One two.\n")
    assert "<br" not in mistake["begin"]
    assert 500 < len(mistake["begin"]) <= 600
    assert f"{mistake['begin']} {mistake['rest']}".split() == text.replace("<br />", " ").split()
    assert mistake["confidence"] == pytest.approx(0.9)


def test_an_older_run_gets_what_it_has_and_is_told_the_rest(write_run, forget):
    folder = write_run(important_words=None)
    write_report(folder)
    forget(folder, "text", "num_word_pieces")
    path = write_report(folder)
    assert list_missing(path) == ["accuracy_by_length", "important_words"]
    assert {file.stem for file in path.parent.glob("*.png")} == set(PICTURE_NAMES) - set(list_missing(path))
    text = read_text(path)
    assert "This run did not keep the number of word pieces of each review." in text
    assert "This run did not keep attributions of words." in text
    assert "This run did not keep the texts of its reviews." in text
    assert render_measuring_command(load_run(folder)) in text


@pytest.mark.usefixtures("without_drawing")
def test_without_predictions_and_epochs_the_rest_is_drawn(write_run):
    folder = write_run(history=[])
    (folder / "predictions" / "test.parquet").unlink()
    path = write_report(folder)
    assert list_missing(path) == ["learning_curves", "confidence", "reliability", "accuracy_by_length"]
    assert "it measured a model without training it" in read_text(path)
    assert "This run did not keep its predictions." in read_text(path)


def test_the_command_measures_the_same_reviews(write_run, tmp_path):
    folder = write_run()
    words = shlex.split(render_measuring_command(load_run(folder)))
    assert words[:2] == ["python", "train.py"]
    (tmp_path / FILE).touch()
    model, data, training = parse_arguments(words[2:])
    assert (model.model_name_or_path, training.output_dir) == (str(folder), f"{folder}-measured")
    assert not training.do_train
    assert (data.train_file, data.num_labels, data.split_by_group, data.test_groups) == (FILE, 3, True, ["a b", "c"])


@pytest.mark.usefixtures("without_drawing")
@pytest.mark.parametrize(
    ("task", "metrics", "shown"),
    [
        ("regression", {"mse": 0.5, "mae": 0.25, "pearson": 0.75, "loss": 0.5, "num_reviews": 4}, "mae 0.2500"),
        ("multi_label", {"subset_accuracy": 0.5, "f1_micro": 0.625, "num_reviews": 4}, "f1 micro 0.6250"),
    ],
)
def test_what_gives_no_single_label_has_curves_and_metrics(task, metrics, shown, write_run):
    path = write_report(write_run(task=task, metrics={"test": metrics}, calibration=None, important_words=None))
    assert list_missing(path) == list(PICTURE_NAMES[1:])
    assert shown in read_text(path)
    assert read_text(path).count("Only a model that gives one label to each review has this part.") == 6
    assert "The report of the folder" not in read_text(path)


@pytest.mark.usefixtures("without_drawing")
def test_a_run_that_is_never_wrong_and_one_that_measured_nothing(write_run):
    true, _ = draw_answers(60, 2)
    right = write_report(write_run(answers=(true, np.eye(2)[true] * 0.9 + 0.05)))
    assert "There is none: all test reviews got their label." in read_text(right)
    nothing = write_report(write_run("nothing", metrics={}, important_words=None))
    assert "No split was measured." in read_text(nothing)
    assert list_missing(nothing) == list(PICTURE_NAMES[1:])


def test_without_a_temperature_there_is_one_curve(write_run):
    pictures = {picture.name: picture for picture in list_pictures(load_run(write_run(calibration=None)))}
    assert "this run fitted no temperature" in pictures["reliability"].caption
    assert pictures["reliability"].draw.keywords["before"] is None


def test_files_of_two_runs_are_refused(write_run):
    folder, other = write_run(), write_run("other", num_reviews=40)
    (other / "predictions" / "test.parquet").replace(folder / "predictions" / "test.parquet")
    message = "must hold 300 reviews of 2 labels, as results.json says, found 40 of 2. The files are of two runs"
    with pytest.raises(ValueError, match=message):
        load_run(folder)


@pytest.mark.parametrize(
    ("content", "message"), [("{", "is no results.json"), ("[]", "is no results.json"), ("{}", "metrics")]
)
def test_broken_results_are_named(content, message, tmp_path):
    with pytest.raises(FileNotFoundError, match="must hold the results.json of a finished run, but has none"):
        load_run(tmp_path)
    (tmp_path / "results.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_run(tmp_path)


def test_broken_predictions_and_a_split_that_is_not_there_are_named(write_run):
    folder = write_run()
    with pytest.raises(
        ValueError, match=re.escape("`--split` must be one that the run measured, ['test'], got 'train'.")
    ):
        load_run(folder, "train")
    (folder / "predictions" / "test.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match="cannot be read as predictions"):
        load_run(folder)


@pytest.mark.parametrize("package", ["matplotlib", "jinja2"])
def test_a_missing_package_names_its_extra(package, write_run, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(ImportError, match=rf'needs {package}, .* pip install "modeling-bert-bilstm\[report\]"'):
        write_report(write_run())


@pytest.mark.usefixtures("without_drawing")
def test_the_command_line(write_run, tmp_path, capsys):
    path = main([str(write_run()), "--output_dir", str(tmp_path / "a" / "b"), "--split", "test"])
    assert path == tmp_path / "a" / "b" / "report.html"
    printed = capsys.readouterr().out
    assert f"{path}: " in printed
    assert all(f"{name}.png" in printed for name in PICTURE_NAMES)
    assert report.__doc__.splitlines()[2].startswith("python -m modeling_bert_bilstm.evaluation.report")
