"""Draws from rows: as they are, or from what filters leave."""

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from logitkit import _native
from logitkit._arrays import Rows
from logitkit._candidates import as_num_samples
from logitkit._chains import Chain, check_valid
from logitkit._draws import Draws, drawn, drawn_apart
from logitkit._filtering import defined, min_keep
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

# The temperatures that there are, but for 0.
_LEAST: Final = float(np.finfo(np.float64).tiny)
_MOST: Final = float(np.finfo(np.float64).max)


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
    if any(_cuts(step, vocab) for step in chain.steps):
        return _from_left(rows, chain, draws, num_samples, replace, log_probs, threads)
    tempered = tuple(step for step in chain.steps if isinstance(step, Temperature))
    if len(tempered) < len(chain.steps):
        chain = chain._replace(steps=tempered, of_one_row=None)
    return _from_all(rows, chain, draws, num_samples, replace, log_probs, threads)


def _from_left(
    rows: Rows,
    chain: Chain,
    draws: Draws,
    num_samples: int | None,
    replace: bool,
    log_probs: bool,
    threads: int | None,
) -> Any:
    """Draw from what the filters leave."""
    count = as_num_samples(num_samples)
    ids, found, largest, undecided = _native.sample_filtered(
        rows.cells,
        rows.element,
        rows.swapped,
        chain.native(rows.leading),
        chain.joint,
        chain.ties_all,
        min_keep(rows, chain),
        draws.words(),
        replace,
        count,
        log_probs,
        threads,
    )
    _check(rows, chain, largest)
    for row in undecided.tolist():
        of_row = draws.of_row(row)
        left = defined(rows, chain, row, of_row.uniform(Stream.XTC, 1).item())
        # Log-probabilities instead where logits overflow.
        logits = left.logits if np.isfinite(left.logits).all() else left.log_probs
        if replace:
            places = drawn(left.ids, logits, of_row.uniform(Stream.SAMPLE, count)[0])
        else:
            numbers = of_row.exponential(np.array([left.ids.size]), left.ids)
            places = drawn_apart(left.ids, logits, numbers, count)
        own = slice(row * count, row * count + places.size)
        ids[own] = left.ids[places]
        if log_probs:
            found[own] = left.log_probs[places]
    return _delivered(rows, ids, found, num_samples, log_probs)


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
    ids, found, largest = _native.sample(
        rows.cells,
        rows.element,
        rows.swapped,
        _temperature(rows, chain),
        draws.words(),
        replace,
        count,
        log_probs,
        threads,
    )
    _check(rows, chain, largest)
    return _delivered(rows, ids, found, num_samples, log_probs)


def _check(rows: Rows, chain: Chain, largest: NDArray[np.float64]) -> None:
    valid = np.isfinite(largest)
    if not (chain.mark or valid.all()):
        check_valid(valid.reshape(rows.leading), largest.reshape(rows.leading))


def _delivered(
    rows: Rows,
    ids: NDArray[np.int64],
    found: NDArray[np.float64],
    num_samples: int | None,
    log_probs: bool,
) -> Any:
    """Return tokens, and their log-probabilities if these are wanted, in the shape of the rows."""
    shape = rows.leading if num_samples is None else (*rows.leading, num_samples)
    tokens = ids.reshape(shape)[()]
    if not log_probs:
        return tokens
    return tokens, found.astype(rows.result_dtype).reshape(shape)[()]


def _temperature(rows: Rows, chain: Chain) -> float | NDArray[np.float64]:
    """Return the product of all temperatures, 0 if any is."""
    if not chain.steps:
        return 1.0
    if chain.of_one_row is not None:
        # Plain numbers, which arrays would take longer to be made of.
        factors = [parameter.item() for _, (parameter,) in chain.of_one_row]
        return 0.0 if 0.0 in factors else min(max(math.prod(factors), _LEAST), _MOST)
    product = np.ones(int(np.prod(rows.leading)))
    greedy = np.zeros(product.shape, np.bool_)
    for _, (factor,) in chain.beside_rows(rows.leading):
        greedy |= factor == 0.0
        with np.errstate(over="ignore", under="ignore"):
            product = np.clip(product * factor, _LEAST, _MOST)
    return np.where(greedy, 0.0, product)


def _cuts(step: Step, vocab: int) -> bool:
    """Whether a step may not keep every token of every row."""
    match step:
        case Temperature():
            return False
        case TopK(k):
            return _any(k, lambda k: (k > 0) & (k < vocab))
        case TopP(p) | Typical(p):
            return _any(p, lambda p: p < 1.0)
        case MinP(p):
            return _any(p, lambda p: p > 0.0)
        case Epsilon(epsilon) | Eta(epsilon):
            return _any(epsilon, lambda epsilon: epsilon > 0.0)
        case TopNSigma(n):
            return _any(n, lambda n: (n > 0.0) & (n < np.inf))
        case TopH(alpha):
            return _any(alpha, lambda alpha: alpha < np.inf)
        case MaxSurprise(bits):
            return _any(bits, lambda bits: bits < np.inf)
        case XTC(probability):
            return _any(probability, lambda probability: probability > 0.0)
    return True


def _any(parameter: Any, test: Callable[[Any], Any]) -> bool:
    """Whether a number, or one of an array, passes a test."""
    found = test(parameter)
    return bool(found.any() if isinstance(found, np.ndarray) else found)
