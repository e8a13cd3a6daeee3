"""Filters of one step with a least probability or logit: `filter_logits` with that step alone.

What a step keeps is defined in `logitkit.steps`; what is accepted as logits is said in
`logitkit.stats`.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._chains import OnInvalid
from logitkit.filters import filter_logits
from logitkit.steps import Epsilon, Eta, MinP, TopNSigma


def min_p_filter(
    logits: ArrayLike,
    p: ArrayLike,
    /,
    *,
    min_keep: int = 1,
    on_invalid: OnInvalid = "raise",
    fill: float = -np.inf,
    axis: int = -1,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """Keep the tokens with at least `p` times the largest probability.

    See `logitkit.steps.MinP` for the definition and its source.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    p : array_like of real
        The least share of the largest probability, from 0, which is off, to 1.
        One number, or an array that broadcasts to the shape of `logits` without `axis`.
    min_keep : int, default 1
        How many tokens stay at least, if there are so many.
    on_invalid : {"raise", "mark"}, default "raise"
        What to do with a row that has a NaN, +inf or nothing finite: an error that names the first
        of them, before anything is written, or nothing but `fill`.
    fill : float, default -inf
        What stands for the tokens that are not kept.
    axis : int, default -1
        The vocabulary axis.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    out : ndarray, optional
        Where to put the result, which is then returned: of the shape of `logits`, and of their
        dtype or float32. It may be `logits`, which are then written over.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    ndarray
        The logits that are kept among `fill`: of the shape of `logits`; float64 for float64
        logits, float32 for others.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If `logits` have no axes or no tokens, or a row that cannot be filtered, or an argument is
        out of its range or does not fit the logits.

    Examples
    --------
    >>> import logitkit
    >>> logitkit.min_p_filter([0.0, 1.0, 2.0, 3.0], 0.3)
    array([-inf, -inf,   2.,   3.])
    """
    return filter_logits(
        logits,
        [MinP(p)],
        min_keep=min_keep,
        on_invalid=on_invalid,
        fill=fill,
        axis=axis,
        dtype=dtype,
        out=out,
        threads=threads,
    )


def epsilon_filter(
    logits: ArrayLike,
    epsilon: ArrayLike,
    /,
    *,
    min_keep: int = 1,
    on_invalid: OnInvalid = "raise",
    fill: float = -np.inf,
    axis: int = -1,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """Keep the tokens with a probability of at least `epsilon`.

    See `logitkit.steps.Epsilon` for the definition and its source.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    epsilon : array_like of real
        The least probability, from 0, which is off, to 1.
        One number, or an array that broadcasts to the shape of `logits` without `axis`.
    min_keep : int, default 1
        How many tokens stay at least, if there are so many.
    on_invalid : {"raise", "mark"}, default "raise"
        What to do with a row that has a NaN, +inf or nothing finite: an error that names the first
        of them, before anything is written, or nothing but `fill`.
    fill : float, default -inf
        What stands for the tokens that are not kept.
    axis : int, default -1
        The vocabulary axis.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    out : ndarray, optional
        Where to put the result, which is then returned: of the shape of `logits`, and of their
        dtype or float32. It may be `logits`, which are then written over.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    ndarray
        The logits that are kept among `fill`: of the shape of `logits`; float64 for float64
        logits, float32 for others.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If `logits` have no axes or no tokens, or a row that cannot be filtered, or an argument is
        out of its range or does not fit the logits.

    Examples
    --------
    >>> import logitkit
    >>> logitkit.epsilon_filter([0.0, 1.0, 2.0, 3.0], 0.05)
    array([-inf,   1.,   2.,   3.])
    """
    return filter_logits(
        logits,
        [Epsilon(epsilon)],
        min_keep=min_keep,
        on_invalid=on_invalid,
        fill=fill,
        axis=axis,
        dtype=dtype,
        out=out,
        threads=threads,
    )


def eta_filter(
    logits: ArrayLike,
    epsilon: ArrayLike,
    /,
    *,
    min_keep: int = 1,
    on_invalid: OnInvalid = "raise",
    fill: float = -np.inf,
    axis: int = -1,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """Keep the tokens that are probable enough for the entropy of their row.

    See `logitkit.steps.Eta` for the definition and its source.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    epsilon : array_like of real
        The least probability, lowered where the entropy is high, from 0, which is off, to 1.
        One number, or an array that broadcasts to the shape of `logits` without `axis`.
    min_keep : int, default 1
        How many tokens stay at least, if there are so many.
    on_invalid : {"raise", "mark"}, default "raise"
        What to do with a row that has a NaN, +inf or nothing finite: an error that names the first
        of them, before anything is written, or nothing but `fill`.
    fill : float, default -inf
        What stands for the tokens that are not kept.
    axis : int, default -1
        The vocabulary axis.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    out : ndarray, optional
        Where to put the result, which is then returned: of the shape of `logits`, and of their
        dtype or float32. It may be `logits`, which are then written over.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    ndarray
        The logits that are kept among `fill`: of the shape of `logits`; float64 for float64
        logits, float32 for others.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If `logits` have no axes or no tokens, or a row that cannot be filtered, or an argument is
        out of its range or does not fit the logits.

    Examples
    --------
    >>> import logitkit
    >>> logitkit.eta_filter([0.0, 1.0, 2.0, 3.0], 0.05)
    array([-inf,   1.,   2.,   3.])
    """
    return filter_logits(
        logits,
        [Eta(epsilon)],
        min_keep=min_keep,
        on_invalid=on_invalid,
        fill=fill,
        axis=axis,
        dtype=dtype,
        out=out,
        threads=threads,
    )


def top_n_sigma_filter(
    logits: ArrayLike,
    n: ArrayLike,
    /,
    *,
    min_keep: int = 1,
    on_invalid: OnInvalid = "raise",
    fill: float = -np.inf,
    axis: int = -1,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """Keep the tokens with a logit of at least max - n sigma.

    See `logitkit.steps.TopNSigma` for the definition and its source.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    n : array_like of real
        How many standard deviations below the largest logit to go; 0 or less is off.
        One number, or an array that broadcasts to the shape of `logits` without `axis`.
    min_keep : int, default 1
        How many tokens stay at least, if there are so many.
    on_invalid : {"raise", "mark"}, default "raise"
        What to do with a row that has a NaN, +inf or nothing finite: an error that names the first
        of them, before anything is written, or nothing but `fill`.
    fill : float, default -inf
        What stands for the tokens that are not kept.
    axis : int, default -1
        The vocabulary axis.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    out : ndarray, optional
        Where to put the result, which is then returned: of the shape of `logits`, and of their
        dtype or float32. It may be `logits`, which are then written over.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    ndarray
        The logits that are kept among `fill`: of the shape of `logits`; float64 for float64
        logits, float32 for others.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If `logits` have no axes or no tokens, or a row that cannot be filtered, or an argument is
        out of its range or does not fit the logits.

    Examples
    --------
    >>> import logitkit
    >>> logitkit.top_n_sigma_filter([0.0, 1.0, 2.0, 3.0], 1.0)
    array([-inf, -inf,   2.,   3.])
    """
    return filter_logits(
        logits,
        [TopNSigma(n)],
        min_keep=min_keep,
        on_invalid=on_invalid,
        fill=fill,
        axis=axis,
        dtype=dtype,
        out=out,
        threads=threads,
    )
