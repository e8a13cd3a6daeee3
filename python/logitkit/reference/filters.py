"""Filters by full sorts in float64: top-k, top-p and their kin, compact or dense."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._arrays import Rows, as_rows
from logitkit._candidates import Candidates
from logitkit._chains import Chain, OnInvalid, Order, Ties, as_chain, check_valid
from logitkit._draws import Draws
from logitkit._philox import Stream
from logitkit.reference._filtering import run_chain
from logitkit.reference._softmax import widened
from logitkit.reference.probabilities import in_place
from logitkit.steps import Step


def candidates(
    logits: ArrayLike,
    steps: Sequence[Step] | None = None,
    /,
    *,
    temperature: ArrayLike = 1.0,
    top_k: ArrayLike | None = None,
    top_p: ArrayLike | None = None,
    min_p: ArrayLike | None = None,
    typical_p: ArrayLike | None = None,
    epsilon: ArrayLike | None = None,
    eta: ArrayLike | None = None,
    top_n_sigma: ArrayLike | None = None,
    top_h: ArrayLike | None = None,
    max_surprise: ArrayLike | None = None,
    order: Order = "hf",
    joint: bool = False,
    ties: Ties = "index",
    min_keep: int = 1,
    on_invalid: OnInvalid = "raise",
    axis: int = -1,
    dtype: Literal["bfloat16"] | None = None,
    threads: int | None = None,
) -> Candidates:
    """Run every row through `run_chain`, by a full sort."""
    rows = as_rows(logits, axis, dtype)
    keywords = {
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "typical_p": typical_p,
        "epsilon": epsilon,
        "eta": eta,
        "top_n_sigma": top_n_sigma,
        "top_h": top_h,
        "max_surprise": max_surprise,
    }
    chain = as_chain(
        steps,
        keywords,
        order=order,
        joint=joint,
        ties=ties,
        min_keep=min_keep,
        on_invalid=on_invalid,
    )
    return filtered(rows, chain)


def filter_logits(
    logits: ArrayLike,
    steps: Sequence[Step] | None = None,
    /,
    *,
    temperature: ArrayLike = 1.0,
    top_k: ArrayLike | None = None,
    top_p: ArrayLike | None = None,
    min_p: ArrayLike | None = None,
    typical_p: ArrayLike | None = None,
    epsilon: ArrayLike | None = None,
    eta: ArrayLike | None = None,
    top_n_sigma: ArrayLike | None = None,
    top_h: ArrayLike | None = None,
    max_surprise: ArrayLike | None = None,
    order: Order = "hf",
    joint: bool = False,
    ties: Ties = "index",
    min_keep: int = 1,
    on_invalid: OnInvalid = "raise",
    fill: float = -np.inf,
    axis: int = -1,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """Scatter the `candidates` over `fill`."""
    kept = candidates(
        logits,
        steps,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        typical_p=typical_p,
        epsilon=epsilon,
        eta=eta,
        top_n_sigma=top_n_sigma,
        top_h=top_h,
        max_surprise=max_surprise,
        order=order,
        joint=joint,
        ties=ties,
        min_keep=min_keep,
        on_invalid=on_invalid,
        axis=axis,
        dtype=dtype,
    )
    dense = np.moveaxis(kept.to_dense(fill), kept.axis, -1)
    return in_place(dense, as_rows(logits, axis, dtype), out)


def filtered(rows: Rows, chain: Chain, draws: Draws | None = None) -> Candidates:
    """Take every row through the chain; `draws` is for the steps that draw."""
    logits = widened(rows)
    largest = logits.max(axis=-1)
    valid = np.isfinite(largest)
    if not chain.mark:
        check_valid(valid, largest)
    laid = chain.beside_rows(rows.leading)
    coins = np.zeros((valid.size, 1)) if draws is None else draws.uniform(Stream.XTC, 1)
    left = []
    log_mass = np.full(valid.size, np.nan)
    counts = np.zeros(valid.size, np.int64)
    for i, row in enumerate(logits.reshape(-1, logits.shape[-1])):
        if not valid.reshape(-1)[i]:
            continue
        of_row = [(step, tuple(p[i].item() for p in parameters)) for step, parameters in laid]
        left.append(run_chain(row, of_row, chain, coins[i].item()))
        log_mass[i], counts[i] = left[-1].log_kept_mass, left[-1].ids.size
    return Candidates(
        indptr=np.concatenate([[0], counts.cumsum()]),
        ids=np.concatenate([each.ids for each in left] or [np.empty(0, np.int32)]),
        logits=np.concatenate([each.logits for each in left] or [np.empty(0)]),
        log_probs=np.concatenate([each.log_probs for each in left] or [np.empty(0)]),
        log_kept_mass=log_mass.reshape(valid.shape)[()],
        valid=valid[()],
        vocab=logits.shape[-1],
        axis=rows.axis,
    )
