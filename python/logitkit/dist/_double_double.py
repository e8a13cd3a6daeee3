"""Sums and products of twice the precision of float64, as pairs of float64 [1]_ [2]_.

A ratio of two distributions that are nearly equal is 1 + d with a small d, and a divergence is made
of squares of d. Each distribution is weights over their sum, so d is the difference of two products
of a weight and a sum: rounded to float64 before they are subtracted, they would leave an error of
1e-16 / d in it. As pairs they leave one of 1e-32 / d.

References
----------
.. [1] T. J. Dekker, "A floating-point technique for extending the available precision",
   Numerische Mathematik 18 (1971) 224-242.
.. [2] D. E. Knuth, "The Art of Computer Programming", volume 2, section 4.2.2.
"""

from typing import NamedTuple

import numpy as np

from logitkit.dist._rows import Real

# Splits the 53 bits of a float64 into halves whose products are exact.
_SPLITTER = 2.0**27 + 1.0


class Pair(NamedTuple):
    """The number ``high + low``, where `low` is about an ulp of `high` or less."""

    high: Real
    low: Real


def total(x: Pair, axis: int = -1) -> Pair:
    """Sum along an axis, which is kept with length one."""
    high, low = (np.moveaxis(part, axis, -1) for part in x)
    while (length := high.shape[-1]) > 1:
        half = length // 2
        left, right = slice(half), slice(half, 2 * half)
        added, error = _two_sum(high[..., left], high[..., right])
        error += low[..., left] + low[..., right]
        if length % 2:
            added = np.concatenate((added, high[..., -1:]), axis=-1)
            error = np.concatenate((error, low[..., -1:]), axis=-1)
        high, low = added, error
    # The errors of many sums may have come to more than an ulp.
    high, low = _two_sum(high, low)
    return Pair(np.moveaxis(high, -1, axis), np.moveaxis(low, -1, axis))


def product(a: Pair, b: Pair) -> Pair:
    """Multiply, with the error of the high parts' product found as Dekker does."""
    high = a.high * b.high
    a_upper, a_lower = _halves(a.high)
    b_upper, b_lower = _halves(b.high)
    low = a_upper * b_upper - high
    low += a_upper * b_lower + a_lower * b_upper
    low += a_lower * b_lower
    low += a.high * b.low + a.low * b.high
    return Pair(high, low)


def difference(a: Pair, b: Pair) -> Real:
    """Subtract, and round to float64: exact to the last bits however close the two are."""
    return (a.high - b.high) + (a.low - b.low)


def exactly(x: Real) -> Pair:
    """Take a float64 as it is."""
    return Pair(x, np.zeros_like(x))


def _two_sum(a: Real, b: Real) -> tuple[Real, Real]:
    """Return the rounded sum and its error, exactly."""
    added = a + b
    second = added - a
    return added, (a - (added - second)) + (b - second)


def _halves(x: Real) -> tuple[Real, Real]:
    scaled = _SPLITTER * x
    upper = scaled - (scaled - x)
    return upper, x - upper
