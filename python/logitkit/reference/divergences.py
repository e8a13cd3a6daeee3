"""The reference of `logitkit.divergences`.

With r the logarithm of p / q of a token, ``u = expm1(-r)`` is ``(q - p) / p``, and

    KL = sum of p (u + r)       total variation = 1/2 sum of p |u|
    JS = sum of m (w f(p / m - 1) + (1 - w) f(q / m - 1))

    with m = w p + (1 - w) q and f(t) = (1 + t) ln(1 + t) - t

where no term is negative: the divergence of nearly equal models keeps its digits. For small r the
brackets are taken from their series. The Rényi divergence of order a is, with b = 1 - a,

    -ln(1 + sum of p (expm1(-b r) - b u)) / b

for the u of a token sum to 0; its terms have one sign.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._arguments import (
    Temperatures,
    as_ignore_index,
    as_order,
    as_pair,
    as_scale,
    as_share,
    as_targets,
    as_temperatures,
    check_out,
    deliver,
    result_shape,
)
from logitkit._arrays import Rows
from logitkit._compare_stats import CompareStats
from logitkit.reference._softmax import Softmax, at_tokens, softmax_of
from logitkit.reference.probabilities import in_place

_Real = NDArray[np.float64]


class _Pair(NamedTuple):
    """Two softmaxes; p and its logarithm, q, r and u of their tokens."""

    rows: Rows
    temperatures: tuple[Any, Any]
    softmaxes: tuple[Softmax, Softmax]
    valid: NDArray[np.bool_]
    p: _Real
    ln_p: _Real
    q: _Real
    r: _Real
    u: _Real

    @property
    def kl(self) -> _Real:
        with np.errstate(all="ignore"):
            far = np.where(self.p > 0.0, self.q - self.p + self.p * self.r, self.q)
            near = self.p * _excess(self.r)
            terms = np.where(np.abs(self.r) < 0.1, near, far)
        x, y = (softmax.logits for softmax in self.softmaxes)
        excluded = ((x > -1e30) & (y == -np.inf)).any(axis=-1)
        # What the sum of q lacks to that of p is rounding.
        return self.checked(np.where(excluded, np.inf, np.maximum(terms.sum(axis=-1), 0.0)))

    def js(self, w: float) -> _Real:
        if w in (0.0, 1.0):
            # The mixture may be infinitely far from the one whose weight is 0.
            return self.checked(np.zeros(self.valid.shape))
        m = w * self.p + (1.0 - w) * self.q
        with np.errstate(all="ignore"):
            apart = np.where(m > 0.0, self.difference / m, 0.0)
        terms = w * _entropic((w - 1.0) * apart) + (1.0 - w) * _entropic(w * apart)
        return self.checked((m * terms).sum(axis=-1))

    @property
    def difference(self) -> _Real:
        """``q - p``."""
        with np.errstate(all="ignore"):
            return np.where(np.abs(self.r) < 1.0, self.p * self.u, self.q - self.p)

    @property
    def total_variation(self) -> _Real:
        return self.checked(0.5 * np.abs(self.difference).sum(axis=-1))

    def renyi(self, order: float) -> _Real:
        x, y = (softmax.logits for softmax in self.softmaxes)
        allowed = x > -1e30
        if order == np.inf:
            largest = np.where(allowed, self.r, 0.0).max(axis=-1)
            excluded = (allowed & (y == -np.inf)).any(axis=-1)
            return self.checked(np.where(excluded, np.inf, largest))
        b = 1.0 - order
        with np.errstate(all="ignore"):
            p_grown = np.exp(self.ln_p - b * self.r)
            far = np.where(allowed, p_grown - self.p, 0.0) - b * (self.q - self.p)
            near = self.p * (_excess(b * self.r) - b * _excess(self.r))
            small = np.maximum(np.abs(self.r), np.abs(b * self.r)) < 0.1
            grown = np.maximum(np.where(small, near, far).sum(axis=-1), -1.0)
            # Where little is left, or too much for a number, it is logarithms that have the digits.
            logs = np.where(allowed, order * self.ln_p + b * (self.ln_p - self.r), -np.inf)
            largest = np.clip(logs.max(axis=-1), -1e300, None)
            own = largest + np.log(np.exp(logs - largest[..., None]).sum(axis=-1))
            own = np.where(largest == np.inf, np.inf, own)
            log_sum = np.where((grown < -0.5) | (grown > 1e300), own, np.log1p(grown))
            return self.checked(np.maximum(-log_sum / b, 0.0))

    def checked(self, values: _Real) -> _Real:
        valid = self.valid if values.ndim == self.valid.ndim else self.valid[..., None]
        return np.where(valid, values, np.nan)


def _excess(r: _Real) -> _Real:
    """``expm1(-r) + r`` for small r, by its series."""
    r = np.clip(r, -0.1, 0.1)
    terms = [1.0]
    for k in range(3, 14):
        terms.append(-terms[-1] / k)
    return 0.5 * r**2 * np.polyval(terms[::-1], r)


def _entropic(t: _Real) -> _Real:
    """``(1 + t) ln(1 + t) - t``, for small t by its series."""
    small = np.clip(t, -0.1, 0.1)
    series = [(-1.0) ** k / ((k + 1) * (k + 2)) for k in range(18)][::-1]
    with np.errstate(all="ignore"):
        large = np.where(t > -1.0, (1.0 + t) * np.log1p(t) - t, 1.0)
    return np.where(np.abs(t) < 0.1, small**2 * np.polyval(series, small), large)


def _pair(
    p_logits: ArrayLike,
    q_logits: ArrayLike,
    axis: int,
    temperature: Temperatures,
    dtype: str | None,
) -> _Pair:
    p_rows, q_rows = as_pair(p_logits, q_logits, axis, dtype)
    temperatures = as_temperatures(temperature, p_rows.leading)
    t, u = (_per_row(each, p_rows.leading) for each in temperatures)
    p, q = softmax_of(p_rows, t[..., 0]), softmax_of(q_rows, u[..., 0])
    with np.errstate(all="ignore"):
        ln_p = -p.gap - p.ln_total[..., None]
        ln_q = -q.gap - q.ln_total[..., None]
        apart = np.where(t == u, (p.logits - q.logits) / t, p.logits / t - q.logits / u)
        tops = np.where(t == u, (p.max - q.max) / t, p.max / t - q.max / u)
        r = (apart - tops) - (p.ln_total - q.ln_total)[..., None]
        # Beside logits so large what tells others apart would be lost.
        huge = np.maximum(np.abs(p.max / t), np.abs(q.max / u)) > 1e8
        r = np.where(huge, ln_p - ln_q, r)
        probabilities = np.exp(ln_p)
        # The difference of the log-sum-exps is rounded; the sum of q must be that of p.
        near = np.where(np.abs(r) < 1.0, probabilities * np.expm1(-r), np.exp(ln_q) - probabilities)
        r = r + np.log1p(near.sum(axis=-1, keepdims=True))
        difference = np.expm1(-r)
        return _Pair(
            rows=p_rows,
            temperatures=(t, u),
            softmaxes=(p, q),
            valid=p.valid & q.valid,
            p=probabilities,
            ln_p=ln_p,
            q=np.exp(ln_q),
            r=r,
            u=difference,
        )


def _per_row(temperature: float | _Real, leading: tuple[int, ...]) -> _Real:
    return np.broadcast_to(np.asarray(temperature).reshape(-1), (int(np.prod(leading)),)).reshape(
        (*leading, 1)
    )


def kl_divergence(
    p_logits: ArrayLike,
    q_logits: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: Temperatures = 1.0,
    base: float | None = None,
    keepdims: bool = False,
    return_grad: bool = False,
    grad_out: NDArray[Any] | None = None,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Any:
    """``sum of p (u + r)``, and with respect to the logits of q ``p u / U``."""
    pair = _pair(p_logits, q_logits, axis, temperature, dtype)
    scale = as_scale(base)
    result = _per_pair(pair.kl * scale, pair, keepdims, out)
    if not return_grad and grad_out is None:
        return result
    gradient = pair.difference * scale / pair.temperatures[1]
    return result, in_place(pair.checked(gradient), pair.rows, grad_out)


def renyi_divergence(
    p_logits: ArrayLike,
    q_logits: ArrayLike,
    /,
    alpha: float,
    *,
    axis: int = -1,
    temperature: Temperatures = 1.0,
    base: float | None = None,
    keepdims: bool = False,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Any:
    """``-ln(1 + sum of p (expm1(-b r) - b u)) / b``, with b = 1 - alpha; KL if that is 0."""
    order = as_order(alpha, "alpha")
    pair = _pair(p_logits, q_logits, axis, temperature, dtype)
    divergence = pair.kl if order == 1.0 else pair.renyi(order)
    return _per_pair(divergence * as_scale(base), pair, keepdims, out)


def js_divergence(
    p_logits: ArrayLike,
    q_logits: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: Temperatures = 1.0,
    base: float | None = None,
    weight: float = 0.5,
    keepdims: bool = False,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Any:
    """``sum of m (w f(p / m - 1) + (1 - w) f(q / m - 1))``."""
    pair = _pair(p_logits, q_logits, axis, temperature, dtype)
    return _per_pair(pair.js(as_share(weight, "weight")) * as_scale(base), pair, keepdims, out)


def total_variation(
    p_logits: ArrayLike,
    q_logits: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: Temperatures = 1.0,
    keepdims: bool = False,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Any:
    """``1/2 sum of p |u|``."""
    pair = _pair(p_logits, q_logits, axis, temperature, dtype)
    return _per_pair(pair.total_variation, pair, keepdims, out)


def cross_entropy_between(
    p_logits: ArrayLike,
    q_logits: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: Temperatures = 1.0,
    base: float | None = None,
    keepdims: bool = False,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> Any:
    """``H(p) + KL``."""
    pair = _pair(p_logits, q_logits, axis, temperature, dtype)
    return _per_pair((pair.softmaxes[0].entropy + pair.kl) * as_scale(base), pair, keepdims, out)


def compare_stats(
    p_logits: ArrayLike,
    q_logits: ArrayLike,
    targets: ArrayLike | None = None,
    /,
    *,
    axis: int = -1,
    temperature: Temperatures = 1.0,
    base: float | None = None,
    ignore_index: int | None = None,
    dtype: Literal["bfloat16"] | None = None,
    threads: int | None = None,
) -> CompareStats:
    """Compute all of them, with the log-probabilities and ``p u`` of the targets."""
    pair = _pair(p_logits, q_logits, axis, temperature, dtype)
    wanted = None if targets is None else as_targets(targets, pair.rows.leading)
    skipped = as_ignore_index(ignore_index)
    scale = as_scale(base)
    p, q = pair.softmaxes
    p_log_prob = q_log_prob = delta_prob = None
    if wanted is not None:
        of_p, of_q = (softmax.log_prob(wanted, skipped) for softmax in pair.softmaxes)
        tokens = np.where(np.isnan(of_p), 0, wanted)
        with np.errstate(all="ignore"):
            change = np.where(np.abs(pair.r) < 1.0, pair.p * pair.u, pair.q - pair.p)
            change = at_tokens(change, tokens).reshape(wanted.shape)
        p_log_prob, q_log_prob = (of_p * scale)[()], (of_q * scale)[()]
        ignored = np.isnan(of_p) | np.isnan(of_q)
        delta_prob = np.where(ignored, np.nan, change)[()]
    return CompareStats(
        kl=(pair.kl * scale)[()],
        js=(pair.js(0.5) * scale)[()],
        total_variation=pair.total_variation[()],
        p_entropy=(p.entropy * scale)[()],
        q_entropy=(q.entropy * scale)[()],
        same_argmax=((p.argmax == q.argmax) & (p.argmax >= 0) & (q.argmax >= 0))[()],
        valid=pair.valid[()],
        p_log_prob=p_log_prob,
        q_log_prob=q_log_prob,
        delta_prob=delta_prob,
    )


def _per_pair(result: _Real, pair: _Pair, keepdims: bool, out: NDArray[Any] | None) -> Any:
    shape = result_shape(pair.rows, keepdims)
    check_out(out, shape, np.float64)
    return deliver(result, shape, out)
