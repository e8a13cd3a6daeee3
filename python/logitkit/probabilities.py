"""Probabilities of every token, and their logarithms.

Logits are accepted as in `logitkit.stats`, and rows with a NaN, with +inf or with nothing finite
give NaN. Results are float32, or float64 for float64 logits; an array given for them may also
have the dtype of the logits, and may be the logits themselves. One that is not C-contiguous with
the vocabulary last costs a temporary array of its size.
"""

from typing import Any, Literal

from numpy.typing import ArrayLike, NDArray

from logitkit import _native
from logitkit._arguments import as_temperature, as_threads
from logitkit._arrays import as_rows
from logitkit._dense import destination


def softmax(
    logits: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: ArrayLike = 1.0,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    r"""Probabilities of all tokens.

    .. math:: p_i = e^{x_i / T} / \sum_j e^{x_j / T}

    Each is accurate relative to itself, small ones too; below 1e-37 (float64: 1e-307) it is 0.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    axis : int, default -1
        The vocabulary axis.
    temperature : array_like of real, default 1.0
        T, finite and greater than 0; one number, or an array that broadcasts to the shape of
        `logits` without `axis`.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    out : ndarray, optional
        Where to put the result, and what is then returned: of the shape of `logits`, of their
        dtype or that of the result. It may be `logits`, which are then written over.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    ndarray
        Of the shape of `logits`; float32, or float64 for float64 logits.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If `logits` have no axes or no tokens, or an argument is out of its range or does not fit
        them.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> logits = np.log(np.array([1.0, 2.0, 5.0]))
    >>> logitkit.softmax(logits).round(12)
    array([0.125, 0.25 , 0.625])
    """
    rows = as_rows(logits, axis, dtype)
    target = destination(rows, out, dtype, "out")
    _native.softmax(
        target.cells,
        rows.element,
        rows.swapped,
        as_temperature(temperature, rows.leading),
        target.out,
        target.element,
        as_threads(threads),
    )
    return target.deliver()


def log_softmax(
    logits: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: ArrayLike = 1.0,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    r"""Log-probabilities of all tokens, in nats.

    .. math:: \ln p_i = x_i / T - \ln \sum_j e^{x_j / T}

    computed as :math:`(x_i - \max x) / T - \ln \sum_j e^{(x_j - \max x) / T}`, two terms of one
    sign, the second one by log1p: that of a confident token, -1e-15 say, has all its digits.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    axis : int, default -1
        The vocabulary axis.
    temperature : array_like of real, default 1.0
        T, finite and greater than 0; one number, or an array that broadcasts to the shape of
        `logits` without `axis`.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    out : ndarray, optional
        Where to put the result, and what is then returned: of the shape of `logits`, of their
        dtype or that of the result. It may be `logits`, which are then written over.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    ndarray
        Of the shape of `logits`; float32, or float64 for float64 logits. -inf where a logit is.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If `logits` have no axes or no tokens, or an argument is out of its range or does not fit
        them.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> confident = logitkit.log_softmax(np.array([40.0, 0.0]))
    >>> print(f"{confident[0]:.9e}")
    -4.248354255e-18
    """
    rows = as_rows(logits, axis, dtype)
    target = destination(rows, out, dtype, "out")
    _native.log_softmax(
        target.cells,
        rows.element,
        rows.swapped,
        as_temperature(temperature, rows.leading),
        target.out,
        target.element,
        as_threads(threads),
    )
    return target.deliver()
