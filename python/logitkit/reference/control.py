"""The reference of `logitkit.control`: bisection, and the formula."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from logitkit._arguments import as_scale
from logitkit._arrays import as_rows
from logitkit._control import as_bounds, as_per_row
from logitkit.control import TemperatureForEntropy
from logitkit.reference._softmax import softmax_of


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
    """Halve the bounds of ln T until there is nothing between them."""
    rows = as_rows(logits, axis, dtype)
    scale = as_scale(base)
    wanted = as_per_row(target, rows.leading, "target", 0.0).reshape(rows.leading) / scale
    low, high = (np.full(rows.leading, np.log(bound)) for bound in as_bounds(bounds))
    for _ in range(60):
        middle = (low + high) / 2
        above = softmax_of(rows, np.exp(middle)).entropy >= wanted
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    soft = softmax_of(rows, np.exp(high))
    return TemperatureForEntropy(
        temperature=np.where(soft.valid, np.exp(high), np.nan)[()],
        entropy=(soft.entropy * scale)[()],
        reached=(np.abs(soft.entropy - wanted) <= 1e-11 * wanted)[()],
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
    """``low + (high - low) * (H / ln n) ** exponent``."""
    rows = as_rows(logits, axis, dtype)
    soft = softmax_of(rows)
    given = (
        as_per_row(each, rows.leading, name, 0.0).reshape(rows.leading)
        for each, name in ((low, "low"), (high, "high"), (exponent, "exponent"))
    )
    lowest, highest, power = given
    with np.errstate(invalid="ignore", divide="ignore"):
        largest = np.log((soft.logits > -np.inf).sum(axis=-1))
        share = np.where(largest > 0.0, np.minimum(soft.entropy / largest, 1.0), 0.0)
        result = lowest + (highest - lowest) * share**power
    result = np.where(largest > 0.0, result, lowest)
    return np.where(soft.valid, result, np.nan)[()]
