"""Sums over rows of logits that are free of cancellation: all that the reference is made of.

With m the largest logit of a row, gap = (m - x) / T and n the number of copies of m, let

    a = sum of exp(-gap)        over the tokens below m
    b = sum of exp(-gap) * gap  over the tokens below m

Then all of ``logsumexp = m / T + ln n + log1p(a / n)`` but m / T, and all of
``entropy = ln n + log1p(a / n) + b / (n + a)``, is a sum of terms that are not negative, so an
entropy of 1e-20 is as accurate as one of 10. The textbook forms, ``logsumexp - sum(p * x)`` and
``-sum(p * ln p)``, lose it.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit import _arrays
from logitkit._arguments import as_temperature, first_offender
from logitkit._arrays import Rows

_Real: TypeAlias = NDArray[np.float64]


class Softmax(NamedTuple):
    """Rows of logits with the sums of the module's docstring; NaN where a row has no such number.

    `logits` and `gap` have shape ``leading + (vocab,)``, `max` ``leading + (1,)``.
    """

    logits: _Real
    gap: _Real
    max: _Real
    valid: NDArray[np.bool_]
    ln_total: _Real
    logsumexp: _Real
    entropy: _Real
    varentropy: _Real
    max_prob: _Real

    @property
    def log_softmax(self) -> _Real:
        with np.errstate(invalid="ignore"):
            log_p = 0.0 - (self.gap + self.ln_total[..., None])
        return np.where(self.valid[..., None], log_p, np.nan)

    @property
    def argmax(self) -> NDArray[np.int64]:
        return np.where(np.isnan(self.max[..., 0]), -1, self.logits.argmax(axis=-1))

    def log_prob(self, targets: NDArray[np.int64], ignore_index: int | None) -> _Real:
        tokens, counted = within_vocabulary(targets, self.logits.shape[-1], ignore_index)
        surprisal = at_tokens(self.gap, tokens) + self.ln_total[..., None]
        log_p = np.where(self.valid[..., None], 0.0 - surprisal, np.nan)
        return np.where(counted, log_p.reshape(targets.shape), np.nan)

    def rank(self, targets: NDArray[np.int64], ignore_index: int | None) -> NDArray[np.int64]:
        tokens, counted = within_vocabulary(targets, self.logits.shape[-1], ignore_index)
        logits = at_tokens(self.logits, tokens)
        result = np.empty(logits.shape, np.int64)
        for j in range(logits.shape[-1]):
            result[..., j] = 1 + (self.logits > logits[..., j : j + 1]).sum(axis=-1)
        known = np.where(np.isnan(self.max), 0, result)
        return np.where(counted, known.reshape(targets.shape), 0)


def softmax_of(rows: Rows, temperature: ArrayLike = 1.0) -> Softmax:
    """Compute the sums for `rows`, and the statistics of a row that come from them."""
    per_row = beside_rows(temperature, rows)
    # Rows without a finite maximum go through the same motions; their numbers are then replaced.
    with np.errstate(all="ignore"):
        logits = widened(rows)
        maximum = logits.max(axis=-1, keepdims=True)
        gap = (maximum - logits) / per_row
        weight = np.where(logits < maximum, np.exp(-gap), 0.0)
        copies = (logits == maximum).sum(axis=-1)
        rest = weight.sum(axis=-1)
        total = copies + rest
        ln_total = np.log(copies) + np.log1p(rest / copies)
        mean = np.where(weight > 0.0, weight * gap, 0.0).sum(axis=-1) / total
        squares = np.where(weight > 0.0, weight * (gap - mean[..., None]) ** 2, 0.0).sum(axis=-1)
        valid = np.isfinite(maximum)[..., 0]
        return Softmax(
            logits=logits,
            gap=gap,
            max=maximum,
            valid=valid,
            ln_total=ln_total,
            logsumexp=(maximum / per_row)[..., 0] + ln_total,
            entropy=np.where(valid, ln_total + mean, np.nan),
            varentropy=np.where(valid, (squares + copies * mean**2) / total, np.nan),
            max_prob=np.where(valid, 1.0 / total, np.nan),
        )


def beside_rows(temperature: ArrayLike, rows: Rows) -> _Real:
    """Return the temperatures so that they broadcast against the logits of `rows`."""
    per_row = np.asarray(as_temperature(temperature, rows.leading))
    return per_row.reshape((*rows.leading, 1)) if per_row.ndim else per_row


def widened(rows: Rows) -> _Real:
    """Return the logits of `rows` in float64."""
    return _arrays.widened(rows.cells, rows.element, rows.swapped)


def at_tokens(values: _Real, tokens: NDArray[np.int64]) -> _Real:
    """Return what rows hold at tokens, one or several to a row: ``leading + (per row,)``."""
    several = tokens if tokens.ndim == values.ndim else tokens[..., None]
    return np.take_along_axis(values, several, axis=-1)


def within_vocabulary(
    tokens: NDArray[np.int64], vocab: int, ignore_index: int | None
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the targets with token 0 for the ignored ones, and which are not ignored."""
    counted = np.full(tokens.shape, True) if ignore_index is None else tokens != ignore_index
    outside = counted & ((tokens < 0) | (tokens >= vocab))
    if outside.any():
        place, target = first_offender("targets", outside), tokens[outside][0]
        raise ValueError(
            f"{place} = {target} is not a token id: expected 0 <= target < {vocab} (the length of "
            f"the vocabulary axis); to skip such targets pass ignore_index={target}"
        )
    return np.where(counted, tokens, 0), counted
