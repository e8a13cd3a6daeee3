"""What the rows of logits say of given tokens: log-probability, rank and perplexity.

Logits, special values and the treatment of memory are those of `logitkit.stats`.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit import _native
from logitkit._arguments import (
    as_ignore_index,
    as_scale,
    as_targets,
    as_temperature,
    as_threads,
    check_out,
    deliver,
)
from logitkit._arrays import as_rows


def log_prob(
    logits: ArrayLike,
    targets: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: ArrayLike = 1.0,
    base: float | None = None,
    ignore_index: int | None = None,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Any:
    r"""Log-probability of target tokens under softmax(logits / temperature).

    .. math:: \log p_t = x_t / T - \log \sum_i e^{x_i / T}

    the negative of the cross-entropy with the target.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    targets : array_like of int
        Token ids, of the shape of `logits` without `axis`, or with one more trailing axis for
        several targets in each row. They are not broadcast.
    axis : int, default -1
        The vocabulary axis.
    temperature : array_like of real, default 1.0
        T, finite and greater than 0; one number, or an array that broadcasts to the shape of
        `logits` without `axis`.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits; default: nats.
    ignore_index : int, optional
        Targets equal to this are skipped, whether or not they are in range.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    out : ndarray, optional
        Where to put the result, and what is then returned; of its exact shape and dtype.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    ndarray or NumPy scalar
        Of the shape of `targets`, a scalar for one target; float32, or float64 for float64
        logits. -inf for a target of probability 0, NaN for one that is skipped.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If `logits` have no axes or no tokens, if a target is outside the vocabulary (the message
        names the first), or if an argument is out of its range or does not fit the logits.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> logits = np.log(np.array([[1.0, 2.0, 5.0], [1.0, 1.0, 2.0]]))
    >>> np.exp(logitkit.log_prob(logits, [2, 0])).round(12)
    array([0.625, 0.25 ])
    >>> np.exp(logitkit.log_prob(logits, [[1, 2], [-100, 0]], ignore_index=-100)).round(12)
    array([[0.25 , 0.625],
           [ nan, 0.25 ]])
    """
    rows = as_rows(logits, axis, dtype)
    wanted = as_targets(targets, rows.leading)
    check_out(out, wanted.shape, rows.result_dtype)
    result = _native.log_prob(
        rows.cells,
        rows.element,
        rows.swapped,
        wanted,
        as_ignore_index(ignore_index),
        as_temperature(temperature, rows.leading),
        as_scale(base),
        False,
        as_threads(threads),
    )
    return deliver(result, wanted.shape, out)


def rank(
    logits: ArrayLike,
    targets: ArrayLike,
    /,
    *,
    axis: int = -1,
    ignore_index: int | None = None,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Any:
    """Rank of target tokens among the logits of their row: 1 for the largest.

    The rank is 1 + the number of strictly greater logits, so that tied tokens share the best of
    their ranks. No temperature changes it.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    targets : array_like of int
        Token ids, of the shape of `logits` without `axis`, or with one more trailing axis for
        several targets in each row. They are not broadcast.
    axis : int, default -1
        The vocabulary axis.
    ignore_index : int, optional
        Targets equal to this are skipped, whether or not they are in range.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    out : ndarray of int64, optional
        Where to put the result, and what is then returned; of its exact shape.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    ndarray of int64 or numpy.int64
        Of the shape of `targets`, a scalar for one target. 0 for a target that is skipped and in
        a row with a NaN.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If `logits` have no axes or no tokens, if a target is outside the vocabulary (the message
        names the first), or if an argument does not fit the logits.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> logits = np.array([[3.0, 7.0, 5.0, 5.0], [1.0, 1.0, 0.0, 2.0]])
    >>> logitkit.rank(logits, [3, 3])
    array([2, 1])
    """
    rows = as_rows(logits, axis, dtype)
    wanted = as_targets(targets, rows.leading)
    check_out(out, wanted.shape, np.int64)
    result = _native.rank(
        rows.cells,
        rows.element,
        rows.swapped,
        wanted,
        as_ignore_index(ignore_index),
        as_threads(threads),
    )
    return deliver(result, wanted.shape, out)


def perplexity(
    logits: ArrayLike,
    targets: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: ArrayLike = 1.0,
    ignore_index: int | None = None,
    dtype: Literal["bfloat16"] | None = None,
    threads: int | None = None,
) -> float:
    r"""Perplexity of target tokens: exp of their mean negative log-probability.

    .. math:: \exp\Bigl(-\frac{1}{n} \sum_{k=1}^{n} \ln p_{t_k}\Bigr)

    over the n targets that are not skipped [1]_; computed in float64 whatever the logits are.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    targets : array_like of int
        Token ids, of the shape of `logits` without `axis`, or with one more trailing axis for
        several targets in each row. They are not broadcast.
    axis : int, default -1
        The vocabulary axis.
    temperature : array_like of real, default 1.0
        T, finite and greater than 0; one number, or an array that broadcasts to the shape of
        `logits` without `axis`.
    ignore_index : int, optional
        Targets equal to this are skipped, whether or not they are in range.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    float
        At least 1. inf if a target has probability 0; NaN if a row that counts has a NaN, +inf or
        nothing finite, or if no target counts.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If `logits` have no axes or no tokens, if a target is outside the vocabulary (the message
        names the first), or if an argument is out of its range or does not fit the logits.

    References
    ----------
    .. [1] F. Jelinek, R. L. Mercer, L. R. Bahl, J. K. Baker, "Perplexity: a measure of the
       difficulty of speech recognition tasks", Journal of the Acoustical Society of America 62
       (1977) S63.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> logits = np.zeros((3, 8), dtype=np.float32)
    >>> round(logitkit.perplexity(logits, [5, 0, -1], ignore_index=-1), 12)
    8.0
    """
    rows = as_rows(logits, axis, dtype)
    wanted = as_targets(targets, rows.leading)
    skipped = as_ignore_index(ignore_index)
    result = _native.log_prob(
        rows.cells,
        rows.element,
        rows.swapped,
        wanted,
        skipped,
        as_temperature(temperature, rows.leading),
        1.0,
        True,
        as_threads(threads),
    )
    counted = result if skipped is None else result[wanted != skipped]
    if not counted.size:
        return float("nan")
    with np.errstate(over="ignore"):
        return float(np.exp(-counted.mean()))
