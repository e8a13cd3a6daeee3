"""Tables as Arrow IPC files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from logitkit.io.columns import Batch, Column, WriteBatch
from logitkit.io.optional import import_optional

if TYPE_CHECKING:
    import pyarrow


@contextmanager
def arrow_writer(file: BinaryIO, columns: Sequence[Column], rows: int) -> Iterator[WriteBatch]:
    """Write an Arrow IPC file, a record batch at a time.

    Columns of texts are dictionary-encoded. NaN stays NaN and is not null. Columns of lists are
    lists of variable length, which more readers know than those of fixed length.

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
    pyarrow = import_pyarrow(".arrow")
    with closed(pyarrow.ipc.new_file(file, arrow_schema(columns))) as writer:
        yield lambda batch: writer.write_batch(record_batch(columns, batch))


def import_pyarrow(suffix: str, *, reading: bool = False) -> Any:
    """Return pyarrow, or raise `ModuleNotFoundError` naming the extra that brings it."""
    verb, others = ("reading", "") if reading else ("writing", ", or write .csv, .jsonl or .npz")
    way_out = f"pip install 'logitkit[cli]'{others}"
    pyarrow = import_optional("pyarrow", f"{verb} {suffix} files", way_out)
    import_module("pyarrow.ipc")
    return pyarrow


def arrow_schema(columns: Sequence[Column]) -> "pyarrow.Schema":
    """Return the Arrow schema of a table."""
    import pyarrow

    def kind(column: Column) -> "pyarrow.DataType":
        if column.categories is not None:
            return pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
        number = pyarrow.from_numpy_dtype(column.dtype)
        return number if column.length is None else pyarrow.list_(number)

    return pyarrow.schema((column.name, kind(column)) for column in columns)


def record_batch(columns: Sequence[Column], batch: Batch) -> "pyarrow.RecordBatch":
    """Return some rows of a table as a record batch."""
    import pyarrow

    arrays = []
    for column in columns:
        array = pyarrow.array(batch[column.name].reshape(-1))
        if column.categories is not None:
            # The same dictionary each time: an IPC file may hold only one for each column.
            texts = pyarrow.array(column.categories, pyarrow.string())
            array = pyarrow.DictionaryArray.from_arrays(array.cast(pyarrow.int32()), texts)
        if column.length is not None:
            ends = np.arange(0, len(array) + 1, column.length, dtype=np.int32)
            array = pyarrow.ListArray.from_arrays(ends, array)
        arrays.append(array)
    return pyarrow.RecordBatch.from_arrays(arrays, schema=arrow_schema(columns))


@contextmanager
def closed(writer: Any) -> Iterator[Any]:
    """Close a pyarrow writer, quietly if its file is given up.

    Closing writes a footer, which fails again where writing has failed; but left open, the writer
    would try it when it is collected, and complain on standard error.
    """
    try:
        yield writer
    except BaseException:
        with suppress(Exception):
            writer.close()
        raise
    writer.close()
