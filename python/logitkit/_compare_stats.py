"""What `compare_stats` returns, and how it comes from the core."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from logitkit import _native
from logitkit._arguments import as_ignore_index, as_numbers, as_targets, as_threads, filled
from logitkit._arrays import Rows


@dataclass(frozen=True, eq=False, kw_only=True)
class CompareStats:
    """Comparison of two models for each row of logits, as `compare_stats` returns it.

    Use the fields by name: later versions may add some. Instances promise neither an order nor
    equality. Every field has the shape of the logits without the vocabulary axis, the last three
    that of the targets; for a single row they are NumPy scalars. "Real" is float64 if either of the
    logits is float64, float32 otherwise.

    Attributes
    ----------
    kl : array of real
        Kullback-Leibler divergence of q from p, in the unit of `base`.
    js : array of real
        Jensen-Shannon divergence with equal weights, in that unit.
    total_variation : array of real
        Half of the sum of the absolute differences of the probabilities.
    p_entropy : array of real
        Shannon entropy of p, in the unit of `base`.
    q_entropy : array of real
        That of q.
    same_argmax : array of bool
        Whether the largest logit, the lowest one among ties, has the same index in both; False
        where a row has a NaN.
    valid : array of bool
        False where a row of the pair has a NaN, +inf or no finite logit: the divergences are then
        NaN.
    p_log_prob : array of real, or None
        Log-probability of the targets in p, in the unit of `base`; NaN for an ignored target. None
        without targets.
    q_log_prob : array of real, or None
        That in q.
    delta_prob : array of real, or None
        Probability of the targets in q less that in p; NaN for an ignored target. None without
        targets.
    """

    kl: Any
    js: Any
    total_variation: Any
    p_entropy: Any
    q_entropy: Any
    same_argmax: Any
    valid: Any
    p_log_prob: Any = None
    q_log_prob: Any = None
    delta_prob: Any = None


def compared(
    p: Rows,
    q: Rows,
    temperatures: tuple[Any, Any],
    targets: ArrayLike | None,
    ignore_index: int | None,
    scale: float,
    threads: int | None,
    *,
    wide: bool = False,
) -> CompareStats:
    """Compare two arrays of rows; real fields are float64 if either is, or if they are `wide`."""
    wanted = None if targets is None else as_targets(targets, p.leading)
    fields: tuple[Any, ...] = _native.compare_stats(
        p.cells,
        p.element,
        p.swapped,
        q.cells,
        q.element,
        q.swapped,
        wanted,
        as_ignore_index(ignore_index),
        *temperatures,
        scale,
        wide,
        as_threads(threads),
    )
    if not p.leading:
        fields = as_numbers(fields)
    kl, js, distance, p_entropy, q_entropy, same, valid, p_log_prob, q_log_prob, delta = fields
    return filled(
        CompareStats,
        kl=kl,
        js=js,
        total_variation=distance,
        p_entropy=p_entropy,
        q_entropy=q_entropy,
        same_argmax=same,
        valid=valid,
        p_log_prob=p_log_prob,
        q_log_prob=q_log_prob,
        delta_prob=delta,
    )
