"""Entropy of probabilities, and the numbers that are another way of saying it."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from logitkit import _native
from logitkit._arguments import as_scale, deliver
from logitkit.dist._rows import as_numbers_of_outcomes, as_rows, per_row_natively


def entropy(
    probs: ArrayLike,
    /,
    *,
    axis: int = -1,
    base: float | None = None,
    keepdims: bool = False,
    threads: int | None = None,
) -> Any:
    r"""Shannon entropy of probabilities or of weights in their proportion.

    .. math:: H = -\sum_i p_i \log p_i, \qquad p_i = w_i / \sum_j w_j

    as in [1]_. It is computed from terms that are not negative, so that a small entropy is as
    accurate, relative to itself, as a large one.

    Parameters
    ----------
    probs : array_like of real, shape (..., n)
        The weights w, finite and not negative. See `logitkit.dist` for what is accepted.
    axis : int, default -1
        The axis of a distribution.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits; default: nats.
    keepdims : bool, default False
        Keep the axis of a distribution, with length one.
    threads : int, optional
        How many threads to use; default: see `logitkit.set_num_threads`.

    Returns
    -------
    ndarray of float64 or numpy.float64
        Of the shape of `probs` without `axis`, a scalar for a single row. Between 0 and log(n).

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If a weight is negative, infinite or NaN or a row sums to 0 (the message names the first),
        or if an argument is out of its range.

    See Also
    --------
    logitkit.entropy : The same of logits.

    References
    ----------
    .. [1] C. E. Shannon, "A mathematical theory of communication", Bell System Technical Journal
       27 (1948) 379-423.

    Examples
    --------
    >>> import logitkit
    >>> logitkit.dist.entropy([[0.5, 0.25, 0.25], [2, 2, 0]], base=2).round(12)
    array([1.5, 1. ])
    """
    scale = as_scale(base)
    rows = as_rows("weight", axis, probs=probs)
    return per_row_natively(_native.entropy_of_weights, rows, keepdims, scale, threads)


def normalized_entropy(
    probs: ArrayLike,
    /,
    *,
    axis: int = -1,
    keepdims: bool = False,
    threads: int | None = None,
) -> Any:
    r"""Entropy as a share of the largest that so many outcomes can have.

    .. math:: H / \log n

    also known as efficiency and, where the outcomes are species, as evenness [1]_. All n outcomes
    along `axis` count, those of probability 0 too.

    Parameters
    ----------
    probs : array_like of real, shape (..., n)
        Weights, finite and not negative. See `logitkit.dist` for what is accepted.
    axis : int, default -1
        The axis of a distribution.
    keepdims : bool, default False
        Keep the axis of a distribution, with length one.
    threads : int, optional
        How many threads to use; default: see `logitkit.set_num_threads`.

    Returns
    -------
    ndarray of float64 or numpy.float64
        Of the shape of `probs` without `axis`, a scalar for a single row; without a unit. Between 0
        and 1, which is uniform. 0 for a single outcome, of which nothing is uncertain.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If a weight is negative, infinite or NaN or a row sums to 0 (the message names the first),
        or if an argument is out of its range.

    References
    ----------
    .. [1] E. C. Pielou, "The measurement of diversity in different types of biological
       collections", Journal of Theoretical Biology 13 (1966) 131-144.

    Examples
    --------
    >>> import logitkit
    >>> logitkit.dist.normalized_entropy([[1, 1, 1, 1], [1, 1, 0, 0]])
    array([1. , 0.5])
    """
    rows = as_rows("weight", axis, probs=probs)
    outcomes = rows[0].view.shape[-1]
    scale = 1.0 / np.log(outcomes) if outcomes > 1 else 0.0
    return per_row_natively(_native.entropy_of_weights, rows, keepdims, scale, threads)


def perplexity(
    probs: ArrayLike,
    /,
    *,
    axis: int = -1,
    keepdims: bool = False,
    threads: int | None = None,
) -> Any:
    r"""Exponential of the entropy: the number of equally probable outcomes that have the same.

    .. math:: \exp(H)

    with H in nats [1]_.

    Parameters
    ----------
    probs : array_like of real, shape (..., n)
        Weights, finite and not negative. See `logitkit.dist` for what is accepted.
    axis : int, default -1
        The axis of a distribution.
    keepdims : bool, default False
        Keep the axis of a distribution, with length one.
    threads : int, optional
        How many threads to use; default: see `logitkit.set_num_threads`.

    Returns
    -------
    ndarray of float64 or numpy.float64
        Of the shape of `probs` without `axis`, a scalar for a single row; a number of outcomes.
        Between 1 and n.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If a weight is negative, infinite or NaN or a row sums to 0 (the message names the first),
        or if an argument is out of its range.

    See Also
    --------
    logitkit.perplexity : Perplexity of target tokens under logits.

    References
    ----------
    .. [1] F. Jelinek, R. L. Mercer, L. R. Bahl, J. K. Baker, "Perplexity: a measure of the
       difficulty of speech recognition tasks", Journal of the Acoustical Society of America 62
       (1977) S63.

    Examples
    --------
    >>> import logitkit
    >>> logitkit.dist.perplexity([[1, 1, 1, 1], [1, 1, 0, 0]]).round(12)
    array([4., 2.])
    """
    return np.exp(entropy(probs, axis=axis, keepdims=keepdims, threads=threads))


def max_entropy(n: ArrayLike, /, *, base: float | None = None) -> Any:
    r"""Largest entropy that n outcomes can have: that of the uniform distribution [1]_.

    .. math:: \log n

    Parameters
    ----------
    n : array_like of int
        The number of outcomes, at least 1.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits; default: nats.

    Returns
    -------
    ndarray of float64 or numpy.float64
        Of the shape of `n`, a scalar for one number. 0 for one outcome.

    Raises
    ------
    TypeError
        If `n` is not of integers, or `base` is not a number.
    ValueError
        If `n` is less than 1 (the message names the first), or `base` is out of its range.

    References
    ----------
    .. [1] C. E. Shannon, "A mathematical theory of communication", Bell System Technical Journal
       27 (1948) 379-423, section 6.

    Examples
    --------
    >>> import logitkit
    >>> logitkit.dist.max_entropy([1, 2, 256], base=2)
    array([0., 1., 8.])
    """
    outcomes = as_numbers_of_outcomes(n, "n")
    result = np.log(outcomes, dtype=np.float64) * as_scale(base)
    return deliver(np.asarray(result), outcomes.shape)
