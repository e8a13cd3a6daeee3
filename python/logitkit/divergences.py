"""Divergences between two models: how far softmax(q_logits / T) is from softmax(p_logits / T).

Logits and the treatment of memory are those of `logitkit.stats`. The two arrays have one shape;
dtypes and layouts may differ. The second is compared with the first, row by row: p is the
distribution of the first, q that of the second.

Special values: a token that is -inf in both contributes nothing; one that is -inf in q alone makes
the Kullback-Leibler divergence and the cross-entropy inf, not the others. A pair in which a row has
a NaN, +inf or nothing finite gives NaN. Other rows are not affected.

If only one of the arrays is float64 the result is, but what comes of the other alone, the entropy
in a cross-entropy among it, keeps the accuracy that it has for the dtype of that one.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from numpy.typing import ArrayLike, NDArray

from logitkit import _native
from logitkit._arguments import (
    Temperatures,
    as_order,
    as_pair,
    as_scale,
    as_share,
    as_temperatures,
    as_threads,
    check_out,
    deliver,
    result_dtype,
    result_shape,
)
from logitkit._arrays import Rows
from logitkit._compare_stats import CompareStats, compared
from logitkit._dense import destination


class _Pair(NamedTuple):
    """Rows of both arrays, and their temperatures."""

    p: Rows
    q: Rows
    temperatures: tuple[Any, Any]


def _rows(
    p_logits: ArrayLike,
    q_logits: ArrayLike,
    axis: int,
    temperature: Temperatures,
    dtype: str | None,
) -> _Pair:
    p, q = as_pair(p_logits, q_logits, axis, dtype)
    return _Pair(p, q, as_temperatures(temperature, p.leading))


def _call(
    kernel: Callable[..., Any],
    rows: _Pair,
    parameters: tuple[float, ...],
    keepdims: bool,
    out: NDArray[Any] | None,
    threads: int | None,
) -> Any:
    """Run a kernel that gives one number for each pair of rows."""
    p, q, temperatures = rows
    shape = result_shape(p, keepdims)
    check_out(out, shape, result_dtype(p, q))
    arrays = (p.cells, p.element, p.swapped, q.cells, q.element, q.swapped)
    result = kernel(*arrays, *temperatures, *parameters, False, as_threads(threads))
    return deliver(result, shape, out)


def kl_divergence(
    p_logits: ArrayLike,
    q_logits: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: Temperatures = 1.0,
    base: float | None = None,
    keepdims: bool = False,
    return_grad: bool = False,
    grad_out: NDArray[Any] | None = None,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Any:
    r"""Kullback-Leibler divergence of one model from another.

    .. math:: D(p \| q) = \sum_i p_i \log (p_i / q_i)

    with p and q the softmaxes of `p_logits` and `q_logits` [1]_: what coding by q costs more where
    p holds. It is computed from terms that are not negative, so that the divergence of nearly equal
    models is as accurate, relative to itself, as that of others. So is the gradient, as for
    distillation,

    .. math:: \partial D / \partial y_i = (q_i - p_i) / U

    with y and U the logits and the temperature of q; the losses of distillation are often
    :math:`U^2 D`.

    Parameters
    ----------
    p_logits, q_logits : array_like of float, shape (..., vocab)
        Of equal shapes; their dtypes may differ. See `logitkit.stats` for what is accepted.
    axis : int, default -1
        The vocabulary axis.
    temperature : array_like of real, or a tuple of two, default 1.0
        T, finite and greater than 0, of both arrays, or one for each as a tuple; each is one
        number, or an array that broadcasts to the shape of the logits without `axis`.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits; default: nats.
    keepdims : bool, default False
        Keep the vocabulary axis, with length one.
    return_grad : bool, default False
        Also return the gradient of the sum of the divergences with respect to `q_logits`.
    grad_out : ndarray, optional
        Where to put the gradient, which is then returned too: of the shape of `q_logits` and the
        dtype of the divergence, or that of `q_logits` where neither is float64. It may be
        `q_logits`, which are then written over.
    dtype : {None, "bfloat16"}
        "bfloat16" where logits are its bits, as uint16 or two-byte void; it holds for the arrays
        that are of such a type.
    out : ndarray, optional
        Where to put the result, and what is then returned; of its exact shape and dtype.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    kl : ndarray or NumPy scalar
        Of the shape of the logits without `axis`, a scalar for a single row; float64 if either of
        the logits is, float32 otherwise. Not negative; inf where a token that p allows is -inf in
        q, or masked there by a number below -1e30, as the least finite one. Logits of p below -1e30
        count as -inf.
    grad : ndarray
        With `return_grad` or `grad_out`: of the shape of `q_logits`; finite also where the
        divergence is inf, NaN where it is NaN.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If the shapes of the logits differ, if they have no axes or no tokens, or if an argument is
        out of its range or does not fit them.

    References
    ----------
    .. [1] S. Kullback, R. A. Leibler, "On information and sufficiency", Annals of Mathematical
       Statistics 22 (1951) 79-86.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> p = np.log(np.array([0.5, 0.25, 0.25]))
    >>> q = np.log(np.array([0.25, 0.5, 0.25]))
    >>> logitkit.kl_divergence(p, q, base=2).round(12)
    np.float64(0.25)
    >>> logitkit.kl_divergence(p, q, return_grad=True)[1]
    array([-0.25,  0.25,  0.  ])
    """
    parameters = (as_scale(base),)
    rows = _rows(p_logits, q_logits, axis, temperature, dtype)
    if not return_grad and grad_out is None:
        return _call(_native.kl_divergence, rows, parameters, keepdims, out, threads)
    p, q, temperatures = rows
    shape = result_shape(p, keepdims)
    check_out(out, shape, result_dtype(p, q))
    place = destination(q, grad_out, dtype, "grad_out", other=p)
    values = _native.kl_divergence_gradient(
        p.cells,
        p.element,
        p.swapped,
        place.cells,
        q.element,
        q.swapped,
        *temperatures,
        *parameters,
        place.out,
        place.element,
        as_threads(threads),
    )
    values = values.astype(result_dtype(p, q), copy=False)
    return deliver(values, shape, out), place.deliver()


def renyi_divergence(
    p_logits: ArrayLike,
    q_logits: ArrayLike,
    /,
    alpha: float,
    *,
    axis: int = -1,
    temperature: Temperatures = 1.0,
    base: float | None = None,
    keepdims: bool = False,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Any:
    r"""Rényi divergence of one model from another.

    .. math:: D_\alpha(p \| q) = \frac{1}{\alpha - 1} \log \sum_i p_i^\alpha q_i^{1 - \alpha}

    with p and q the softmaxes of `p_logits` and `q_logits` [1]_. It grows with its order: orders
    below 1 forgive what q underrates, order 1 is the `kl_divergence`, and order infinity is the
    largest :math:`\log (p_i / q_i)`. That of nearly equal models is as accurate, relative to
    itself, as that of others. All is computed in float64.

    Parameters
    ----------
    p_logits, q_logits : array_like of float, shape (..., vocab)
        Of equal shapes; their dtypes may differ. See `logitkit.stats` for what is accepted.
    alpha : float
        The order, from 0 to infinity; 0 and infinity stand for the limits.
    axis : int, default -1
        The vocabulary axis.
    temperature : array_like of real, or a tuple of two, default 1.0
        T, finite and greater than 0, of both arrays, or one for each as a tuple; each is one
        number, or an array that broadcasts to the shape of the logits without `axis`.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits; default: nats.
    keepdims : bool, default False
        Keep the vocabulary axis, with length one.
    dtype : {None, "bfloat16"}
        "bfloat16" where logits are its bits, as uint16 or two-byte void; it holds for the arrays
        that are of such a type.
    out : ndarray, optional
        Where to put the result, and what is then returned; of its exact shape and dtype.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    ndarray or NumPy scalar
        Of the shape of the logits without `axis`, a scalar for a single row; float64 if either of
        the logits is, float32 otherwise. Not negative. For orders of 1 and more inf where a token
        that p allows is -inf in q; for those below, where they have no token in common. Logits of p
        below -1e30 count as -inf there.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If the shapes of the logits differ, if they have no axes or no tokens, or if an argument is
        out of its range or does not fit them.

    References
    ----------
    .. [1] T. van Erven, P. Harremoës, "Rényi divergence and Kullback-Leibler divergence", IEEE
       Transactions on Information Theory 60 (2014) 3797-3820.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> p = np.log(np.array([0.5, 0.25, 0.25]))
    >>> q = np.log(np.array([0.25, 0.5, 0.25]))
    >>> logitkit.renyi_divergence(p, q, 2, base=2).round(6)
    np.float64(0.459432)
    >>> logitkit.renyi_divergence(p, q, np.inf, base=2).round(12)
    np.float64(1.0)
    """
    order = as_order(alpha, "alpha")
    rows = _rows(p_logits, q_logits, axis, temperature, dtype)
    if order == 1.0:
        return _call(_native.kl_divergence, rows, (as_scale(base),), keepdims, out, threads)
    parameters = (as_scale(base), order)
    return _call(_native.renyi_divergence, rows, parameters, keepdims, out, threads)


def js_divergence(
    p_logits: ArrayLike,
    q_logits: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: Temperatures = 1.0,
    base: float | None = None,
    weight: float = 0.5,
    keepdims: bool = False,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Any:
    r"""Jensen-Shannon divergence of two models.

    .. math:: w D(p \| m) + (1 - w) D(q \| m), \qquad m = w p + (1 - w) q

    with D the `kl_divergence` [1]_. It is finite always, and symmetric if w is 1/2. That of nearly
    equal models is as accurate, relative to itself, as that of others, whatever the weight.

    Parameters
    ----------
    p_logits, q_logits : array_like of float, shape (..., vocab)
        Of equal shapes; their dtypes may differ. See `logitkit.stats` for what is accepted.
    axis : int, default -1
        The vocabulary axis.
    temperature : array_like of real, or a tuple of two, default 1.0
        T, finite and greater than 0, of both arrays, or one for each as a tuple; each is one
        number, or an array that broadcasts to the shape of the logits without `axis`.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits; default: nats.
    weight : float, default 0.5
        w, from 0 to 1: the weight of the first model in the mixture.
    keepdims : bool, default False
        Keep the vocabulary axis, with length one.
    dtype : {None, "bfloat16"}
        "bfloat16" where logits are its bits, as uint16 or two-byte void; it holds for the arrays
        that are of such a type.
    out : ndarray, optional
        Where to put the result, and what is then returned; of its exact shape and dtype.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    ndarray or NumPy scalar
        Of the shape of the logits without `axis`, a scalar for a single row; float64 if either of
        the logits is, float32 otherwise. From 0 to the entropy of the weights, log(2) if they are
        equal.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If the shapes of the logits differ, if they have no axes or no tokens, or if an argument is
        out of its range or does not fit them.

    References
    ----------
    .. [1] J. Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on
       Information Theory 37 (1991) 145-151.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> p = np.log(np.array([0.5, 0.25, 0.25]))
    >>> q = np.log(np.array([0.25, 0.5, 0.25]))
    >>> logitkit.js_divergence(p, q).round(9) == logitkit.js_divergence(q, p).round(9)
    np.True_
    >>> logitkit.js_divergence([0.0, -np.inf], [-np.inf, 0.0], base=2)
    np.float64(1.0)
    """
    parameters = (as_scale(base), as_share(weight, "weight"))
    rows = _rows(p_logits, q_logits, axis, temperature, dtype)
    return _call(_native.js_divergence, rows, parameters, keepdims, out, threads)


def total_variation(
    p_logits: ArrayLike,
    q_logits: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: Temperatures = 1.0,
    keepdims: bool = False,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Any:
    r"""Total variation distance of two models.

    .. math:: \tfrac{1}{2} \sum_i |p_i - q_i|

    the largest difference between the probabilities that they give to a set of tokens [1]_.

    Parameters
    ----------
    p_logits, q_logits : array_like of float, shape (..., vocab)
        Of equal shapes; their dtypes may differ. See `logitkit.stats` for what is accepted.
    axis : int, default -1
        The vocabulary axis.
    temperature : array_like of real, or a tuple of two, default 1.0
        T, finite and greater than 0, of both arrays, or one for each as a tuple; each is one
        number, or an array that broadcasts to the shape of the logits without `axis`.
    keepdims : bool, default False
        Keep the vocabulary axis, with length one.
    dtype : {None, "bfloat16"}
        "bfloat16" where logits are its bits, as uint16 or two-byte void; it holds for the arrays
        that are of such a type.
    out : ndarray, optional
        Where to put the result, and what is then returned; of its exact shape and dtype.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    ndarray or NumPy scalar
        Of the shape of the logits without `axis`, a scalar for a single row; float64 if either of
        the logits is, float32 otherwise. From 0 to 1.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If the shapes of the logits differ, if they have no axes or no tokens, or if an argument is
        out of its range or does not fit them.

    References
    ----------
    .. [1] D. A. Levin, Y. Peres, "Markov chains and mixing times", 2nd edition, American
       Mathematical Society (2017), section 4.1.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> p = np.log(np.array([0.5, 0.25, 0.25]))
    >>> q = np.log(np.array([0.25, 0.5, 0.25]))
    >>> logitkit.total_variation(p, q).round(12)
    np.float64(0.25)
    """
    rows = _rows(p_logits, q_logits, axis, temperature, dtype)
    return _call(_native.total_variation, rows, (), keepdims, out, threads)


def cross_entropy_between(
    p_logits: ArrayLike,
    q_logits: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: Temperatures = 1.0,
    base: float | None = None,
    keepdims: bool = False,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Any:
    r"""Cross-entropy of one model relative to another.

    .. math:: -\sum_i p_i \log q_i = H(p) + D(p \| q)

    the mean surprisal of q where p holds: the sum of `entropy` and `kl_divergence` [1]_.

    Parameters
    ----------
    p_logits, q_logits : array_like of float, shape (..., vocab)
        Of equal shapes; their dtypes may differ. See `logitkit.stats` for what is accepted.
    axis : int, default -1
        The vocabulary axis.
    temperature : array_like of real, or a tuple of two, default 1.0
        T, finite and greater than 0, of both arrays, or one for each as a tuple; each is one
        number, or an array that broadcasts to the shape of the logits without `axis`.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits; default: nats.
    keepdims : bool, default False
        Keep the vocabulary axis, with length one.
    dtype : {None, "bfloat16"}
        "bfloat16" where logits are its bits, as uint16 or two-byte void; it holds for the arrays
        that are of such a type.
    out : ndarray, optional
        Where to put the result, and what is then returned; of its exact shape and dtype.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    ndarray or NumPy scalar
        Of the shape of the logits without `axis`, a scalar for a single row; float64 if either of
        the logits is, float32 otherwise. inf where a token that p allows is -inf in q.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If the shapes of the logits differ, if they have no axes or no tokens, or if an argument is
        out of its range or does not fit them.

    References
    ----------
    .. [1] T. M. Cover, J. A. Thomas, "Elements of information theory", 2nd edition, Wiley (2006),
       section 5.4.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> p = np.log(np.array([0.5, 0.25, 0.25]))
    >>> q = np.log(np.array([0.25, 0.5, 0.25]))
    >>> logitkit.cross_entropy_between(p, q, base=2).round(12)
    np.float64(1.75)
    """
    parameters = (as_scale(base),)
    rows = _rows(p_logits, q_logits, axis, temperature, dtype)
    return _call(_native.cross_entropy_between, rows, parameters, keepdims, out, threads)


def compare_stats(
    p_logits: ArrayLike,
    q_logits: ArrayLike,
    targets: ArrayLike | None = None,
    /,
    *,
    axis: int = -1,
    temperature: Temperatures = 1.0,
    base: float | None = None,
    ignore_index: int | None = None,
    dtype: Literal["bfloat16"] | None = None,
    threads: int | None = None,
) -> CompareStats:
    """Compare two models in all ways, row by row, from one read of both.

    Parameters
    ----------
    p_logits, q_logits : array_like of float, shape (..., vocab)
        Of equal shapes; their dtypes may differ. See `logitkit.stats` for what is accepted.
    targets : array_like of int, optional
        Token ids, of the shape of the logits without `axis`, or with one more trailing axis for
        several targets in each row. They are not broadcast.
    axis : int, default -1
        The vocabulary axis.
    temperature : array_like of real, or a tuple of two, default 1.0
        T, finite and greater than 0, of both arrays, or one for each as a tuple; each is one
        number, or an array that broadcasts to the shape of the logits without `axis`.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits; default: nats.
    ignore_index : int, optional
        Targets equal to this are skipped, whether or not they are in range.
    dtype : {None, "bfloat16"}
        "bfloat16" where logits are its bits, as uint16 or two-byte void; it holds for the arrays
        that are of such a type.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    CompareStats
        With the fields `kl`, `js`, `total_variation`, `p_entropy`, `q_entropy`, `same_argmax`,
        `valid`, `p_log_prob`, `q_log_prob` and `delta_prob`; the last three are None without
        `targets`.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If the shapes of the logits differ, if they have no axes or no tokens, if a target is
        outside the vocabulary (the message names the first), or if an argument is out of its range
        or does not fit the logits.

    See Also
    --------
    kl_divergence, js_divergence, total_variation, entropy, log_prob : One of them alone.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> p = np.log(np.array([[0.5, 0.25, 0.25]]))
    >>> q = np.log(np.array([[0.25, 0.5, 0.25]]))
    >>> stats = logitkit.compare_stats(p, q, [1], base=2)
    >>> stats.kl.round(12)
    array([0.25])
    >>> stats.delta_prob.round(12)
    array([0.25])
    >>> stats.same_argmax
    array([False])
    """
    rows = _rows(p_logits, q_logits, axis, temperature, dtype)
    return compared(
        rows.p, rows.q, rows.temperatures, targets, ignore_index, as_scale(base), threads
    )
