"""Sums over rows of weights that are free of cancellation: all that the statistics are made of.

With m the largest weight of a row, rest the sum of all others and gap = -ln(w / m), the surprisal
of an outcome is

    -ln p = gap + log1p(rest / m)

where no term is negative, so that a distribution that is nearly certain keeps every digit of its
entropy. The textbook form takes ln of a probability that has been rounded to 1.

With x and y in the proportion of p and q, the terms of a divergence are

    x ln(x / y) - x + y

where the last two add up to nothing over a row and make every term a square of s = (x - y) /
(x + y), not negative: nearly equal distributions keep the digits of their divergence.
"""

from typing import NamedTuple

import numpy as np

from logitkit.dist._double_double import Pair, difference
from logitkit.dist._rows import Real, row_sums

# Below this |s| the terms are power series, above it they are what the formulas say: there these
# lose about one digit at the most.
_NEAR = 0.2
_RELATIVE_ENTROPY = [1.0 / (2 * k + 3) for k in range(12)]


class Surprisal(NamedTuple):
    """The parts of -ln p: `gap` for each outcome (inf for weight 0), `certain` for each row."""

    gap: Real
    certain: Real

    @classmethod
    def of(cls, weights: Real) -> "Surprisal":
        """Take rows of weights; a row of zeros counts as one with a single outcome."""
        ratio, rest = _to_the_largest(weights)
        # Adding 0 turns the -0 of the largest weight into 0.
        return cls(0.0 - np.log(ratio) + 0.0, np.log1p(rest))


def entropy_of(weights: Real) -> Real:
    """Return the entropy of each row in nats, 0 for a row of zeros."""
    ratio, rest = _to_the_largest(weights)
    spread = row_sums(weighed(ratio, 0.0 - np.log(ratio)))
    return np.log1p(rest) + spread / (1.0 + rest)


def weighed(weights: Real, values: Real) -> Real:
    """Multiply, where what has no weight counts as 0 though its value be infinite."""
    return np.where(weights > 0.0, weights * values, 0.0)


def relative_entropy(x: Pair, y: Pair) -> Real:
    """Return the terms ``x ln(x / y) - x + y``."""
    return relative_entropy_terms(x.high, y.high, difference(x, y))


def relative_entropy_terms(x: Real, y: Real, apart: Real) -> Real:
    """Return the terms ``x ln(x / y) - x + y``, where `apart` is x - y."""
    s = apart / (x + y)
    near = apart * s * (1.0 + s * (1.0 + s) * polynomial(_RELATIVE_ENTROPY, s * s))
    far = np.where(x > 0.0, x * (np.log(x) - np.log(y)), 0.0) - apart
    return np.where(x + y > 0.0, np.where(np.abs(s) < _NEAR, near, far), 0.0)


def polynomial(coefficients: list[float], x: Real) -> Real:
    """Evaluate by Horner's rule, the constant coming first."""
    result = np.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result *= x
        result += coefficient
    return result


def _to_the_largest(weights: Real) -> tuple[Real, Real]:
    """Return w / m, and rest / m from the others' terms alone."""
    place = weights.argmax(axis=-1, keepdims=True)
    largest = np.take_along_axis(weights, place, axis=-1)
    ratio = weights / np.where(largest > 0.0, largest, 1.0)
    others = ratio.copy()
    np.put_along_axis(others, place, 0.0, axis=-1)
    return ratio, row_sums(others)
