"""The reference of `logitkit.threshold_filters`: `filter_logits` with one step."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._chains import OnInvalid
from logitkit.reference.filters import filter_logits
from logitkit.steps import Epsilon, Eta, MinP, TopNSigma


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
