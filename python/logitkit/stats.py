"""Statistics of the distributions softmax(logits / temperature), one for each row of logits.

Logits are arrays of shape ``(..., vocab)`` in float32, float16, bfloat16 or float64: NumPy arrays
of any layout, memory maps, PyTorch and JAX arrays on the CPU, and whatever NumPy makes an array
of; a list of numbers counts as float64. bfloat16 bits held as uint16 or two-byte void are
accepted with ``dtype="bfloat16"``. Arrays are read in place, once, and never changed; they must
not be written to during the call.

Special values, in all functions: -inf is a token of probability 0 and contributes nothing. A row
with a NaN gives NaN. In a row with +inf the log-sum-exp is +inf, in one that is -inf throughout it
is -inf; in both the other real statistics are NaN. Other rows are not affected.
"""

from typing import Any, Literal

from numpy.typing import ArrayLike, NDArray

from logitkit import _native
from logitkit._arguments import (
    as_count,
    as_ignore_index,
    as_numbers,
    as_scale,
    as_targets,
    as_temperature,
    as_threads,
    check_out,
    deliver,
    filled,
    result_shape,
)
from logitkit._arrays import as_rows
from logitkit._dense import destination
from logitkit._token_stats import TokenStats
from logitkit._topk import as_bytes, room_for


