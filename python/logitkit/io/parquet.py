"""Tables as Parquet files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from logitkit.io.arrow import arrow_schema, closed, import_pyarrow, record_batch
from logitkit.io.columns import Column, WriteBatch


@contextmanager
def parquet_writer(file: BinaryIO, columns: Sequence[Column], rows: int) -> Iterator[WriteBatch]:
    """Write a Parquet file, compressed with zstd, a row group at a time.

    Columns and types are those of an Arrow file.

    Parameters
    ----------
    file : binary file
        Where to.
    columns : sequence of Column
        The table's columns.
    rows : int
        How many rows will come; not needed here.

    Yields
    ------
    callable
        Writes the next rows.

    Raises
    ------
    ModuleNotFoundError
        If pyarrow is not installed.
    """
    import_pyarrow(".parquet")
    import pyarrow.parquet

    parquet = pyarrow.parquet.ParquetWriter(file, arrow_schema(columns), compression="zstd")
    with closed(parquet) as writer:
        yield lambda batch: writer.write_batch(record_batch(columns, batch))
