"""Logits in a file, read block by block."""

import glob
import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from logitkit.io.errors import DataError, quoted
from logitkit.io.random_access import RandomAccessFile
from logitkit.io.tensor import Tensor
from logitkit.io.tensor_file import TensorFile, open_tensor_file

DEFAULT_NAME: Final = "logits"
"""The tensor that holds the logits, if the file has one of this name."""

_BLOCK_BYTES: Final = 1 << 22


@dataclass(frozen=True)
class LogitSource:
    """Logits in a file: their shape and type, and their rows block by block.

    Made by `open_logits`. Between reads no file is held open.

    Attributes
    ----------
    file : TensorFile
        The file and all its tensors.
    tensor : Tensor
        The one with the logits; the last axis is the vocabulary.
    """

    file: TensorFile
    tensor: Tensor

    @property
    def path(self) -> str:
        """The file."""
        return self.file.path

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape, the vocabulary last."""
        return self.tensor.shape

    @property
    def leading_shape(self) -> tuple[int, ...]:
        """The shape without the vocabulary: that of a statistic."""
        return self.tensor.shape[:-1]

    @property
    def rows(self) -> int:
        """The number of rows: the product of the leading shape."""
        return math.prod(self.leading_shape)

    @property
    def vocab(self) -> int:
        """The length of a row."""
        return self.tensor.shape[-1]

    @property
    def dtype_name(self) -> str:
        """The element type: "float64", "float32", "float16" or "bfloat16"."""
        return self.tensor.element

    @property
    def dtype(self) -> Literal["bfloat16"] | None:
        """What to pass as ``dtype`` along with the rows: "bfloat16" for its bits, else None."""
        return "bfloat16" if self.tensor.element == "bfloat16" else None

    @property
    def nbytes(self) -> int:
        """The size of the logits in bytes."""
        return self.tensor.nbytes

    @property
    def row_bytes(self) -> int:
        """The size of a buffer for a row, in bytes."""
        return self.tensor.row_bytes

    @property
    def contiguous(self) -> bool:
        """Whether a row lies in one piece in the file."""
        return not self.tensor.fortran_order

    @contextmanager
    def reader(self) -> Iterator["RowReader"]:
        """Open the file to read rows from it, from any number of threads.

        Yields
        ------
        RowReader
            Usable inside the ``with`` block.

        Raises
        ------
        DataError
            If the file was changed since `open_logits`, or is changed inside the block.
        """
        with self.file.open() as file:
            yield RowReader(file, self)

    def blocks(self, *, max_bytes: int = _BLOCK_BYTES) -> Iterator[tuple[int, NDArray[Any]]]:
        """Iterate over the rows in order, a block of whole rows at a time.

        Parameters
        ----------
        max_bytes : int, default 4 MiB
            The size of a block; a single row may be larger. Blocks that fit into the processor's
            cache are the fastest.

        Yields
        ------
        start : int
            The first row of the block.
        logits : ndarray, shape (block, vocab)
            The rows, to be passed on with ``dtype=source.dtype``; valid until the next block.
        """
        step = max(1, min(self.rows, max_bytes // self.row_bytes))
        buffer = np.empty(step * self.row_bytes, np.uint8)
        with self.reader() as reader:
            for start in range(0, self.rows, step):
                yield start, reader.read(start, min(start + step, self.rows), buffer)


class RowReader:
    """Reads rows of a `LogitSource` whose file is open."""

    def __init__(self, file: RandomAccessFile, source: LogitSource) -> None:
        self._file = file
        self._source = source

    def read(self, start: int, stop: int, buffer: NDArray[np.uint8]) -> NDArray[Any]:
        """Return the rows from `start` to `stop` as a view of `buffer`, which holds them.

        Parameters
        ----------
        start, stop : int
            Rows, counted through all leading axes, the last of them fastest.
        buffer : ndarray of uint8
            At least ``(stop - start) * source.row_bytes`` bytes; overwritten.

        Returns
        -------
        ndarray, shape (stop - start, vocab)
            The rows; uint16 for bfloat16.
        """
        return self._source.tensor.read_rows(self._file, start, stop, buffer)

    def will_read(self, start: int, stop: int) -> None:
        """Ask the system to have these rows at hand soon."""
        if self._source.contiguous:
            row_bytes = self._source.tensor.stored_row_bytes
            offset = self._source.tensor.offset + start * row_bytes
            self._file.will_read((stop - start) * row_bytes, offset)


def open_logits(
    path: str | os.PathLike[str], *, name: str | None = None, dtype: str | None = None
) -> LogitSource:
    """Find the logits in a file.

    Parameters
    ----------
    path : str or PathLike
        A ``.safetensors``, ``.npy`` or ``.kld`` file. Only its header is read.
    name : str, optional
        The tensor's name. By default the tensor ``logits``, else the only tensor of 2 or 3
        dimensions with a floating-point type. A ``.npy`` file holds one array and no name.
    dtype : {"float64", "float32", "float16", "bfloat16"}, optional
        What the bytes are, for files that hold raw bits: bfloat16 saved as uint16, or by NumPy,
        which knows it as two bytes of anything (``|V2``).

    Returns
    -------
    LogitSource
        The logits.

    Raises
    ------
    DataError
        If the header is not sound, no tensor or more than one fits, or it holds no logits.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from logitkit.io import open_logits
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "logits.npy")
    ...     np.save(path, np.zeros((3, 4), np.float32))
    ...     source = open_logits(path)
    ...     blocks = [(start, logits.shape) for start, logits in source.blocks(max_bytes=32)]
    >>> source.rows, source.vocab, source.dtype_name
    (3, 4, 'float32')
    >>> blocks
    [(0, (2, 4)), (2, (1, 4))]
    """
    file = open_tensor_file(path)
    tensor = _select(file, name).reinterpret(dtype)
    if not tensor.is_float:
        hint = (
            "; if these are the bits of bfloat16, say dtype bfloat16"
            if tensor.element in ("uint16", "int16", "void16")
            else ""
        )
        raise DataError(f"{file.path}: {tensor} is not of a floating-point type{hint}")
    if not tensor.shape or tensor.shape[-1] == 0:
        raise DataError(f"{file.path}: {tensor} has no logits in a row: the last axis is empty")
    if tensor.fortran_order and sum(length > 1 for length in tensor.shape[:-1]) > 1:
        raise DataError(
            f"{file.path}: {tensor} is in Fortran order, which is read for 2 dimensions only; "
            "save numpy.ascontiguousarray of it"
        )
    return LogitSource(file, tensor)


def _select(file: TensorFile, name: str | None) -> Tensor:
    unnamed = next((tensor for tensor in file.tensors if tensor.name is None), None)
    if unnamed is not None:
        if name is not None:
            raise DataError(f"{file.path}: holds one array without a name, not {quoted(name)}")
        return unnamed
    found = file.find(DEFAULT_NAME if name is None else name)
    if found is not None:
        return found
    if name is not None:
        raise DataError(f"{file.describe()}, not {quoted(name)}")
    fitting = [tensor for tensor in file.tensors if tensor.is_float and len(tensor.shape) in (2, 3)]
    if len(fitting) != 1:
        raise DataError(
            f"{file.describe()}; none is called {DEFAULT_NAME!r}, and {len(fitting)} have 2 or 3 "
            "dimensions and a floating-point type: name the one with the logits"
        )
    return fitting[0]


def expand_inputs(
    inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
) -> list[str]:
    """Return the files that names and patterns stand for.

    Parameters
    ----------
    inputs : str, PathLike, or iterable of them
        Names of files, or patterns as `glob.glob` knows them (``**`` included). What exists under
        its literal name is taken as a name. The files of a pattern are sorted by name.

    Returns
    -------
    list of str
        The files, in the order given; one given twice is there twice.

    Raises
    ------
    FileNotFoundError
        If a pattern matches nothing.
    """
    if isinstance(inputs, str | os.PathLike):
        inputs = [inputs]
    paths: list[str] = []
    for path in [os.fspath(path) for path in inputs]:
        if os.path.lexists(path) or not glob.has_magic(path):
            paths.append(path)
            continue
        matches = sorted(glob.glob(path, recursive=True))
        if not matches:
            raise FileNotFoundError(2, "no file matches this pattern", path)
        paths += matches
    return paths
