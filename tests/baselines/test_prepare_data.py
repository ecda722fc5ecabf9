"""What the authors publish becomes the folder that the comparison reads: every row, with its label, film and order."""

import shutil

import pytest

from baselines.corpora import load_corpus
from baselines.prepare_data import main, read_glue_sentence
from tests.conftest import build_reviews


TREE = "(3 (2 It) (4 (2 (2 's) (2 Good)) (2 -LRB-)))"


def write_lines(path, lines, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding=encoding)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Made-up files in the forms of their authors; treat the folder as read only."""
    folder = tmp_path_factory.mktemp("raw")
    for seed, split in enumerate(("train", "test")):
        texts, labels = build_reviews(40, seed=seed)
        for sentiment, rating in (("neg", 2), ("pos", 9)):
            chosen = [text for text, label in zip(texts, labels, strict=True) if label == (rating > 5)]
            write_lines(
                folder / "aclImdb" / split / f"urls_{sentiment}.txt",
                [f"http://www.imdb.com/title/tt00{seed}{i // 3}/usercomments" for i in range(len(chosen))],
            )
            for i, text in enumerate(chosen):
                path = folder / "aclImdb" / split / sentiment / f"{i}_{rating}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    for i in (0, 2, 10):
        path = folder / "aclImdb" / "train" / "unsup" / f"{i}_0.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"unlabelled {i}", encoding="utf-8")
    for seed, name in enumerate(("train", "dev", "test")):
        texts, _ = build_reviews(20, seed=10 + seed)
        trees = [f"({i % 5} {' '.join(f'(2 {word})' for word in text.split())})" for i, text in enumerate(texts)]
        write_lines(folder / "sst" / f"{name}.txt", [*trees, TREE])
    for seed, name in enumerate(("train", "dev")):
        texts, labels = build_reviews(20, seed=20 + seed)
        rows = [f"{text} \t{label}" for text, label in zip(texts, labels, strict=True)]
        write_lines(folder / "sst2" / f"{name}.tsv", ["sentence\tlabel", *rows])
    texts, _ = build_reviews(30, seed=30)
    write_lines(folder / "mr" / "rt-polarity.neg", [f"{text} cliché… " for text in texts[:15]], "cp1252")
    write_lines(folder / "mr" / "rt-polarity.pos", texts[15:], "cp1252")
    return folder


@pytest.fixture(scope="module")
def prepared(raw, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "data"
    flags = [("--aclimdb", "aclImdb"), ("--sst", "sst"), ("--sst2", "sst2"), ("--mr", "mr")]
    main([str(out), *(part for flag, name in flags for part in (flag, str(raw / name)))])
    return out


@pytest.mark.parametrize("name", ["sst5", "sst2", "mr", "imdb"])
def test_the_comparison_reads_it(prepared, name):
    corpus = load_corpus(name, prepared)
    assert len(corpus.test.texts) > 0
    assert set(corpus.test.labels) == set(range(corpus.num_labels))


def test_imdb_keeps_order_rating_and_film(prepared, raw):
    corpus = load_corpus("imdb", prepared)
    texts, labels = build_reviews(40, seed=1)
    assert corpus.test.texts == [t for y in (0, 1) for t, label in zip(texts, labels, strict=True) if label == y]
    assert corpus.test.labels == sorted(labels)
    assert corpus.test.films[:4] == ["tt0010", "tt0010", "tt0010", "tt0011"]
    assert corpus.unlabelled == ["unlabelled 0", "unlabelled 2", "unlabelled 10"]  # by number, not by letter
    assert load_corpus("imdb3", prepared).test.labels == [2 * label for label in sorted(labels)]


def test_sst2_test_comes_from_the_trees_without_the_neutral_ones(prepared):
    corpus = load_corpus("sst2", prepared)
    texts, _ = build_reviews(20, seed=12)
    kept = [i for i in range(20) if i % 5 != 2]
    expected = [(texts[i].lower(), int(i % 5 > 2)) for i in kept] + [("it 's good -lrb-", 1)]
    assert list(zip(corpus.test.texts, corpus.test.labels, strict=True)) == sorted(expected)
    assert read_glue_sentence(TREE) == (3, "it 's good -lrb-")
    assert not any(text != text.strip() for text in corpus.train.texts)


def test_mr_is_read_in_its_own_encoding(prepared):
    corpus = load_corpus("mr", prepared)
    everything = [*corpus.train.texts, *corpus.validation.texts, *corpus.test.texts]
    assert sum(text.endswith("cliché…") for text in everything) == 15
    labels = [*corpus.train.labels, *corpus.validation.labels, *corpus.test.labels]
    assert all(text.endswith("cliché…") == (label == 0) for text, label in zip(everything, labels, strict=True))


def test_a_part_is_built_alone(raw, tmp_path):
    main([str(tmp_path), "--mr", str(raw / "mr")])
    assert [path.name for path in tmp_path.iterdir()] == ["mr"]
    assert [path.name for path in (tmp_path / "mr").iterdir()] == ["rt-polarity.parquet"]


@pytest.mark.parametrize(
    ("flags", "message"), [([], "give at least one of"), (["--sst2", "x"], "`--sst2` needs `--sst`")]
)
def test_flags_that_do_not_fit_are_refused(tmp_path, capsys, flags, message):
    with pytest.raises(SystemExit):
        main([str(tmp_path), *flags])
    assert message in capsys.readouterr().err


def test_what_is_missing_is_named(raw, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"must hold rt-polarity.neg, found \['dev.txt', "):
        main([str(tmp_path), "--mr", str(raw / "sst")])
    with pytest.raises(FileNotFoundError, match=r"must hold train.txt, found no such folder"):
        main([str(tmp_path), "--sst", str(raw / "nowhere")])
    shutil.copytree(raw / "aclImdb", tmp_path / "aclImdb")
    for path in (tmp_path / "aclImdb" / "test").glob("urls_*"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="must hold urls_neg.txt and urls_pos.txt"):
        main([str(tmp_path), "--aclimdb", str(tmp_path / "aclImdb")])
    write_lines(tmp_path / "glue" / "train.tsv", ["index\tsentence", "0\tgood"])
    with pytest.raises(
        ValueError, match=r"must have the columns `sentence` and `label`, .*found the columns \['index'"
    ):
        main([str(tmp_path), "--sst", str(raw / "sst"), "--sst2", str(tmp_path / "glue")])
