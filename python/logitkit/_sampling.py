"""Draws from rows: as they are, or from what filters leave."""

from collections.abc import Callable
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
    steps = tuple(step for step in chain.steps if not _is_off(step, vocab))
    if len(steps) < len(chain.steps):
        chain = chain._replace(steps=steps, of_one_row=None)
    if all(isinstance(step, Temperature) for step in steps):
        return _from_all(rows, chain, draws, num_samples, replace, log_probs, threads)
    coins = None
    if any(isinstance(step, XTC) for step in steps):
        coins = draws.uniform(Stream.XTC, 1)[:, 0]
    # In float64: what is drawn is not to depend on how results are rounded.
    kept = filtered(rows, chain, threads, coins, wide=True)
    found = kept._draw(draws, num_samples, replace=replace, return_log_probs=log_probs)
    return (found[0], found[1].astype(rows.result_dtype)) if log_probs else found


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
        case TopK(k):
            return _all(k, lambda k: (k <= 0) | (k >= vocab))
        case TopP(p) | Typical(p):
            return _all(p, lambda p: p >= 1.0)
        case MinP(p):
            return _all(p, lambda p: p == 0.0)
        case Epsilon(epsilon) | Eta(epsilon):
            return _all(epsilon, lambda epsilon: epsilon == 0.0)
        case TopNSigma(n):
            return _all(n, lambda n: (n <= 0.0) | (n == np.inf))
        case TopH(alpha):
            return _all(alpha, lambda alpha: alpha == np.inf)
        case MaxSurprise(bits):
            return _all(bits, lambda bits: bits == np.inf)
        case XTC(probability):
            return _all(probability, lambda probability: probability == 0.0)
    return False


def _all(parameter: Any, test: Callable[[Any], Any]) -> bool:
    """Whether a number, or every one of an array, passes a test."""
    found = test(parameter)
    return bool(found.all() if isinstance(found, np.ndarray) else found)
