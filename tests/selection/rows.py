"""Rows that top-k has to tell apart, in every element type."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..numerics.rows import DTYPES

COUNTS = (1, 2, 10, 50, 256, 1000)


def hard_rows(length: int, dtype: str) -> tuple[list[str], NDArray[Any]]:
    """Make rows that ties, order, masks or infinities make hard, and their names."""
    rng = np.random.default_rng(length)
    index = np.arange(length)
    normal = rng.normal(0.0, 2.5, length)
    rows = {
        "normal": normal,
        "rounded": normal.round(),
        "equal": np.full(length, -2.25),
        "two values": (normal > 1.0).astype(np.float64),
        "ascending": np.sort(normal),
        "descending": np.sort(normal)[::-1],
        "outlier": np.where(index == length // 3, 3e4, 0.0),
        "masked": np.where(index % 10007 == 5, normal, -np.inf),
        "nothing": np.full(length, -np.inf),
        "+inf": np.where(index % 7 == 3, np.inf, normal),
        "zeros": np.where(normal > 0.0, 0.0, -0.0),
        "one group": np.where(index % 32 == 5, index % 4099, -np.inf),
        "NaN": np.where(index == length // 2, np.nan, normal),
        "nothing but NaN": np.full(length, np.nan),
    }
    return list(rows), np.stack(list(rows.values())).astype(DTYPES[dtype])


def counts(length: int) -> list[int]:
    """Give the numbers of logits to ask a row of this length for."""
    wanted = {*COUNTS, length // 2, length - 1, length}
    return sorted(k for k in wanted if 1 <= k <= length)
