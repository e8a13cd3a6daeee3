"""One row through a chain of steps, by a full sort: the definitions of `logitkit.steps`, literally.

The tokens that are not -inf are sorted once, by logit, descending, then by index. What is left of
them is a subset of these places, ascending, so that the largest logit comes first. With

    gap_i = (x_first - x_i) / T,  w_i = exp(-gap_i),  Z = the sum of all w

over the places a step sees, q = w / Z, -ln q = gap + ln Z and H = ln Z + sum(w * gap) / Z. Sums
that are compared with a mass run through the order as `running_sums` of `_draws` says.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from logitkit import steps
from logitkit._chains import Chain
from logitkit._draws import running_sums

_Real: TypeAlias = NDArray[np.float64]
_Which: TypeAlias = NDArray[np.bool_]

_TINY, _HUGE = float(np.finfo(np.float64).tiny), float(np.finfo(np.float64).max)


class Left(NamedTuple):
    """What a chain leaves of a row, in the order."""

    ids: NDArray[np.int32]
    logits: _Real
    log_probs: _Real
    log_kept_mass: float


class Seen(NamedTuple):
    """What a step sees: the logits, descending, and their distribution at the temperature."""

    logits: _Real
    gap: _Real
    weight: _Real
    sums: _Real
    ties_all: bool
    min_keep: int

    @property
    def total(self) -> float:
        return float(self.sums[-1])

    @property
    def q(self) -> _Real:
        return self.weight / self.total

    @property
    def entropy(self) -> float:
        return float(np.log(self.total) + (self.weight * self.gap).sum() / self.total)

    def first(self, count: int) -> _Which:
        """Choose the first tokens of the order, `min_keep` at least, and those tied with them."""
        count = min(max(count, self.min_keep), self.logits.size)
        chosen = np.arange(self.logits.size) < count
        return chosen | (self.logits == self.logits[count - 1]) if self.ties_all else chosen

    def those(self, chosen: _Which) -> _Which:
        """Choose tokens that pass a test, and the first `min_keep`."""
        return chosen | (np.arange(self.logits.size) < self.min_keep)


def _look(logits: _Real, temperature: float, chain: Chain) -> Seen:
    gap = _gap(logits, logits, temperature)
    weight = np.exp(-gap)
    sums = running_sums(np.arange(weight.size), weight)
    return Seen(logits, gap, weight, sums, chain.ties_all, chain.min_keep)


def _gap(logits: _Real, those: _Real, temperature: float) -> _Real:
    """Return how far `those` logits are below the first, in finite numbers."""
    with np.errstate(over="ignore"):
        gap: _Real = (logits[0] - those) / temperature
    return np.minimum(gap, _HUGE)


def _before(sums: _Real) -> _Real:
    result: _Real = np.concatenate([[0.0], sums[:-1]]) / sums[-1]
    return result


def _top_k(seen: Seen, k: int) -> _Which:
    return seen.first(k if k > 0 else seen.logits.size)


def _top_p(seen: Seen, p: float) -> _Which:
    if p >= 1.0:
        return seen.first(seen.logits.size)
    return seen.first(int((_before(seen.sums) < p).sum()))


def _min_p(seen: Seen, p: float) -> _Which:
    with np.errstate(divide="ignore"):
        return seen.those(seen.gap <= -np.log(p))


def _typical(seen: Seen, p: float) -> _Which:
    if p >= 1.0:
        return seen.first(seen.logits.size)
    distance = np.abs(seen.gap - (seen.weight * seen.gap).sum() / seen.total)
    walk = distance.argsort(kind="stable")
    sums = running_sums(np.arange(walk.size), seen.weight[walk])
    count = max(int((_before(sums) < p).sum()), min(seen.min_keep, walk.size))
    chosen = np.zeros(walk.size, np.bool_)
    chosen[walk[:count]] = True
    return chosen | (seen.logits == seen.logits[walk[count - 1]]) if seen.ties_all else chosen


def _epsilon(seen: Seen, epsilon: float) -> _Which:
    return seen.those(seen.q >= epsilon)


def _eta(seen: Seen, epsilon: float) -> _Which:
    return seen.those(seen.q >= min(epsilon, np.sqrt(epsilon) * np.exp(-seen.entropy)))


def _top_n_sigma(seen: Seen, n: float) -> _Which:
    if not 0.0 < n < np.inf:
        return seen.first(seen.logits.size)
    gap = _gap(seen.logits, seen.logits, 1.0)
    # Scaled by a power of two, which rounds nothing, because squares may overflow.
    gap = np.ldexp(gap, -np.frexp(gap.max())[1])
    return seen.those(gap <= n * gap.std())


def _top_h(seen: Seen, alpha: float) -> _Which:
    if alpha == np.inf:
        return seen.first(seen.logits.size)
    weight, gap = seen.weight[:100], seen.gap[:100]
    q = weight / weight.sum()
    spent = (q * (gap + np.log(weight.sum()))).cumsum()
    count = max(1, int((spent <= alpha * spent[-1]).sum()))
    # A budget of tokens, not a cut between logits: tied ones have no claim to stay together.
    return seen._replace(ties_all=False).first(count)


def _max_surprise(seen: Seen, bits: float) -> _Which:
    return seen.those((seen.gap + np.log(seen.total)) / np.log(2.0) <= bits)


def _temperature(seen: Seen, temperature: float) -> float:
    return temperature


def _dynamic_temperature(seen: Seen, low: float, high: float, exponent: float) -> float:
    if seen.logits.size == 1:
        return low
    # Rounding may leave the entropy of an even row above ln n.
    share = min(seen.entropy / np.log(seen.logits.size), 1.0)
    return float(low + (high - low) * share**exponent)


_FILTERS: dict[type[steps.Step], Callable[..., _Which]] = {
    steps.TopK: _top_k,
    steps.TopP: _top_p,
    steps.MinP: _min_p,
    steps.Typical: _typical,
    steps.Epsilon: _epsilon,
    steps.Eta: _eta,
    steps.TopNSigma: _top_n_sigma,
    steps.TopH: _top_h,
    steps.MaxSurprise: _max_surprise,
}
_TEMPERATURES: dict[type[steps.Step], Callable[..., float]] = {
    steps.Temperature: _temperature,
    steps.DynamicTemperature: _dynamic_temperature,
}


def run_chain(
    row: _Real, laid: list[tuple[steps.Step, tuple[Any, ...]]], chain: Chain, coin: float
) -> Left:
    """Take a row with a finite largest logit through steps with their parameters for it.

    `coin` is the random number in [0, 1) of XTC.
    """
    order = (-row).argsort(kind="stable")[: np.count_nonzero(row > -np.inf)]
    logits = row[order]
    everything = left = np.arange(order.size)
    temperature = 1.0
    for step, parameters in laid:
        looked_at = everything if chain.joint else left
        seen = _look(logits[looked_at], temperature, chain)
        if of_step := _TEMPERATURES.get(type(step)):
            factor = of_step(seen, *parameters)
            if factor == 0.0:
                # All probability is on one token from here on, for joint filters too.
                everything = left = left[:1]
            else:
                temperature = min(max(temperature * factor, _TINY), _HUGE)
            continue
        if isinstance(step, steps.XTC):
            chosen = _xtc(seen, coin, *parameters)
        else:
            chosen = _FILTERS[type(step)](seen, *parameters)
        if chain.joint:
            left = _at_least(np.intersect1d(left, everything[chosen]), everything, chain.min_keep)
        else:
            left = left[chosen]
    return _left(order, logits, left, everything, temperature)


def _xtc(seen: Seen, coin: float, probability: float, threshold: float) -> _Which:
    excluded = int((seen.q >= threshold).sum()) - 1
    enough = seen.logits.size - excluded >= seen.min_keep
    if not (coin < probability and excluded > 0 and enough):
        excluded = 0
    return np.arange(seen.logits.size) >= excluded


def _at_least(
    left: NDArray[np.intp], everything: NDArray[np.intp], min_keep: int
) -> NDArray[np.intp]:
    """Add the first tokens of the order that are missing until there are `min_keep`."""
    missing = np.setdiff1d(everything, left)[: max(0, min_keep - left.size)]
    return np.union1d(left, missing)


def _left(
    order: NDArray[np.intp],
    logits: _Real,
    left: NDArray[np.intp],
    everything: NDArray[np.intp],
    temperature: float,
) -> Left:
    with np.errstate(over="ignore"):
        tempered = logits[left] / temperature
    whole = _gap(logits[everything], logits[everything], temperature)
    gap = _gap(logits[left], logits[left], temperature)
    rest = np.exp(-whole[np.isin(everything, left, invert=True)]).sum() / np.exp(-whole).sum()
    if rest < 0.5:
        log_mass = float(np.log1p(-rest))
    else:
        lowered = _gap(logits[everything], logits[left[:1]], temperature).item()
        log_mass = float(np.log(np.exp(-gap).sum()) - np.log(np.exp(-whole).sum()) - lowered)
    # The largest logit apart, so that a log-probability near 0 is as accurate as any.
    copies = np.count_nonzero(gap == 0.0)
    ln_total = np.log(copies) + np.log1p(np.exp(-gap[gap > 0.0]).sum() / copies)
    return Left(order[left].astype(np.int32), tempered, 0.0 - (gap + ln_total), log_mass)
