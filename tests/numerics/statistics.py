"""Every statistic at once, from the package or from its reference, together or singly."""

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Result = dict[str, Any]

# The fields of TokenStats that no single function gives.
ONLY_TOGETHER = ("max", "argmax", "max_prob", "valid")

# How far a statistic asked for alone may be from the same one among others: it takes fewer passes,
# and groups its sums in another way. Each is within 1e-6 of the exact value, so they are at most
# 2e-6 apart, which is no more than 16 ulps; 7 is the most that was seen.
FLOAT32_ULPS_APART = 16
FLOAT64_RELATIVE_APART = 1e-12


def single_statistics(
    library: ModuleType,
    logits: NDArray[Any],
    targets: NDArray[np.int64],
    temperature: ArrayLike = 1.0,
    **keywords: Any,
) -> Result:
    """Ask for each statistic by its own function."""
    tempered = {"temperature": temperature} | keywords
    return {
        "logsumexp": library.logsumexp(logits, **tempered),
        "entropy": library.entropy(logits, **tempered),
        "varentropy": library.varentropy(logits, **tempered),
        "log_prob": library.log_prob(logits, targets, **tempered),
        "rank": library.rank(logits, targets, **keywords),
    }


def fused_statistics(
    library: ModuleType,
    logits: NDArray[Any],
    targets: NDArray[np.int64],
    temperature: ArrayLike = 1.0,
    **keywords: Any,
) -> Result:
    """Ask for all of them at once."""
    stats = library.token_stats(logits, targets, temperature=temperature, **keywords)
    names = (*ONLY_TOGETHER, "logsumexp", "entropy", "varentropy", "log_prob", "rank")
    return {name: getattr(stats, name) for name in names}


def assert_singly_as_together(singly: Result, together: Result, where: str) -> None:
    """Assert that what the single functions gave is what all at once gave, but for last bits."""
    for name, value in singly.items():
        alone, fused = np.asarray(value), np.asarray(together[name])
        message = f"{name} alone and among others, {where}"
        assert alone.dtype == fused.dtype, message
        assert alone.shape == fused.shape, message
        # A rounding makes no NaN, no infinity, no zero and no rank.
        inexact = (alone.dtype.kind == "f") & np.isfinite(fused) & (fused != 0)
        np.testing.assert_array_equal(alone[~inexact], fused[~inexact], message)
        a, b = alone[inexact], fused[inexact]
        if alone.dtype == np.float32:
            np.testing.assert_array_max_ulp(a, b, FLOAT32_ULPS_APART)
        else:
            np.testing.assert_allclose(a, b, FLOAT64_RELATIVE_APART, err_msg=message)
