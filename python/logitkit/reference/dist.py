"""The functions of `logitkit.dist` by their textbook formulas, in plain NumPy and float64.

They give the same numbers where nothing cancels, and take several times the memory of their input.
Arguments and special values are documented with the public functions.
"""

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from logitkit._arguments import as_scale, deliver
from logitkit.dist._rows import Real, as_numbers_of_outcomes, as_rows
from logitkit.dist.counts import Estimator, as_estimator
from logitkit.dist.gaussian import check_reduction
from logitkit.dist.joint import as_pair_of_axes
from logitkit.dist.samples import as_codes, as_samples_of_two

__all__ = [
    "conditional_entropy",
    "cross_entropy",
    "entropy",
    "entropy_of_counts",
    "entropy_of_samples",
    "gain_ratio",
    "gaussian_kl",
    "information_gain",
    "joint_entropy",
    "js_divergence",
    "kl_divergence",
    "max_entropy",
    "mutual_information",
    "normalized_entropy",
    "perplexity",
]


def entropy(
    probs: ArrayLike,
    /,
    *,
    axis: int = -1,
    base: float | None = None,
    keepdims: bool = False,
    threads: int | None = None,
) -> Any:
    """``-sum(p ln p)``."""
    scale = as_scale(base)
    rows, p = _probabilities(axis, probs=probs)
    return deliver(_surprise(p, p) * scale, rows.result_shape(keepdims))


def normalized_entropy(
    probs: ArrayLike,
    /,
    *,
    axis: int = -1,
    keepdims: bool = False,
    threads: int | None = None,
) -> Any:
    """``-sum(p ln p) / ln n``."""
    rows, p = _probabilities(axis, probs=probs)
    most = np.log(p.shape[-1]) or 1.0
    return deliver(_surprise(p, p) / most, rows.result_shape(keepdims))


def perplexity(
    probs: ArrayLike,
    /,
    *,
    axis: int = -1,
    keepdims: bool = False,
    threads: int | None = None,
) -> Any:
    """``exp(-sum(p ln p))``."""
    rows, p = _probabilities(axis, probs=probs)
    return deliver(np.exp(_surprise(p, p)), rows.result_shape(keepdims))


def max_entropy(n: ArrayLike, /, *, base: float | None = None) -> Any:
    """``ln n``."""
    outcomes = as_numbers_of_outcomes(n, "n")
    return deliver(np.asarray(np.log(outcomes.astype(np.float64)) * as_scale(base)), outcomes.shape)


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
    """``-sum(p ln q)``."""
    scale = as_scale(base)
    rows, x, y = _probabilities(axis, p=p, q=q)
    return deliver(_surprise(x, y) * scale, rows.result_shape(keepdims))


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
    """``sum(p ln(p / q))``."""
    scale = as_scale(base)
    rows, x, y = _probabilities(axis, p=p, q=q)
    return deliver(_divergence(x, y) * scale, rows.result_shape(keepdims))


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
    """``(KL(p, m) + KL(q, m)) / 2`` with ``m = (p + q) / 2``."""
    scale = as_scale(base)
    rows, x, y = _probabilities(axis, p=p, q=q)
    middle = (x + y) / 2.0
    result = (_divergence(x, middle) + _divergence(y, middle)) / 2.0
    return deliver(result * scale, rows.result_shape(keepdims))


def joint_entropy(
    joint: ArrayLike,
    /,
    *,
    axis: tuple[int, ...] = (-2, -1),
    base: float | None = None,
    keepdims: bool = False,
) -> Any:
    """``-sum(p ln p)`` over the whole table."""
    scale = as_scale(base)
    rows, p = _probabilities(axis, joint=joint)
    p = p.reshape((*rows.leading, -1)) if p.size else np.ones((*rows.leading, 1))
    return deliver(_surprise(p, p) * scale, rows.result_shape(keepdims))


def conditional_entropy(
    joint: ArrayLike,
    /,
    *,
    axis: tuple[int, int] = (-2, -1),
    base: float | None = None,
    keepdims: bool = False,
) -> Any:
    """``-sum(p(x, y) ln(p(x, y) / p(x)))``."""
    scale = as_scale(base)
    rows, p = _probabilities(as_pair_of_axes(axis), joint=joint)
    of_x = np.broadcast_to(p.sum(axis=-1, keepdims=True), p.shape)
    result = -_divergence(p, of_x).sum(axis=-1)
    return deliver(result * scale, rows.result_shape(keepdims))


