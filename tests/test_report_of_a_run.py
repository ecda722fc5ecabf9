"""What train.py keeps is what the report needs: from reviews to the page, on a tiny encoder."""

import json

import datasets
import pandas as pd
import pyarrow.parquet
import pytest

import train
from modeling_bert_bilstm.evaluation.report import write_report
from tests.conftest import build_reviews


@pytest.fixture(scope="module")
def flags(encoder_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reviews")
    for seed, (split, size) in enumerate({"train": 40, "test": 60}.items()):
        texts, labels = build_reviews(size, seed=seed, max_words=50)
        pd.DataFrame({"text": texts, "label": labels}).to_csv(folder / f"{split}.csv", index=False)
    flags = ["--model_name_or_path", str(encoder_folder), "--validation_size", "8", "--num_train_epochs", "1"]
    for split in ("train", "test"):
        flags += [f"--{split}_file", str(folder / f"{split}.csv")]
    return [*flags, *"--window_length 16 --window_overlap 4 --use_cpu --disable_tqdm true --save_strategy no".split()]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def test_a_fresh_run_has_every_part_of_the_report(flags, tmp_path):
    run = train.main([*flags, "--output_dir", str(tmp_path / "run")])
    page = write_report(run).read_text(encoding="utf-8")
    assert 'class="part missing"' not in page
    assert page.count("data:image/png;base64,") == 6
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    table = pyarrow.parquet.read_table(run / "predictions" / "test.parquet")
    wrong = round((1 - results["metrics"]["test"]["accuracy"]) * 60)
    assert wrong > 0
    assert page.count("<li>") == min(wrong, 20)
    assert sum(text in page for text in table["text"].to_pylist()) >= min(wrong, 20)
    assert f"{results['calibration']['expected_calibration_error_before']:.4f} before calibration" in page
    assert results["important_words"]["num_reviews"] == 60


def test_words_are_left_out_on_request(flags, tmp_path):
    run = train.main([*flags, "--output_dir", str(tmp_path / "run"), "--explained_word_pieces", "0"])
    assert json.loads((run / "results.json").read_text(encoding="utf-8"))["important_words"] is None
    with pytest.raises(ValueError, match="`--explained_word_pieces` must be at least 0, got -1."):
        train.main([*flags, "--output_dir", str(tmp_path / "other"), "--explained_word_pieces", "-1"])
