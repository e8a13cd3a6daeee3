"""The reference of `logitkit.targets`; the letters in docstrings are those of `_softmax`."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._arguments import (
    as_ignore_index,
    as_scale,
    as_targets,
    check_out,
    deliver,
)
from logitkit._arrays import as_rows
from logitkit.reference._softmax import softmax_of


def log_prob(
    logits: ArrayLike,
    targets: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: ArrayLike = 1.0,
    base: float | None = None,
    ignore_index: int | None = None,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Any:
    """``-gap - ln n - log1p(a / n)`` at the targets."""
    rows = as_rows(logits, axis, dtype)
    wanted = as_targets(targets, rows.leading)
    check_out(out, wanted.shape, np.float64)
    result = softmax_of(rows, temperature).log_prob(wanted, as_ignore_index(ignore_index))
    return deliver(result * as_scale(base), wanted.shape, out)


def rank(
    logits: ArrayLike,
    targets: ArrayLike,
    /,
    *,
    axis: int = -1,
    ignore_index: int | None = None,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Any:
    """1 + number of logits greater than that of the target."""
    rows = as_rows(logits, axis, dtype)
    wanted = as_targets(targets, rows.leading)
    check_out(out, wanted.shape, np.int64)
    result = softmax_of(rows).rank(wanted, as_ignore_index(ignore_index))
    return deliver(result, wanted.shape, out)


def perplexity(
    logits: ArrayLike,
    targets: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: ArrayLike = 1.0,
    ignore_index: int | None = None,
    dtype: Literal["bfloat16"] | None = None,
    threads: int | None = None,
) -> float:
    """``exp(-mean(log_prob))`` over the targets that are not ignored."""
    rows = as_rows(logits, axis, dtype)
    wanted = as_targets(targets, rows.leading)
    skipped = as_ignore_index(ignore_index)
    result = softmax_of(rows, temperature).log_prob(wanted, skipped)
    counted = result if skipped is None else result[wanted != skipped]
    if not counted.size:
        return float("nan")
    with np.errstate(over="ignore"):
        return float(np.exp(-counted.mean()))
