"""Reads rows of logits, from whichever files they are in."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from logitkit.io.source import LogitSource

# Of a directory of thousands of files only some are open at a time.
_MOST_OPEN: Final = 16


class RowReader:
    """Reads rows of a `LogitSource`, opening its files as they are needed."""

    def __init__(self, source: "LogitSource") -> None:
        self._source = source
        self._lock = Lock()
        self._open: dict[int, tuple[ExitStack, Any]] = {}
        self._users: dict[int, int] = {}

    def read(self, start: int, stop: int, buffer: NDArray[np.uint8]) -> NDArray[Any]:
        """Return the rows from `start` to `stop`, in `buffer` if they are of one file.

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
        pieces = []
        for number, first, last in self._pieces(start, stop):
            with self._handle(number) as handle:
                tensor = self._source.parts[number].tensor
                pieces.append(tensor.read_rows(handle, first, last, buffer))
            buffer = buffer[(last - first) * self._source.row_bytes :]
        if not pieces:
            tensor = self._source.parts[0].tensor
            return np.empty((0, self._source.vocab), tensor.dtype)
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    @contextmanager
    def lent(self, start: int, stop: int) -> Iterator[NDArray[Any] | None]:
        """Have rows without a copy, where that can be done safely.

        Parameters
        ----------
        start, stop : int
            Rows, as for `read`.

        Yields
        ------
        ndarray, shape (stop - start, vocab), or None
            The rows, in the file's own memory, for use inside the ``with`` block; None if they have
            to be read.
        """
        pieces = list(self._pieces(start, stop))
        tensor = self._source.parts[pieces[0][0]].tensor if len(pieces) == 1 else None
        if tensor is None or not tensor.as_stored:
            yield None
            return
        (number, first, last), size = pieces[0], (stop - start) * tensor.row_bytes
        offset = tensor.row_offset(first)
        with self._handle(number) as file:
            cells = file.lend(size, offset)
            if cells is None:
                yield None
                return
            try:
                yield cells.view(tensor.dtype).reshape(last - first, -1)
            finally:
                file.take_back(size, offset)

    def will_read(self, start: int, stop: int) -> None:
        """Ask the system to have these rows at hand soon."""
        for number, first, last in self._pieces(start, stop):
            tensor = self._source.parts[number].tensor
            if not tensor.fortran_order and not tensor.sequential:
                with self._handle(number) as file:
                    size = (last - first) * tensor.stored_row_bytes
                    file.will_read(size, tensor.row_offset(first))

    def close(self) -> None:
        """Close all files, and raise `DataError` if one was changed in the meantime."""
        while self._open:
            self._open.popitem()[1][0].close()

    def abandon(self) -> None:
        """Close all files without another look at them."""
        while self._open:
            stack, _ = self._open.popitem()[1]
            # What is under way already is what there is to tell.
            stack.__exit__(_Abandoned, _Abandoned(), None)

    def _pieces(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        while start < stop:
            number, first = self._source.locate(start)
            last = min(self._source.parts[number].row_count, first + stop - start)
            yield number, first, last
            start += last - first

    @contextmanager
    def _handle(self, number: int) -> Iterator[Any]:
        with self._lock:
            if number not in self._open:
                self._close_some()
                stack = ExitStack()
                handle = stack.enter_context(self._source.parts[number].home.open())
                self._open[number] = stack, handle
            handle = self._open[number][1]
            self._users[number] = self._users.get(number, 0) + 1
        try:
            yield handle
        finally:
            with self._lock:
                self._users[number] -= 1

    def _close_some(self) -> None:
        for number in list(self._open):
            if len(self._open) < _MOST_OPEN:
                return
            if not self._users[number]:
                self._open.pop(number)[0].close()


class _Abandoned(BaseException):
    """Tells an open file that it is closed because of an error elsewhere."""
