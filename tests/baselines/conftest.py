"""What the tests of the systems share: invented corpora laid out as the real ones, word pieces, a precision."""

import gc
import lzma

import pyarrow as pa
import pytest
from pyarrow import parquet

from baselines import fine_tuning_settings, rows
from baselines.fine_tuning import build_encode
from modeling_bert_bilstm.training.batching import prepare_tokenizer
from tests.conftest import build_reviews, build_tiny_tokenizer


@pytest.fixture(scope="module", autouse=True)
def few_objects_to_collect():
    """Trainer collects garbage before each training, which takes a second where all libraries are looked through."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def encode():
    """Return what turns texts into word pieces of the tiny tokenizer."""
    return build_encode(prepare_tokenizer(build_tiny_tokenizer()))


@pytest.fixture
def in_float32(monkeypatch):
    """Compute in float32 whatever is faster on the machine."""
    for module in (fine_tuning_settings, rows):
        monkeypatch.setattr(module, "is_bfloat16_faster", lambda device="cpu": False)


def write_trees(path, texts, scores):
    lines = []
    for text, score in zip(texts, scores, strict=True):
        leaves = " ".join(f"(2 {word})" for word in text.split())
        lines.append(f"({score} {leaves})")
    path.write_bytes(lzma.compress("\n".join(lines).encode()))


def write_parquet(path, **columns):
    parquet.write_table(pa.table(columns), path)


@pytest.fixture(scope="session")
def corpora_folder(tmp_path_factory):
    """Invented reviews in the files that `baselines.corpora` reads; treat it as read only."""
    folder = tmp_path_factory.mktemp("corpora")
    for name in ("sst", "sst2", "mr", "imdb"):
        (folder / name).mkdir()
    for seed, (split, size) in enumerate((("train", 60), ("dev", 20), ("test", 25))):
        texts, labels = build_reviews(size, seed=seed)
        write_trees(folder / "sst" / f"{split}.txt.xz", texts, [i % 5 for i in range(size)])
        write_parquet(folder / "sst2" / f"{split}.parquet", sentence=texts, label=labels)
    _write_mr(folder / "mr" / "rt-polarity.parquet")
    _write_imdb(folder / "imdb")
    return folder


def _write_mr(path):
    """All 25 SST test sentences among them."""
    texts, labels = build_reviews(80, seed=10)
    shared, _ = build_reviews(25, seed=2)
    write_parquet(path, text=texts + [text.upper() for text in shared], label=labels + [0, 1] * 12 + [0])


def _write_imdb(folder):
    for seed, split in ((20, "train"), (21, "test")):
        texts, labels = build_reviews(80, seed=seed)
        ratings = [(8, 10, 7)[i % 3] if label else (1, 4, 2)[i % 3] for i, label in enumerate(labels)]
        films = [f"tt{split}{i // 4}" for i in range(80)]
        write_parquet(folder / f"{split}.parquet", text=texts, label=labels, rating=ratings, film=films)
    unlabelled, _ = build_reviews(30, seed=22)
    of_test, _ = build_reviews(5, seed=21)
    write_parquet(folder / "unsup.parquet", text=unlabelled + of_test, film=["tt0"] * 35)
