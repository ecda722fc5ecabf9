"""The page in a real browser: type, click, read, upload, download; and nothing comes from or goes to another host."""

import csv
import re
import socket
import sys

import pytest

from modeling_bert_bilstm.inference import ReviewScorer, demo
from modeling_bert_bilstm.inference.demo_page import EXAMPLES, MOST_PROBABLE
from modeling_bert_bilstm.inference.explain import ReviewExplainer
from tests.conftest import build_head
from tests.inference.browser import PATIENCE, open_browser


pytest.importorskip("gradio")
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
LIMITS = ["--max_rows", "12", "--max_upload_mib", "1", "--max_review_characters", "400"]
REVIEW = "A good film, and the music is superb, but the plot is weak."


@pytest.fixture(scope="module")
def contacted():
    """Addresses outside of this machine that this process has tried to reach; none is reached."""
    found, connect = [], socket.socket.connect

    def guard(self, address):
        if self.family == socket.AF_UNIX or address[0] in ("127.0.0.1", "::1", "localhost"):
            return connect(self, address)
        found.append(address)
        raise OSError(f"{address} is another host.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guard)
        yield found


@pytest.fixture(scope="module")
def url(model_folder, contacted, tmp_path_factory):
    """Where the page is served, although the network is behind a proxy that does not answer."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            patch.setenv(variable, "http://127.0.0.1:9")
        for variable in ("NO_PROXY", "no_proxy"):
            patch.setenv(variable, "example.org")
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        patch.setenv("GRADIO_SHARE", "True")  # no matter: nothing is shared
        page = demo.main([str(model_folder), *LIMITS], wait=False)
        yield page.local_url.rstrip("/")
        page.close()


@pytest.fixture(scope="module")
def context():
    """What the pages share: a cache, so that only the first one loads Gradio's scripts."""
    with open_browser() as browser:
        yield browser.new_context(viewport=WIDE)


@pytest.fixture
def requested():
    """Addresses that the browser has asked for."""
    return []


@pytest.fixture
def open_page(context, url, requested):
    pages = []

    def open_page(viewport=WIDE):
        page = context.new_page()
        pages.append(page)
        page.set_viewport_size(viewport)
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda request: requested.append(request.url))
        page.goto(url)
        page.wait_for_selector("#review textarea")
        return page

    yield open_page
    for page in pages:
        page.close()


def read_review(page, text):
    page.locator("#review textarea").fill(text)
    page.locator("#read").click()


def upload(page, path):
    page.get_by_role("tab", name="A file of reviews").click()
    page.locator("#file input[type=file]").set_input_files(path)


def wait_for_columns(page):
    page.wait_for_function("document.querySelector('#film_column input').value !== ''")


def wait_for_film(page, film):
    page.wait_for_function("film => document.querySelector('#films')?.innerText.includes(film)", arg=film)


def get_error(page):
    toast = page.locator(".toast-body").last
    toast.wait_for()
    return toast.inner_text()


def write_csv(path, rows, header=("film", "review")):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def test_a_review_gets_its_bars_and_its_words(open_page, model_folder):
    page, expected = open_page(), ReviewExplainer(model_folder)
    for label, chosen in ((None, None), ("negative", "negative"), ("positive", "positive")):
        if chosen:
            page.locator("#label input").click()
            page.locator("[role=option]", has_text=chosen).click()
        read_review(page, REVIEW)
        found = expected.attribute(REVIEW, label=label, method="layer_integrated_gradients")
        page.wait_for_selector(f"#words >> text=for {found.label}:")
        bars = page.locator("#bars").inner_text()
        for name, value in zip(found.labels, found.probabilities, strict=True):
            assert re.search(rf"{name}\s+{value:.0%}", bars)
        shown = {span.inner_text(): span.get_attribute("title") for span in page.locator("#words span[title]").all()}
        strongest = int(abs(found.values).argmax())
        assert shown[found.words[strongest]] == f"{found.values[strongest]:+.3f}"


def test_what_a_visitor_types_is_text(open_page):
    page = open_page()
    text = "a <img src=x onerror='window.obeyed = 1'> ${window.obeyed = 2} {{window.obeyed = 3}} `good` <b>film</b>"
    read_review(page, text)
    page.wait_for_selector("#words span[title]")
    assert text in page.locator("#words").inner_text()
    assert page.evaluate("window.obeyed") is None


def test_an_example_is_one_click_away(open_page):
    page = open_page()
    page.get_by_text(EXAMPLES[0][:40]).click()
    page.wait_for_function(f"document.querySelector('#review textarea').value === {EXAMPLES[0]!r}")


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_a_file_gets_its_films(open_page, viewport, reviews, model_folder, tmp_path):
    films = {"A & B <i>": reviews[0][:4], "second, film": reviews[0][4:8]}
    rows = [(film, text) for film, texts in films.items() for text in texts]
    page = open_page(viewport)
    upload(page, write_csv(tmp_path / "reviews.csv", [*rows, ("second, film", "")]))
    wait_for_columns(page)
    assert page.locator("#text_column input").input_value() == "review"
    page.locator("#read_films").click()
    page.wait_for_selector("#download")
    assert page.locator("#counts").inner_text().strip() == "8 reviews of 2 films; rejected: 1 empty text."
    page.wait_for_function("document.querySelector('#chart img')?.naturalWidth > 0")
    with page.expect_download() as started:
        page.locator("#download").click()
    with open(started.value.path(), encoding="utf-8", newline="") as file:
        written = {row["film"]: row for row in csv.DictReader(file)}
    expected = ReviewScorer(model_folder).aggregate(films)
    assert started.value.suggested_filename == "films.csv"
    assert set(written) == set(films)
    for film, entry in expected.items():
        polarity = entry["audience_polarity"]
        assert float(written[film]["audience_polarity"]) == pytest.approx(polarity, abs=1e-4)
        wait_for_film(page, film)
        row = rf"{re.escape(film)}\s+{re.escape(f'{polarity:+.2f}')}\s"
        assert re.search(row, page.locator("#films").inner_text())
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def test_another_file_takes_the_place_of_the_first(open_page, tmp_path):
    page = open_page()
    for number in (1, 2):
        upload(page, write_csv(tmp_path / f"{number}.csv", [("good", f"film {number}")], ("text", f"column {number}")))
        page.wait_for_function(f"document.querySelector('#film_column input').value === 'column {number}'")
        assert not page.locator("#download").is_visible()
        page.locator("#read_films").click()
        wait_for_film(page, f"film {number}")
        page.locator("#file button[aria-label='Clear']").click()
        page.wait_for_function("document.querySelector('#film_column input').value === ''")


