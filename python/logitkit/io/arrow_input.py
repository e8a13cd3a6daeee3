"""Columns of Arrow IPC files as tensors: read where they lie, or decoded if they are compressed."""

import math
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from logitkit.io.arrow import import_pyarrow
from logitkit.io.arrow_columns import column_tensor, column_values, needs_length
from logitkit.io.corruption import corruption
from logitkit.io.decoded import DecodedTensor, Decoder
from logitkit.io.random_access import RandomAccessFile
from logitkit.io.remote import RemoteFile, open_object, open_random_access
from logitkit.io.tensor import Tensor

_LETTING_GO: Final = 0.1
"""Seconds in which Arrow's threads let go of a file that was not sound; it takes microseconds."""


@dataclass(frozen=True)
class PiecedTensor(Tensor):
    """A tensor in several pieces of one file: the record batches of an Arrow file.

    Attributes
    ----------
    first_rows : tuple of int
        The first row of each piece.
    offsets : tuple of int
        Where each begins, in bytes from the start of the file.
    """

    first_rows: tuple[int, ...] = ()
    offsets: tuple[int, ...] = ()

    @property
    def as_stored(self) -> bool:
        """Whether there is one piece only, which lies where `offset` says."""
        return len(self.offsets) == 1

    def row_offset(self, row: int) -> int:
        """Return where a row begins, in bytes from the start of the file."""
        piece = bisect_right(self.first_rows, row) - 1
        return self.offsets[piece] + (row - self.first_rows[piece]) * self.row_bytes

    def read(self, file: RandomAccessFile) -> NDArray[Any]:
        """Return the array, whole."""
        rows = self.nbytes // max(1, self.row_bytes)
        buffer = np.empty(self.nbytes, np.uint8)
        return self.read_rows(file, 0, rows, buffer).reshape(self.shape)

    def read_rows(
        self, file: RandomAccessFile, start: int, stop: int, buffer: NDArray[np.uint8]
    ) -> NDArray[Any]:
        """Return the rows from `start` to `stop` as a view of `buffer`."""
        assert self.dtype is not None
        used = buffer[: (stop - start) * self.row_bytes]
        row, place = start, 0
        while row < stop:
            piece = bisect_right(self.first_rows, row) - 1
            last = self.first_rows[piece + 1] if piece + 1 < len(self.first_rows) else stop
            size = (min(last, stop) - row) * self.row_bytes
            file.read_into(used[place : place + size], self.row_offset(row))
            row, place = min(last, stop), place + size
        return used.view(self.dtype).reshape(stop - start, self.shape[-1])


def read_tensors(file: RandomAccessFile) -> tuple[list[Tensor], Any, list[Tensor]]:
    """Read the schema of an Arrow IPC file, and where its columns lie.

    Parameters
    ----------
    file : RandomAccessFile
        The file, open.

    Returns
    -------
    decoded : list of Tensor
        Columns that have to be decoded: all but those of numbers if the file is compressed or not
        local.
    opener : callable
        Opens it to decode them.
    as_they_are : list of Tensor
        Columns that are read where they lie.

    Raises
    ------
    DataError
        If the file is not sound.
    ModuleNotFoundError
        If pyarrow is not installed.
    """
    with _opened(file) as (arrow, source):
        columns = [_Column(field) for field in arrow.schema]
        start = None if source is None else _address(source)
        counts, records = [], 0
        # Once: batches of a compressed file are decoded for it.
        for number in range(arrow.num_record_batches):
            batch = _batch(arrow, number)
            counts.append(batch.num_rows)
            for column, values in zip(columns, batch.columns, strict=True):
                column.add(values, records, start, file)
            records += batch.num_rows
    tensors = [column.tensor(records) for column in columns]
    plain: list[Tensor] = [tensor for tensor in tensors if isinstance(tensor, PiecedTensor)]
    decoded = [tensor for tensor in tensors if not isinstance(tensor, PiecedTensor)]
    return decoded, partial(_open, file.path, file.version, counts), plain


