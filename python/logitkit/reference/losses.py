"""The reference of `logitkit.losses`; the letters in docstrings are those of `_softmax`."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._arguments import as_ignore_index, as_scale, as_share
from logitkit._arrays import as_rows
from logitkit._binary import as_logits, as_numbers
from logitkit._losses import Reduction, as_loss_targets, as_weight, denominator, reduce
from logitkit.reference._softmax import beside_rows, softmax_of, widened, within_vocabulary
from logitkit.reference.probabilities import in_place


def cross_entropy(
    logits: ArrayLike,
    targets: ArrayLike,
    /,
    *,
    axis: int = -1,
    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    label_smoothing: float = 0.0,
    reduction: Reduction = "none",
    z_loss: float = 0.0,
    entropy_weight: float = 0.0,
    temperature: ArrayLike = 1.0,
    base: float | None = None,
    return_grad: bool = False,
    grad_out: NDArray[Any] | None = None,
    dtype: Literal["bfloat16"] | None = None,
    threads: int | None = None,
) -> Any:
    """``sum(u * (gap + ln(n + a)))`` with u the weight of each class under the target."""
    rows = as_rows(logits, axis, dtype)
    vocab = rows.cells.shape[-2]
    classes = np.ones(vocab) if weight is None else as_weight(weight, vocab)
    skipped = as_ignore_index(ignore_index)
    wanted = as_loss_targets(targets, rows, skipped)
    smoothing = as_share(label_smoothing, "label_smoothing")
    counted = np.ones((*rows.leading, 1), bool)
    if wanted.soft is not None:
        target = widened(wanted.soft)
    if wanted.tokens is not None:
        tokens, counts = within_vocabulary(wanted.tokens, vocab, skipped)
        counted = counts[..., None]
        target = np.zeros((*rows.leading, vocab))
        np.put_along_axis(target, tokens[..., None], 1.0, axis=-1)
    u = classes * ((1.0 - smoothing) * target + smoothing / vocab)
    soft = softmax_of(rows, temperature)
    log_p, lse = soft.log_softmax, soft.logsumexp[..., None]
    scale = as_scale(base)
    with np.errstate(invalid="ignore"):
        losses = -np.where(u != 0.0, u * log_p, 0.0).sum(axis=-1, keepdims=True)
        losses += z_loss * lse * lse
        if entropy_weight:
            losses -= entropy_weight * soft.entropy[..., None]
        losses = np.where(counted, np.where(soft.valid[..., None], losses, np.nan), 0.0) * scale
    divisor = denominator(reduction, wanted.weights(classes, skipped), rows.leading)
    loss = reduce(losses[..., 0], reduction, divisor)
    loss = loss if reduction != "none" else loss[()]
    if not return_grad and grad_out is None:
        return loss
    p = np.exp(log_p)
    per_row = beside_rows(temperature, rows)
    with np.errstate(invalid="ignore", divide="ignore"):
        grad = p * (u.sum(axis=-1, keepdims=True) + 2.0 * z_loss * lse) - u
        if entropy_weight:
            grad -= entropy_weight * entropy_slope(p, log_p, soft.entropy)
        grad = np.where(counted, grad * scale / per_row / divisor, 0.0)
    return loss, in_place(grad, rows, grad_out)


def entropy_slope(
    p: NDArray[np.float64], log_p: NDArray[np.float64], entropy: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``dH / d(x / T) = -p (ln p + H)``."""
    with np.errstate(invalid="ignore"):
        return np.where(p > 0.0, -p * (log_p + entropy[..., None]), 0.0 * p)


def binary_cross_entropy(
    logits: ArrayLike,
    targets: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    reduction: Reduction = "none",
    dtype: Literal["bfloat16"] | None = None,
    threads: int | None = None,
) -> Any:
    """``w (a y ln(1 + exp(-x)) + (1 - y) ln(1 + exp(x)))``."""
    x, y = as_logits(logits, dtype).widened(), as_numbers(targets, "targets").widened()
    w = 1.0 if weight is None else as_numbers(weight, "weight").widened()
    a = 1.0 if pos_weight is None else as_numbers(pos_weight, "pos_weight").widened()
    yes, no = np.where(y > 0.0, w * (a * y), 0.0), np.where(y < 1.0, w * (1.0 - y), 0.0)
    with np.errstate(invalid="ignore"):
        losses = np.where(yes != 0.0, yes * np.logaddexp(0.0, -x), 0.0)
        losses = losses + np.where(no != 0.0, no * np.logaddexp(0.0, x), 0.0)
    losses = np.where(np.isnan(x), np.nan, losses)
    divisor = float(losses.size) if reduction == "mean" else 1.0
    return reduce(losses, reduction, divisor) if reduction != "none" else losses[()]