@pytest.mark.parametrize(
    ("text", "message"),
    [(" ", "There is no review yet."), ("good " * 81, "A review may have at most 400 characters here, found 405.")],
)
def test_a_review_that_cannot_be_read_is_refused(open_page, text, message):
    page = open_page()
    read_review(page, text)
    assert message in get_error(page)


def test_a_file_beyond_the_limits_is_refused(open_page, tmp_path):
    page = open_page()
    upload(page, write_csv(tmp_path / "many.csv", [("<b>film</b>", "good")] * 13))
    wait_for_columns(page)
    page.locator("#read_films").click()
    assert "`many.csv` may have at most 12 rows here, found more." in get_error(page)
    large = open_page()
    upload(large, write_csv(tmp_path / "large.csv", [("film", "good " * 2**18)]))
    assert re.search(r"maximum allowed size|exceed", get_error(large))


def test_a_file_that_is_no_table_is_refused(open_page, tmp_path):
    page = open_page()
    upload(page, write_csv(tmp_path / "one.csv", [], ["<b>review</b>"]))
    assert "`one.csv` must begin with a line that names its columns" in (error := get_error(page))
    assert "['<b>review</b>']" in error


def test_nothing_comes_from_another_host(open_page, requested, contacted, url):
    page = open_page()
    read_review(page, REVIEW)
    page.wait_for_selector("#words span[title]")
    foreign = {address for address in requested if not address.startswith((url, "data:", "blob:"))}
    assert requested
    assert not foreign
    assert not contacted


def test_another_host_would_be_noticed(contacted):
    with pytest.raises(OSError, match="is another host"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    assert contacted.pop() == ("192.0.2.1", 80)


def test_a_missing_package_names_its_install_line(model_folder, monkeypatch):
    for package in ("gradio", "captum", "matplotlib"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, package, None)
            with pytest.raises(ImportError, match=re.escape(f"needs {package}")) as raised:
                demo.launch(model_folder, wait=False)
            assert 'pip install "modeling-bert-bilstm[demo]"' in str(raised.value)


@pytest.mark.parametrize("flag", ["--max_rows", "--max_upload_mib", "--max_review_characters"])
def test_a_limit_of_nothing_is_refused(model_folder, capsys, flag):
    with pytest.raises(SystemExit):
        demo.main([str(model_folder), flag, "0"])
    assert f"{flag} must be at least 1, got 0." in capsys.readouterr().err


def list_answers(model, tokenizer, text, label):
    """Return what the page shows for a review, without a browser: (bars, HTML), first the score and then the words."""
    page = demo.build_page("tiny", ReviewScorer(model, tokenizer), demo.Limits())
    bars = next(block for block in page.blocks.values() if block.elem_id == "bars")
    read = next(function.fn for function in page.fns.values() if function.outputs and function.outputs[0] is bars)
    answers = list(read(text, label, "at a glance"))
    return [(bars.postprocess(value).model_dump(), html) for value, html in answers]


def test_five_labels_have_five_bars(five_class_model, tiny_tokenizer):
    (first, _), (last, html) = list_answers(five_class_model, tiny_tokenizer, REVIEW, "so-so")
    for answer in (first, last):
        shares = {row["label"]: row["confidence"] for row in answer["confidences"]}
        assert set(shares) == set(five_class_model.config.id2label.values())
        assert sum(shares.values()) == pytest.approx(1, abs=1e-6)
    assert "so-so" in html


def test_a_number_is_shown_as_one(tiny_tokenizer):
    model = build_head(["rating"], problem_type="regression")
    (first, _), (last, html) = list_answers(model, tiny_tokenizer, REVIEW, MOST_PROBABLE)
    expected = ReviewScorer(model, tiny_tokenizer, precision="float32").score([REVIEW])[0, 0]
    for answer in (first, last):
        assert float(answer["label"]) == pytest.approx(expected, abs=0.02)
    assert "superb" in html


@pytest.mark.parametrize("change", [{"label_polarity": None}, {"problem_type": "multi_label_classification"}])
def test_a_model_without_polarity_has_no_films(tiny_model, tiny_tokenizer, change):
    for name, value in change.items():
        setattr(tiny_model.config, name, value)
    page = demo.build_page("tiny", ReviewScorer(tiny_model, tiny_tokenizer), demo.Limits())
    ids = {block.elem_id for block in page.blocks.values()}
    assert {"review", "bars"} <= ids
    assert "file" not in ids
    assert any("tells no polarity of films" in str(getattr(block, "value", "")) for block in page.blocks.values())
