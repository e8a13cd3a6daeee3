"""Filters of one step that keep so many tokens, or so much: `filter_logits` with that step alone.

What a step keeps is defined in `logitkit.steps`; what is accepted as logits is said in
`logitkit.stats`.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._chains import OnInvalid, Ties
from logitkit.filters import filter_logits
from logitkit.steps import TopH, TopK, TopP, Typical


def top_k_filter(
    logits: ArrayLike,
    k: ArrayLike,
    /,
    *,
    ties: Ties = "index",
    min_keep: int = 1,
    on_invalid: OnInvalid = "raise",
    fill: float = -np.inf,
    axis: int = -1,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """Keep the first `k` tokens of each row: the largest logits.

    See `logitkit.steps.TopK` for the definition and its source.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    k : array_like of int
        How many tokens to keep; 0, -1 and anything from the size of the vocabulary on is off.
        One number, or an array that broadcasts to the shape of `logits` without `axis`.
    ties : {"index", "all"}, default "index"
        Of tokens equal to the last one kept, keep the first by index, or all.
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
    >>> logitkit.top_k_filter([0.0, 1.0, 2.0, 3.0], 2)
    array([-inf, -inf,   2.,   3.])
    """
    return filter_logits(
        logits,
        [TopK(k)],
        ties=ties,
        min_keep=min_keep,
        on_invalid=on_invalid,
        fill=fill,
        axis=axis,
        dtype=dtype,
        out=out,
        threads=threads,
    )


def top_p_filter(
    logits: ArrayLike,
    p: ArrayLike,
    /,
    *,
    ties: Ties = "index",
    min_keep: int = 1,
    on_invalid: OnInvalid = "raise",
    fill: float = -np.inf,
    axis: int = -1,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """Keep the nucleus of each row: the shortest prefix with a mass of `p`.

    See `logitkit.steps.TopP` for the definition and its source.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    p : array_like of real
        The mass to keep; 1 or more is off.
        One number, or an array that broadcasts to the shape of `logits` without `axis`.
    ties : {"index", "all"}, default "index"
        Of tokens equal to the last one kept, keep the first by index, or all.
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
    >>> logitkit.top_p_filter([0.0, 1.0, 2.0, 3.0], 0.7)
    array([-inf, -inf,   2.,   3.])
    """
    return filter_logits(
        logits,
        [TopP(p)],
        ties=ties,
        min_keep=min_keep,
        on_invalid=on_invalid,
        fill=fill,
        axis=axis,
        dtype=dtype,
        out=out,
        threads=threads,
    )


def typical_filter(
    logits: ArrayLike,
    p: ArrayLike,
    /,
    *,
    ties: Ties = "index",
    min_keep: int = 1,
    on_invalid: OnInvalid = "raise",
    fill: float = -np.inf,
    axis: int = -1,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """Keep the tokens whose surprisal is nearest to the entropy.

    See `logitkit.steps.Typical` for the definition and its source.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    p : array_like of real
        The mass to keep; 1 or more is off.
        One number, or an array that broadcasts to the shape of `logits` without `axis`.
    ties : {"index", "all"}, default "index"
        Of tokens equal to the last one kept, keep the first by index, or all.
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
    >>> logitkit.typical_filter([0.0, 1.0, 2.0, 3.0], 0.2)
    array([-inf, -inf,   2., -inf])
    """
    return filter_logits(
        logits,
        [Typical(p)],
        ties=ties,
        min_keep=min_keep,
        on_invalid=on_invalid,
        fill=fill,
        axis=axis,
        dtype=dtype,
        out=out,
        threads=threads,
    )


def top_h_filter(
    logits: ArrayLike,
    alpha: ArrayLike,
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
    """Keep the tokens that a share of the entropy pays for.

    See `logitkit.steps.TopH` for the definition and its source.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    alpha : array_like of real
        The share of the entropy to keep, from 0 to 1; inf is off.
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
    >>> logitkit.top_h_filter([0.0, 1.0, 2.0, 3.0], 0.5)
    array([-inf, -inf, -inf,   3.])
    """
    return filter_logits(
        logits,
        [TopH(alpha)],
        min_keep=min_keep,
        on_invalid=on_invalid,
        fill=fill,
        axis=axis,
        dtype=dtype,
        out=out,
        threads=threads,
    )
