"""How far one distribution is from another: cross-entropy, Kullback-Leibler, Jensen-Shannon."""

from typing import Any

from numpy.typing import ArrayLike

from logitkit import _native
from logitkit._arguments import as_scale
from logitkit.dist._rows import as_rows, per_row_natively


def cross_entropy(
    p: ArrayLike,
    q: ArrayLike,
    /,
    *,
    axis: int = -1,
    base: float | None = None,
    keepdims: bool = False,
    threads: int | None = None,
) -> Any:
    r"""Cross-entropy of q under p: the mean surprisal at outcomes of p if q is believed.

    .. math:: H(p, q) = -\sum_i p_i \log q_i

    which is the entropy of p plus the Kullback-Leibler divergence of q from p [1]_. Both are
    divided by their sums.

    Parameters
    ----------
    p, q : array_like of real, shape (..., n)
        Weights, finite and not negative, of one shape or with one row for all. See `logitkit.dist`
        for what is accepted.
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
        Of the common shape without `axis`, a scalar for a single row. Not negative; inf where q
        is 0 and p is not.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If a weight is negative, infinite or NaN or a row sums to 0 (the message names the first),
        or if an argument is out of its range or p and q do not fit each other.

    References
    ----------
    .. [1] T. M. Cover, J. A. Thomas, "Elements of information theory", 2nd edition, Wiley 2006,
       chapter 2.

    Examples
    --------
    >>> import logitkit
    >>> q = [[0.5, 0.5], [0.25, 0.75], [0, 1]]
    >>> logitkit.dist.cross_entropy([0.5, 0.5], q, base=2).round(4)
    array([1.    , 1.2075,    inf])
    """
    scale = as_scale(base)
    rows = as_rows("weight", axis, p=p, q=q)
    return per_row_natively(_native.cross_entropy_of_weights, rows, keepdims, scale, threads)


def kl_divergence(
    p: ArrayLike,
    q: ArrayLike,
    /,
    *,
    axis: int = -1,
    base: float | None = None,
    keepdims: bool = False,
    threads: int | None = None,
) -> Any:
    r"""Kullback-Leibler divergence of q from p, also known as relative entropy.

    .. math:: D(p \| q) = \sum_i p_i \log \frac{p_i}{q_i}

    as in [1]_. Both are divided by their sums. It is computed from terms that are not negative, so
    that it is accurate, relative to itself, also for p and q that are nearly equal.

    Parameters
    ----------
    p, q : array_like of real, shape (..., n)
        Weights, finite and not negative, of one shape or with one row for all. See `logitkit.dist`
        for what is accepted.
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
        Of the common shape without `axis`, a scalar for a single row. Not negative; 0 where p and
        q are equal, inf where q is 0 and p is not.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If a weight is negative, infinite or NaN or a row sums to 0 (the message names the first),
        or if an argument is out of its range or p and q do not fit each other.

    References
    ----------
    .. [1] S. Kullback, R. A. Leibler, "On information and sufficiency", Annals of Mathematical
       Statistics 22 (1951) 79-86.

    Examples
    --------
    >>> import logitkit
    >>> q = [[0.5, 0.5], [0.25, 0.75], [0, 1]]
    >>> logitkit.dist.kl_divergence([0.5, 0.5], q, base=2).round(4)
    array([0.    , 0.2075,    inf])
    """
    scale = as_scale(base)
    rows = as_rows("weight", axis, p=p, q=q)
    return per_row_natively(_native.kl_divergence_of_weights, rows, keepdims, scale, threads)


def js_divergence(
    p: ArrayLike,
    q: ArrayLike,
    /,
    *,
    axis: int = -1,
    base: float | None = None,
    keepdims: bool = False,
    threads: int | None = None,
) -> Any:
    r"""Jensen-Shannon divergence of p and q.

    .. math:: \tfrac12 D(p \| m) + \tfrac12 D(q \| m), \qquad m = \tfrac12 (p + q)

    as in [1]_; its square root is a distance. Both are divided by their sums. It is accurate,
    relative to itself, also for p and q that are nearly equal.

    Parameters
    ----------
    p, q : array_like of real, shape (..., n)
        Weights, finite and not negative, of one shape or with one row for all. See `logitkit.dist`
        for what is accepted.
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
        Of the common shape without `axis`, a scalar for a single row. Between 0, where p and q are
        equal, and log(2), where they have no outcome in common.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If a weight is negative, infinite or NaN or a row sums to 0 (the message names the first),
        or if an argument is out of its range or p and q do not fit each other.

    References
    ----------
    .. [1] J. Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on
       Information Theory 37 (1991) 145-151.

    Examples
    --------
    >>> import logitkit
    >>> logitkit.dist.js_divergence([1, 0], [[1, 0], [0.5, 0.5], [0, 1]], base=2).round(4)
    array([0.    , 0.3113, 1.    ])
    """
    scale = as_scale(base)
    rows = as_rows("weight", axis, p=p, q=q)
    return per_row_natively(_native.js_divergence_of_weights, rows, keepdims, scale, threads)
