"""How well probabilities agree with what came true, and the temperature that mends them.

Logits are accepted as in `logitkit.stats`; targets are token ids, one in each row.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit import _native
from logitkit._arguments import as_ignore_index, as_temperature, as_threads
from logitkit._arrays import as_rows
from logitkit._control import as_bins, as_bounds, as_single_targets, bracketed_newton


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Calibration:
    """What `calibration` returns; later versions may add fields. All numbers are float64.

    Attributes
    ----------
    expected_error : float
        Mean distance of accuracy and confidence over the bins, weighted by their rows (ECE).
    maximum_error : float
        The largest distance of them (MCE).
    brier_score : float
        Mean of ``sum((p - onehot) ** 2)``, from 0 to 2.
    accuracy : float
        Share of the rows whose target is the likeliest token.
    confidence : float
        Mean probability of the likeliest token.
    counted : int
        Rows that count: not ignored, and without NaN, +inf and with something finite.
    bin_edges : array of float64, shape (bins + 1,)
        The confidences between which the bins lie; the upper edge belongs to the bin.
    bin_count : array of int64, shape (bins,)
        Rows in each bin.
    bin_confidence, bin_accuracy : array of float64, shape (bins,)
        Their mean confidence and their accuracy: the reliability diagram. NaN for an empty bin.
    """

    expected_error: float
    maximum_error: float
    brier_score: float
    accuracy: float
    confidence: float
    counted: int
    bin_edges: NDArray[np.float64]
    bin_count: NDArray[np.int64]
    bin_confidence: NDArray[np.float64]
    bin_accuracy: NDArray[np.float64]


def calibration(
    logits: ArrayLike,
    targets: ArrayLike,
    /,
    *,
    axis: int = -1,
    bins: int = 15,
    temperature: ArrayLike = 1.0,
    ignore_index: int | None = None,
    dtype: Literal["bfloat16"] | None = None,
    threads: int | None = None,
) -> Calibration:
    r"""Calibration errors, Brier score, and the bins of a reliability diagram.

    The rows are put into bins of equal width by the probability of their likeliest token [1]_:

    .. math:: ECE = \sum_b \frac{n_b}{n} |acc_b - conf_b|, \qquad MCE = \max_b |acc_b - conf_b|

    The Brier score [2]_ takes :math:`\sum_i p_i^2 = e^{lse(2x/T) - 2 lse(x/T)}`, for which the
    logits are read a second time; nothing as large as the logits is made.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    targets : array_like of int
        Token ids, of the shape of `logits` without `axis`.
    axis : int, default -1
        The vocabulary axis.
    bins : int, default 15
        How many, at least 1.
    temperature : array_like of real, default 1.0
        T, finite and greater than 0; one number, or an array that broadcasts to the shape of
        `logits` without `axis`.
    ignore_index : int, optional
        Rows with this target do not count.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    Calibration
        NaN for every mean if no row counts.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If `logits` have no axes or no tokens, if a target is outside the vocabulary, or if an
        argument is out of its range or does not fit the logits.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks",
       ICML (2017).
    .. [2] G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly
       Weather Review 78 (1950) 1-3.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> logits = np.log(np.array([[0.75, 0.25], [0.75, 0.25], [0.55, 0.45], [0.55, 0.45]]))
    >>> found = logitkit.calibration(logits, [0, 1, 0, 0], bins=5)
    >>> found.bin_accuracy.tolist(), found.bin_count.tolist()
    ([nan, nan, 1.0, 0.5, nan], [0, 0, 2, 2, 0])
    >>> round(found.expected_error, 12), round(found.brier_score, 12)
    (0.35, 0.515)
    """
    width = as_bins(bins)
    rows = as_rows(logits, axis, dtype)
    wanted = as_single_targets(targets, rows)
    skipped = as_ignore_index(ignore_index)
    per_row = as_temperature(temperature, rows.leading)
    workers = as_threads(threads)
    array = (rows.cells, rows.element, rows.swapped)
    # In float64 whatever the logits are: the Brier score is a difference of exponentials.
    stats = _native.token_stats(*array, wanted, skipped, per_row, 1.0, True, workers)
    fields: list[Any] = [None if field is None else field.reshape(-1) for field in stats]
    _, argmax, single, _, _, max_prob, valid, log_prob, _ = fields
    doubled = _native.logsumexp(*array, per_row / 2, True, workers).reshape(-1)
    tokens = wanted.reshape(-1)
    counts = valid if skipped is None else valid & (tokens != skipped)
    confidence, correct = max_prob[counts], (argmax == tokens)[counts]
    squares = np.exp(doubled[counts] - 2 * single[counts])
    brier = 1.0 + squares - 2 * np.exp(log_prob[counts])
    edges = np.linspace(0.0, 1.0, width + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, width - 1)
    number = np.bincount(place, minlength=width)
    with np.errstate(invalid="ignore", divide="ignore"):
        of_confidence = np.bincount(place, confidence, width) / number
        of_accuracy = np.bincount(place, correct, width) / number
        gaps = np.abs(of_accuracy - of_confidence)
        filled = number > 0
        n = confidence.size
        return Calibration(
            expected_error=float((number * gaps)[filled].sum() / np.float64(n)),
            maximum_error=float(gaps[filled].max()) if n else math.nan,
            brier_score=float(brier.sum() / np.float64(n)),
            accuracy=float(correct.sum() / np.float64(n)),
            confidence=float(confidence.sum() / np.float64(n)),
            counted=n,
            bin_edges=edges,
            bin_count=number.astype(np.int64),
            bin_confidence=of_confidence,
            bin_accuracy=of_accuracy,
        )


def fit_temperature(
    logits: ArrayLike,
    targets: ArrayLike,
    /,
    *,
    axis: int = -1,
    ignore_index: int | None = None,
    bounds: tuple[float, float] = (1e-3, 1e3),
    dtype: Literal["bfloat16"] | None = None,
    threads: int | None = None,
) -> float:
    r"""Temperature under which the targets are likeliest: temperature scaling.

    It minimises the mean negative log-probability [1]_, which is convex in :math:`1 / T`, where

    .. math:: \sum_k (H_k + \ln p_{t_k}) = 0

    over the rows: by Newton's method within a bracket, each step from one read of the logits.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    targets : array_like of int
        Token ids, of the shape of `logits` without `axis`.
    axis : int, default -1
        The vocabulary axis.
    ignore_index : int, optional
        Rows with this target do not count; nor do rows with a NaN, +inf or nothing finite, and
        those whose target is masked (-inf), which no temperature makes likely.
    bounds : pair of float, default (1e-3, 1e3)
        The lowest and the highest temperature to return. The lowest is the answer where every
        target is the likeliest token, the highest where targets are less likely than the average.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    float
        The temperature, to the accuracy that the type of the logits allows; NaN if no row counts.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If `logits` have no axes or no tokens, if a target is outside the vocabulary, or if an
        argument is out of its range or does not fit the logits.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks",
       ICML (2017).

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> logits = np.log(np.array([[0.9, 0.1]] * 4))
    >>> round(logitkit.fit_temperature(logits, [0, 0, 0, 1]), 6)
    2.0
    """
    rows = as_rows(logits, axis, dtype)
    tokens = as_single_targets(targets, rows)
    skipped = as_ignore_index(ignore_index)
    low, high = (math.log(bound) for bound in as_bounds(bounds))
    workers = as_threads(threads)
    counted = 0

    def excess(u: NDArray[np.float64], _: NDArray[np.intp]) -> tuple[Any, Any]:
        nonlocal counted
        # In float64 whatever the logits are: the root is that of a difference.
        stats = _native.token_stats(
            rows.cells,
            rows.element,
            rows.swapped,
            tokens,
            skipped,
            float(np.exp(u[0])),
            1.0,
            True,
            workers,
        )
        fields: list[Any] = [None if field is None else field.reshape(-1) for field in stats]
        entropy, varentropy, log_prob = fields[3], fields[4], fields[7]
        counts = np.isfinite(log_prob)
        counted = int(counts.sum())
        share = 1.0 / max(1, counted)
        value = (entropy + log_prob)[counts].sum() * share
        slope = varentropy[counts].sum() * share - value
        return np.array([value]), np.array([slope])

    tolerance = np.array([1e-13 if rows.element == "float64" else 1e-8])
    u = bracketed_newton(excess, np.array([low]), np.array([high]), tolerance)
    return float(np.exp(u[0])) if counted else math.nan
