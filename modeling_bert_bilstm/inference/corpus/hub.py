"""A data set of the Hub as a corpus: streamed, so that it is never held as a whole, and from one commit."""

from collections.abc import Iterator

import datasets
import huggingface_hub
import pyarrow
from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

from .rows import Columns, Row, build_row, find_film_type


class HubCorpus:
    """The rows of one split of a data set.

    Args:
        name: Id of the data set ("stanfordnlp/imdb").
        columns: What to read of a row.
        config_name: Its configuration. Default: its own default.
        split: Its split.
        revision: Branch, tag or commit. Default: its main branch as it is now.

    Attributes:
        commit: The commit that is read, whatever the branch holds later.
        num_rows: Number of rows, None where the data set does not tell it.
        film_type: Type of the films; text where the data set does not tell it.

    Raises:
        FileNotFoundError: There is no such data set or revision, or it is private and the token does not open it.
        ConnectionError: The Hub cannot be reached.
        ValueError: The data set has no such split, configuration or column.
    """

    def __init__(
        self,
        name: str,
        columns: Columns,
        *,
        config_name: str | None = None,
        split: str = "train",
        revision: str | None = None,
    ):
        self._name, self._config_name, self._split, self._columns = name, config_name, split, columns
        self.commit = find_commit(name, revision)
        self._rows = self._load()
        first = next(iter(self._rows), {}) if self._rows.features is None else self._rows.features
        columns.check(list(first), name)
        self._rows = self._rows.select_columns(columns.names)
        splits = self._rows.info.splits or {}
        self.num_rows = splits[split].num_examples if split in splits else None
        types = {field.name: field.type for field in self._rows.features.arrow_schema} if self._rows.features else {}
        self.film_type = find_film_type([types.get(columns.group, pyarrow.null())], name)

    def describe(self) -> dict[str, str | int | None]:
        """Return what tells these contents from others: the commit and what of it is read."""
        named = {"dataset": self._name, "config_name": self._config_name, "split": self._split}
        return {**named, "commit": self.commit}

    def read_rows(self, start: int = 0) -> Iterator[Row]:
        """Yield the rows from row `start` on; what comes before is passed over."""
        columns = self._columns
        for number, fields in enumerate(self._rows.skip(start), start):
            cells = fields.get(columns.text), fields.get(columns.group) if columns.group else None, None
            yield build_row(number, cells, columns.max_characters, self.film_type)

    def estimate_num_rows(self, num_read: int) -> int | None:
        """Return the number of rows, None where it is not known."""
        return self.num_rows

    def _load(self) -> datasets.IterableDataset:
        options = {"split": self._split, "revision": self.commit, "streaming": True}
        try:
            return datasets.load_dataset(self._name, self._config_name, **options)
        except ValueError as error:
            raise ValueError(
                f"The data set `{self._name}` has no split {self._split!r} with the configuration "
                f"{self._config_name or 'default'!r}: {error} Name others with `--dataset_split_name` and "
                "`--dataset_config_name`."
            ) from error


def find_commit(name: str, revision: str | None) -> str:
    """Return the commit that a revision of a data set is now.

    Raises:
        FileNotFoundError: There is none, or the token does not open it.
        ConnectionError: The Hub cannot be reached.
    """
    try:
        return huggingface_hub.HfApi().dataset_info(name, revision=revision).sha
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise FileNotFoundError(
            f"`{name}` is neither a file or folder here nor a data set on the Hub that this token may read, at "
            f"revision {revision or 'main'!r}. Check the name, or log in with `hf auth login`."
        ) from error
    except Exception as error:  # of the client's transport, which differs by its version
        raise ConnectionError(
            f"The data set `{name}` cannot be asked for at the Hub: {error}. Without a network, name a file or folder."
        ) from error
