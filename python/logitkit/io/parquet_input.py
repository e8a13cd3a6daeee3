"""Columns of Parquet files as tensors."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import accumulate
from typing import Any

from numpy.typing import NDArray

from logitkit.io.arrow import import_pyarrow
from logitkit.io.arrow_columns import column_tensor, column_values, needs_length
from logitkit.io.corruption import corruption
from logitkit.io.decoded import PIECE_BYTES, DecodedTensor, Decoder
from logitkit.io.random_access import RandomAccessFile
from logitkit.io.remote import open_object, open_random_access
from logitkit.io.tensor import Tensor


def read_tensors(file: RandomAccessFile) -> tuple[list[Tensor], Any, list[Tensor]]:
    """Read the schema of a Parquet file.

    Parameters
    ----------
    file : RandomAccessFile
        The file, open.

    Returns
    -------
    decoded : list of Tensor
        Its columns.
    opener : callable
        Opens it to decode them.
    as_they_are : list of Tensor
        None: all columns have to be decoded.

    Raises
    ------
    DataError
        If the file is not sound.
    ModuleNotFoundError
        If pyarrow is not installed.
    """
    with _opened(file) as parquet:
        records = parquet.metadata.num_rows
        lengths = {
            field.name: _first_length(parquet, field.name) if needs_length(field.type) else None
            for field in parquet.schema_arrow
        }
        tensors = [
            column_tensor(field, records, lengths[field.name], DecodedTensor)
            for field in parquet.schema_arrow
        ]
    return tensors, partial(_open, file.path, file.version), []


def _first_length(parquet: Any, name: str) -> int | None:
    for batch in parquet.iter_batches(batch_size=1, columns=[name]):
        first = batch.column(0)
        return len(first[0]) if len(first) and first[0].is_valid else None
    return None


@contextmanager
def _opened(file: RandomAccessFile) -> Iterator[Any]:
    import_pyarrow(".parquet", reading=True)
    import pyarrow.parquet

    with (
        corruption(file.path, ".parquet", pyarrow.ArrowException),
        open_object(file) as stream,
        # Pages are read as they are needed: a row group may be larger than memory.
        pyarrow.parquet.ParquetFile(stream, buffer_size=1 << 20, pre_buffer=False) as parquet,
    ):
        yield parquet


@contextmanager
def _open(path: str, version: tuple[Any, ...]) -> Iterator[Decoder]:
    pyarrow = import_pyarrow(".parquet", reading=True)
    with open_random_access(path) as file:
        file.check_version(version)
        with _opened(file) as parquet:
            begin = partial(_begin, path, parquet)
            yield Decoder(path, ".parquet", begin, pyarrow.ArrowException)
        file.check_unchanged()


def _begin(
    path: str, parquet: Any, tensor: Tensor, record: int
) -> tuple[int, Iterator[NDArray[Any]]]:
    groups = [parquet.metadata.row_group(i).num_rows for i in range(parquet.num_row_groups)]
    ends = list(accumulate(groups))
    group = next((i for i, end in enumerate(ends) if record < end), len(groups))
    first = ends[group - 1] if group else 0
    record_bytes = tensor.nbytes // max(1, tensor.shape[0])
    size = max(1, PIECE_BYTES // max(1, record_bytes))

    def pieces() -> Iterator[NDArray[Any]]:
        # Each group on its own: all at once would be opened together.
        for number in range(group, len(groups)):
            some = parquet.iter_batches(
                batch_size=size, row_groups=[number], columns=[tensor.name], use_threads=False
            )
            for batch in some:
                yield column_values(batch.column(0), tensor, path)

    return first, pieces()
