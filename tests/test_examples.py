"""The examples run on a saved folder."""

import json
import shutil

import pandas as pd

from examples import quickstart
from examples.use_published_model import main


def test_a_published_model_reads_reviews_and_films(model_folder, tmp_path, capsys):
    file = tmp_path / "reviews.json"
    reviews = ["a great film .", "dull and boring " * 30]
    file.write_text(json.dumps({"reviews": reviews, "films": {"one": reviews, "none": []}}), encoding="utf-8")
    found = main([str(model_folder), str(file)])
    printed = capsys.readouterr().out
    assert [answer["label"] in ("negative", "positive") for answer in found["reviews"]] == [True, True]
    assert found["films"]["one"]["num_reviews"] == 2
    assert " 92  dull and boring" in printed
    assert "      0  neutral          -  -                none" in printed


def test_the_quickstart_shows_a_mixed_a_held_out_and_a_long_review_and_three_films(
    model_folder, tmp_path, monkeypatch
):
    run = tmp_path / "run"
    shutil.copytree(model_folder, run)
    (run / "predictions").mkdir()
    pd.DataFrame({"id": ["1", "2", "3"]}).to_parquet(run / "predictions" / "test.parquet")
    rows = [
        {"id": "0", "text": "film " * 600, "group": "trained on"},
        {"id": "1", "text": "short", "group": "rows 00000-00049"},
        {"id": "2", "text": "good film " * 300, "group": "rows 00000-00049"},
        {"id": "3", "text": "great", "group": quickstart.FILMS[1]},
        {"id": "4", "text": "bad", "group": quickstart.FILMS[0]},
    ]
    monkeypatch.setattr(quickstart, "load_reviews", lambda source: rows)
    monkeypatch.setattr(quickstart, "RUN", run)
    chosen = quickstart.choose_reviews()
    assert chosen["reviews"][:3] == list(quickstart.OWN_REVIEWS)
    assert "but" in chosen["reviews"][2]  # the mixed one
    assert chosen["reviews"][3:] == ["short", "good film " * 300]
    assert list(chosen["films"].values()) == [["bad"], ["great"], []]
