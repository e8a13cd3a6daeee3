"""Rows that are written in groups of a size, however they come."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


class WholeGroups:
    """Passes rows on in multiples of a number, and keeps the rest for those that come.

    Parameters
    ----------
    size : int
        The number.
    write : callable
        Takes the rows.
    """

    def __init__(self, size: int, write: Callable[[NDArray[Any]], None]) -> None:
        self._size = size
        self._write = write
        self._waiting: list[NDArray[Any]] = []

    def add(self, rows: NDArray[Any]) -> None:
        """Take some rows, which may be overwritten afterwards."""
        count = sum(map(len, self._waiting)) + len(rows)
        if count < self._size:
            self._waiting.append(rows.copy())
            return
        together = np.concatenate([*self._waiting, rows]) if self._waiting else rows
        whole = count // self._size * self._size
        self._write(together[:whole])
        self._waiting = [together[whole:].copy()] if count > whole else []

    def flush(self) -> None:
        """Pass on what is left."""
        if self._waiting:
            self._write(np.concatenate(self._waiting))
            self._waiting = []
