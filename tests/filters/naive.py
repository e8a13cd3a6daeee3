"""The table of definitions in 50 digits and plain loops, sharing nothing with the package.

A decision that is closer than float64 resolves is no decision: then `Close` is raised.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from mpmath import MPContext

# A context of its own: the precision is nobody else's.
mp = MPContext()
mp.dps = 50
mpf = mp.mpf
_RESOLVED = mpf("1e-11")

Row = list[tuple[int, Any]]


class Close(Exception):
    """Float64 may decide either way."""


def less(a: Any, b: Any) -> bool:
    if abs(a - b) <= _RESOLVED * max(1, abs(a), abs(b)):
        raise Close
    return bool(a < b)


def softmax(row: Row) -> list[Any]:
    weights = [mp.exp(x) for _, x in row]
    total = mp.fsum(weights)
    return [weight / total for weight in weights]


def entropy(q: list[Any]) -> Any:
    return mp.fsum(-p * mp.log(p) for p in q)


def _walk(row: Row, q: list[Any], limit: Any) -> Row:
    kept, mass = [], mpf(0)
    for token, p in zip(row, q, strict=True):
        if kept and not less(mass, limit):
            break
        kept.append(token)
        mass += p
    return kept


def top_k(row: Row, k: int) -> Row:
    return row[:k]


def top_p(row: Row, p: float) -> Row:
    return _walk(row, softmax(row), mpf(p))


def min_p(row: Row, p: float) -> Row:
    return [t for t in row if t is row[0] or not less(t[1], row[0][1] + mp.log(p))]


def typical_p(row: Row, p: float) -> Row:
    q = softmax(row)
    h = entropy(q)
    distance = [abs(-mp.log(each) - h) for each in q]
    walk = sorted(range(len(row)), key=lambda i: distance[i])
    for i, j in pairwise(walk):
        if row[i][1] != row[j][1]:
            less(distance[i], distance[j])
    kept = _walk([row[i] for i in walk], [q[i] for i in walk], mpf(p))
    return [token for token in row if token in kept]


def epsilon(row: Row, e: float) -> Row:
    q = softmax(row)
    return [t for t, p in zip(row, q, strict=True) if t is row[0] or not less(p, mpf(e))]


def eta(row: Row, e: float) -> Row:
    q = softmax(row)
    limit = min(mpf(e), mp.sqrt(e) * mp.exp(-entropy(q)))
    return [t for t, p in zip(row, q, strict=True) if t is row[0] or not less(p, limit)]


def top_n_sigma(row: Row, n: float) -> Row:
    logits = [x for _, x in row]
    mean = mp.fsum(logits) / len(logits)
    sigma = mp.sqrt(mp.fsum((x - mean) ** 2 for x in logits) / len(logits))
    limit = logits[0] - mpf(n) * sigma
    return [t for t in row if t is row[0] or not less(t[1], limit)]


def top_h(row: Row, a: float) -> Row:
    q = softmax(row[:100])
    budget, spent, kept = mpf(a) * entropy(q), mpf(0), 0
    for p in q:
        spent -= p * mp.log(p)
        if kept and less(budget, spent):
            break
        kept += 1
    return row[:kept]


def max_surprise(row: Row, bits: float) -> Row:
    q = softmax(row)
    return [
        t for t, p in zip(row, q, strict=True) if t is row[0] or not less(mpf(bits), -mp.log(p, 2))
    ]


def temperature(row: Row, t: float) -> Row:
    return [(token, x / mpf(t)) for token, x in row]


def dynamic_temperature(row: Row, low: float, high: float, exponent: float) -> Row:
    if len(row) == 1:
        return temperature(row, low)
    share = entropy(softmax(row)) / mp.log(len(row))
    return temperature(row, mpf(low) + (mpf(high) - mpf(low)) * share ** mpf(exponent))


STEPS: dict[str, Callable[..., Row]] = {
    each.__name__: each  # type: ignore[attr-defined]
    for each in (
        top_k,
        top_p,
        min_p,
        typical_p,
        epsilon,
        eta,
        top_n_sigma,
        top_h,
        max_surprise,
        temperature,
        dynamic_temperature,
    )
}


def run(logits: list[float], steps: list[tuple[str, tuple[Any, ...]]]) -> Row:
    """Return what a chain leaves: tokens and logits, in the order."""
    order = sorted(range(len(logits)), key=lambda i: (-logits[i], i))
    row = [(i, mpf(logits[i])) for i in order if logits[i] > -mp.inf]
    for name, parameters in steps:
        row = STEPS[name](row, *parameters)
    return row