def logsumexp(
    logits: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: ArrayLike = 1.0,
    keepdims: bool = False,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Any:
    r"""Logarithm of the sum of the exponentials of logits.

    .. math:: \ln \sum_i e^{x_i / T}

    in nats, computed with the largest logit taken out [1]_.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    axis : int, default -1
        The vocabulary axis.
    temperature : array_like of real, default 1.0
        T, finite and greater than 0; one number, or an array that broadcasts to the shape of
        `logits` without `axis`.
    keepdims : bool, default False
        Keep the vocabulary axis, with length one.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    out : ndarray, optional
        Where to put the result, and what is then returned; of its exact shape and dtype.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    ndarray or NumPy scalar
        Of the shape of `logits` without `axis`, a scalar for a single row; float32, or float64
        for float64 logits.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If `logits` have no axes or no tokens, or an argument is out of its range or does not fit
        them.

    References
    ----------
    .. [1] P. Blanchard, D. J. Higham, N. J. Higham, "Accurately computing the log-sum-exp and
       softmax functions", IMA Journal of Numerical Analysis 41 (2021) 2311-2330.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> logits = np.log(np.array([[1.0, 2.0, 5.0], [1.0, 1.0, 2.0]]))
    >>> np.exp(logitkit.logsumexp(logits)).round(12)
    array([8., 4.])
    """
    rows = as_rows(logits, axis, dtype)
    shape = result_shape(rows, keepdims)
    check_out(out, shape, rows.result_dtype)
    result = _native.logsumexp(
        rows.cells,
        rows.element,
        rows.swapped,
        as_temperature(temperature, rows.leading),
        False,
        as_threads(threads),
    )
    return deliver(result, shape, out)


def entropy(
    logits: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: ArrayLike = 1.0,
    base: float | None = None,
    keepdims: bool = False,
    return_grad: bool = False,
    grad_out: NDArray[Any] | None = None,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Any:
    r"""Shannon entropy of softmax(logits / temperature).

    .. math:: H = -\sum_i p_i \log p_i, \qquad p_i = e^{x_i / T} / \sum_j e^{x_j / T}

    the mean of the surprisal :math:`-\log p` [1]_. It is computed from terms that are not
    negative, so that a small entropy is as accurate, relative to itself, as a large one.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    axis : int, default -1
        The vocabulary axis.
    temperature : array_like of real, default 1.0
        T, finite and greater than 0; one number, or an array that broadcasts to the shape of
        `logits` without `axis`.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits; default: nats.
    keepdims : bool, default False
        Keep the vocabulary axis, with length one.
    return_grad : bool, default False
        Also return the gradient of the sum of the entropies with respect to the logits.
    grad_out : ndarray, optional
        Where to put the gradient, which is then returned too: of the shape of `logits`, of their
        dtype or that of the entropy. It may be `logits`, which are then written over.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    out : ndarray, optional
        Where to put the result, and what is then returned; of its exact shape and dtype.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    entropy : ndarray or NumPy scalar
        Of the shape of `logits` without `axis`, a scalar for a single row; float32, or float64
        for float64 logits. Between 0 and log(vocab).
    grad : ndarray
        With `return_grad` or `grad_out`: of the shape of `logits`.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If `logits` have no axes or no tokens, or an argument is out of its range or does not fit
        them.

    References
    ----------
    .. [1] C. E. Shannon, "A mathematical theory of communication", Bell System Technical Journal
       27 (1948) 379-423.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> logits = np.array([[0, 0, 0, 0], [0, 0, -np.inf, -np.inf]], dtype=np.float32)
    >>> logitkit.entropy(logits, base=2)
    array([2., 1.], dtype=float32)
    """
    rows = as_rows(logits, axis, dtype)
    shape = result_shape(rows, keepdims)
    check_out(out, shape, rows.result_dtype)
    if return_grad or grad_out is not None:
        place = destination(rows, grad_out, dtype, "grad_out")
        values = _native.entropy_gradient(
            place.cells,
            rows.element,
            rows.swapped,
            as_temperature(temperature, rows.leading),
            as_scale(base),
            place.out,
            place.element,
            as_threads(threads),
        )
        values = values.astype(rows.result_dtype, copy=False)
        return deliver(values, shape, out), place.deliver()
    result = _native.entropy(
        rows.cells,
        rows.element,
        rows.swapped,
        as_temperature(temperature, rows.leading),
        as_scale(base),
        False,
        as_threads(threads),
    )
    return deliver(result, shape, out)


def varentropy(
    logits: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: ArrayLike = 1.0,
    base: float | None = None,
    keepdims: bool = False,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Any:
    r"""Variance of the surprisal under softmax(logits / temperature).

    .. math:: V = \sum_i p_i (-\log p_i - H)^2

    with H the entropy [1]_. It is 0 where all tokens that can occur are equally probable.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    axis : int, default -1
        The vocabulary axis.
    temperature : array_like of real, default 1.0
        T, finite and greater than 0; one number, or an array that broadcasts to the shape of
        `logits` without `axis`.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits squared; default: nats squared.
    keepdims : bool, default False
        Keep the vocabulary axis, with length one.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    out : ndarray, optional
        Where to put the result, and what is then returned; of its exact shape and dtype.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    ndarray or NumPy scalar
        Of the shape of `logits` without `axis`, a scalar for a single row; float32, or float64
        for float64 logits.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If `logits` have no axes or no tokens, or an argument is out of its range or does not fit
        them.

    References
    ----------
    .. [1] I. Kontoyiannis, S. Verdú, "Optimal lossless data compression: non-asymptotics and
       asymptotics", IEEE Transactions on Information Theory 60 (2014) 777-795.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> logits = np.log2(np.array([0.5, 0.25, 0.25])) * np.log(2)
    >>> logitkit.varentropy(logits, base=2).round(12)
    np.float64(0.25)
    """
    rows = as_rows(logits, axis, dtype)
    shape = result_shape(rows, keepdims)
    check_out(out, shape, rows.result_dtype)
    result = _native.varentropy(
        rows.cells,
        rows.element,
        rows.swapped,
        as_temperature(temperature, rows.leading),
        as_scale(base),
        False,
        as_threads(threads),
    )
    return deliver(result, shape, out)


def token_stats(
    logits: ArrayLike,
    targets: ArrayLike | None = None,
    /,
    *,
    axis: int = -1,
    temperature: ArrayLike = 1.0,
    base: float | None = None,
    ignore_index: int | None = None,
    top_k: int | None = None,
    dtype: Literal["bfloat16"] | None = None,
    threads: int | None = None,
) -> TokenStats:
    """All statistics of each row, and those of its targets, from one read of the logits.

    A function that gives one of them alone does only the work that this one needs, so that its
    real results may differ from the fields here in the last bits.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    targets : array_like of int, optional
        Token ids, of the shape of `logits` without `axis`, or with one more trailing axis for
        several targets in each row. They are not broadcast.
    axis : int, default -1
        The vocabulary axis.
    temperature : array_like of real, default 1.0
        T, finite and greater than 0; one number, or an array that broadcasts to the shape of
        `logits` without `axis`.
    base : float, optional
        Base of the logarithms in `entropy`, `varentropy`, `log_prob` and `top_log_probs`, greater
        than 1: 2 for bits; default: nats. The log-sum-exp is in nats always.
    ignore_index : int, optional
        Targets equal to this are skipped, whether or not they are in range.
    top_k : int, optional
        Also find the tokens with the k largest logits of each row, and their log-probabilities;
        from 1 to vocab.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    TokenStats
        With the fields `max`, `argmax`, `logsumexp`, `entropy`, `varentropy`, `max_prob`, `valid`;
        `log_prob` and `rank`, None without `targets`; `top_ids` and `top_log_probs`, of one more
        axis of length `top_k`, None without it.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If `logits` have no axes or no tokens, if a target is outside the vocabulary (the message
        names the first), or if an argument is out of its range or does not fit the logits.

    See Also
    --------
    logsumexp, entropy, varentropy, log_prob, rank, topk : One of them alone.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> logits = np.array([[0, 0, 0, 0], [0, 0, -np.inf, -np.inf]], dtype=np.float32)
    >>> stats = logitkit.token_stats(logits, [3, 1], base=2)
    >>> stats.entropy
    array([2., 1.], dtype=float32)
    >>> stats.log_prob
    array([-2., -1.], dtype=float32)
    >>> stats.max_prob
    array([0.25, 0.5 ], dtype=float32)
    """
    rows = as_rows(logits, axis, dtype)
    wanted = None if targets is None else as_targets(targets, rows.leading)
    top_ids = top_log_probs = None
    if top_k is not None:
        top_log_probs, top_ids = room_for(rows, as_count(top_k, rows, "top_k"))
    fields: tuple[Any, ...] = _native.token_stats(
        rows.cells,
        rows.element,
        rows.swapped,
        wanted,
        as_ignore_index(ignore_index),
        as_temperature(temperature, rows.leading),
        as_scale(base),
        False,
        as_threads(threads),
        top_ids,
        None if top_log_probs is None else as_bytes(top_log_probs),
    )
    if not rows.leading:
        fields = as_numbers(fields)
    maximum, argmax, log_sum, mean, variance, max_prob, valid, log_probs, ranks = fields
    return filled(
        TokenStats,
        max=maximum,
        argmax=argmax,
        logsumexp=log_sum,
        entropy=mean,
        varentropy=variance,
        max_prob=max_prob,
        valid=valid,
        log_prob=log_probs,
        rank=ranks,
        top_ids=top_ids,
        top_log_probs=top_log_probs,
    )
