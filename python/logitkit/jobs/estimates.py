"""Means over tokens, and how far they can be trusted."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Estimate:
    """A mean, or what follows from means, with its standard error.

    Attributes
    ----------
    value : float
        The estimate.
    error : float
        Its standard error, as for independent tokens; NaN of fewer than two tokens.
    by_sequence : float or None
        Its standard error with the sums over sequences as what is independent (cluster-robust,
        with G / (G - 1) for G sequences); None for logits without sequences, or one alone.
    """

    value: float
    error: float
    by_sequence: float | None = None

    def __str__(self) -> str:
        clustered = "" if self.by_sequence is None else f"  (by sequence ± {self.by_sequence:.2g})"
        return f"{self.value:.6g} ± {self.error:.2g}{clustered}"


@dataclass(frozen=True)
class Distribution:
    """What a number for each token is like.

    Attributes
    ----------
    mean : Estimate
        The mean.
    max, min : float
        The extremes.
    quantiles : dict of str to float
        By percentages, such as "99.9"; with linear interpolation between neighbours.
    """

    mean: Estimate
    max: float
    min: float
    quantiles: dict[str, float]


@dataclass(frozen=True)
class Sample:
    """Numbers for each token, and the sequences that the tokens are of, if they are of any."""

    columns: dict[str, NDArray[np.float64]]
    sequences: NDArray[np.intp] | None

    def mean(self, values: NDArray[np.float64]) -> Estimate:
        """Return the mean of a number for each token."""
        count = values.size
        if not count:
            return Estimate(math.nan, math.nan)
        mean = float(values.mean())
        error = float(values.std(ddof=1)) / math.sqrt(count) if count > 1 else math.nan
        return Estimate(mean, error, self._by_sequence(values - mean))

    def _by_sequence(self, centred: NDArray[np.float64]) -> float | None:
        if self.sequences is None:
            return None
        sums = np.bincount(self.sequences, weights=centred)
        groups = np.unique(self.sequences).size
        if groups < 2:
            return None
        return float(np.sqrt(groups / (groups - 1) * (sums**2).sum()) / centred.size)

    def distribution(
        self, values: NDArray[np.float64], percentages: tuple[float, ...]
    ) -> Distribution:
        """Return what a number for each token is like, with the quantiles at these percentages."""
        names = [f"{percent:g}" for percent in percentages]
        if not values.size:
            nothing = dict.fromkeys(names, math.nan)
            return Distribution(self.mean(values), math.nan, math.nan, nothing)
        found = np.percentile(values, percentages)
        quantiles = dict(zip(names, map(float, found), strict=True))
        return Distribution(self.mean(values), float(values.max()), float(values.min()), quantiles)


def scaled(estimate: Estimate, value: float, slope: float) -> Estimate:
    """Return a function of an estimate, with this value and slope."""
    clustered = estimate.by_sequence
    return Estimate(
        float(value),
        float(abs(slope) * estimate.error),
        None if clustered is None else float(abs(slope) * clustered),
    )


def correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return Pearson's correlation of two columns; NaN if one does not vary."""
    a, b = a - a.mean(), b - b.mean()
    spread = math.sqrt(float((a * a).sum()) * float((b * b).sum()))
    return float((a * b).sum()) / spread if spread > 0.0 else math.nan
