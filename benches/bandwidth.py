"""The machine's read bandwidth: the rate that no single pass over an array can beat.

The reader is `numpy.max`, a loop of vector loads and one cheap operation that releases the GIL,
over one contiguous part of the array per thread. How fast it goes depends on more than the memory:
the floating-point maximum also watches for NaN, where the integer one does not, and reading in
pieces changes what the prefetchers see. So it is calibrated on the array at hand: the fastest of
several element types and piece lengths is the one taken. What writes over the array it reads is
measured by the plainest pass that does.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ELEMENTS = {2: ("int16", "int32"), 4: ("float32", "int32"), 8: ("float64", "int64")}
_PIECES = (None, 16 << 20, 1 << 20)

# A reading of an array in cache takes microseconds, less than it takes to start a thread.
_SHORTEST_READING = 5e-3
_TRIALS = 3

_Pieces = list[NDArray[Any]]


class Reader:
    """Reads `values`, C-contiguous, with `threads` threads."""

    def __init__(self, values: NDArray[Any], threads: int) -> None:
        self.nbytes = values.nbytes
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._repeats = 1
        flat = values.reshape(-1)
        ways = {
            f"{element}, {_describe(piece)}": [
                _cut(part, piece) for part in np.array_split(_view(flat, element), threads)
            ]
            for element, piece in product(_ELEMENTS[values.itemsize], _PIECES)
            if piece is None or piece < values.nbytes // threads
        }
        fastest = {name: self._fastest(parts) for name, parts in ways.items()}
        self.way = min(fastest, key=fastest.__getitem__)
        self._parts = ways[self.way]
        if threads > 1:
            self._repeats = max(1, round(_SHORTEST_READING / fastest[self.way]))

    def seconds(self) -> float:
        """The time of one reading, made now."""
        return self._time(self._parts)

    def _fastest(self, parts: list[_Pieces]) -> float:
        return min(self._time(parts) for _ in range(_TRIALS))

    def _time(self, parts: list[_Pieces]) -> float:
        start = time.perf_counter()
        if self._pool is None:
            _read(parts[0], self._repeats)
        else:
            list(self._pool.map(_read, parts, [self._repeats] * len(parts)))
        return (time.perf_counter() - start) / self._repeats


class Scaler:
    """Multiplies `values`, C-contiguous, by one in their place, with `threads` threads."""

    way = "numpy.multiply in place"

    def __init__(self, values: NDArray[Any], threads: int) -> None:
        self._parts = np.array_split(values.reshape(-1), threads)
        self._pool = ThreadPoolExecutor(threads)

    def seconds(self) -> float:
        """The time of one scaling, made now."""
        start = time.perf_counter()
        list(self._pool.map(_scale, self._parts))
        return time.perf_counter() - start


def row_maximum(row: NDArray[Any]) -> float:
    """The time of one plain `numpy.max` of a row, the Python call included.

    NumPy has no vector loop for float16; its bits stand in for it.
    """
    native = row.view(np.int16) if row.dtype == np.float16 else row
    start = time.perf_counter()
    np.max(native)
    return time.perf_counter() - start


def _read(pieces: _Pieces, repeats: int) -> None:
    for _ in range(repeats):
        for piece in pieces:
            piece.max()


def _scale(part: NDArray[Any]) -> None:
    np.multiply(part, part.dtype.type(1), out=part)


def _cut(part: NDArray[Any], nbytes: int | None) -> _Pieces:
    step = part.size if nbytes is None else nbytes // part.itemsize
    return [part[start : start + step] for start in range(0, part.size, step)]


def _view(flat: NDArray[Any], element: str) -> NDArray[Any]:
    """The same bytes as another element type, without a last odd element."""
    dtype = np.dtype(element)
    whole = flat.nbytes // dtype.itemsize * dtype.itemsize // flat.itemsize
    return flat[:whole].view(dtype)


def _describe(piece: int | None) -> str:
    return "in one piece" if piece is None else f"in pieces of {piece >> 20} MiB"
