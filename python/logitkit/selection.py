"""The largest logits of each row, exactly, and without sorting the row.

What is accepted as logits is said in `logitkit.stats`. The order of tokens is that of their logits,
the largest first, then that of their indices; +inf and -inf are the largest and the smallest of
numbers, and -0 equals 0. In a row with a NaN there is no order: its results are NaN, and -1 where
they are indices. Other rows are not affected.
"""

from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from logitkit import _native
from logitkit._arguments import as_count, as_temperature, as_threads
from logitkit._arrays import as_rows
from logitkit._topk import TopK, TopKLogProbs, as_bytes, room_for


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
    r"""Largest k logits of each row, and where they stand.

    Exact, with a rule for equal logits: the lowest index first. Each row is read from memory once,
    with `return_log_probs` too: maxima of groups of logits give a lower bound for the k-th largest,
    and the few groups that reach it are looked at again while they are in the cache.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    k : int
        How many, from 1 to vocab.
    axis : int, default -1
        The vocabulary axis.
    sorted : bool, default True
        Order them from the largest to the smallest. Otherwise they are the same ones in the order
        of their indices.
    return_log_probs : bool, default False
        Also return their log-probabilities under softmax(logits / temperature).
    temperature : array_like of real, default 1.0
        T of the log-probabilities, finite and greater than 0; one number, or an array that
        broadcasts to the shape of `logits` without `axis`. The logits are returned as they are.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    TopK or TopKLogProbs
        The named tuple ``(values, indices)``, or ``(values, indices, log_probs)`` with
        `return_log_probs`: arrays of the shape of `logits` with `axis` of length k. Values and
        log-probabilities are float32, or float64 for float64 logits; indices are int64.

        If fewer than k logits of a row are above -inf, -inf fills up, lowest index first. A row
        with a NaN has NaN for values and -1 for indices. Log-probabilities are NaN in a row with a
        NaN, +inf or nothing finite.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If `logits` have no axes or no tokens, or an argument is out of its range or does not fit
        them.

    See Also
    --------
    token_stats : With `top_k`, ids and log-probabilities of the largest along with all else.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> logits = np.log(np.array([[0.25, 0.5, 0.25], [0.125, 0.125, 0.75]]))
    >>> values, indices = logitkit.topk(logits, 2)
    >>> indices
    array([[1, 0],
           [2, 0]])
    >>> top = logitkit.topk(logits, 2, return_log_probs=True)
    >>> np.exp(top.log_probs).round(12)
    array([[0.5  , 0.25 ],
           [0.75 , 0.125]])
    """
    rows = as_rows(logits, axis, dtype)
    k = as_count(k, rows, "k")
    values, indices = room_for(rows, k)
    log_probs = np.empty_like(values) if return_log_probs else None
    _native.topk(
        rows.cells,
        rows.element,
        rows.swapped,
        not sorted,
        as_temperature(temperature, rows.leading),
        as_bytes(values),
        indices,
        None if log_probs is None else as_bytes(log_probs),
        as_threads(threads),
    )
    values, indices = (np.moveaxis(array, -1, rows.axis) for array in (values, indices))
    if log_probs is None:
        return TopK(values, indices)
    return TopKLogProbs(values, indices, np.moveaxis(log_probs, -1, rows.axis))
