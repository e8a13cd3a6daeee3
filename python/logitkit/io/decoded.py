"""Tensors that have to be decoded: compressed, or cut into chunks of their own.

Each format says how to go through a tensor from a record (an entry of its first axis) on; what is
here makes rows of that. Rows that are asked for in order are decoded once.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from logitkit.io.corruption import corruption
from logitkit.io.errors import DataError
from logitkit.io.tensor import Tensor

Begin: TypeAlias = Callable[[Tensor, int], tuple[int, Iterator[NDArray[Any]]]]
"""Begins to decode a tensor at a record or before it: returns where, and the arrays from there on;
each has some records, or, of one record only, some of its rows."""

PIECE_BYTES: Final = 1 << 24
"""What is decoded at a time, if the format leaves the choice."""


@dataclass(frozen=True)
class DecodedTensor(Tensor):
    """A tensor that is decoded by a `Decoder`."""

    @property
    def sequential(self) -> bool:
        """Rows are read in order."""
        return True

    @property
    def as_stored(self) -> bool:
        """Rows are decoded."""
        return False

    def read(self, file: Any) -> NDArray[Any]:
        """Return the array, whole."""
        assert self.dtype is not None
        with file.guard():
            pieces = [piece.reshape(-1) for piece in file.begin(self, 0)[1]]
        together = np.concatenate([np.empty(0, self.dtype), *pieces])
        return together.reshape(self.shape)

    def read_rows(
        self, file: Any, start: int, stop: int, buffer: NDArray[np.uint8]
    ) -> NDArray[Any]:
        """Return the rows from `start` to `stop`, decoded, as a view of `buffer`."""
        assert self.dtype is not None
        used = buffer[: (stop - start) * self.row_bytes].view(self.dtype)
        rows = used.reshape(stop - start, self.shape[-1])
        file.read(self, start, rows)
        return rows


class Decoder:
    """An open file whose tensors are decoded; for one thread at a time.

    Parameters
    ----------
    path : str
        The file, for errors.
    kind : str
        Its format, for errors.
    begin : callable
        See `Begin`.
    *errors : type
        What a library raises for a file that is not sound, besides the usual.
    """

    def __init__(self, path: str, kind: str, begin: Begin, *errors: type[Exception]) -> None:
        self._path = path
        self.begin = begin
        self.guard = partial(corruption, path, kind, *errors)
        self._tensor: Tensor | None = None
        self._next = 0
        self._pieces: Iterator[NDArray[Any]] = iter(())
        self._rest: NDArray[Any] | None = None

    def read(self, tensor: Tensor, start: int, rows: NDArray[Any]) -> None:
        """Fill `rows` with those of the tensor from `start` on."""
        with self.guard():
            self._read(tensor, start, rows)

    def _read(self, tensor: Tensor, start: int, rows: NDArray[Any]) -> None:
        # Going back, or far ahead, begins anew.
        if tensor is not self._tensor or start < self._next:
            self._restart(tensor, start)
        elif start > self._next:
            inner = math.prod(tensor.shape[1:-1])
            first, _ = self.begin(tensor, start // max(1, inner))
            if first * inner > self._next:
                self._restart(tensor, start)
        self._take(start - self._next, None)
        self._take(len(rows), rows)

    def _restart(self, tensor: Tensor, start: int) -> None:
        inner = math.prod(tensor.shape[1:-1])
        first, self._pieces = self.begin(tensor, start // max(1, inner))
        self._tensor, self._next, self._rest = tensor, first * inner, None

    def _take(self, count: int, rows: NDArray[Any] | None) -> None:
        assert self._tensor is not None
        done = 0
        while done < count:
            if self._rest is None or not len(self._rest):
                piece = next(self._pieces, None)
                if piece is None:
                    raise DataError(
                        f"{self._path}: {self._tensor} ends after row {self._next}; truncated?"
                    )
                self._rest = piece.reshape(-1, self._tensor.shape[-1])
            some = self._rest[: count - done]
            if rows is not None:
                rows[done : done + len(some)] = some
            self._rest = self._rest[len(some) :]
            done += len(some)
            self._next += len(some)


def slices(tensor: Tensor, chunk: int, record: int) -> tuple[int, Iterator[tuple[slice, ...]]]:
    """Cut a tensor into pieces that are decoded one after the other.

    Parameters
    ----------
    tensor : Tensor
        What is cut.
    chunk : int
        How many records the format decodes together.
    record : int
        Where to begin.

    Returns
    -------
    first : int
        The record that the pieces begin with.
    pieces : iterator of tuple of slice
        Each of some records, or of one record and some of its rows.
    """
    records, inner = tensor.shape[0], math.prod(tensor.shape[1:-1])
    record_bytes = max(1, tensor.row_bytes * max(1, inner))
    # Whole chunks, if they are not too large: what is cut is decoded again for each piece.
    step = max(1, PIECE_BYTES // record_bytes)
    step = max(1, step // chunk) * chunk if chunk * record_bytes <= 8 * PIECE_BYTES else step
    first = record // step * step

    def pieces() -> Iterator[tuple[slice, ...]]:
        for begin in range(first, records, step):
            if step > 1 or len(tensor.shape) != 3 or record_bytes <= 8 * PIECE_BYTES:
                yield (slice(begin, min(begin + step, records)),)
                continue
            rows = max(1, PIECE_BYTES // tensor.row_bytes)
            for start in range(0, inner, rows):
                yield slice(begin, begin + 1), slice(start, min(start + rows, inner))

    return first, pieces()
