"""The functions of `logitkit.dist` for one row, from the formulas as printed, in 250 digits.

At that many digits nothing that cancels here matters, not even 1 - 1e-200. The numbers are taken as
they are given, so that weights are divided by their exact sum.
"""

from collections.abc import Sequence
from typing import Any

import mpmath

DIGITS = 250


def normalized(weights: Sequence[Any]) -> list[mpmath.mpf]:
    exactly = [mpmath.mpf(float(weight)) for weight in weights]
    return [weight / mpmath.fsum(exactly) for weight in exactly]


@mpmath.workdps(DIGITS)
def entropy(probs: Sequence[Any]) -> mpmath.mpf:
    return mpmath.fsum(-p * mpmath.log(p) for p in normalized(probs) if p)


@mpmath.workdps(DIGITS)
def cross_entropy(p: Sequence[Any], q: Sequence[Any]) -> mpmath.mpf:
    pairs = zip(normalized(p), normalized(q), strict=True)
    return mpmath.fsum(-x * mpmath.log(y) for x, y in pairs if x)


@mpmath.workdps(DIGITS)
def kl_divergence(p: Sequence[Any], q: Sequence[Any]) -> mpmath.mpf:
    return divergence(normalized(p), normalized(q))


@mpmath.workdps(DIGITS)
def js_divergence(p: Sequence[Any], q: Sequence[Any]) -> mpmath.mpf:
    x, y = normalized(p), normalized(q)
    middle = [(a + b) / 2 for a, b in zip(x, y, strict=True)]
    return (divergence(x, middle) + divergence(y, middle)) / 2


@mpmath.workdps(DIGITS)
def mutual_information(joint: Sequence[Sequence[Any]]) -> mpmath.mpf:
    rows, of_x, of_y = marginals(joint)
    independent = [x * y for x in of_x for y in of_y]
    return divergence([p for row in rows for p in row], independent)


@mpmath.workdps(DIGITS)
def conditional_entropy(joint: Sequence[Sequence[Any]]) -> mpmath.mpf:
    rows, of_x, _ = marginals(joint)
    return mpmath.fsum(
        -p * mpmath.log(p / x) for row, x in zip(rows, of_x, strict=True) for p in row if p
    )


@mpmath.workdps(DIGITS)
def miller_madow(counts: Sequence[int]) -> mpmath.mpf:
    seen = [n for n in counts if n]
    return entropy(counts) + mpmath.mpf(len(seen) - 1) / (2 * sum(seen))


@mpmath.workdps(DIGITS)
def grassberger(counts: Sequence[int]) -> mpmath.mpf:
    def g(n: int) -> mpmath.mpf:
        half = mpmath.mpf(n) / 2
        difference = mpmath.psi(0, half + mpmath.mpf("0.5")) - mpmath.psi(0, half)
        return mpmath.psi(0, n) + (-1) ** n * difference / 2

    seen = [int(n) for n in counts if n]
    size = sum(seen)
    return mpmath.log(size) - mpmath.fsum(n * g(n) for n in seen) / size


@mpmath.workdps(DIGITS)
def chao_shen(counts: Sequence[int]) -> mpmath.mpf:
    seen = [int(n) for n in counts if n]
    size, once = sum(seen), seen.count(1)
    coverage = 1 - mpmath.mpf(size - 1 if once == size else once) / size
    shares = [coverage * n / size for n in seen]
    return mpmath.fsum(-p * mpmath.log(p) / (1 - (1 - p) ** size) for p in shares)


@mpmath.workdps(DIGITS)
def gaussian_kl(mu: Sequence[Any], logvar: Sequence[Any]) -> mpmath.mpf:
    pairs = [(mpmath.mpf(float(m)), mpmath.mpf(float(v))) for m, v in zip(mu, logvar, strict=True)]
    return mpmath.fsum((m**2 + mpmath.exp(v) - 1 - v) / 2 for m, v in pairs)


def divergence(p: Sequence[mpmath.mpf], q: Sequence[mpmath.mpf]) -> mpmath.mpf:
    pairs = zip(p, q, strict=True)
    return mpmath.fsum(x * mpmath.log(x / y) for x, y in pairs if x)


def marginals(joint: Sequence[Sequence[Any]]) -> tuple[Any, Any, Any]:
    flat = normalized([weight for row in joint for weight in row])
    width = len(joint[0])
    rows = [flat[start : start + width] for start in range(0, len(flat), width)]
    return (
        rows,
        [mpmath.fsum(row) for row in rows],
        [mpmath.fsum(y) for y in zip(*rows, strict=True)],
    )
