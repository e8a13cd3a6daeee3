"""Pairs of rows, by how they differ, and what to ask about them."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

DTYPES: dict[str, np.dtype[Any]] = {
    "float64": np.dtype(np.float64),
    "float32": np.dtype(np.float32),
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
}
MIXED = [(p, q) for p in DTYPES for q in DTYPES if p != q]
LIMITS = {"float64": 1e-12, "float32": 1e-6}

BLOCK = 2048
CHUNK = 131072

NAMES = ("kl_divergence", "js_divergence", "total_variation", "cross_entropy_between")
FIELDS = {"kl": "kl_divergence", "js": "js_divergence", "total_variation": "total_variation"}

Row = NDArray[np.float64]
Pair = tuple[Row, Row]


def result_dtype(p: str, q: str) -> np.dtype[Any]:
    return DTYPES["float64" if "float64" in (p, q) else "float32"]


def _base(length: int, rng: np.random.Generator) -> Row:
    row = rng.normal(0.0, 2.5, length)
    tops = rng.choice(length, size=min(length, 3), replace=False)
    row[tops] = [15.25, 13.5, 9.75][: tops.size]
    return row


def _independent(length: int, rng: np.random.Generator) -> Pair:
    return _base(length, rng), _base(length, rng)


def _noisy(size: float) -> Callable[[int, np.random.Generator], Pair]:
    def make(length: int, rng: np.random.Generator) -> Pair:
        row = _base(length, rng)
        return row, row + rng.normal(0.0, size, length)

    return make


def _peaked(length: int, rng: np.random.Generator) -> Pair:
    p, q = rng.normal(0.0, 2.5, (2, length))
    p[length // 2] = q[length // 2] = 40.0
    return p, q


def _tops_in_turn(first: bool) -> Callable[[int, np.random.Generator], Pair]:
    """What one model deems likely at the start, what the other does at the end."""

    def make(length: int, rng: np.random.Generator) -> Pair:
        p, q = rng.normal(0.0, 2.5, (2, length))
        p[0 if first else -1] = q[-1 if first else 0] = 15.25
        return p, q

    return make


def _shifted(length: int, rng: np.random.Generator) -> Pair:
    row = rng.normal(0.0, 2.5, length)
    return row, row + 3.25 + rng.normal(0.0, 1e-3, length)


def _same_mask(length: int, rng: np.random.Generator) -> Pair:
    p, q = _noisy(0.1)(length, rng)
    masked = rng.random(length) < 0.6
    masked[0] = False
    p[masked] = q[masked] = -np.inf
    return p, q


def _p_masked(length: int, rng: np.random.Generator) -> Pair:
    p, q = _noisy(0.5)(length, rng)
    masked = rng.random(length) < 0.3
    masked[-1] = False
    p[masked] = -np.inf
    return p, q


def _flat(length: int, rng: np.random.Generator) -> Pair:
    return rng.uniform(-0.01, 0.01, length), rng.uniform(-0.01, 0.01, length)


def _turns(length: int, rng: np.random.Generator) -> Pair:
    """Log-ratios around 1, where one formula takes over from the other."""
    row = rng.normal(0.0, 1.0, length)
    return row, row + rng.choice([-1.0, 1.0], length) + rng.normal(0.0, 0.1, length)


KINDS: dict[str, Callable[[int, np.random.Generator], Pair]] = {
    "independent": _independent,
    "quantised": _noisy(0.1),
    "nearly equal": _noisy(1e-4),
    "peaked": _peaked,
    "p's top first": _tops_in_turn(first=True),
    "q's top first": _tops_in_turn(first=False),
    "shifted": _shifted,
    "same mask": _same_mask,
    "p masked": _p_masked,
    "flat": _flat,
    "turns": _turns,
}


def make_pairs(
    length: int, p_dtype: str, q_dtype: str, seed: int = 0
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Make one pair of every kind, as arrays of the two dtypes."""
    pairs = [make(length, np.random.default_rng([length, seed])) for make in KINDS.values()]
    p = np.stack([pair[0] for pair in pairs]).astype(DTYPES[p_dtype])
    q = np.stack([pair[1] for pair in pairs]).astype(DTYPES[q_dtype])
    return p, q


def ask(library: ModuleType, p: NDArray[Any], q: NDArray[Any], **keywords: Any) -> dict[str, Any]:
    """Ask for each divergence by its own function."""
    return {name: getattr(library, name)(p, q, **keywords) for name in NAMES}


def limit_for(name: str, p_dtype: str, q_dtype: str) -> float:
    """Give the promised relative error; what comes of one array alone has that one's."""
    own = p_dtype if name in ("cross_entropy_between", "p_entropy", "p_log_prob") else None
    own = q_dtype if name in ("q_entropy", "q_log_prob") else own
    wide = result_dtype(p_dtype, q_dtype) == np.float64 and own in (None, "float64")
    return LIMITS["float64" if wide else "float32"]


def smallest_for(name: str, dtype: np.dtype[Any], temperatures: Any = 1.0) -> float:
    """Give the size below which a result counts against it and no longer against itself.

    Log-ratios are exact to about 1e-16 in float64, and in float32 to 1e-13 where the logits are
    divided by a temperature.
    """
    divided = isinstance(temperatures, tuple) and any(np.any(each != 1.0) for each in temperatures)
    if name == "total_variation":
        return 1e-3 if dtype == np.float64 else 1e-6 if divided else 1e-16
    return 1e-12 if dtype == np.float64 else 1e-19


def assert_close(
    got: Any, exact: Any, dtype: np.dtype[Any], message: str, smallest: float, limit: float
) -> None:
    """Assert that results are within a relative error of the exact values."""
    result, truth = np.asarray(got), np.asarray(exact, np.float64)
    assert result.dtype == dtype, f"{message}: {result.dtype}"
    assert result.shape == truth.shape, f"{message}: shape {result.shape}"
    finite = np.isfinite(truth)
    np.testing.assert_array_equal(result[~finite], truth[~finite], message)
    a, b = result[finite].astype(np.float64), truth[finite]
    error = np.abs(a - b) / np.maximum(np.abs(b), smallest)
    if error.size and not error.max() <= limit:
        worst = error.argmax()
        raise AssertionError(f"{message}: {error[worst]:.3g} at {worst}, {a[worst]} for {b[worst]}")
