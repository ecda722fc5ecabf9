import copy
import re

import pytest
import torch
from transformers import AutoTokenizer

from modeling_bert_bilstm import BertBiLSTMConfig, BertBiLSTMForSequenceClassification
from modeling_bert_bilstm.publishing import PublishingError, build_hub_folder, check, check_hub_folder
from modeling_bert_bilstm.publishing.check import CHECK_TEXTS
from tests.publishing.run_folder import edit_json, read_json, write_run_folder


@pytest.fixture(scope="module")
def run_folder(model_folder, tmp_path_factory):
    return write_run_folder(model_folder, tmp_path_factory.mktemp("check") / "run")


@pytest.fixture(scope="module")
def checked(run_folder):
    """What a stranger found in the publishable folder beside the run."""
    build_hub_folder(run_folder, run_folder.parent / "hub")
    return check_hub_folder(run_folder.parent / "hub", run_folder)


def test_a_stranger_gets_the_logits_of_the_run(checked, run_folder):
    model = BertBiLSTMForSequenceClassification.from_pretrained(run_folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(run_folder)
    encoded = [tokenizer(text, return_tensors="pt") for text in CHECK_TEXTS]
    assert encoded[-1]["input_ids"].shape[1] > 512
    with torch.no_grad():
        assert checked.logits == [model(**inputs).logits[0].tolist() for inputs in encoded]
    assert [answer["label"] for answer in checked.answers["sentiment-analysis"]] == [
        ("negative", "positive")[torch.tensor(row).argmax()] for row in checked.logits
    ]
    assert checked.answers["aggregate-polarity"]["num_reviews"] == len(CHECK_TEXTS)
    assert checked.has_polarity


def test_every_step_has_its_row_in_the_table(checked):
    head, *rows = checked.render().splitlines()
    assert head.split() == ["as", "a", "stranger", "seconds", "outcome"]
    assert [row.split()[0] for row in rows] == list(checked.answers)
    assert len(rows) == 6
    assert all(row.endswith("loaded, equal to the run") for row in rows)


@pytest.mark.parametrize("step", ["AutoTokenizer", "AutoModel", "AutoModelForSequenceClassification"])
def test_another_answer_than_that_of_the_run_is_refused(checked, run_folder, monkeypatch, step):
    answers = copy.deepcopy(checked.answers)
    answers[step][0][0] += 1e-6
    monkeypatch.setattr(check, "load_as_stranger", lambda *args, **options: (answers, checked.seconds))
    with pytest.raises(
        PublishingError, match=rf"A stranger's {step} of .* must answer as the run does: expected \[\["
    ):
        check_hub_folder(run_folder.parent / "hub", run_folder)


def test_code_that_needs_this_package_is_refused(run_folder, tmp_path):
    build_hub_folder(run_folder, tmp_path / "hub")
    code = tmp_path / "hub" / "polarity.py"
    code.write_text("import modeling_bert_bilstm.data\n" + code.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(PublishingError, match=re.compile(r"cannot use .*: .* failed in a process without this", re.S)):
        check_hub_folder(tmp_path / "hub")


def test_a_model_of_one_number_has_no_overall_polarity(tiny_model, model_folder, tmp_path):
    run_folder = write_run_folder(model_folder, tmp_path / "run", task="regression")
    encoder_config = tiny_model.config.encoder_config.to_dict()
    config = BertBiLSTMConfig(encoder_config=encoder_config, lstm_hidden_size=7, num_labels=1)
    BertBiLSTMForSequenceClassification(config).save_pretrained(run_folder)
    edit_json(run_folder / "results.json", metrics={"test": {"mean_squared_error": 0.25}}, labels=["polarity"])
    assert read_json(run_folder / "config.json")["problem_type"] == "regression"
    build_hub_folder(run_folder, tmp_path / "hub")
    card = (tmp_path / "hub" / "README.md").read_text(encoding="utf-8")
    assert "aggregate-polarity" not in card
    assert "## Labels" not in card
    found = check_hub_folder(tmp_path / "hub", run_folder)
    assert not found.has_polarity
    assert len(found.answers) == 5
