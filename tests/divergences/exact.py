"""Divergences of two rows with sixty decimal digits, by their definitions."""

import mpmath
import numpy as np
from numpy.typing import NDArray

DIGITS = 60


def exact_divergences(
    p_row: NDArray[np.float64],
    q_row: NDArray[np.float64],
    temperatures: tuple[float, float] = (1.0, 1.0),
    weight: float = 0.5,
) -> dict[str, float]:
    """Give all divergences of two rows, each with a finite maximum."""
    with mpmath.workdps(DIGITS):
        p = _softmax(p_row, temperatures[0])
        q = _softmax(q_row, temperatures[1])
        w = mpmath.mpf(weight)
        m = [w * a + (1 - w) * b for a, b in zip(p, q, strict=True)]
        entropy = -mpmath.fsum(a * mpmath.log(a) for a in p if a)
        kl = _kl(p, q)
        js = (w * _kl(p, m) if w else 0) + ((1 - w) * _kl(q, m) if w != 1 else 0)
        distance = mpmath.fsum(abs(a - b) for a, b in zip(p, q, strict=True)) / 2
        return {
            "kl_divergence": float(kl),
            "js_divergence": float(js),
            "total_variation": float(distance),
            "cross_entropy_between": float(entropy + kl),
        }


def _softmax(row: NDArray[np.float64], temperature: float) -> list[mpmath.mpf]:
    largest = mpmath.mpf(float(row.max()))
    t = mpmath.mpf(temperature)
    weights = [
        mpmath.exp((mpmath.mpf(float(x)) - largest) / t) if np.isfinite(x) else mpmath.mpf(0)
        for x in row
    ]
    total = mpmath.fsum(weights)
    return [weight / total for weight in weights]


def _kl(p: list[mpmath.mpf], q: list[mpmath.mpf]) -> mpmath.mpf:
    if any(a and not b for a, b in zip(p, q, strict=True)):
        return mpmath.inf
    return mpmath.fsum(a * mpmath.log(a / b) for a, b in zip(p, q, strict=True) if a)


def exact_renyi(
    p_row: NDArray[np.float64],
    q_row: NDArray[np.float64],
    alpha: float,
    temperatures: tuple[float, float] = (1.0, 1.0),
) -> float:
    """Give the Rényi divergence of two rows, each with a finite maximum."""
    with mpmath.workdps(DIGITS):
        p = _softmax(p_row, temperatures[0])
        q = _softmax(q_row, temperatures[1])
        both = [(a, b) for a, b in zip(p, q, strict=True) if a]
        if alpha >= 1.0 and not all(b for _, b in both):
            return np.inf
        if alpha == np.inf:
            return float(max(mpmath.log(a / b) for a, b in both))
        power = mpmath.mpf(alpha)
        total = mpmath.fsum(a**power * b ** (1 - power) for a, b in both if b)
        return float(mpmath.log(total) / (power - 1)) if total else np.inf
