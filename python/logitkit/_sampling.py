"""Draws from rows: as they are, or from what filters leave."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from logitkit import _native
from logitkit._arrays import Rows
from logitkit._candidates import as_num_samples
from logitkit._chains import Chain, check_valid
from logitkit._draws import Draws
from logitkit._filtering import filtered
from logitkit._philox import Stream
from logitkit.steps import (
    XTC,
    Epsilon,
    Eta,
    MaxSurprise,
    MinP,
    Step,
    Temperature,
    TopH,
    TopK,
    TopNSigma,
    TopP,
    Typical,
)


def sampled(
    rows: Rows,
    chain: Chain,
    draws: Draws,
    num_samples: int | None,
    *,
    replace: bool,
    log_probs: bool,
    threads: int | None,
) -> Any:
    """Draw tokens from every row, and their log-probabilities if these are wanted."""
    vocab = int(rows.cells.shape[-2])
    steps = [step for step in chain.steps if not _is_off(step, vocab)]
    chain = chain._replace(steps=tuple(steps))
    if all(isinstance(step, Temperature) for step in steps):
        return _from_all(rows, chain, draws, num_samples, replace, log_probs, threads)
    coins = None
    if any(isinstance(step, XTC) for step in steps):
        coins = draws.uniform(Stream.XTC, 1)[:, 0]
    # In float64: what is drawn is not to depend on how results are rounded.
    kept = filtered(rows, chain, threads, coins, wide=True)
    ids, found = kept.sample(
        draws.seed.reshape(rows.leading),
        draws.draw.reshape(rows.leading),
        draws.row.reshape(rows.leading),
        num_samples,
        replace=replace,
        return_log_probs=True,
    )
    return (ids, found.astype(rows.result_dtype)) if log_probs else ids


def _from_all(
    rows: Rows,
    chain: Chain,
    draws: Draws,
    num_samples: int | None,
    replace: bool,
    log_probs: bool,
    threads: int | None,
) -> Any:
    count = as_num_samples(num_samples)
    numbers = draws.uniform(Stream.SAMPLE, count).reshape(-1) if replace else None
    ids, found, largest = _native.sample(
        rows.cells,
        rows.element,
        rows.swapped,
        _temperature(rows, chain),
        numbers,
        None if replace else draws.words(),
        count,
        log_probs,
        threads,
    )
    if not chain.mark:
        largest = largest.reshape(rows.leading)
        check_valid(np.isfinite(largest), largest)
    shape = rows.leading if num_samples is None else (*rows.leading, count)
    tokens = ids.reshape(shape)[()]
    if not log_probs:
        return tokens
    return tokens, found.astype(rows.result_dtype).reshape(shape)[()]


def _temperature(rows: Rows, chain: Chain) -> float | NDArray[np.float64]:
    """Return the product of all temperatures, 0 if any is."""
    if not chain.steps:
        return 1.0
    limits = np.finfo(np.float64)
    product = np.ones(int(np.prod(rows.leading)))
    greedy = np.zeros(product.shape, np.bool_)
    for _, (factor,) in chain.beside_rows(rows.leading):
        greedy |= factor == 0.0
        with np.errstate(over="ignore", under="ignore"):
            product = np.clip(product * factor, limits.tiny, limits.max)
    return np.where(greedy, 0.0, product)


def _is_off(step: Step, vocab: int) -> bool:
    """Whether a step keeps every token of every row."""
    match step:
        case TopK():
            k = np.asarray(step.k)
            return bool(((k <= 0) | (k >= vocab)).all())
        case TopP() | Typical():
            return bool((np.asarray(step.p) >= 1.0).all())
        case MinP():
            return bool((np.asarray(step.p) == 0.0).all())
        case Epsilon() | Eta():
            return bool((np.asarray(step.epsilon) == 0.0).all())
        case TopNSigma():
            n = np.asarray(step.n)
            return bool(((n <= 0.0) | (n == np.inf)).all())
        case TopH():
            return bool((np.asarray(step.alpha) == np.inf).all())
        case MaxSurprise():
            return bool((np.asarray(step.bits) == np.inf).all())
        case XTC():
            return bool((np.asarray(step.probability) == 0.0).all())
    return False
