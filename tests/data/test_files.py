"""Readers of CSV, TSV, JSON lines and Parquet files: what they keep, and how they refuse."""

import csv
import gzip
import json
import lzma
import re

import datasets
import pyarrow
import pyarrow.parquet
import pytest

from modeling_bert_bilstm.data import ReviewSource, load_reviews
from modeling_bert_bilstm.data.files import read_table


def write(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def test_csv_keeps_every_cell_as_text(tmp_path):
    path = write(tmp_path, "a.csv", 'text,label\nNA,0\n"a, ""b""\nc",1\nnull,neg\n\nNone,pos\nnan,1\n')
    columns, _ = read_table(path)
    assert columns == {"text": ["NA", 'a, "b"\nc', "null", "None", "nan"], "label": ["0", "1", "neg", "pos", "1"]}
    assert load_reviews(ReviewSource(str(path)))["text"][:] == columns["text"]


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path):
    assert list(read_table(write(tmp_path, "a.csv", b"\xef\xbb\xbftext,label\nfine,1\n"))[0]) == ["text", "label"]


def test_a_delimiter_may_be_named(tmp_path):
    assert read_table(write(tmp_path, "a.csv", "text;label\na,b;1\n"), ";")[0] == {"text": ["a,b"], "label": ["1"]}


def test_a_cell_may_be_longer_than_the_limit_of_the_csv_module(tmp_path):
    limit = csv.field_size_limit()
    text = "word " * (limit // 4)
    assert read_table(write(tmp_path, "a.csv", f"text,label\n{text},1\n"))[0]["text"] == [text]
    assert csv.field_size_limit() == limit


def test_open_quotes_in_tsv_swallow_no_rows(tmp_path):
    path = write(tmp_path, "a.tsv", 'text\tlabel\n"So it begins\t1\nthe "end"\t0\n"bad ""acting"""\t0\nover"\t0\n')
    assert read_table(path)[0]["text"] == ['"So it begins', 'the "end"', 'bad "acting"', 'over"']


def test_quoted_tsv_cells_may_hold_tabs_and_breaks(tmp_path):
    path = write(tmp_path, "a.tsv", 'text\tlabel\n"one\ttwo\nthree\tfour"\t1\n')
    assert read_table(path)[0] == {"text": ["one\ttwo\nthree\tfour"], "label": ["1"]}


def test_json_lines_keep_their_types(tmp_path):
    text = "a\u2028b \U0001f600"
    rows = [{"text": text, "label": 1}, {"text": None, "tags": ["x"]}]
    lines = "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    expected = {"text": [text, None], "label": [1, None], "tags": [None, ["x"]]}
    assert read_table(write(tmp_path, "a.jsonl", lines))[0] == expected
    assert read_table(write(tmp_path, "a.json", json.dumps(rows)))[0] == expected


@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_packed_files_are_unpacked(tmp_path, ending, pack):
    path = write(tmp_path, f"a.csv{ending}", pack(b"text,label\nfine,1\n"))
    assert read_table(path)[0] == {"text": ["fine"], "label": ["1"]}
    with pytest.raises(ValueError, match=re.escape(f"cannot be unpacked as {ending}")):
        read_table(write(tmp_path, f"b.csv{ending}", b"text,label\nfine,1\n"))


def test_parquet_carries_class_names(tmp_path):
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "ok"])})
    datasets.Dataset.from_dict({"text": ["a"], "label": [1]}, features=features).to_parquet(tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet") == ({"text": ["a"], "label": [1]}, {"label": ("bad", "ok")})
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a"], "label": [1]}), tmp_path / "b.parquet")
    assert read_table(tmp_path / "b.parquet") == ({"text": ["a"], "label": [1]}, {})


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.txt"])
def test_a_file_that_is_not_utf8_names_its_line_and_byte(tmp_path, name):
    path = write(tmp_path, name, "text,label\nfine,1\ncaf\xe9,0\n".encode("latin1"))
    with pytest.raises(ValueError, match=re.escape(f"`{path}` must be UTF-8, but byte 21 in line 3 is 0xe9. Save it")):
        load_reviews(ReviewSource(str(path)))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "text,label\na,b,1\n", "Line 2 of `{path}` has 3 cells, but the header has 2. Put texts"),
        ("a.csv", "text,label\na,1\nb\n", "Line 3 of `{path}` has 1 cells, but the header has 2."),
        ("a.csv", 'text,label\n"a,1\nb,0\n', "of `{path}` is not well quoted: unexpected end of data. Close every"),
        ("a.csv", 'text,label\n"a"b,1\n', "Line 2 of `{path}` is not well quoted"),
        ("a.csv", "text,text\na,1\n", "header of `{path}` must name each column once, got ['text', 'text']"),
        ("a.jsonl", '{"text": "a"}\n{"text": \n', "Line 2 of `{path}` is not JSON"),
        ("a.jsonl", '{"text": "a"}\n3\n', "Entry 2 of `{path}` must be a JSON object, got int."),
        ("a.json", '["a"]', "Entry 1 of `{path}` must be a JSON object, got str."),
        ("a.parquet", "text,label\n", "`{path}` is not a Parquet file"),
        (
            "a.xlsx",
            "",
            "`{path}` must end in one of ['.csv', '.tsv', '.json', '.jsonl', '.ndjson', '.parquet', '.txt']",
        ),
    ],
)
def test_a_file_that_cannot_be_read_whole_is_an_error(tmp_path, name, content, message):
    path = write(tmp_path, name, content)
    with pytest.raises(ValueError, match=re.escape(message.format(path=path))):
        read_table(path)


@pytest.mark.parametrize(("name", "content"), [("a.csv", "text,label\n"), ("a.tsv", "text\tlabel\n")])
def test_a_file_without_rows_is_an_error(tmp_path, name, content):
    with pytest.raises(ValueError, match="is empty: it has no rows."):
        load_reviews(ReviewSource(str(write(tmp_path, name, content))))


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json", "a.csv.gz", "a.txt"])
def test_a_file_without_content_is_an_error(tmp_path, name):
    content = gzip.compress(b"") if name.endswith(".gz") else b""
    with pytest.raises(ValueError, match="is empty: it has no rows."):
        load_reviews(ReviewSource(str(write(tmp_path, name, content))))
