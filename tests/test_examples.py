"""The examples run on a saved folder."""

import json

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
