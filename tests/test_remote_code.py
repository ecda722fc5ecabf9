"""A saved folder as a stranger meets it: a fresh isolated interpreter, another directory, no package of ours."""

import json
import os
import subprocess
import sys
import textwrap

import pytest
import torch
from transformers.dynamic_module_utils import get_relative_import_files

from modeling_bert_bilstm.modeling_bert_bilstm import SHIPPED_FILES
from tests.conftest import REPOSITORY


TEXTS = ["a great film .", "dull and boring , the plot was a waste of film . " * 9, "fine"]
LONG_REVIEW = " ".join(["the plot was good but the ending weak"] * 625)  # 5,000 words

STRANGER = """
import json, sys
sys.modules["modeling_bert_bilstm"] = None  # importing the package would fail
import torch
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoTokenizer, pipeline

folder, texts, long_review = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
trust = {"trust_remote_code": True}
found = {"config": type(AutoConfig.from_pretrained(folder, **trust)).__name__}
tokenizer = AutoTokenizer.from_pretrained(folder, **trust)
batch = tokenizer(texts, padding=True, return_tensors="pt")
for auto in (AutoModel, AutoModelForSequenceClassification):
    model = auto.from_pretrained(folder, **trust).eval()
    with torch.no_grad():
        found[auto.__name__] = model(**batch).logits.tolist()
for task in ("sentiment-analysis", "text-classification"):
    pipe = pipeline(task, model=folder, **trust)
    found[task] = pipe(texts, top_k=None)
    found[task + " long"] = pipe(long_review)
    found[task + " batched"] = pipe([*texts, long_review], batch_size=2)
aggregate = pipeline("aggregate-polarity", model=folder, **trust)
found["aggregate-polarity"] = aggregate({"one": texts, "other": [long_review]})
model.save_pretrained(sys.argv[4])
tokenizer.save_pretrained(sys.argv[4])
print(json.dumps(found))
"""


def run_as_stranger(code, *arguments, cwd):
    """Run code in a new interpreter that sees neither this folder nor PYTHON* settings, and read its last line."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_MODULES_CACHE": str(cwd / "modules")}
    command = [sys.executable, "-I", "-c", textwrap.dedent(code), *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def stranger(model_folder, tmp_path_factory):
    """What a stranger sees of the saved folder; the copy that it saves again stands in `again`."""
    cwd = tmp_path_factory.mktemp("stranger")
    return run_as_stranger(
        STRANGER, str(model_folder), json.dumps(TEXTS), LONG_REVIEW, str(cwd / "again"), cwd=cwd
    ), cwd / "again"  # fmt: skip


@pytest.fixture
def expected_logits(tiny_model, tiny_tokenizer):
    with torch.no_grad():
        return tiny_model(**tiny_tokenizer(TEXTS, padding=True, return_tensors="pt")).logits


@pytest.mark.parametrize("auto", ["AutoModel", "AutoModelForSequenceClassification"])
def test_logits_equal_those_before_saving_bit_for_bit(stranger, expected_logits, auto):
    found, _ = stranger
    assert found["config"] == "BertBiLSTMConfig"
    assert found[auto] == expected_logits.tolist()


@pytest.mark.parametrize("task", ["sentiment-analysis", "text-classification"])
def test_the_stock_pipelines_score_reviews_of_any_length(stranger, expected_logits, task):
    found, _ = stranger
    expected = expected_logits.softmax(dim=-1)
    for scores, row in zip(found[task], expected, strict=True):
        by_label = {entry["label"]: entry["score"] for entry in scores}
        assert by_label == pytest.approx({"negative": row[0].item(), "positive": row[1].item()}, abs=1e-5)
    batched = found[task + " batched"]
    assert [entry["score"] for entry in batched[:-1]] == pytest.approx(expected.amax(dim=-1).tolist(), abs=1e-5)
    assert batched[-1]["score"] == pytest.approx(found[task + " long"][0]["score"], abs=1e-5)


def test_the_aggregate_pipeline_loads_and_answers_for_each_film(stranger):
    found, _ = stranger
    films = found["aggregate-polarity"]
    assert list(films) == ["one", "other"]
    assert films["one"]["num_reviews"] == 3
    assert films["other"]["num_reviews"] == 1


def test_a_copy_saved_by_a_stranger_is_whole(stranger, model_folder):
    _, again = stranger
    for name in SHIPPED_FILES:
        assert (again / name).read_text(encoding="utf-8") == (model_folder / name).read_text(encoding="utf-8")
    configs = [json.loads((folder / "config.json").read_text(encoding="utf-8")) for folder in (model_folder, again)]
    assert configs[0]["auto_map"] == configs[1]["auto_map"]
    assert configs[0]["custom_pipelines"] == configs[1]["custom_pipelines"]


def test_the_shipped_files_are_exactly_what_the_model_file_reaches():
    entry = REPOSITORY / "modeling_bert_bilstm" / "modeling_bert_bilstm.py"
    reached = {entry.name} | {path.rsplit("/", 1)[-1] for path in get_relative_import_files(entry)}
    assert reached == set(SHIPPED_FILES)
