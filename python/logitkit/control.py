"""Entropy as a control signal: the temperature that gives it, or that follows from it.

Logits are accepted as in `logitkit.stats`. The results are arrays with one number for each row, as
the `temperature` argument of every function takes them. A row with a NaN, with +inf or with nothing
finite has no temperature: it is NaN, which those functions refuse; ``numpy.nan_to_num(t, nan=1.0)``
gives such rows, whose statistics are NaN anyway, one that they take.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit import _native
from logitkit._arguments import as_scale, as_threads
from logitkit._arrays import Rows, as_rows
from logitkit._control import as_bounds, as_per_row, bracketed_newton
from logitkit.stats import entropy

# Rows that are still sought are gathered this many bytes at a time.
_GATHERED = 1 << 24


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class TemperatureForEntropy:
    """What `temperature_for_entropy` returns; later versions may add fields.

    Attributes
    ----------
    temperature : array of float64
        The temperature of each row; NaN where a row has a NaN, +inf or nothing finite.
    entropy : array of float64
        The entropy of the row at that temperature, in the unit of `base`.
    reached : array of bool
        Whether that is the entropy that was wanted. If not, no temperature within the bounds gives
        it, and the one that comes closest is returned.
    """

    temperature: Any
    entropy: Any
    reached: Any


def temperature_for_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    axis: int = -1,
    base: float | None = None,
    bounds: tuple[float, float] = (1e-3, 1e3),
    dtype: Literal["bfloat16"] | None = None,
    threads: int | None = None,
) -> TemperatureForEntropy:
    r"""Temperature at which softmax(logits / temperature) has a wanted entropy.

    The entropy rises with the temperature, at the rate :math:`dH / d \ln T = V`, the varentropy:
    Newton's method on both, from one read of the logits for each step, within a bracket that is
    halved where a step leaves it. Rows that have arrived are not read again.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    target : array_like of real
        The entropy wanted, at least 0; one number, or an array that broadcasts to the shape of
        `logits` without `axis`.
    axis : int, default -1
        The vocabulary axis.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits; default: nats.
    bounds : pair of float, default (1e-3, 1e3)
        The lowest and the highest temperature to return.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    TemperatureForEntropy
        `temperature`, `entropy` (within 1e-6 of the target, relative; 1e-12 for float64 logits)
        and `reached`, each of the shape of `logits` without `axis`.

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
    >>> logits = np.array([[4.0, 2.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    >>> found = logitkit.temperature_for_entropy(logits, 1.0, base=2)
    >>> found.temperature.round(3).tolist(), found.reached.tolist()
    ([1.116, 0.001], [True, False])
    >>> logitkit.entropy(logits[:1], temperature=found.temperature[:1], base=2).round(9)
    array([1.])
    """
    rows = as_rows(logits, axis, dtype)
    scale = as_scale(base)
    wanted = as_per_row(target, rows.leading, "target", 0.0) / scale
    low, high = (math.log(bound) for bound in as_bounds(bounds))
    count = wanted.size
    workers = as_threads(threads)

    def excess(u: NDArray[np.float64], which: NDArray[np.intp]) -> tuple[Any, Any]:
        found, slope = _entropies(rows, which, np.exp(u), workers)
        return found - wanted[which], slope

    accuracy = 1e-12 if rows.element == "float64" else 1e-6
    u = bracketed_newton(excess, np.full(count, low), np.full(count, high), 0.3 * accuracy * wanted)
    temperature = np.exp(u)
    found, _ = _entropies(rows, np.arange(count), temperature, workers)
    temperature = np.where(np.isnan(found), np.nan, temperature)
    close = np.abs(found - wanted) <= accuracy * wanted
    return TemperatureForEntropy(
        temperature=temperature.reshape(rows.leading)[()],
        entropy=(found * scale).reshape(rows.leading)[()],
        reached=close.reshape(rows.leading)[()],
    )


def dynamic_temperature(
    logits: ArrayLike,
    /,
    low: ArrayLike,
    high: ArrayLike,
    exponent: ArrayLike = 1.0,
    *,
    axis: int = -1,
    dtype: Literal["bfloat16"] | None = None,
    threads: int | None = None,
) -> Any:
    r"""Temperature that follows the entropy of each row, as llama.cpp's ``temp_ext`` sampler.

    .. math:: T = low + (high - low) \, (H / \ln n)^{exponent}

    with H the entropy at temperature 1 and n the number of tokens that are not masked (-inf). A
    row with a single token has `low`.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    low : array_like of real
        The temperature of a certain row, at least 0; one number, or an array that broadcasts to
        the shape of `logits` without `axis`.
    high : array_like of real
        The temperature of an even row; likewise.
    exponent : array_like of real, default 1.0
        At least 0; likewise.
    axis : int, default -1
        The vocabulary axis.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    ndarray or NumPy scalar
        float64, of the shape of `logits` without `axis`; NaN where a row has a NaN, +inf or nothing
        finite.

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
    >>> logits = np.array([[0.0, 0.0, 0.0, -np.inf], [30.0, 0.0, 0.0, 0.0]])
    >>> logitkit.dynamic_temperature(logits, 0.5, 1.5).round(6)
    array([1.5, 0.5])
    """
    rows = as_rows(logits, axis, dtype)
    lowest = as_per_row(low, rows.leading, "low", 0.0)
    highest = as_per_row(high, rows.leading, "high", 0.0)
    power = as_per_row(exponent, rows.leading, "exponent", 0.0)
    found = np.asarray(entropy(logits, axis=axis, dtype=dtype, threads=threads), np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        largest = np.log(_unmasked(rows))
        share = np.where(largest > 0.0, found.reshape(-1) / largest, found.reshape(-1) * 0.0)
        # Rounding may leave the entropy of an even row above ln n.
        result = lowest + (highest - lowest) * np.minimum(share, 1.0) ** power
        result = np.where(largest > 0.0, result, lowest + share)
    return result.reshape(rows.leading)[()]


def _entropies(
    rows: Rows, which: NDArray[np.intp], temperatures: NDArray[np.float64], threads: int | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return entropy and varentropy, in nats, of the rows of these numbers."""
    found, spread = np.empty(which.size), np.empty(which.size)
    every = which.size == math.prod(rows.leading)
    step = max(1, which.size if every else _GATHERED // math.prod(rows.cells.shape[-2:]))
    for start in range(0, which.size, step):
        part = slice(start, start + step)
        cells = rows.cells if every else rows.cells[np.unravel_index(which[part], rows.leading)]
        stats = _native.token_stats(
            cells, rows.element, rows.swapped, None, None, temperatures[part], 1.0, True, threads
        )
        found[part], spread[part] = stats[3].reshape(-1), stats[4].reshape(-1)
    return found, spread


def _unmasked(rows: Rows) -> NDArray[np.int64]:
    """Count the logits of each row that are not -inf, by their bits."""
    size = rows.cells.shape[-1]
    code = {"float16": 0xFC00, "bfloat16": 0xFF80, "float32": 0xFF800000}
    masked = code.get(rows.element, 0xFFF0000000000000)
    bits = rows.cells.view(np.dtype(f"u{size}").newbyteorder("S" if rows.swapped else "="))
    bits = bits[..., 0]
    counts = np.empty(math.prod(rows.leading), np.int64)
    step = max(1, _GATHERED // (bits.shape[-1] * size))
    for start in range(0, counts.size, step):
        which = np.arange(start, min(start + step, counts.size))
        block = bits[np.unravel_index(which, rows.leading)] if rows.leading else bits
        counts[which] = (block != masked).sum(axis=-1)
    return counts
