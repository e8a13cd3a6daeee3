"""Logits of one element type as another."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_HALF: int = 0x7FFF
_QUIET: int = 0x0040


def convert_elements(rows: NDArray[Any], element: str, wanted: str) -> NDArray[Any]:
    """Return rows as another element type, rounded to nearest, ties to even, where it is narrower.

    Parameters
    ----------
    rows : ndarray
        Logits; uint16 for bfloat16.
    element, wanted : {"float64", "float32", "float16", "bfloat16"}
        What they are, and what they are to be.

    Returns
    -------
    ndarray
        Of the native byte order; what is beyond the range becomes infinite, NaN stays NaN. From
        float64 to bfloat16 by way of float32.
    """
    rows = rows.astype(rows.dtype.newbyteorder("="), copy=False)
    if element == wanted:
        return rows
    if element == "bfloat16":
        rows = (rows.astype(np.uint32) << 16).view(np.float32)
    if wanted != "bfloat16":
        with np.errstate(over="ignore", under="ignore"):
            return rows.astype(wanted)
    with np.errstate(over="ignore", under="ignore"):
        bits = rows.astype(np.float32).view(np.uint32)
    upper = bits >> 16
    # Adding so much carries into the upper half exactly where it is rounded up.
    rounded = (bits + (_HALF + (upper & 1))) >> 16
    return np.where(np.isnan(rows), upper | _QUIET, rounded).astype(np.uint16)
