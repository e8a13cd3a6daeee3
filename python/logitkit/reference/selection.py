"""The reference of `logitkit.selection`."""

from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._arguments import as_count
from logitkit._arrays import as_rows
from logitkit._topk import TopK, TopKLogProbs
from logitkit.reference._softmax import Softmax, softmax_of


@overload
def topk(
    logits: ArrayLike,
    k: int,
    /,
    *,
    axis: int = -1,
    sorted: bool = True,
    return_log_probs: Literal[False] = False,
    temperature: ArrayLike = 1.0,
    dtype: Literal["bfloat16"] | None = None,
    threads: int | None = None,
) -> TopK: ...


@overload
def topk(
    logits: ArrayLike,
    k: int,
    /,
    *,
    axis: int = -1,
    sorted: bool = True,
    return_log_probs: Literal[True],
    temperature: ArrayLike = 1.0,
    dtype: Literal["bfloat16"] | None = None,
    threads: int | None = None,
) -> TopKLogProbs: ...


def topk(
    logits: ArrayLike,
    k: int,
    /,
    *,
    axis: int = -1,
    sorted: bool = True,
    return_log_probs: bool = False,
    temperature: ArrayLike = 1.0,
    dtype: Literal["bfloat16"] | None = None,
    threads: int | None = None,
) -> TopK | TopKLogProbs:
    """Take the first k of a stable sort of the negative logits."""
    rows = as_rows(logits, axis, dtype)
    softmax = softmax_of(rows, temperature)
    ids = largest(softmax, as_count(k, rows, "k"))
    if not sorted:
        ids = np.sort(ids, axis=-1)
    values = at(softmax.logits, ids)
    top = TopK(np.moveaxis(values, -1, rows.axis), np.moveaxis(ids, -1, rows.axis))
    if not return_log_probs:
        return top
    return TopKLogProbs(*top, np.moveaxis(at(softmax.log_softmax, ids), -1, rows.axis))


def largest(softmax: Softmax, k: int) -> NDArray[np.int64]:
    """Return the ids of the k largest logits of each row; -1 in rows with NaN."""
    ids = np.argsort(-softmax.logits, axis=-1, kind="stable")[..., :k]
    return np.where(np.isnan(softmax.max), -1, ids)


def at(numbers: NDArray[np.float64], ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each row's numbers at `ids`; NaN for -1."""
    return np.where(ids < 0, np.nan, np.take_along_axis(numbers, np.maximum(ids, 0), axis=-1))