def _address(source: Any) -> int:
    """Return where in memory a mapped file begins."""
    source.seek(0)
    address: int = source.read_buffer(1).address
    return address


def _batch(arrow: Any, number: int) -> Any:
    """Return a record batch that is sound: Arrow takes lengths and offsets from a file on trust."""
    batch = arrow.get_batch(number)
    batch.validate(full=True)
    return batch


class _Column:
    """What is found out of a column by going through its record batches."""

    def __init__(self, field: Any) -> None:
        self._field = field
        self._length: int | None = None
        self._first_records: list[int] = []
        self._offsets: list[int] = []
        self._in_place = True

    def add(self, values: Any, first: int, start: int | None, file: RandomAccessFile) -> None:
        """Look at a batch's values, the first of which is of this record."""
        if not len(values):
            return
        if self._length is None and needs_length(self._field.type):
            self._length = len(values[0]) if values[0].is_valid else 0
        if start is None or not self._in_place:
            self._in_place = False
            return
        tensor = column_tensor(self._field, len(values), self._length, DecodedTensor)
        if tensor.dtype is None or len(tensor.shape) < 2 or not tensor.row_bytes:
            self._in_place = False
            return
        array = column_values(values, tensor, file.path)
        offset = array.__array_interface__["data"][0] - start
        # Memory of its own, not the file's: it was compressed.
        self._in_place = 0 <= offset <= file.size - array.nbytes
        self._first_records.append(first)
        self._offsets.append(offset)

    def tensor(self, records: int) -> Tensor:
        """Return the column, in pieces of the file if it lies there as it is."""
        tensor = column_tensor(self._field, records, self._length, DecodedTensor)
        if not self._in_place or not self._offsets:
            return tensor
        inner = math.prod(tensor.shape[1:-1])
        plain = {name: getattr(tensor, name) for name in Tensor.__dataclass_fields__}
        return PiecedTensor(
            **plain | {"offset": self._offsets[0]},
            first_rows=tuple(record * inner for record in self._first_records),
            offsets=tuple(self._offsets),
        )


@contextmanager
def _opened(file: RandomAccessFile) -> Iterator[tuple[Any, Any]]:
    """Open a file; yield it and, if it is mapped into memory, the map."""
    pyarrow = import_pyarrow(".arrow", reading=True)
    remote = isinstance(file, RemoteFile)
    with (
        corruption(file.path, ".arrow", pyarrow.ArrowException),
        # Of the map only what describes the file is looked at; values are read.
        open_object(file) if remote or not file.size else pyarrow.memory_map(file.path) as source,
        _file_reader(pyarrow, source, remote) as arrow,
    ):
        yield arrow, None if remote else source


def _file_reader(pyarrow: Any, source: Any, remote: bool) -> Any:
    try:
        return pyarrow.ipc.open_file(source)
    except BaseException:
        if remote:
            # A thread of Arrow's has read it by way of Python, and needs the interpreter once
            # more to let go of what it got: if the process is ending by then, it is aborted.
            time.sleep(_LETTING_GO)
        raise


@contextmanager
def _open(path: str, version: tuple[Any, ...], counts: list[int]) -> Iterator[Decoder]:
    pyarrow = import_pyarrow(".arrow", reading=True)
    with open_random_access(path) as file:
        file.check_version(version)
        with _opened(file) as (arrow, _):
            begin = partial(_begin, path, arrow, counts)
            yield Decoder(path, ".arrow", begin, pyarrow.ArrowException)
        file.check_unchanged()


def _begin(
    path: str, arrow: Any, counts: list[int], tensor: Tensor, record: int
) -> tuple[int, Iterator[NDArray[Any]]]:
    ends = list(accumulate(counts))
    batch = bisect_right(ends, record)
    column = arrow.schema.get_field_index(tensor.name)

    def pieces() -> Iterator[NDArray[Any]]:
        for number in range(batch, len(counts)):
            yield column_values(_batch(arrow, number).column(column), tensor, path)

    return (ends[batch - 1] if batch else 0), pieces()
