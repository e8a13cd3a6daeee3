"""The exact statistics of one row, far beyond float64, by formulas without cancellation.

With m the maximum, c its copies, d = (m - x) / T over the other tokens, a = sum exp(-d),
b = sum d exp(-d) and A = c + a, every term below is non-negative, so that the relative error
stays that of the arithmetic even where the entropy is 1e-20:

    logsumexp   m / T + ln c + log1p(a / c)
    entropy     ln c + log1p(a / c) + b / A
    varentropy  (sum exp(-d) (d - b / A)^2 + c (b / A)^2) / A
    -log_prob   d + ln c + log1p(a / c)

Arithmetic with 60 decimal digits answers for short rows. Long rows take NumPy's long double: 64
bits of mantissa on x86, no fewer than float64's 53 anywhere.
"""

from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

LONGEST_FOR_MPMATH = 2500
_DIGITS = 60


def exact_statistics(
    row: NDArray[np.float64], targets: NDArray[np.int64], temperature: float = 1.0
) -> dict[str, NDArray[Any]]:
    """Give the statistics of one row with a finite maximum, the real ones as long double."""
    compute = _by_mpmath if row.size <= LONGEST_FOR_MPMATH else _by_long_double
    real = compute(row, targets, temperature)
    return real | {
        "max": np.asarray(row.max()),
        "argmax": np.asarray(row.argmax()),
        "rank": 1 + np.sum(row[None, :] > row[targets][:, None], axis=-1),
        "valid": np.asarray(True),
    }


def _by_mpmath(
    row: NDArray[np.float64], targets: NDArray[np.int64], temperature: float
) -> dict[str, NDArray[Any]]:
    with mpmath.workdps(_DIGITS):
        t = mpmath.mpf(temperature)
        largest = mpmath.mpf(float(row.max()))
        below = row[(row < row.max()) & np.isfinite(row)]
        c = row.size - int(np.sum(row < row.max()))
        d = [(largest - mpmath.mpf(float(x))) / t for x in below]
        w = [mpmath.exp(-each) for each in d]
        a = mpmath.fsum(w)
        total = c + a
        mean = mpmath.fdot(w, d) / total
        log_sum = mpmath.log(c) + mpmath.log1p(a / c)
        spread = mpmath.fsum(weight * (each - mean) ** 2 for weight, each in zip(w, d, strict=True))
        log_probs = [
            -((largest - mpmath.mpf(float(x))) / t + log_sum) if np.isfinite(x) else -mpmath.inf
            for x in row[targets]
        ]
        return {
            "logsumexp": _long_double(largest / t + log_sum),
            "entropy": _long_double(log_sum + mean),
            "varentropy": _long_double((spread + c * mean**2) / total),
            "max_prob": _long_double(1 / total),
            "log_prob": np.array([_long_double(value) for value in log_probs]),
        }


def _long_double(value: mpmath.mpf) -> NDArray[np.longdouble]:
    # Two float64 hold more than a long double; beyond the range of float64 this is 0 or infinite.
    high = float(value)
    low = float(value - high) if np.isfinite(high) else 0.0
    return np.asarray(np.longdouble(high) + np.longdouble(low))


def _by_long_double(
    row: NDArray[np.float64], targets: NDArray[np.int64], temperature: float
) -> dict[str, NDArray[Any]]:
    t = np.longdouble(temperature)
    x = row.astype(np.longdouble)
    largest = x.max()
    below = x[(x < largest) & np.isfinite(x)]
    c = np.longdouble(np.sum(x == largest))
    d = (largest - below) / t
    w = np.exp(-d)
    a = w.sum()
    total = c + a
    mean = (w * d).sum() / total
    log_sum = np.log(c) + np.log1p(a / c)
    return {
        "logsumexp": np.asarray(largest / t + log_sum),
        "entropy": np.asarray(log_sum + mean),
        "varentropy": np.asarray(((w * (d - mean) ** 2).sum() + c * mean**2) / total),
        "max_prob": np.asarray(1 / total),
        "log_prob": -((largest - x[targets]) / t + log_sum),
    }
