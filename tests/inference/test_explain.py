"""Asking why: one call for a folder, a page that holds its own, colour never alone."""

import copy
import html
import io
import os
import re

import numpy as np
import pytest
import torch
from rich.console import Console

from modeling_bert_bilstm.attribution import WordAttributions, attribute_words
from modeling_bert_bilstm.inference.explain import ReviewExplainer, main, render_html, render_text


TEXT = "a lovely film , it was not boring ."


def build_attributions(text="<b>superb</b> & dull film\x1b[31m", values=None, **fields):
    """Return attributions of an invented review: superb for the label, dull against it, film hardly either."""
    spans = np.array([(text.index(word), text.index(word) + len(word)) for word in ("superb", "dull", "film")])
    given = {
        "text": text,
        "words": tuple(text[begin:end] for begin, end in spans),
        "spans": spans,
        "values": np.array([2.0, -1.0, 0.01] if values is None else values),
        "label": "<good>",
        "labels": ("<good>", "bad"),
        "probabilities": np.array([0.75, 0.25]),
        "score": 1.1,
        "baseline_score": 0.1,
        "method": "gradient_times_input",
    }
    return WordAttributions(**{**given, **fields})


def strip_tags(fragment):
    return html.unescape(re.sub(r"<[^>]*>", "", fragment))


def test_the_page_holds_the_text_and_nothing_of_it_is_code():
    page = render_html(build_attributions())
    assert "<b>superb</b> & dull film\ufffd[31m" in strip_tags(page)
    assert "<b>" not in page
    assert "<good>" not in page
    assert not re.search(r"<script|src=|href=|url\(|class=", page)
    assert page.count("<div") == page.count("</div>") == 1
    assert page.count("<span") == page.count("</span>")


def test_the_page_shows_signs_without_colour():
    page = render_html(build_attributions())
    styles = {strip_tags(span): span for span in re.findall(r"<span style=[^>]*title[^>]*>[^<]*</span>", page)}
    assert set(styles) == {"superb", "dull"}  # film is too faint
    assert "solid" in styles["superb"]
    assert 'title="+2.000"' in styles["superb"]
    assert "dotted" in styles["dull"]
    assert 'title="-1.000"' in styles["dull"]
    strengths = [float(re.search(r", ([\d.]+)\);", styles[word])[1]) for word in ("superb", "dull")]
    assert strengths[0] == pytest.approx(2 * strengths[1], abs=0.02)


@pytest.mark.parametrize("values", [[0.0, 0.0, 0.0], [-1.0, -2.0, -3.0]])
def test_a_review_that_nothing_speaks_for(values):
    found = build_attributions(values=values)
    assert (
        "title=" not in render_html(found)
        or "solid" not in re.findall(r"<span[^>]*title[^>]*>", render_html(found))[0]
    )
    assert "\nfor <good>" not in render_text(found, io.StringIO())


def test_what_does_not_add_up_is_said():
    whole = build_attributions(num_steps=16, score=1.11)
    assert "add up" not in render_html(whole)
    short = build_attributions(num_steps=512, score=2.2)
    for text in (render_html(short), render_text(short, io.StringIO())):
        assert "The words add up to this difference within 52% only." in text
    assert "add up" not in render_html(build_attributions(score=2.1))  # a gradient alone has no reason to


def test_a_predicted_number_is_no_log_odds():
    number = build_attributions(label="stars", labels=("stars",), probabilities=np.array([3.5]), score=3.5)
    assert "stars: +3.50, +0.10 without the words" in render_text(number, io.StringIO())
    assert "stars 3.500" in render_html(number)


def test_a_pipe_gets_plain_text_with_numbers():
    text = render_text(build_attributions(), io.StringIO())
    assert "\x1b" not in text
    assert "<good> 0.750, bad 0.250" in text
    assert "for <good>: superb +2.00, film +0.01" in text
    assert "against <good>: dull -1.00" in text
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    assert render_text(build_attributions("superb dull – film"), narrow).isascii()


def test_a_terminal_shows_signs_without_colour(monkeypatch):
    for name in ("NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(Console, "_environ", os.environ)  # it keeps what it found when it was first imported
    text = render_text(build_attributions(), io.StringIO())
    codes = {word: re.findall(rf"\x1b\[([\d;]*)m{word}", text) for word in ("superb", "dull", "film")}
    assert codes == {"superb": ["1;34"], "dull": ["4;31"], "film": []}


def test_a_folder_is_explained(model_folder, tiny_model, tiny_tokenizer):
    explainer = ReviewExplainer(model_folder)
    assert explainer.labels == ("negative", "positive")
    found = explainer.attribute(TEXT, label="positive")
    expected = attribute_words(tiny_model, tiny_tokenizer, TEXT, label="positive")
    np.testing.assert_allclose(found.values, expected.values, atol=1e-7)
    out = io.StringIO()
    assert explainer.explain(TEXT, label="positive", file=out) == render_html(found)
    assert out.getvalue() == render_text(found, out)


def test_a_loaded_model_stays_as_it_is(tiny_model, tiny_tokenizer):
    with pytest.raises(ValueError, match="needs its tokenizer"):
        ReviewExplainer(tiny_model)
    with pytest.raises(TypeError, match="must be a folder"):
        ReviewExplainer(torch.nn.Linear(2, 2))
    explainer = ReviewExplainer(tiny_model, tiny_tokenizer)
    assert explainer.model is tiny_model
    assert all(weights.requires_grad for weights in tiny_model.parameters())
    half = copy.deepcopy(tiny_model).bfloat16()
    explainer = ReviewExplainer(half, tiny_tokenizer)
    assert explainer.model.dtype == torch.float32
    assert half.dtype == torch.bfloat16
    explainer.attribute(TEXT)


def test_the_command_line(model_folder, tmp_path, capsys):
    path = tmp_path / "why.html"
    method = "layer_integrated_gradients"
    page = main([str(model_folder), TEXT, "--label", "negative", "--method", method, "--html", str(path)])
    printed = capsys.readouterr().out
    assert TEXT in printed
    assert "layer integrated gradients" in printed
    assert str(path) in printed
    written = path.read_text(encoding="utf-8")
    assert page in written
    assert written.startswith("<!doctype html>")
    with pytest.raises(ValueError, match="`label` must be one of"):
        main([str(model_folder), TEXT, "--label", "good"])
