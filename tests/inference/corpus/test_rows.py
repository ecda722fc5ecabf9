"""The rows of a corpus: every form of file, what cannot be read or scored, going on in the middle, films."""

import re

import pyarrow
import pyarrow.parquet
import pytest

from modeling_bert_bilstm.inference.corpus.files import FileCorpus
from modeling_bert_bilstm.inference.corpus.rows import Columns, Row, read_text
from tests.inference.corpus.reading import COLUMNS, ROWS, read, to_csv, write, write_rows


NAMES = ["a.parquet", "a.csv", "a.tsv", "a.jsonl", "a.ndjson", "a.json", "a.csv.gz", "a.jsonl.xz"]


@pytest.mark.parametrize("name", NAMES)
def test_every_form_gives_the_same_rows(tmp_path, name):
    expected = [Row(number, text, film, None) for number, (text, film) in enumerate(ROWS)]
    path = write_rows(tmp_path / name)
    assert read(path) == expected
    for start in range(len(ROWS) + 1):
        assert read(path, start=start) == expected[start:]


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("c.csv", "b/a.jsonl", "a.parquet", "b/z.parquet"):
        write_rows(tmp_path / name, [(f"{name} {i}", "film") for i in range(3)])
    for name in ("README.md", "_SUCCESS.csv", ".hidden.csv"):
        write(tmp_path / name, "not,read\n")
    rows = read(tmp_path)
    expected = [f"{name} {i}" for name in ("a.parquet", "b/a.jsonl", "b/z.parquet", "c.csv") for i in range(3)]
    assert [row.text for row in rows] == expected
    assert [row.number for row in rows] == list(range(12))
    for start in range(13):
        assert read(tmp_path, start=start) == rows[start:]


# ---------------------------------------------------------------------------------------------------------------------
# What cannot be scored


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "missing text"),
        (float("nan"), "missing text"),
        (7, "not a string: int"),
        (True, "not a string: bool"),
        (["a"], "not a string: list"),
        ("", "empty text"),
        (" \n\t", "empty text"),
        (b"caf\xe9", "invalid UTF-8"),
        ("caf\udce9", "invalid UTF-8"),
        ("\ud83d", "invalid UTF-8"),
        ("x" * 21, "text too long: more than 20 characters"),
    ],
)
def test_a_value_that_is_no_review_has_a_reason(value, reason):
    assert read_text(value, 20) == (None, reason)


@pytest.mark.parametrize("value", ["Fine.", "x" * 20, "né", "\U0001f600", "nul \0"])
def test_a_review_stays_as_it_is(value):
    assert read_text(value, 20) == read_text(value.encode(), 20) == (value, None)


@pytest.mark.parametrize("kind", [pyarrow.string(), pyarrow.large_string(), pyarrow.binary(), pyarrow.large_binary()])
def test_bytes_that_are_no_text_do_not_end_the_reading_of_parquet(tmp_path, kind):
    values = pyarrow.array([b"good", b"caf\xe9", None, b"fine"], pyarrow.binary())
    table = pyarrow.table({"text": values.cast(pyarrow.large_binary()).cast(kind, safe=False), "film": [1, 2, 3, 4]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    rows = read(tmp_path / "a.parquet")
    assert [row.text for row in rows] == ["good", None, None, "fine"]
    assert [row.reason for row in rows] == [None, "invalid UTF-8", "missing text", None]


def test_texts_by_number_of_a_dictionary_are_read(tmp_path):
    table = pyarrow.table({name: pyarrow.array(["a", "b", "a", None]).dictionary_encode() for name in COLUMNS.names})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    assert [(row.text, row.film) for row in read(tmp_path / "a.parquet")] == [
        *zip("aba", "aba", strict=True),
        (None, None),
    ]


# ---------------------------------------------------------------------------------------------------------------------
# Films


@pytest.mark.parametrize(
    ("films", "kind", "expected"),
    [
        ([1, 2, None], pyarrow.int64(), [1, 2, None]),
        (pyarrow.array([1, 2, None], pyarrow.int8()), pyarrow.int64(), [1, 2, None]),
        (pyarrow.array([1, 2, 2**64 - 1], pyarrow.uint64()), pyarrow.string(), ["1", "2", "18446744073709551615"]),
        ([1.0, float("nan"), None], pyarrow.float64(), [1.0, None, None]),
        (["a", " ", None], pyarrow.string(), ["a", None, None]),
        ([None, None, None], pyarrow.string(), [None, None, None]),
    ],
)
def test_films_are_kept_as_they_are(tmp_path, films, kind, expected):
    pyarrow.parquet.write_table(pyarrow.table({"text": list("abc"), "film": films}), tmp_path / "a.parquet")
    corpus = FileCorpus(tmp_path / "a.parquet", COLUMNS)
    assert corpus.film_type == kind
    assert [row.film for row in corpus.read_rows()] == expected


def test_numbers_and_texts_as_films_become_texts(tmp_path):
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a"], "film": [7]}), tmp_path / "a.parquet")
    write(tmp_path / "b.jsonl", '{"text": "b", "film": 7}\n{"text": "c", "film": "7"}\n')
    assert [row.film for row in read(tmp_path)] == ["7", "7", "7"]


def test_a_whole_number_is_one_film_however_it_is_written(tmp_path):
    for name, films in (("a", [7, 8]), ("b", [7.0, None])):  # whole numbers with a gap are often kept as 7.0
        pyarrow.parquet.write_table(pyarrow.table({"text": ["x", "y"], "film": films}), tmp_path / f"{name}.parquet")
    lines = (f'{{"text": "z", "film": {film}}}\n' for film in ("7.0", "7.5", "1e999"))
    write(tmp_path / "c.jsonl", "".join(lines))
    assert [row.film for row in read(tmp_path)] == ["7", "8", "7", None, "7", "7.5", "inf"]


def test_without_group_column_no_film_is_read(tmp_path):
    path = write(tmp_path / "a.csv", "text\ngood\n")
    assert read(path, Columns("text")) == [Row(0, "good", None, None)]


# ---------------------------------------------------------------------------------------------------------------------
# What cannot be read at all


def test_a_missing_column_names_those_found_and_the_flag(tmp_path):
    for name in NAMES[:4]:
        path = write_rows(tmp_path / name)
        for columns, flags in (
            (Columns("review", "film"), "`--text_column`"),
            (Columns("text", "movie"), "`--group_column`"),
            (Columns("review", "movie"), "`--text_column` and `--group_column`"),
        ):
            found = f"must have the columns {columns.names}, found ['text', 'film']. Name yours with {flags}."
            with pytest.raises(ValueError, match=re.escape(found)):
                FileCorpus(path, columns)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", b"not", "is not a Parquet file"),
        ("a.csv", b"", "must begin with a line that names its columns, found none (empty)"),
        ("a.csv", b"text,film,text\n", "must name each of ['text', 'film'] once, found ['text', 'film', 'text']"),
        ("a.csv", "text,film\n".encode("utf-16"), "must be UTF-8, but begins as UTF-16"),
        ("a.jsonl", b'[{"text": "a"}]', "must have one JSON object a line, but is a list"),
        ("a.jsonl", b"", "must have the columns ['text', 'film'], found []"),
    ],
)
def test_a_file_that_is_something_else_is_an_error(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(message)):
        read(tmp_path / name)


@pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.xz"])
def test_a_packed_file_that_is_cut_off_is_an_error(tmp_path, name):
    path = write_rows(tmp_path / name, [(f"review {i * i}", f"film {i}") for i in range(2_000)])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"cannot be unpacked as .*Write it again"):
        read(path)


@pytest.mark.parametrize("broken", [slice(1_000, 1_100), slice(-200, -8)])  # the latter tells where Parquet's rows are
@pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.xz", "a.parquet"])
def test_a_file_that_is_broken_is_named(tmp_path, name, broken):
    path, rows = tmp_path / name, [(f"review {i * i}", f"film {i}") for i in range(2_000)]
    if name == "a.parquet":
        table = pyarrow.table(dict(zip(COLUMNS.names, zip(*rows, strict=True), strict=True)))
        pyarrow.parquet.write_table(table, path, compression="gzip", row_group_size=500)
    content = bytearray((path if path.exists() else write_rows(path, rows)).read_bytes())
    content[broken] = bytes(byte ^ 90 for byte in content[broken])
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"`.*{name}` (cannot be .*Write it again|is not a Parquet file that can)"):
        read(path)


def test_a_column_that_is_there_twice_is_an_error(tmp_path):
    table = pyarrow.table([["a"], ["b"], ["c"], ["d"], ["e"]], names=["text", "x", "film", "x", "text"])
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=re.escape("must name each of ['text', 'film'] once, found ['text', 'x', ")):
        read(tmp_path / "a.parquet")
    pyarrow.parquet.write_table(table.remove_column(4), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == [Row(0, "a", "c", None)]


def test_columns_of_other_kinds_are_an_error(tmp_path):
    pyarrow.parquet.write_table(pyarrow.table({"text": [1], "film": [[1]]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="`--text_column` must hold text, found int64"):
        FileCorpus(tmp_path / "a.parquet", COLUMNS)
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a"], "film": [[1]]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"`--group_column` must hold text or numbers, found list<.*Write it as text"):
        FileCorpus(tmp_path / "a.parquet", COLUMNS)


def test_a_folder_without_files_names_what_it_has(tmp_path):
    write(tmp_path / "a.txt", "text")
    with pytest.raises(FileNotFoundError, match=re.escape("found ['a.txt']")):
        FileCorpus(tmp_path, COLUMNS)
    with pytest.raises(FileNotFoundError, match="found a file that ends in '.txt'"):
        FileCorpus(tmp_path / "a.txt", COLUMNS)
    with pytest.raises(FileNotFoundError, match="found no such file or folder"):
        FileCorpus(tmp_path / "b.csv", COLUMNS)


# ---------------------------------------------------------------------------------------------------------------------
# How many there are


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.csv.gz", "a.jsonl"])
def test_the_number_of_rows_is_known_or_judged(tmp_path, name):
    corpus = FileCorpus(write_rows(tmp_path / name, [(f"review {i:06d}", "film") for i in range(20_000)]), COLUMNS)
    assert corpus.num_rows == (20_000 if name == "a.parquet" else None)
    rows = corpus.read_rows()
    assert next(row for row in rows if row.number == 10_000)
    # What is packed is read in pieces, of which this file has few.
    assert corpus.estimate_num_rows(10_001) == pytest.approx(20_000, rel=0.6 if name.endswith(".gz") else 0.2)


def test_contents_are_told_apart_by_every_byte(tmp_path):
    path = write_rows(tmp_path / "a.csv")
    before = FileCorpus(path, COLUMNS).describe()
    assert FileCorpus(path.rename(tmp_path / "b.csv"), COLUMNS).describe() == before
    (tmp_path / "b.csv").write_text(to_csv(ROWS).replace("dull", "full"), encoding="utf-8")
    assert FileCorpus(tmp_path / "b.csv", COLUMNS).describe() != before
