"""Entropy of a distribution of which only counts of its outcomes are known."""

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from logitkit._arguments import as_scale
from logitkit.dist._rows import Real, as_rows, per_row, row_sums
from logitkit.dist._sums import Surprisal, entropy_of, weighed

Estimator: TypeAlias = Literal["plugin", "miller-madow", "grassberger", "chao-shen"]


def entropy_of_counts(
    counts: ArrayLike,
    /,
    *,
    estimator: Estimator = "plugin",
    axis: int = -1,
    base: float | None = None,
    keepdims: bool = False,
) -> Any:
    r"""Estimate of the entropy of a distribution from counts of its outcomes.

    With :math:`n_i` the counts, N their sum, K the number of outcomes that were seen and
    :math:`f_1` the number of those seen once:

    ``"plugin"``, the entropy of the frequencies, which is too small on average:

    .. math:: H_0 = -\sum_i \frac{n_i}{N} \log \frac{n_i}{N}

    ``"miller-madow"``, with the first term of its bias added [1]_:

    .. math:: H_0 + \frac{K - 1}{2 N}

    ``"grassberger"``, with digamma functions in place of logarithms [2]_:

    .. math:: \ln N - \frac{1}{N} \sum_i n_i G(n_i), \qquad
       G(n) = \psi(n) + \tfrac12 (-1)^n
       \Bigl[\psi\bigl(\tfrac{n + 1}{2}\bigr) - \psi\bigl(\tfrac{n}{2}\bigr)\Bigr]

    ``"chao-shen"``, where frequencies are lowered to the share of the distribution that was seen
    (Good and Turing's), and terms raised by the probability of being seen (Horvitz and Thompson's)
    [3]_:

    .. math:: -\sum_i \frac{\tilde p_i \log \tilde p_i}{1 - (1 - \tilde p_i)^N}, \qquad
       \tilde p_i = \Bigl(1 - \frac{f_1}{N}\Bigr) \frac{n_i}{N}

    where :math:`f_1` counts as N - 1 if all outcomes were seen once, so that a share remains.

    Parameters
    ----------
    counts : array_like of int, shape (..., n)
        How often each outcome was seen: whole numbers, also as floats, not negative. See
        `logitkit.dist` for what is accepted.
    estimator : {"plugin", "miller-madow", "grassberger", "chao-shen"}
        The formula.
    axis : int, default -1
        The axis of the outcomes.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits; default: nats.
    keepdims : bool, default False
        Keep the axis of the outcomes, with length one.

    Returns
    -------
    ndarray of float64 or numpy.float64
        Of the shape of `counts` without `axis`, a scalar for a single row. Outcomes that were not
        seen do not change it. Not negative, but for ``"grassberger"``, which is slightly negative
        for a single outcome seen an even number of times.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If a count is negative or not a whole number, or a row sums to 0 (the message names the
        first), or if an argument is out of its range.

    References
    ----------
    .. [1] G. A. Miller, "Note on the bias of information estimates", in H. Quastler (editor),
       "Information theory in psychology", Free Press 1955, 95-100.
    .. [2] P. Grassberger, "Entropy estimates from insufficient samplings", 2003,
       arXiv:physics/0307138.
    .. [3] A. Chao, T.-J. Shen, "Nonparametric estimation of Shannon's index of diversity when
       there are unseen species in sample", Environmental and Ecological Statistics 10 (2003)
       429-443.

    Examples
    --------
    >>> import logitkit
    >>> counts = [4, 2, 1, 1, 0]
    >>> for estimator in ("plugin", "miller-madow", "grassberger", "chao-shen"):
    ...     print(logitkit.dist.entropy_of_counts(counts, estimator=estimator, base=2).round(4))
    1.75
    2.0205
    2.1878
    2.2771
    """
    statistic = _ESTIMATORS[as_estimator(estimator)]
    scale = as_scale(base)
    return per_row(statistic, as_rows("count", axis, counts=counts), keepdims, scale)


def as_estimator(estimator: Estimator) -> Estimator:
    """Check the name of a formula."""
    if estimator not in _ESTIMATORS:
        expected = ", ".join(f'"{name}"' for name in _ESTIMATORS)
        raise ValueError(f"estimator={estimator!r} is not known; expected one of {expected}")
    return estimator


def _miller_madow(counts: Real) -> Real:
    seen = (counts > 0.0).sum(axis=-1)
    correction: Real = (seen - 1.0) / (2.0 * row_sums(counts))
    return entropy_of(counts) + correction


def _grassberger(counts: Real) -> Real:
    # As the plug-in entropy and what G(n) lacks of ln n, of which only the first can be large.
    correction = row_sums(counts * _log_less_g(counts)) / row_sums(counts)
    return entropy_of(counts) + correction


def _chao_shen(counts: Real) -> Real:
    size = counts.sum(axis=-1, keepdims=True)
    once = (counts == 1.0).sum(axis=-1, keepdims=True)
    unseen = np.where(once == size, size - 1.0, once) / size
    surprisal = Surprisal.of(counts)
    gap = surprisal.gap + surprisal.certain[..., None] - np.log1p(-unseen)
    p = (1.0 - unseen) * counts / size
    probability_of_being_seen = -np.expm1(size * np.log1p(-p))
    return row_sums(weighed(p, gap) / np.where(counts > 0.0, probability_of_being_seen, 1.0))


_ESTIMATORS: Final[dict[Estimator, Callable[[Real], Real]]] = {
    "plugin": entropy_of,
    "miller-madow": _miller_madow,
    "grassberger": _grassberger,
    "chao-shen": _chao_shen,
}

# The even counts from which ln(n) - G(n) is taken from its series; below, G is added up.
_SERIES_FROM = 16
_BERNOULLI = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510]


def _table() -> Real:
    """Tabulate ln(n) - G(n) by Grassberger's recursion, with 0 for n = 0."""
    g = [0.0, -np.euler_gamma - np.log(2.0), 2.0 - np.euler_gamma - np.log(2.0)]
    for n in range(3, _SERIES_FROM):
        g.append(g[n - 1] if n % 2 else g[n - 2] + 2.0 / (n - 1))
    result: Real = np.log(np.maximum(np.arange(_SERIES_FROM), 1.0)) - np.array(g)
    return result


_SMALL = _table()


def _log_less_g(counts: Real) -> Real:
    """Return ln(n) - G(n) without cancellation, with 0 for n = 0.

    For even n = 2 m the recursion comes to G(n) = psi(m + 1/2) + ln 2, whose asymptotic series
    (NIST Digital Library of Mathematical Functions, 5.11) starts with ln n. An odd n has the G of
    n - 1.
    """
    even = np.maximum(counts - counts % 2.0, _SERIES_FROM)
    square = (2.0 / even) ** 2
    series = np.zeros_like(counts)
    for k in range(len(_BERNOULLI), 0, -1):
        series = (series - (1.0 - 2.0 ** (1 - 2 * k)) * _BERNOULLI[k - 1] / (2 * k)) * square
    series += np.where(counts % 2.0 == 1.0, np.log1p(1.0 / even), 0.0)
    small = _SMALL[np.minimum(counts, _SERIES_FROM - 1).astype(np.intp)]
    return np.where(counts < _SERIES_FROM, small, series)
