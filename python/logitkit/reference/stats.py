"""The reference of `logitkit.stats`; the letters in docstrings are those of `_softmax`."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._arguments import (
    as_count,
    as_ignore_index,
    as_scale,
    as_targets,
    check_out,
    deliver,
    result_shape,
)
from logitkit._arrays import Rows, as_rows
from logitkit._token_stats import TokenStats
from logitkit.reference._softmax import beside_rows, softmax_of
from logitkit.reference.losses import entropy_slope
from logitkit.reference.probabilities import in_place
from logitkit.reference.selection import at, largest


def logsumexp(
    logits: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: ArrayLike = 1.0,
    keepdims: bool = False,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Any:
    """``m / T + ln n + log1p(a / n)``."""
    rows = as_rows(logits, axis, dtype)
    return _per_row(softmax_of(rows, temperature).logsumexp, rows, keepdims, out)


def entropy(
    logits: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: ArrayLike = 1.0,
    base: float | None = None,
    keepdims: bool = False,
    return_grad: bool = False,
    grad_out: NDArray[Any] | None = None,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Any:
    """``ln n + log1p(a / n) + b / (n + a)``."""
    rows = as_rows(logits, axis, dtype)
    soft, scale = softmax_of(rows, temperature), as_scale(base)
    result = _per_row(soft.entropy * scale, rows, keepdims, out)
    if not return_grad and grad_out is None:
        return result
    log_p = soft.log_softmax
    slope = entropy_slope(np.exp(log_p), log_p, soft.entropy)
    return result, in_place(slope * scale / beside_rows(temperature, rows), rows, grad_out)


def varentropy(
    logits: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: ArrayLike = 1.0,
    base: float | None = None,
    keepdims: bool = False,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Any:
    """Compute the variance of gap, which differs from the surprisal by a constant."""
    rows = as_rows(logits, axis, dtype)
    return _per_row(
        softmax_of(rows, temperature).varentropy * as_scale(base) ** 2, rows, keepdims, out
    )


def token_stats(
    logits: ArrayLike,
    targets: ArrayLike | None = None,
    /,
    *,
    axis: int = -1,
    temperature: ArrayLike = 1.0,
    base: float | None = None,
    ignore_index: int | None = None,
    top_k: int | None = None,
    dtype: Literal["bfloat16"] | None = None,
    threads: int | None = None,
) -> TokenStats:
    """Compute all of them, with the largest logit and its probability ``1 / (n + a)``."""
    rows = as_rows(logits, axis, dtype)
    wanted = None if targets is None else as_targets(targets, rows.leading)
    skipped = as_ignore_index(ignore_index)
    scale = as_scale(base)
    softmax = softmax_of(rows, temperature)
    top_ids = None if top_k is None else largest(softmax, as_count(top_k, rows, "top_k"))
    return TokenStats(
        max=softmax.max[..., 0][()],
        argmax=softmax.argmax[()],
        logsumexp=softmax.logsumexp[()],
        entropy=(softmax.entropy * scale)[()],
        varentropy=(softmax.varentropy * scale**2)[()],
        max_prob=softmax.max_prob[()],
        valid=softmax.valid[()],
        log_prob=None if wanted is None else (softmax.log_prob(wanted, skipped) * scale)[()],
        rank=None if wanted is None else softmax.rank(wanted, skipped)[()],
        top_ids=top_ids,
        top_log_probs=None if top_ids is None else at(softmax.log_softmax, top_ids) * scale,
    )


def _per_row(
    result: NDArray[np.float64], rows: Rows, keepdims: bool, out: NDArray[Any] | None
) -> Any:
    shape = result_shape(rows, keepdims)
    check_out(out, shape, np.float64)
    return deliver(result, shape, out)
