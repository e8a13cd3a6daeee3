"""What `topk` returns, and the arrays that the largest logits of each row go to."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from logitkit._arrays import Rows


class TopK(NamedTuple):
    """The largest logits of each row, as `topk` returns them.

    Attributes
    ----------
    values : array of real
        The logits, float32 or, for float64 logits, float64; NaN in a row with a NaN.
    indices : array of int64
        Where they stand on the vocabulary axis; -1 in a row with a NaN.
    """

    values: NDArray[Any]
    indices: NDArray[np.int64]


class TopKLogProbs(NamedTuple):
    """The largest logits of each row with their log-probabilities, as `topk` returns them.

    Attributes
    ----------
    values : array of real
        The logits, float32 or, for float64 logits, float64; NaN in a row with a NaN.
    indices : array of int64
        Where they stand on the vocabulary axis; -1 in a row with a NaN.
    log_probs : array of real
        Their log-probabilities, in nats; NaN in a row with a NaN, +inf or nothing finite.
    """

    values: NDArray[Any]
    indices: NDArray[np.int64]
    log_probs: NDArray[Any]


def room_for(rows: Rows, k: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return arrays for `k` real numbers and `k` token ids of each row."""
    shape = (*rows.leading, k)
    return np.empty(shape, rows.result_dtype), np.empty(shape, np.int64)


def as_bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    """View an array from `room_for` as the native core takes it."""
    return array[..., None].view(np.uint8)
