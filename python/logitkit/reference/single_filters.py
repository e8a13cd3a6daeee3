"""Filters of one step over rows of logits, dense: `filter_logits` with that step alone."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._chains import OnInvalid, Ties
from logitkit.reference.filters import filter_logits
from logitkit.steps import Epsilon, Eta, MinP, TopH, TopK, TopNSigma, TopP, Typical


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


def min_p_filter(
    logits: ArrayLike,
    p: ArrayLike,
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
    """Keep what `logitkit.steps.MinP` keeps."""
    return filter_logits(
        logits,
        [MinP(p)],
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


def epsilon_filter(
    logits: ArrayLike,
    epsilon: ArrayLike,
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
    """Keep what `logitkit.steps.Epsilon` keeps."""
    return filter_logits(
        logits,
        [Epsilon(epsilon)],
        min_keep=min_keep,
        on_invalid=on_invalid,
        fill=fill,
        axis=axis,
        dtype=dtype,
        out=out,
    )


def eta_filter(
    logits: ArrayLike,
    epsilon: ArrayLike,
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
    """Keep what `logitkit.steps.Eta` keeps."""
    return filter_logits(
        logits,
        [Eta(epsilon)],
        min_keep=min_keep,
        on_invalid=on_invalid,
        fill=fill,
        axis=axis,
        dtype=dtype,
        out=out,
    )


def top_n_sigma_filter(
    logits: ArrayLike,
    n: ArrayLike,
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
    """Keep what `logitkit.steps.TopNSigma` keeps."""
    return filter_logits(
        logits,
        [TopNSigma(n)],
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
