"""Logits in files, read block by block."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from logitkit.io.errors import DataError
from logitkit.io.row_reader import RowReader
from logitkit.io.tensor import Tensor
from logitkit.io.tensor_file import TensorFile

_BLOCK_BYTES: Final = 1 << 22


@dataclass(frozen=True)
class Part:
    """A tensor in a file: all the logits of a source, or some of them.

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
    def home(self) -> TensorFile:
        """The file to open to read the tensor: that of an index's part, say."""
        return self.file.home(self.tensor)

    @property
    def row_count(self) -> int:
        """The number of rows."""
        return math.prod(self.tensor.shape[:-1])


class LogitSource:
    """Logits in one file, or in many one after the other: their shape, and their rows.

    Made by `logitkit.open_logits`. Between reads no file is held open.

    Parameters
    ----------
    name : str
        What was opened.
    parts : sequence of Part
        The tensors that the rows come from, in order; of one vocabulary and element type.

    Attributes
    ----------
    name : str
        What was opened: a file, a directory or a pattern.
    parts : tuple of Part
        The tensors that the rows come from.
    shape : tuple of int
        The shape of all parts together, the vocabulary last: the first axes add up. Where the parts
        differ in another axis, rows are counted through all axes: ``(rows, vocab)``.
    """

    def __init__(self, name: str, parts: Sequence[Part]) -> None:
        self.name = name
        self.parts = tuple(parts)
        self.shape = _joined_shape([part.tensor.shape for part in parts])
        self._ends = list(accumulate(part.row_count for part in parts))

    @property
    def leading_shape(self) -> tuple[int, ...]:
        """The shape without the vocabulary: that of a statistic."""
        return self.shape[:-1]

    @property
    def row_count(self) -> int:
        """The number of rows: the product of the leading shape."""
        return self._ends[-1]

    @property
    def vocab(self) -> int:
        """The length of a row."""
        return self.shape[-1]

    @property
    def dtype(self) -> str:
        """The element type: "float64", "float32", "float16" or "bfloat16"."""
        return self.parts[0].tensor.element

    @property
    def bits(self) -> Literal["bfloat16"] | None:
        """What to pass on as ``dtype`` with the rows: "bfloat16" for its bits, else None."""
        return "bfloat16" if self.dtype == "bfloat16" else None

    @property
    def nbytes(self) -> int:
        """The size of the logits in bytes."""
        return sum(part.tensor.nbytes for part in self.parts)

    @property
    def row_bytes(self) -> int:
        """The size of a buffer for a row, in bytes."""
        return max(part.tensor.row_bytes for part in self.parts)

    @property
    def contiguous(self) -> bool:
        """Whether each row lies in one piece in its file."""
        return not any(part.tensor.fortran_order for part in self.parts)

    @property
    def saturates(self) -> bool:
        """Whether the least number of a row stands for whatever is below it, as in ``.kld``."""
        return any(part.tensor.saturates for part in self.parts)

    @property
    def sequential(self) -> bool:
        """Whether rows are best read in order and by one thread: they have to be decoded."""
        return any(part.tensor.sequential for part in self.parts)

    @cached_property
    def targets(self) -> NDArray[Any] | None:
        """The tensor ``targets`` beside the logits, of the leading shape; None if there is none.

        Numbers that are no tokens, such as -100, stand for rows without a target: name them to what
        takes targets as ``ignore_index``.
        """
        from logitkit.io.targets import targets_beside

        found = targets_beside(self)
        return None if found is None else found.reshape(self.leading_shape)

    def __repr__(self) -> str:
        return f"LogitSource({self.name!r}: {self.dtype}, shape {self.shape})"

    @contextmanager
    def reader(self) -> Iterator[RowReader]:
        """Open the files to read rows from them, from any number of threads.

        Yields
        ------
        RowReader
            Usable inside the ``with`` block.

        Raises
        ------
        DataError
            If a file was changed since `logitkit.open_logits`, or is changed inside the block.
        """
        reader = RowReader(self)
        try:
            yield reader
        except BaseException:
            reader.abandon()
            raise
        reader.close()

    def blocks(self, max_bytes: int = _BLOCK_BYTES) -> Iterator[tuple[int, NDArray[Any]]]:
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
            The rows, to be passed on with ``dtype=source.bits``; valid until the next block.
        """
        step = max(1, min(self.row_count, max_bytes // self.row_bytes))
        buffer = np.empty(step * self.row_bytes, np.uint8)
        with self.reader() as reader:
            for start in range(0, self.row_count, step):
                yield start, reader.read(start, min(start + step, self.row_count), buffer)

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """Return some rows, counted through all leading axes, the last of them fastest.

        Parameters
        ----------
        start, stop : int
            The first, and the one after the last; 0 <= start <= stop <= row_count.

        Returns
        -------
        ndarray, shape (stop - start, vocab)
            The rows, to be passed on with ``dtype=source.bits``. Where they lie in one local file
            as they are, a read-only map of it, without a copy: valid as long as nobody truncates
            the file.

        Raises
        ------
        IndexError
            If there are no such rows.
        """
        if not 0 <= start <= stop <= self.row_count:
            raise IndexError(
                f"rows {start}:{stop} of {self.name}; expected 0 <= start <= stop <= "
                f"{self.row_count}, the number of rows"
            )
        if stop > start:
            number, first = self.locate(start)
            part = self.parts[number]
            if stop <= self._ends[number] and part.home.mappable and part.tensor.as_stored:
                assert part.tensor.dtype is not None
                return np.memmap(
                    part.home.path,
                    part.tensor.dtype,
                    "r",
                    part.tensor.offset + first * part.tensor.row_bytes,
                    (stop - start, self.vocab),
                )
        with self.reader() as reader:
            return reader.read(start, stop, np.empty((stop - start) * self.row_bytes, np.uint8))

    def locate(self, row: int) -> tuple[int, int]:
        """Return the number of the part that has a row, and which of its rows that is."""
        # Parts without rows end where the one before them ends: they are never found.
        number = int(np.searchsorted(self._ends, row, side="right"))
        return number, row - (self._ends[number] - self.parts[number].row_count)


def _joined_shape(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    if len(shapes) == 1:
        return shapes[0]
    vocab = shapes[0][-1]
    if len({shape[1:] for shape in shapes}) == 1 and len(shapes[0]) > 1:
        return (sum(shape[0] for shape in shapes), *shapes[0][1:])
    return (sum(math.prod(shape[:-1]) for shape in shapes), vocab)


def check_alike(parts: Sequence[Part]) -> None:
    """Raise `DataError` if parts are not of one vocabulary and element type."""
    for part in parts[1:]:
        for what, own, first in (
            ("a vocabulary", part.tensor.shape[-1], parts[0].tensor.shape[-1]),
            ("the element type", part.tensor.element, parts[0].tensor.element),
        ):
            if own != first:
                raise DataError(
                    f"{part.file.path} has {what} of {own}, {parts[0].file.path} of {first}: "
                    "expected one source in parts; open them on their own"
                )
