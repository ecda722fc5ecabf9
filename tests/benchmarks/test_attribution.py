"""The deletion test: what is deleted, what is measured of it, a run that goes on, a page from the result."""

import json
import shutil

import numpy as np
import pytest

from benchmarks import attribution
from modeling_bert_bilstm.attribution import METHODS
from modeling_bert_bilstm.data import ReviewSource
from modeling_bert_bilstm.inference.explain import ReviewExplainer
from reports import attribution as page
from tests.conftest import build_reviews


PATH, FAST = METHODS
TEXTS = build_reviews(5, seed=7)[0]


@pytest.fixture(scope="module")
def explainer(model_folder):
    return ReviewExplainer(model_folder)


def test_words_are_deleted_and_nothing_else(explainer):
    found = explainer.attribute("A  lovely film, <br />not dull!")
    assert found.words == ("A", "lovely", "film", ",", "<br />", "not", "dull", "!")
    assert attribution.delete_words(found, [1, 0, 6]) == "   film, <br />not !"
    assert attribution.delete_words(found, []) == found.text
    order = np.array([6, 1, 0, 2, 3, 4, 5, 7])
    assert [len(text.split()) for text in attribution.list_shortened(found, order)] == [6, 5, 5, 4]


def test_the_drop_is_that_of_the_scorer_itself(explainer):
    row = attribution.measure_review(explainer, TEXTS[0], np.random.default_rng(0))
    found = explainer.attribute(TEXTS[0], method=PATH)
    for share, drop in zip(attribution.SHARES, row["drops"][PATH], strict=True):
        kept = attribution.delete_words(found, found.rank()[: max(1, round(share * len(found.words)))].tolist())
        assert drop == pytest.approx(found.score - explainer.attribute(kept, label=found.label).score, abs=1e-5)
    assert row["errors"][PATH] == found.completeness_error
    assert set(row["drops"]) == {FAST, PATH, attribution.RANDOM}


def test_a_stopped_run_goes_on(explainer, tmp_path, monkeypatch):
    kept = tmp_path / "kept.jsonl"
    first = attribution.measure_corpus("sst5", explainer, TEXTS[:2], kept)
    measured = []
    monkeypatch.setattr(attribution, "measure_review", lambda _, text, __: measured.append(text) or {})
    assert attribution.measure_corpus("sst5", explainer, TEXTS[:3], kept)[:2] == first
    assert measured == TEXTS[2:3]
    attribution.measure_corpus("imdb", explainer, TEXTS[:1], kept)
    assert measured == [TEXTS[2], TEXTS[0]]


def build_row(ahead, **fields):
    drops = {FAST: [2.0 + ahead] * 4, PATH: [3.0 + ahead] * 4, attribution.RANDOM: [2.0] * 4}
    common = {"num_words": 9, "num_steps": 16, "seconds": {FAST: 0.1, PATH: 1.0}, "errors": {FAST: 0.5, PATH: 0.01}}
    return {"drops": drops, **common, **fields}


def test_what_is_summed_up():
    rows = [build_row(1.0), build_row(-1.0, num_steps=64, errors={FAST: 0.7, PATH: 0.2})]
    summary = attribution.summarise(rows)
    assert summary[FAST]["drop"] == [2.0] * 4
    assert summary[FAST]["drop_error"] == pytest.approx([1 / 2**0.5] * 4)
    assert summary[FAST]["ahead"] == [0.0] * 4
    assert summary[FAST]["wins"] == [0.5] * 4
    assert summary[PATH]["wins"] == [0.5] * 4
    assert summary[PATH]["complete"] == 0.5
    assert summary[PATH]["largest_error"] == 0.2
    assert summary["num_steps"] == {"16": 1, "64": 1}
    table = attribution.render_table(summary, attribution.SHARES)
    assert "| gradient times input | 2.00 ± 0.71 |" in table


def test_the_page_is_rendered_from_the_result():
    assert page.PAGE.read_text(encoding="utf-8") == page.render_page()


def test_the_chart_is_drawn(tmp_path):
    page.draw_chart(page.load(), tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_top_words_matter_more_than_random_ones_and_the_path_adds_up():
    corpora = page.load()["corpora"]
    assert set(corpora) == set(page.NAMES)
    for name, summary in corpora.items():
        assert summary["num_reviews"] >= {"sst5": 100, "imdb": 40}[name]
        path = summary[PATH]
        for share in range(len(attribution.SHARES)):
            assert path["ahead"][share] > 3 * path["ahead_error"][share]
        assert path["complete"] >= 0.95


def test_the_whole_of_it(model_folder, tmp_path, monkeypatch, capsys):
    run = tmp_path / "run"
    shutil.copytree(model_folder, run)
    (run / "results.json").write_text(json.dumps({"name": "a run", "model": {"encoder": "tiny"}}), encoding="utf-8")
    monkeypatch.setattr(attribution, "RESULT", tmp_path / "attribution.json")
    monkeypatch.setattr(attribution, "draw_texts", lambda source, count, _: TEXTS[:count])
    words = [str(run), "imdb.csv", str(run), "sst.csv", "--num_sentences", "2", "--num_reviews", "1"]
    result = attribution.main(words)
    assert json.loads(json.dumps(result)) == page.load()
    assert set(result["corpora"]) == set(page.NAMES)
    assert result["corpora"]["sst5"]["num_reviews"] == 2
    assert "a run (tiny), 2 reviews" in page.render_page()
    assert "| random words |" in page.render_short()
    assert "fell further" in capsys.readouterr().out


def test_reviews_are_drawn_the_same_each_time(tmp_path):
    file = tmp_path / "test.csv"
    file.write_text("text,label\n" + "".join(f"review {i},{i % 2}\n" for i in range(20)), encoding="utf-8")
    first, second = (attribution.draw_texts(ReviewSource(file), 7, 2) for _ in range(2))
    assert first == second
    assert len(set(first)) == 7
    assert first != [f"review {i}" for i in range(7)]
