"""Draws from filtered rows: which token a seed draws is defined in `logitkit._draws`.

In short: u, the 53-bit uniform number of (seed, row id, draw) from Philox4x32-10, draws the first
token, by id, whose running sum of weights exceeds u times their total; sums are float64, by blocks
of 1024 ids. So a filtered row draws what its masked logits would, and nothing has to be sorted.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from logitkit._arrays import as_rows
from logitkit._candidates import Candidates, as_num_samples
from logitkit._chains import OnInvalid, Order, Ties, as_chain
from logitkit._draws import Draws, as_draws, drawn, drawn_apart
from logitkit._mirostat import MirostatBase
from logitkit._philox import Stream
from logitkit.reference.filters import candidates, filtered
from logitkit.steps import Step


def sample(
    logits: ArrayLike,
    steps: Sequence[Step] | None = None,
    /,
    *,
    seed: ArrayLike,
    draw: ArrayLike = 0,
    row_ids: ArrayLike | None = None,
    num_samples: int | None = None,
    return_log_probs: bool = False,
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
) -> Any:
    """Draw from what `run_chain` leaves of each row, as `_draws` says."""
    rows = as_rows(logits, axis, dtype)
    as_num_samples(num_samples)
    draws = as_draws(seed, draw, row_ids, rows.leading)
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
        may_draw=True,
    )
    kept = filtered(rows, chain, draws)
    return _sampled(kept, draws, num_samples, replace=True, return_log_probs=return_log_probs)


def sample_without_replacement(
    logits: ArrayLike,
    num_samples: int,
    steps: Sequence[Step] | None = None,
    /,
    *,
    seed: ArrayLike,
    draw: ArrayLike = 0,
    row_ids: ArrayLike | None = None,
    return_log_probs: bool = False,
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
) -> Any:
    """Draw different tokens, in the order in which they came; -1 where a row has no more."""
    rows = as_rows(logits, axis, dtype)
    count = as_num_samples(num_samples)
    draws = as_draws(seed, draw, row_ids, rows.leading)
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
        may_draw=True,
    )
    kept = filtered(rows, chain, draws)
    return _sampled(kept, draws, count, replace=False, return_log_probs=return_log_probs)


class Mirostat(MirostatBase):
    """`logitkit.Mirostat` over the candidates of this package."""

    _candidates = staticmethod(candidates)

    @staticmethod
    def _drawn(kept: Candidates, seed: ArrayLike, draw: int, row_ids: ArrayLike | None) -> Any:
        draws = as_draws(seed, draw, row_ids, np.shape(kept.valid))
        return _sampled(kept, draws, None, replace=True, return_log_probs=True)


def _sampled(
    kept: Candidates,
    draws: Draws,
    num_samples: int | None,
    *,
    replace: bool,
    return_log_probs: bool,
) -> Any:
    """Draw from the candidates of one row after the other."""
    leading, count = np.shape(kept.valid), as_num_samples(num_samples)
    counts = np.diff(kept.indptr)
    if replace:
        numbers = draws.uniform(Stream.SAMPLE, count)
    else:
        numbers = draws.exponential(counts, kept.ids)
    tokens = np.full((len(kept), count), -1, np.int64)
    log_probs = np.full((len(kept), count), np.nan)
    for i in np.flatnonzero(counts).tolist():
        row, own = kept.row(i), slice(kept.indptr[i], kept.indptr[i + 1])
        # Log-probabilities instead where logits overflow.
        logits = row.logits if np.isfinite(row.logits).all() else row.log_probs
        if replace:
            places = drawn(row.ids, logits, numbers[i])
        else:
            places = drawn_apart(row.ids, logits, numbers[own], count)
        tokens[i, : places.size] = row.ids[places]
        log_probs[i, : places.size] = row.log_probs[places]
    shape = leading if num_samples is None else (*leading, count)
    ids = tokens.reshape(shape)[()]
    return (ids, log_probs.reshape(shape)[()]) if return_log_probs else ids
