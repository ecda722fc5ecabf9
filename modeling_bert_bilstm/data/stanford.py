"""Readers of the two Stanford corpora as published: the aclImdb folder and the sentiment trees."""

import re
from pathlib import Path

from tqdm.auto import tqdm

from .files import decode_utf8, read_text
from .tables import ReviewTable


ACL_IMDB_FOLDER = "aclImdb"
ACL_IMDB_ARCHIVE = "aclImdb_v1.tar.gz"

_REVIEW_FILE = re.compile(r"(\d+)_(\d+)\.txt")
_FILM = re.compile(r"tt\d+")

# What the Penn Treebank writes for characters that mean something to it.
_ESCAPES = {
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
    "``": "\u201c",
    "''": "\u201d",
    "`": "\u2018",
}
_NO_SPACE_BEFORE = re.compile(r"[.,;:!?)\]}%\u201d]|'|n't|'(?:s|re|ve|ll|d|m)|\.\.\.", re.IGNORECASE)
_NO_SPACE_AFTER = ("(", "[", "{", "$", "\u201c", "\u2018")
_ROOT = re.compile(r"\(([0-4]) ")
_LEAF = re.compile(r"\([0-4] ([^()]+)\)")


def read_acl_imdb(folder: Path, split: str) -> ReviewTable:
    """Return one split of the aclImdb folder: ratings from the file names, films from the url lists beside them.

    Raises:
        FileNotFoundError: The folder is not aclImdb, or has no such split.
        ValueError: A file name is not ID_RATING.txt, or a url list is too short.
    """
    parts = [folder / split / sentiment for sentiment in ("neg", "pos")]
    if not all(part.is_dir() for part in parts):
        raise FileNotFoundError(
            f"`{folder}` is not an aclImdb folder with `{split}/neg` and `{split}/pos`: it holds "
            f"{sorted(entry.name for entry in folder.iterdir())[:10]}. Name the folder that holds `train` and `test`, "
            "or a single file."
        )
    ids, texts, ratings, groups = [], [], [], []
    for part in parts:
        films = _read_films(part)
        files = sorted((_parse_name(file), file) for file in part.glob("*.txt"))
        for (number, rating), file in tqdm(files, desc=f"{split}/{part.name}", unit=" reviews", disable=None):
            ids.append(f"{split}/{part.name}/{file.stem}")
            texts.append(decode_utf8(file.read_bytes(), str(file)))
            ratings.append(rating)
            groups.append(_find_film(films, number, file))
    return ReviewTable(
        name=f"{folder} ({split})",
        ids=ids,
        texts=texts,
        labels=ratings,
        label_kind="rating",
        ratings=ratings,
        groups=groups if any(groups) else None,
    )


def _parse_name(file: Path) -> tuple[int, int]:
    match = _REVIEW_FILE.fullmatch(file.name)
    if match is None:
        raise ValueError(f"A review of aclImdb must be named ID_RATING.txt, such as `0_9.txt`, got `{file}`.")
    return int(match[1]), int(match[2])


def _read_films(part: Path) -> list[str] | None:
    """Return the film of each review ID, which is the number of its line, counted from 0."""
    urls = part.parent / f"urls_{part.name}.txt"
    if not urls.is_file():
        return None
    lines = read_text(urls).rstrip("\n").split("\n")
    return [found[0] if (found := _FILM.search(line)) else line.strip() for line in lines]


def _find_film(films: list[str] | None, number: int, file: Path) -> str | None:
    if films is None:
        return None
    if number >= len(films):
        raise ValueError(
            f"`urls_{file.parent.name}.txt` has {len(films)} lines, but `{file.name}` needs line {number + 1}. "
            "Unpack the archive again."
        )
    return films[number]


def read_trees(path: Path) -> ReviewTable:
    """Return the sentences of a file of Stanford trees, one a line, with the score of each root, 0 to 4.

    Raises:
        ValueError: A line is not a tree.
    """
    lines = [(i, line) for i, line in enumerate(read_text(path).split("\n")) if line.strip()]
    texts, scores = [], []
    for i, line in tqdm(lines, desc=path.name, unit=" trees", disable=None):
        root, leaves = _ROOT.match(line), _LEAF.findall(line)
        if root is None or not leaves or line.count("(") != line.count(")"):
            raise ValueError(
                f"Line {i + 1} of `{path}` must be a Stanford tree such as `(3 (2 Good) (2 film))`, got "
                f"{line[:40]!r}. Plain reviews belong into a CSV, TSV, JSON lines or Parquet file."
            )
        texts.append(join_tokens(leaves))
        scores.append(int(root[1]))
    return ReviewTable(
        name=str(path), ids=[str(i) for i, _ in lines], texts=texts, labels=scores, label_kind="tree score"
    )


def join_tokens(tokens: list[str]) -> str:
    """Return readable text from the tokens of a tree: escapes undone, punctuation and endings joined to their word."""
    text, glue = "", ""
    for token in tokens:
        plain = _ESCAPES.get(token, token).replace("\\/", "/").replace("\\*", "*").replace("\xa0", " ")
        text += plain if _NO_SPACE_BEFORE.fullmatch(plain) else glue + plain
        glue = "" if plain in _NO_SPACE_AFTER else " "
    return text.replace("\u201c", '"').replace("\u201d", '"').replace("\u2018", "'")
