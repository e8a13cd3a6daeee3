"""The divergence of a Gaussian from the standard one: a term of the loss of a VAE."""

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from logitkit._arguments import as_scale
from logitkit.dist._rows import Real, as_rows, per_element, per_row, row_sums
from logitkit.dist._sums import polynomial

# Below this |x| the series of exp(x) - 1 - x is summed, above it the formula is used, which loses
# one digit at the most.
_NEAR = 0.5
_SERIES = [1.0 / math.factorial(k + 2) for k in range(15)]


def gaussian_kl(
    mu: ArrayLike,
    logvar: ArrayLike,
    /,
    *,
    reduction: Literal["sum", "none"] = "sum",
    axis: int = -1,
    base: float | None = None,
    keepdims: bool = False,
) -> Any:
    r"""Kullback-Leibler divergence of the standard Gaussian from one with a diagonal covariance.

    .. math:: D\bigl(N(\mu, \sigma^2) \,\|\, N(0, 1)\bigr)
       = \tfrac12 \sum_i (\mu_i^2 + \sigma_i^2 - 1 - \ln \sigma_i^2)

    the second term of the loss of a variational autoencoder [1]_. It is computed from terms that
    are not negative, so that it is accurate, relative to itself, also near the standard Gaussian.

    Parameters
    ----------
    mu : array_like of real, shape (..., n)
        The means, finite. See `logitkit.dist` for what is accepted.
    logvar : array_like of real, shape (..., n)
        The natural logarithms of the variances, finite; `mu` and `logvar` are broadcast together.
    reduction : {"sum", "none"}
        "sum" for the divergence of each row, "none" for the term of each dimension.
    axis : int, default -1
        The axis of the dimensions.
    base : float, optional
        Base of the logarithm that the result is in, greater than 1: 2 for bits; default: nats.
    keepdims : bool, default False
        Keep the axis of the dimensions, with length one. Without effect where nothing is summed.

    Returns
    -------
    ndarray of float64 or numpy.float64
        Of the common shape without `axis`, a scalar for a single row; of the common shape with
        ``reduction="none"``. Not negative, 0 where all means and logarithms are 0, inf where the
        result is too large for float64.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If a number is infinite or NaN (the message names the first), or if an argument is out of
        its range or the two do not fit each other.

    References
    ----------
    .. [1] D. P. Kingma, M. Welling, "Auto-encoding variational Bayes", International Conference on
       Learning Representations 2014, appendix B.

    Examples
    --------
    >>> import logitkit
    >>> logitkit.dist.gaussian_kl([[0, 0], [1, 2]], [[0, 0], [0, 0]])
    array([0. , 2.5])
    >>> logitkit.dist.gaussian_kl([1, 2], [0, 0], reduction="none")
    array([0.5, 2. ])
    """
    check_reduction(reduction)
    scale = as_scale(base)
    rows = as_rows("number", axis, mu=mu, logvar=logvar)
    if reduction == "none":
        return per_element(_terms, rows, scale)
    return per_row(_sum_of_terms, rows, keepdims, scale)


def check_reduction(reduction: str) -> None:
    """Refuse an unknown reduction."""
    if reduction not in ("sum", "none"):
        raise ValueError(f'reduction={reduction!r} is not known; expected "sum" or "none"')


def _terms(mu: Real, logvar: Real) -> Real:
    series: Real = logvar * logvar * polynomial(_SERIES, logvar)
    formula = np.expm1(logvar) - logvar
    return 0.5 * (mu * mu + np.where(np.abs(logvar) < _NEAR, series, formula))


def _sum_of_terms(mu: Real, logvar: Real) -> Real:
    return row_sums(_terms(mu, logvar))
