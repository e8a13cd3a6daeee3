"""The reference of `logitkit.order_filters`: `filter_logits` with one step."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._chains import OnInvalid, Ties
from logitkit.reference.filters import filter_logits
from logitkit.steps import TopH, TopK, TopP, Typical


def top_k_filter(
    logits: ArrayLike,
    k: ArrayLike,
    /,
    *,
    ties: Ties = "index",
    min_keep: int = 1,
    on_invalid: OnInvalid = "raise",
    fill: float = -np.inf,
    axis: int = -1,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """Keep what `logitkit.steps.TopK` keeps."""
    return filter_logits(
        logits,
        [TopK(k)],
        ties=ties,
        min_keep=min_keep,
        on_invalid=on_invalid,
        fill=fill,
        axis=axis,
        dtype=dtype,
        out=out,
    )


def top_p_filter(
    logits: ArrayLike,
    p: ArrayLike,
    /,
    *,
    ties: Ties = "index",
    min_keep: int = 1,
    on_invalid: OnInvalid = "raise",
    fill: float = -np.inf,
    axis: int = -1,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """Keep what `logitkit.steps.TopP` keeps."""
    return filter_logits(
        logits,
        [TopP(p)],
        ties=ties,
        min_keep=min_keep,
        on_invalid=on_invalid,
        fill=fill,
        axis=axis,
        dtype=dtype,
        out=out,
    )


def typical_filter(
    logits: ArrayLike,
    p: ArrayLike,
    /,
    *,
    ties: Ties = "index",
    min_keep: int = 1,
    on_invalid: OnInvalid = "raise",
    fill: float = -np.inf,
    axis: int = -1,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """Keep what `logitkit.steps.Typical` keeps."""
    return filter_logits(
        logits,
        [Typical(p)],
        ties=ties,
        min_keep=min_keep,
        on_invalid=on_invalid,
        fill=fill,
        axis=axis,
        dtype=dtype,
        out=out,
    )


def top_h_filter(
    logits: ArrayLike,
    alpha: ArrayLike,
    /,
    *,
    min_keep: int = 1,
    on_invalid: OnInvalid = "raise",
    fill: float = -np.inf,
    axis: int = -1,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """Keep what `logitkit.steps.TopH` keeps."""
    return filter_logits(
        logits,
        [TopH(alpha)],
        min_keep=min_keep,
        on_invalid=on_invalid,
        fill=fill,
        axis=axis,
        dtype=dtype,
        out=out,
    )
