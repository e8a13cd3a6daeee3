"""Arguments that only losses take, checked; and how losses become one number."""

import math
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._arguments import as_targets
from logitkit._arrays import Rows, as_array, as_rows, packed

Reduction: TypeAlias = Literal["none", "mean", "sum"]


class LossTargets(NamedTuple):
    """Token ids, int64, one for each row; or rows of probabilities."""

    tokens: NDArray[np.int64] | None
    soft: Rows | None

    def weights(
        self, classes: NDArray[np.float64] | None, ignore_index: int | None
    ) -> NDArray[np.float64] | None:
        """Return the weight of each target, 0 for a skipped one; None with probabilities."""
        if self.tokens is None:
            return None
        tokens = self.tokens.reshape(-1)
        counted = np.ones(tokens.size, bool) if ignore_index is None else tokens != ignore_index
        if classes is None:
            return counted.astype(np.float64)
        # The core refuses a target outside the vocabulary; it is not to end here.
        return np.where(counted, np.take(classes, tokens, mode="clip"), 0.0)


def as_loss_targets(targets: ArrayLike, rows: Rows, ignore_index: int | None) -> LossTargets:
    """Tell token ids from probabilities, and check that they fit the logits."""
    array, holds = as_array(targets, "targets")
    vocab = rows.cells.shape[-2]
    if array.dtype.kind in "iu" and holds is None:
        wanted = as_targets(array, rows.leading)
        if wanted.shape != rows.leading:
            raise ValueError(
                f"targets of shape {wanted.shape}; expected {rows.leading}, the shape of logits "
                "without the vocabulary axis: a loss has one target in each row"
            )
        return LossTargets(wanted, None)
    given = (*rows.leading[: rows.axis], vocab, *rows.leading[rows.axis :])
    if array.shape != given:
        raise ValueError(
            f"targets of dtype {holds or array.dtype} and shape {array.shape}; expected integers "
            f"of shape {rows.leading} (token ids), or real numbers of shape {given} (probabilities)"
        )
    if ignore_index is not None and ignore_index >= 0:
        raise ValueError(
            f"ignore_index={ignore_index} with targets that are probabilities; expected None or a "
            "negative number: there is no index to ignore"
        )
    try:
        soft = as_rows(array, rows.axis, holds)
    except TypeError:
        raise TypeError(
            f"targets of dtype {array.dtype}; expected integers (token ids), or float32, float16, "
            "bfloat16 or float64 (probabilities)"
        ) from None
    return LossTargets(None, soft)


def as_weight(weight: ArrayLike | None, vocab: int) -> NDArray[np.float64] | None:
    """Check the weights of the classes; float64, one for each, or None."""
    if weight is None:
        return None
    array = as_real(weight, "weight")
    if array.shape != (vocab,):
        raise ValueError(f"weight of shape {array.shape}; expected ({vocab},), one for each class")
    return packed(array)


def as_real(given: ArrayLike, name: str) -> NDArray[np.float64]:
    """Check an array of real numbers; float64."""
    array, holds = as_array(given, name)
    if array.dtype.kind not in "fiu" or holds is not None:
        raise TypeError(
            f"{name} of dtype {holds or array.dtype}; expected real numbers: convert with "
            "np.asarray(..., dtype=np.float64)"
        )
    return array.astype(np.float64, copy=False)


def as_reduction(reduction: str) -> Reduction:
    """Check the name of a reduction."""
    if reduction not in get_args(Reduction):
        raise ValueError(f'reduction={reduction!r}; expected "none", "mean" or "sum"')
    return reduction  # type: ignore[return-value]


def denominator(
    reduction: Reduction, weights: NDArray[np.float64] | None, leading: tuple[int, ...]
) -> float:
    """Return what the sum of the losses is divided by; weights None: one for each row."""
    if reduction != "mean":
        return 1.0
    return float(math.prod(leading)) if weights is None else float(weights.sum())


def reduce(losses: NDArray[np.float64], reduction: Reduction, divisor: float) -> Any:
    """Return the sum over `divisor`; the losses themselves if they are not reduced."""
    if reduction == "none":
        return losses
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(losses.sum() / np.float64(divisor))
