"""The reference of `logitkit.probabilities`; the letters in docstrings are those of `_softmax`."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._arrays import Rows, as_rows
from logitkit.reference._softmax import softmax_of


def softmax(
    logits: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: ArrayLike = 1.0,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """``exp`` of the log-probabilities."""
    rows = as_rows(logits, axis, dtype)
    return in_place(np.exp(softmax_of(rows, temperature).log_softmax), rows, out)


def log_softmax(
    logits: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: ArrayLike = 1.0,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """``-gap - ln n - log1p(a / n)``."""
    rows = as_rows(logits, axis, dtype)
    return in_place(softmax_of(rows, temperature).log_softmax, rows, out)


def in_place(dense: NDArray[np.float64], rows: Rows, out: NDArray[Any] | None) -> NDArray[Any]:
    """Put the vocabulary axis back, in `out` if given."""
    dense = np.moveaxis(dense, -1, rows.axis)
    if out is None:
        return dense
    out[...] = dense
    return out