def mutual_information(
    joint: ArrayLike,
    /,
    *,
    axis: tuple[int, int] = (-2, -1),
    base: float | None = None,
    keepdims: bool = False,
) -> Any:
    """``sum(p(x, y) ln(p(x, y) / (p(x) p(y))))``."""
    scale = as_scale(base)
    rows, p = _probabilities(as_pair_of_axes(axis), joint=joint)
    independent = p.sum(axis=-1, keepdims=True) * p.sum(axis=-2, keepdims=True)
    result = _divergence(p, independent).sum(axis=-1)
    return deliver(result * scale, rows.result_shape(keepdims))


def entropy_of_counts(
    counts: ArrayLike,
    /,
    *,
    estimator: Estimator = "plugin",
    axis: int = -1,
    base: float | None = None,
    keepdims: bool = False,
) -> Any:
    """Compute the four formulas as they are printed."""
    as_estimator(estimator)
    scale = as_scale(base)
    (rows,) = as_rows("count", axis, counts=counts)
    n = rows.block()
    size = n.sum(axis=-1, keepdims=True)
    plugin = _surprise(n / size, n / size)
    if estimator == "plugin":
        result = plugin
    elif estimator == "miller-madow":
        result = plugin + ((n > 0.0).sum(axis=-1) - 1.0) / (2.0 * size[..., 0])
    elif estimator == "grassberger":
        result = np.log(size[..., 0]) - (n / size * _g(n)).sum(axis=-1)
    else:
        once = (n == 1.0).sum(axis=-1, keepdims=True)
        p = (1.0 - np.where(once == size, size - 1.0, once) / size) * n / size
        seen = np.where(p > 0.0, 1.0 - (1.0 - p) ** size, 1.0)
        result = _surprise(p / seen, p)
    return deliver(result * scale, rows.result_shape(keepdims))


def entropy_of_samples(
    samples: Iterable[Hashable],
    /,
    *,
    estimator: Estimator = "plugin",
    base: float | None = None,
) -> float:
    """Compute the estimate from the counts of equal samples."""
    counts = list(Counter(as_codes(samples, "samples").tolist()).values())
    return float(entropy_of_counts(counts, estimator=estimator, base=base))


def information_gain(
    labels: Iterable[Hashable], split: Iterable[Hashable], /, *, base: float | None = None
) -> float:
    """``H(Y) - sum(n_b / n H(Y | b))`` over the branches b."""
    y, x = as_samples_of_two(labels, split)
    left = sum(
        np.mean(x == branch) * entropy_of_samples(y[x == branch], base=base)
        for branch in np.unique(x)
    )
    return float(entropy_of_samples(y, base=base) - left)


def gain_ratio(labels: Iterable[Hashable], split: Iterable[Hashable], /) -> float:
    """``gain / H(split)``."""
    y, x = as_samples_of_two(labels, split)
    of_split = entropy_of_samples(x)
    return information_gain(y, x) / of_split if of_split else 0.0


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
    """``(mu^2 + exp(logvar) - 1 - logvar) / 2``."""
    check_reduction(reduction)
    scale = as_scale(base)
    means, logs = as_rows("number", axis, mu=mu, logvar=logvar)
    with np.errstate(over="ignore"):
        terms = 0.5 * (means.block() ** 2 + np.exp(logs.block()) - 1.0 - logs.block()) * scale
    if reduction == "none":
        return np.moveaxis(terms, -1, axis)
    return deliver(terms.sum(axis=-1), means.result_shape(keepdims))


def _probabilities(axis: int | tuple[int, ...], **arguments: ArrayLike) -> Any:
    """Return the first argument's rows, for the shape, and the probabilities of each."""
    rows = as_rows("weight", axis, **arguments)
    events = tuple(range(-len(rows[0].axes), 0))
    weights = [each.block() for each in rows]
    return rows[0], *(each / each.sum(axis=events, keepdims=True) for each in weights)


def _surprise(p: Real, q: Real) -> Any:
    """``-sum(p ln q)``, where p = 0 contributes nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0.0, 0.0 - p * np.log(q), 0.0).sum(axis=-1)


def _divergence(p: Real, q: Real) -> Any:
    """``sum(p ln(p / q))``, where p = 0 contributes nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0.0, p * np.log(p / q), 0.0).sum(axis=-1)


def _g(n: Real) -> Any:
    """G by its recursion, for every count up to the largest."""
    g = [0.0, -np.euler_gamma - np.log(2.0), 2.0 - np.euler_gamma - np.log(2.0)]
    for k in range(3, int(n.max(initial=0.0)) + 1):
        g.append(g[k - 1] if k % 2 else g[k - 2] + 2.0 / (k - 1))
    return np.array(g)[n.astype(np.intp)]
