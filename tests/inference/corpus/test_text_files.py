"""CSV and JSON lines that are not as they should be: every row that can be read is, and the others have a reason."""

import csv

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from modeling_bert_bilstm.inference.corpus import text_files
from modeling_bert_bilstm.inference.corpus.rows import Columns
from tests.inference.corpus.reading import read, to_csv, to_json_lines, write


def test_what_is_wrong_in_csv_is_a_row_with_a_reason(tmp_path):
    lines = [b"text,film", b"good,a", b"", b"too,many,cells", b"few", b"caf\xe9,b", b",c", b'"closed"x,d', b"good,e"]
    rows = read(write(tmp_path / "a.csv", b"\n".join(lines)))
    assert [(row.text, row.film) for row in rows] == [
        ("good", "a"),
        (None, None),
        (None, None),
        (None, "b"),
        (None, "c"),
        (None, None),
        ("good", "e"),
    ]
    assert [row.reason for row in rows if row.reason] == [
        "malformed line: 3 cells, but the header has 2",
        "malformed line: 1 cells, but the header has 2",
        "invalid UTF-8",
        "empty text",
        "malformed line: ',' expected after '\"'",
    ]


@pytest.mark.parametrize("place", [0, 1, 19, 20])
def test_a_quote_that_is_never_closed_takes_one_line_with_it(tmp_path, place, monkeypatch):
    lines = [f"review {i},film {i}" for i in range(20)]
    lines.insert(place, '"never closed,film')
    texts = [row.text for row in read(write(tmp_path / "a.csv", "\n".join(["text,film", *lines])))]
    assert texts[place] is None
    assert texts[:place] + texts[place + 1 :] == [f"review {i}" for i in range(20)]
    monkeypatch.setattr(text_files, "_MIN_RECORD_BYTES", 64)  # ends in the middle of the file
    assert [row.text for row in read(tmp_path / "a.csv", Columns("text", "film", 9))] == texts


def test_what_is_wrong_in_json_lines_is_a_row_with_a_reason(tmp_path):
    deep = b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    lines = [
        b'{"text": "good", "film": "a"}',
        b"",
        b'{"film": "b"}',
        b'{"text": null, "film": 7}',
        b'{"text": 7, "film": null}',
        b'{"text": "half \\ud83d", "film": "c"}',
        b'{"text": "caf\xe9", "film": "caf\xe9"}',
        b'{"text": "cut off',
        b'["text"]',
        deep,
        b'{"text": "good", "film": {"a": 1}}',
    ]
    rows = read(write(tmp_path / "a.jsonl", b"\n".join(lines)))
    assert [(row.film, (row.reason or "").partition(":")[0]) for row in rows] == [
        ("a", ""),
        ("b", "missing text"),
        ("7", "missing text"),
        (None, "not a string"),
        ("c", "invalid UTF-8"),
        ("caf\ufffd\ufffd\ufffd", "invalid UTF-8"),
        (None, "malformed line"),
        (None, "malformed line"),
        (None, "malformed line"),
        ('{"a": 1}', ""),
    ]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_line_without_end_takes_no_memory(tmp_path, name, monkeypatch):
    monkeypatch.setattr(text_files, "_MIN_RECORD_BYTES", 64)
    monkeypatch.setattr(text_files, "_SKIPPED_AT_ONCE", 10)
    columns = Columns("text", "film", max_characters=8)
    rows = [("good", "a"), ("x" * 1_000, "b"), ("fine", "c"), ("x" * 1_000, "d")]
    path = write(tmp_path / name, to_csv(rows) if name == "a.csv" else to_json_lines(rows))
    assert [row.text for row in read(path, columns)] == ["good", None, "fine", None]
    with path.open("rb") as stream:
        assert max(len(line or "") for line in text_files.read_lines(stream, 64, name)) <= 65


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["a.csv", "a.jsonl"]), st.integers(0, 12))
def test_no_line_loses_another(tmp_path_factory, garbage, name, place):
    """Whatever stands among good lines, they are read, in order and once; what begins as UTF-16 is refused."""
    assume(name == "a.csv" or place or not garbage.startswith(text_files._UTF_16))
    good = [(f"review {i}", f"film {i}") for i in range(12)]
    lines = (to_csv(good) if name == "a.csv" else to_json_lines(good)).encode().splitlines()
    lines.insert(place + (name == "a.csv"), garbage)
    path = write(tmp_path_factory.mktemp("garbage") / name, b"\n".join(lines))
    texts = [row.text for row in read(path)]
    assert [text for text in texts if text and text.startswith("review")] == [text for text, _ in good]


def test_a_cell_may_be_longer_than_the_limit_of_the_csv_module_which_stays(tmp_path):
    limit = csv.field_size_limit()
    long = "word " * (limit // 4)
    rows = read(write(tmp_path / "a.csv", to_csv([(long, "a"), ("short", "b")])))
    assert next(iter(rows)).text == long
    assert csv.field_size_limit() == limit
