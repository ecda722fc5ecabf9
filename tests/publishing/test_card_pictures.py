"""The pictures of the report in the model card: drawn from the run that is published, and no review in them."""

import logging
import re

import datasets
import numpy as np
import pytest

from modeling_bert_bilstm.evaluation.pictures import PICTURE_NAMES
from modeling_bert_bilstm.publishing import PublishingError, build_hub_folder
from modeling_bert_bilstm.training.predictions import write_predictions
from tests.publishing.run_folder import HUB_FILES, write_run_folder


WORDS = {
    "method": "gradient_times_input",
    "split": "test",
    "num_reviews": 16,
    "min_reviews": 5,
    "words": {"negative": [{"word": "dull", "attribution": 1.5, "num_reviews": 6}], "positive": []},
}
SECRET = "nobody may read this review"


@pytest.fixture
def run_folder(model_folder, tmp_path):
    """A run with all that its report can show."""
    folder = write_run_folder(model_folder, tmp_path / "run", important_words=WORDS)
    labels = [i % 2 for i in range(16)]
    columns = {"id": [str(i) for i in range(16)], "labels": labels, "text": [f"{SECRET} {i}" for i in range(16)]}
    reviews = datasets.Dataset.from_dict({**columns, "input_ids": [[2] * (5 + i) for i in range(16)]})
    probabilities = np.where(np.eye(2)[labels] == 1, 0.8, 0.2)
    probabilities[:3] = probabilities[:3, ::-1]
    write_predictions(folder / "predictions" / "test.parquet", reviews, probabilities)
    return folder


def test_the_card_shows_every_picture_and_no_review_is_published(run_folder, tmp_path):
    names = build_hub_folder(run_folder, tmp_path / "hub")
    assets = sorted(f"assets/{name}.png" for name in PICTURE_NAMES)
    assert names == sorted({*HUB_FILES, *assets})
    card = (tmp_path / "hub" / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r'<img src="([^"]+)" alt="[^"<>]+" width="\d+">', card)) == assets
    assert "## Words that speak for each label\n\n<img" in card
    assert "of the shortest are right" in card
    contents = [(tmp_path / "hub" / name).read_bytes() for name in names]
    assert not any(SECRET.encode() in content for content in contents)
    assert not (run_folder / "report").exists()


def test_pictures_are_drawn_anew_for_the_next_model(run_folder, tmp_path):
    build_hub_folder(run_folder, tmp_path / "hub")
    (run_folder / "predictions" / "test.parquet").unlink()
    names = build_hub_folder(run_folder, tmp_path / "hub")
    assert "assets/reliability.png" not in names
    assert "assets/reliability.png" not in (tmp_path / "hub" / "README.md").read_text(encoding="utf-8")
    assert "assets/confusion_matrix.png" in names


def test_without_matplotlib_the_card_has_no_pictures_and_says_so(run_folder, tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with caplog.at_level(logging.WARNING):
        names = build_hub_folder(run_folder, tmp_path / "hub")
    assert names == [name for name in HUB_FILES if not name.startswith("assets/")]
    assert "The card has no pictures. The report needs matplotlib" in caplog.text
    assert 'pip install "modeling-bert-bilstm[report]"' in caplog.text
    assert "<img" not in (tmp_path / "hub" / "README.md").read_text(encoding="utf-8")


def test_predictions_of_another_run_are_not_drawn(run_folder, tmp_path):
    reviews = datasets.Dataset.from_dict({"id": ["0"], "labels": [0], "text": ["a"], "input_ids": [[2]]})
    write_predictions(run_folder / "predictions" / "test.parquet", reviews, np.array([[0.5, 0.5]]))
    with pytest.raises(PublishingError, match=r"cannot be drawn: .* must hold 16 reviews of 2 labels"):
        build_hub_folder(run_folder, tmp_path / "hub")
    assert not (tmp_path / "hub").exists()
