"""Parquet, row by row, a few at a time; rows before the one to begin at are passed over by the file's own index."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet

from .rows import Cells, Columns, is_text


_ROWS_AT_ONCE = 1_024
_BUFFER_BYTES = 2**20  # of a column that are read at once; otherwise a row group is read whole


def open_parquet(path: Path) -> pyarrow.parquet.ParquetFile:
    """Open a file.

    Raises:
        ValueError: It is no Parquet file, or a broken one.
    """
    try:
        return pyarrow.parquet.ParquetFile(path, buffer_size=_BUFFER_BYTES)
    except (OSError, pyarrow.ArrowException) as error:
        raise ValueError(f"`{path}` is not a Parquet file that can be read: {error}.") from error


def check_parquet(path: Path, columns: Columns) -> tuple[int, pyarrow.DataType]:
    """Return how many rows a file has, and the type of its films.

    Raises:
        ValueError: It is no Parquet file, lacks a column, or has no texts in the column of the reviews.
    """
    with open_parquet(path) as file:
        schema = file.schema_arrow
        columns.check(schema.names, str(path))
        kind = schema.field(columns.text).type
        if not is_text(kind) and not pyarrow.types.is_null(kind):
            raise ValueError(f"`--text_column` must hold text, found {kind} in `{path}` under {columns.text!r}.")
        return file.metadata.num_rows, schema.field(columns.group).type if columns.group else pyarrow.null()


def read_parquet(path: Path, columns: Columns, start: int = 0) -> Iterator[Cells]:
    """Yield the cells of each row from row `start` of the file on; texts as bytes, since not all may be UTF-8.

    Raises:
        ValueError: The file is broken further on.
    """
    with open_parquet(path) as file:
        metadata, groups = file.metadata, []
        for group in range(metadata.num_row_groups):
            num_rows = metadata.row_group(group).num_rows
            if start >= num_rows and not groups:
                start -= num_rows
            else:
                groups.append(group)
        for batch in _read_batches(file, path, groups, columns):
            skipped, start = min(start, len(batch)), max(0, start - len(batch))
            if skipped < len(batch):
                yield from _list_cells(batch.slice(skipped), columns)


def _read_batches(
    file: pyarrow.parquet.ParquetFile, path: Path, groups: list[int], columns: Columns
) -> Iterator[pyarrow.RecordBatch]:
    try:
        yield from file.iter_batches(_ROWS_AT_ONCE, groups, columns.names) if groups else ()
    except (OSError, pyarrow.ArrowException) as error:
        raise ValueError(f"`{path}` cannot be read to its end: {error}. Write it again.") from error


def _list_cells(batch: pyarrow.RecordBatch, columns: Columns) -> Iterator[Cells]:
    values = {name: _list_values(batch.column(name)) for name in columns.names}
    films = values[columns.group] if columns.group else [None] * len(batch)
    yield from ((text, film, None) for text, film in zip(values[columns.text], films, strict=True))


def _list_values(column: pyarrow.Array) -> list:
    if not is_text(column.type):
        return column.to_pylist()
    if pyarrow.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    # As a Python string, bytes that are no UTF-8 would end the reading of all rows.
    return column.cast(pyarrow.large_binary()).to_pylist()
