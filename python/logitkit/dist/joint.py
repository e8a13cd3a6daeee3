"""Entropies of two variables from the table of their joint distribution."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from logitkit._arguments import as_scale
from logitkit.dist._double_double import exactly, product, total
from logitkit.dist._rows import Real, as_rows, per_row, row_sums
from logitkit.dist._sums import entropy_of, relative_entropy


def joint_entropy(
    joint: ArrayLike,
    /,
    *,
    axis: tuple[int, ...] = (-2, -1),
    base: float | None = None,
    keepdims: bool = False,
) -> Any:
    r"""Entropy of two variables together, or of several.

    .. math:: H(X, Y) = -\sum_{x, y} p(x, y) \log p(x, y)

    as in [1]_. The table is divided by its sum: it may be of weights or counts.

    Parameters
    ----------
    joint : array_like of real, shape (..., x, y)
        Weights, finite and not negative. See `logitkit.dist` for what is accepted.
    axis : tuple of int, default (-2, -1)
        The axes of a table, one for each variable.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits; default: nats.
    keepdims : bool, default False
        Keep the axes of a table, with length one.

    Returns
    -------
    ndarray of float64 or numpy.float64
        Of the shape of `joint` without `axis`, a scalar for a single table. Not negative.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If a weight is negative, infinite or NaN or a table sums to 0 (the message names the
        first), or if an argument is out of its range.

    References
    ----------
    .. [1] T. M. Cover, J. A. Thomas, "Elements of information theory", 2nd edition, Wiley 2006,
       chapter 2.

    Examples
    --------
    >>> import logitkit
    >>> tables = [[[0.5, 0.25], [0.25, 0]], [[0.25, 0.25], [0.25, 0.25]]]
    >>> logitkit.dist.joint_entropy(tables, base=2).round(12)
    array([1.5, 2. ])
    """
    scale = as_scale(base)
    rows = as_rows("weight", axis, joint=joint)
    variables = len(rows[0].axes)

    def entropy_of_tables(tables: Real) -> Real:
        return entropy_of(tables.reshape((*tables.shape[: tables.ndim - variables], -1)))

    return per_row(entropy_of_tables, rows, keepdims, scale)


def conditional_entropy(
    joint: ArrayLike,
    /,
    *,
    axis: tuple[int, int] = (-2, -1),
    base: float | None = None,
    keepdims: bool = False,
) -> Any:
    r"""Entropy of Y that is left where X is known.

    .. math:: H(Y | X) = \sum_x p(x) H(Y | X = x) = H(X, Y) - H(X)

    as in [1]_, computed by the first of these forms, which does not cancel. The table is divided by
    its sum: it may be of weights or counts.

    Parameters
    ----------
    joint : array_like of real, shape (..., x, y)
        Weights, finite and not negative. See `logitkit.dist` for what is accepted.
    axis : tuple of int, default (-2, -1)
        The axis of X, which is known, and that of Y: ``axis=(-1, -2)`` gives H(X|Y).
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits; default: nats.
    keepdims : bool, default False
        Keep the axes of a table, with length one.

    Returns
    -------
    ndarray of float64 or numpy.float64
        Of the shape of `joint` without `axis`, a scalar for a single table. Not negative, 0 where X
        determines Y. An x of probability 0 contributes nothing.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If a weight is negative, infinite or NaN or a table sums to 0 (the message names the
        first), or if an argument is out of its range.

    References
    ----------
    .. [1] T. M. Cover, J. A. Thomas, "Elements of information theory", 2nd edition, Wiley 2006,
       chapter 2.

    Examples
    --------
    >>> import logitkit
    >>> tables = [[[0.25, 0.25], [0.5, 0]], [[0.25, 0.25], [0.25, 0.25]]]
    >>> logitkit.dist.conditional_entropy(tables, base=2).round(12)
    array([0.5, 1. ])
    """
    scale = as_scale(base)
    rows = as_rows("weight", as_pair_of_axes(axis), joint=joint)
    return per_row(_conditional_entropy_of, rows, keepdims, scale)


def mutual_information(
    joint: ArrayLike,
    /,
    *,
    axis: tuple[int, int] = (-2, -1),
    base: float | None = None,
    keepdims: bool = False,
) -> Any:
    r"""Mutual information of two variables.

    .. math:: I(X; Y) = \sum_{x, y} p(x, y) \log \frac{p(x, y)}{p(x) p(y)}

    as in [1]_: the Kullback-Leibler divergence of the product of the marginal distributions from
    the joint one. It is computed from terms that are not negative, so that it is accurate, relative
    to itself, also where X and Y are nearly independent. The table is divided by its sum: it may be
    of weights or counts.

    Parameters
    ----------
    joint : array_like of real, shape (..., x, y)
        Weights, finite and not negative. See `logitkit.dist` for what is accepted.
    axis : tuple of int, default (-2, -1)
        The axis of X and that of Y; their order does not matter.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits; default: nats.
    keepdims : bool, default False
        Keep the axes of a table, with length one.

    Returns
    -------
    ndarray of float64 or numpy.float64
        Of the shape of `joint` without `axis`, a scalar for a single table. Not negative, 0 where X
        and Y are independent.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If a weight is negative, infinite or NaN or a table sums to 0 (the message names the
        first), or if an argument is out of its range.

    References
    ----------
    .. [1] T. M. Cover, J. A. Thomas, "Elements of information theory", 2nd edition, Wiley 2006,
       chapter 2.

    Examples
    --------
    >>> import logitkit
    >>> dependent, independent = [[0.5, 0], [0, 0.5]], [[0.25, 0.25], [0.25, 0.25]]
    >>> logitkit.dist.mutual_information([dependent, independent], base=2).round(12)
    array([1., 0.])
    """
    scale = as_scale(base)
    rows = as_rows("weight", as_pair_of_axes(axis), joint=joint)
    return per_row(_mutual_information_of, rows, keepdims, scale)


def as_pair_of_axes(axis: tuple[int, int]) -> tuple[int, int]:
    """Check that there are two axes; what they are is checked with the array."""
    if not isinstance(axis, tuple) or len(axis) != 2:
        raise ValueError(f"axis={axis!r}; expected two axes, (that of X, that of Y)")
    return axis


def _conditional_entropy_of(joint: Real) -> Real:
    of_x = row_sums(joint)
    return row_sums(of_x * entropy_of(joint)) / row_sums(of_x)


def _mutual_information_of(joint: Real) -> Real:
    cells = exactly(joint)
    of_x, of_y = total(cells, axis=-1), total(cells, axis=-2)
    whole = total(of_x, axis=-2)
    terms = relative_entropy(product(cells, whole), product(of_x, of_y))
    return row_sums(row_sums(terms)) / np.square(whole.high[..., 0, 0])
