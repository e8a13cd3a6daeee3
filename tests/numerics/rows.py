"""Rows of logits, by the shape of their distribution, in every element type."""

from collections.abc import Callable
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

# Where the core cuts a row: it reads pieces with a new maximum again, carries sums to float64
# after each block, and shares out chunks.
PIECE = 256
BLOCK = 2048
CHUNK = 131072


def result_dtype(name: str) -> np.dtype[Any]:
    """Give the dtype of a real-valued statistic of logits of this dtype."""
    return DTYPES["float64" if name == "float64" else "float32"]


def _like_a_language_model(length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    row = rng.normal(0.0, 2.5, length)
    tops = rng.choice(length, size=min(length, 3), replace=False)
    row[tops] = [15.25, 13.5, 9.75][: tops.size]
    return row


def _flat(length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.uniform(-0.01, 0.01, length)


def _peaked(length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    row = rng.normal(0.0, 2.5, length)
    row[rng.integers(length)] = 42.5
    return row


def _ascending(length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return np.sort(_like_a_language_model(length, rng))


def _descending(length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return _ascending(length, rng)[::-1]


def _sawtooth(length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    # Every tooth ends a little higher than the one before: a new maximum in each block.
    index = np.arange(length)
    return (index % 61) * 0.25 + (index // 61) * 0.03125 * min(1.0, 4000 / length)


def _masked(length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return _keep(length, rng, 0.7)


def _nearly_all_masked(length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return _keep(length, rng, 1e-4)


def _keep(length: int, rng: np.random.Generator, share: float) -> NDArray[np.float64]:
    row = _like_a_language_model(length, rng)
    kept = max(1, round(share * length))
    row[rng.choice(length, size=length - kept, replace=False)] = -np.inf
    return row


KINDS: dict[str, Callable[[int, np.random.Generator], NDArray[np.float64]]] = {
    "like a language model": _like_a_language_model,
    "flat": _flat,
    "peaked": _peaked,
    "ascending": _ascending,
    "descending": _descending,
    "sawtooth": _sawtooth,
    "masked": _masked,
    "nearly all masked": _nearly_all_masked,
}


def make_row(kind: str, length: int, seed: int = 0) -> NDArray[np.float64]:
    """Make one row, not yet rounded to an element type."""
    return KINDS[kind](length, np.random.default_rng([length, seed]))


def make_rows(length: int, dtype: str, seed: int = 0) -> NDArray[Any]:
    """Make one row of every kind, as an array of `dtype`."""
    rows = [make_row(kind, length, seed) for kind in KINDS]
    return np.stack(rows).astype(DTYPES[dtype])


def make_targets(logits: NDArray[Any], seed: int = 0) -> NDArray[np.int64]:
    """Choose three targets per row: the largest logit, a random one above -inf, any at random."""
    rng = np.random.default_rng([logits.shape[-1], seed])
    wide = logits.astype(np.float64)
    argmax = wide.argmax(axis=-1)
    allowed = np.array([rng.choice(np.flatnonzero(np.isfinite(row))) for row in wide])
    anything = rng.integers(wide.shape[-1], size=argmax.shape)
    return np.stack([allowed, argmax, anything], axis=-1)
