"""The reference of `logitkit.calibration`: dense probabilities, and bisection."""

import math
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._arguments import as_ignore_index
from logitkit._arrays import as_rows
from logitkit._control import as_bins, as_bounds, as_single_targets
from logitkit.calibration import Calibration
from logitkit.reference._softmax import softmax_of


def calibration(
    logits: ArrayLike,
    targets: ArrayLike,
    /,
    *,
    axis: int = -1,
    bins: int = 15,
    temperature: ArrayLike = 1.0,
    ignore_index: int | None = None,
    dtype: Literal["bfloat16"] | None = None,
    threads: int | None = None,
) -> Calibration:
    """Sort the rows into bins one by one."""
    rows = as_rows(logits, axis, dtype)
    wanted = as_single_targets(targets, rows).reshape(-1)
    skipped = as_ignore_index(ignore_index)
    soft = softmax_of(rows, temperature)
    counts = soft.valid.reshape(-1) & (True if skipped is None else wanted != skipped)
    p = np.exp(soft.log_softmax).reshape(wanted.size, -1)[counts]
    tokens = wanted[counts]
    confidence, correct = p.max(axis=-1), p.argmax(axis=-1) == tokens
    edges = np.linspace(0.0, 1.0, as_bins(bins) + 1)
    groups = [(confidence > low) & (confidence <= high) for low, high in pairwise(edges)]
    number = np.array([group.sum() for group in groups])

    def means(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([values[group].mean() if group.any() else math.nan for group in groups])

    of_confidence, of_accuracy = means(confidence), means(correct.astype(np.float64))
    gaps = np.abs(of_accuracy - of_confidence)
    onehot = np.eye(p.shape[-1])[tokens]
    some = tokens.size > 0
    return Calibration(
        expected_error=float(np.nansum(number * gaps) / tokens.size) if some else math.nan,
        maximum_error=float(np.nanmax(gaps)) if some else math.nan,
        brier_score=float(((p - onehot) ** 2).sum(axis=-1).mean()) if some else math.nan,
        accuracy=float(correct.mean()) if some else math.nan,
        confidence=float(confidence.mean()) if some else math.nan,
        counted=tokens.size,
        bin_edges=edges,
        bin_count=number,
        bin_confidence=of_confidence,
        bin_accuracy=of_accuracy,
    )


def fit_temperature(
    logits: ArrayLike,
    targets: ArrayLike,
    /,
    *,
    axis: int = -1,
    ignore_index: int | None = None,
    bounds: tuple[float, float] = (1e-3, 1e3),
    dtype: Literal["bfloat16"] | None = None,
    threads: int | None = None,
) -> float:
    """Halve the bounds of ln T where the slope of the loss changes sign."""
    rows = as_rows(logits, axis, dtype)
    tokens = as_single_targets(targets, rows)
    skipped = as_ignore_index(ignore_index)
    low, high = (math.log(bound) for bound in as_bounds(bounds))
    counts = np.isfinite(softmax_of(rows).log_prob(tokens, skipped))
    if not counts.any():
        return math.nan
    for _ in range(60):
        middle = (low + high) / 2
        soft = softmax_of(rows, math.exp(middle))
        slope = (soft.entropy + soft.log_prob(tokens, skipped))[counts].sum()
        low, high = (low, middle) if slope >= 0.0 else (middle, high)
    return math.exp(high)
