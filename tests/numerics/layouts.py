"""The same values laid out in memory in every way that NumPy allows."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[Any]


def _every_second(logits: Logits) -> Logits:
    rows, length = logits.shape
    wide = np.zeros((rows, 2 * length), logits.dtype)
    wide[:, ::2] = logits
    return wide[:, ::2]


def _columns_first(logits: Logits) -> Logits:
    return np.asfortranarray(logits)


def _backwards(logits: Logits) -> Logits:
    return np.ascontiguousarray(logits[::-1, ::-1])[::-1, ::-1]


def _window(logits: Logits) -> Logits:
    rows, length = logits.shape
    wide = np.zeros((2 * rows, length + 7), logits.dtype)
    wide[::2, 3:-4] = logits
    return wide[::2, 3:-4]


def _misaligned(logits: Logits) -> Logits:
    memory = np.zeros(logits.nbytes + 1, np.uint8)
    memory[1:] = np.ascontiguousarray(logits).reshape(-1).view(np.uint8)
    view = np.ndarray(logits.shape, logits.dtype, memory.data, offset=1)
    assert not view.flags.aligned
    return view


def _byte_swapped(logits: Logits) -> Logits:
    # NumPy knows no byte order of ml_dtypes' bfloat16: its bits have one.
    native = np.dtype(np.uint16) if logits.dtype.kind == "V" else logits.dtype
    swapped = logits.view(native).byteswap().view(native.newbyteorder())
    assert not swapped.dtype.isnative
    return swapped


def _byte_swapped_every_second(logits: Logits) -> Logits:
    return _every_second(_byte_swapped(logits))


def _read_only(logits: Logits) -> Logits:
    copy = logits.copy()
    copy.flags.writeable = False
    return copy


LAYOUTS: dict[str, Callable[[Logits], Logits]] = {
    "every second": _every_second,
    "columns first": _columns_first,
    "backwards": _backwards,
    "window": _window,
    "misaligned": _misaligned,
    "byte swapped": _byte_swapped,
    "byte swapped every second": _byte_swapped_every_second,
    "read only": _read_only,
}


def keywords(logits: Logits) -> dict[str, Any]:
    """Give the arguments with which a function understands this array: bits need their dtype."""
    return {"dtype": "bfloat16"} if logits.dtype.kind == "u" else {}
