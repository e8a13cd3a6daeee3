"""Parameters of filters and draws, checked: one number, or one for each row."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._arguments import first_offender
from logitkit._arrays import as_array

_INT64 = np.iinfo(np.int64)


def reals(
    given: ArrayLike, name: str, expected: str, least: float, most: float | None = None
) -> NDArray[np.float64]:
    """Check numbers from `least` to `most`, both included; without `most`, finite ones."""
    array, holds = as_array(given, name)
    if array.dtype.kind not in "fiu" or holds is not None:
        raise TypeError(
            f"{name} of dtype {holds or array.dtype}; expected {expected}, or an array of such, "
            "one for each row"
        )
    # A copy: what was checked must not change afterwards.
    array = np.array(array, np.float64)
    bad = ~((array >= least) & (array < np.inf if most is None else array <= most))
    if bad.any():
        raise ValueError(f"{first_offender(name, bad)} = {array[bad][0]}; expected {expected}")
    return _frozen(array)


def integers(given: ArrayLike, name: str, expected: str, least: int) -> NDArray[np.int64]:
    """Check integers of at least `least`; those that int64 does not hold become its largest."""
    array, holds = as_array(given, name)
    if array.dtype.kind not in "iu" or holds is not None:
        raise TypeError(
            f"{name} of dtype {holds or array.dtype}; expected {expected}, or an array of such, "
            "one for each row"
        )
    bad = array < least if array.dtype.kind == "i" else np.zeros(array.shape, bool)
    if bad.any():
        raise ValueError(f"{first_offender(name, bad)} = {array[bad][0]}; expected {expected}")
    if array.dtype.kind == "u":
        array = np.minimum(array, _INT64.max)
    return _frozen(np.array(array, np.int64))


def unsigned(given: ArrayLike, name: str, bits: int) -> NDArray[np.uint64]:
    """Check integers from 0 to ``2**bits - 1``."""
    expected = f"an int from 0 to 2**{bits} - 1"
    array, holds = as_array(given, name)
    if array.dtype.kind not in "iuO" or holds is not None:
        raise TypeError(
            f"{name} of dtype {holds or array.dtype}; expected {expected}, or an array of such, "
            "one for each row"
        )
    # Python integers beyond 63 bits may arrive as objects.
    if array.dtype.kind == "O" and not all(isinstance(each, int) for each in array.flat):
        raise TypeError(f"{name} holds what is no int; expected {expected}")
    bad = np.asarray(array < 0, bool)
    if bits < 8 * array.dtype.itemsize or array.dtype.kind == "O":
        bad |= np.asarray(array >= 1 << bits, bool)
    if bad.any():
        raise ValueError(f"{first_offender(name, bad)} = {array[bad][0]}; expected {expected}")
    return _frozen(array.astype(np.uint64))


def beside_rows(given: Any, leading: tuple[int, ...], name: str) -> NDArray[Any]:
    """Return a checked parameter for each row, flat, in C order."""
    array = np.asarray(given)
    if not array.ndim:
        return np.full(math.prod(leading), array)
    try:
        return np.broadcast_to(array, leading).reshape(-1)
    except ValueError:
        raise ValueError(
            f"{name} has shape {array.shape}, which does not broadcast to {leading}, the shape of "
            "logits without the vocabulary axis; expected one number, or one for each row"
        ) from None


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array
