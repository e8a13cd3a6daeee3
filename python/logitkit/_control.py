"""Arguments of control and calibration, checked; and the search for a root that they share."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._arguments import as_targets, first_offender
from logitkit._arrays import Rows, as_array

_Real = NDArray[np.float64]

_MOST_STEPS = 200


def as_per_row(given: ArrayLike, leading: tuple[int, ...], name: str, least: float) -> _Real:
    """Check a finite number of at least `least` for each row; flat, in C order."""
    array, holds = as_array(given, name)
    if array.dtype.kind not in "fiu" or holds is not None:
        raise TypeError(
            f"{name} of dtype {holds or array.dtype}; expected a real number, or one for each row"
        )
    array = array.astype(np.float64, copy=False)
    bad = ~((array >= least) & (array < np.inf))
    if bad.any():
        raise ValueError(
            f"{first_offender(name, bad)} = {array[bad][0]}; expected a finite number >= {least:g}"
        )
    try:
        return np.broadcast_to(array, leading).reshape(-1)
    except ValueError:
        raise ValueError(
            f"{name} of shape {array.shape} does not broadcast to {leading}, the shape of logits "
            "without the vocabulary axis; expected one number, or one for each row"
        ) from None


def as_bounds(bounds: tuple[float, float]) -> tuple[float, float]:
    """Check the lowest and the highest temperature."""
    try:
        low, high = (float(bound) for bound in bounds)
    except (TypeError, ValueError):
        raise TypeError(f"bounds={bounds!r}; expected two numbers, (lowest, highest)") from None
    if not 0.0 < low < high < np.inf:
        raise ValueError(f"bounds={bounds!r}; expected 0 < lowest < highest, both finite")
    return low, high


def as_bins(bins: int) -> int:
    """Check a number of bins."""
    try:
        value = operator.index(bins)
    except TypeError:
        raise TypeError(f"bins={bins!r} is not an int; expected an int >= 1") from None
    if value < 1:
        raise ValueError(f"bins={value}; expected an int >= 1")
    return value


def as_single_targets(targets: ArrayLike, rows: Rows) -> NDArray[np.int64]:
    """Check one target for each row; of the shape of the logits without the vocabulary."""
    wanted = as_targets(targets, rows.leading)
    if wanted.shape != rows.leading:
        raise ValueError(
            f"targets of shape {wanted.shape}; expected {rows.leading}, the shape of logits "
            "without the vocabulary axis: one target in each row"
        )
    return wanted


def bracketed_newton(
    excess: Callable[[_Real, NDArray[np.intp]], tuple[Any, Any]],
    low: _Real,
    high: _Real,
    tolerance: _Real,
) -> _Real:
    """Find where rising functions are 0, one for each place, between `low` and `high`.

    `excess(x, which)` returns values and slopes of the functions of those numbers. A step that
    leaves the bracket, or has no slope, is replaced by the middle. Where there is no zero the end
    that is nearer to one is returned.
    """
    x = np.clip(np.zeros_like(low), low, high)
    low, high = low.copy(), high.copy()
    which = np.arange(x.size)
    ends = (low.copy(), high.copy())
    for end, sign in zip(ends, (1.0, -1.0), strict=True):
        if not which.size:
            break
        value, _ = excess(end[which], which)
        # Beyond this end already; NaN has no zero either.
        done = ~(value * sign < 0.0)
        x[which[done]] = end[which[done]]
        which = which[~done]
    for _ in range(_MOST_STEPS):
        if not which.size:
            break
        value, slope = excess(x[which], which)
        above = value > 0.0
        high[which[above]], low[which[~above]] = x[which[above]], x[which[~above]]
        with np.errstate(divide="ignore", invalid="ignore"):
            step = x[which] - value / slope
        inside = (step > low[which]) & (step < high[which])
        following = np.where(inside, step, (low[which] + high[which]) / 2)
        done = (np.abs(value) <= tolerance[which]) | (following == x[which])
        x[which[~done]] = following[~done]
        which = which[~done]
    return x
