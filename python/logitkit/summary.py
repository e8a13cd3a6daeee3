"""What a pipeline keeps of many entropies: a summary that can be added to, merged and compared."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._arguments import first_offender
from logitkit._losses import as_real


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Difference:
    """What `EntropySummary.difference` returns; later versions may add fields.

    Attributes
    ----------
    estimate : float
        The mean of the one less the mean of the other.
    standard_error : float
        Of the estimate, for independent values: ``sqrt(v1 / n1 + v2 / n2)``.
    low : float
        Lower end of the confidence interval.
    high : float
        Upper end of it.
    level : float
        The confidence of the interval.
    """

    estimate: float
    standard_error: float
    low: float
    high: float
    level: float


class EntropySummary:
    """Count, moments, extremes, histogram and quantiles of entropies, in bounded memory.

    Summaries of parts of the data merge into that of the whole: count, extremes and histogram
    exactly, mean and variance to rounding (Chan, Golub and LeVeque 1983). Quantiles come from the
    histogram and are at most one bin's width, `quantile_error`, from those of the values.

    Parameters
    ----------
    upper : float, default 16.0
        Where the bins end, in the unit of the values. They start at 0. 16 nats is the entropy of
        an even distribution over nine million tokens; larger values are counted apart.
    bins : int, default 1600
        How many bins of equal width there are.

    Attributes
    ----------
    count : int
        Values so far, without NaN.
    nan_count : int
        NaN so far, which count for nothing else.
    mean : float
        Their mean; NaN without values.
    variance : float
        Their variance, with n - 1 in the denominator; NaN for less than two values.
    min, max : float
        The extremes; NaN without values.
    histogram : array of int64, shape (bins + 1,)
        Values in each bin, its upper edge not included; the last number is of those from `upper`
        on.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> logits = np.log(np.array([[1.0, 1.0, 2.0], [1.0, 1.0, 1.0], [8.0, 1.0, 1.0]]))
    >>> monday = logitkit.EntropySummary().update(logitkit.entropy(logits))
    >>> tuesday = logitkit.EntropySummary().update(logitkit.entropy(logits / 2))
    >>> print(f"{monday.mean:.4f} {tuesday.mean:.4f} {monday.difference(tuesday).estimate:.4f}")
    0.9258 1.0495 -0.1237
    >>> monday.merge(tuesday).count
    6
    """

    def __init__(self, *, upper: float = 16.0, bins: int = 1600) -> None:
        if not (isinstance(bins, int) and bins >= 1):
            raise ValueError(f"bins={bins!r}; expected an int >= 1")
        if not 0.0 < upper < math.inf:
            raise ValueError(f"upper={upper!r}; expected a finite number > 0")
        self.upper = float(upper)
        self.bins = bins
        self.count = 0
        self.nan_count = 0
        self.histogram: NDArray[np.int64] = np.zeros(bins + 1, np.int64)
        self._mean = 0.0
        self._squares = 0.0
        self._min = math.inf
        self._max = -math.inf

    def __repr__(self) -> str:
        return f"EntropySummary(count={self.count}, mean={self.mean:.6g}, max={self.max:.6g})"

    @property
    def mean(self) -> float:
        """Mean of the values; NaN without any."""
        return self._mean if self.count else math.nan

    @property
    def variance(self) -> float:
        """Variance of the values, with n - 1; NaN for less than two."""
        return self._squares / (self.count - 1) if self.count > 1 else math.nan

    @property
    def min(self) -> float:
        """The smallest value; NaN without any."""
        return self._min if self.count else math.nan

    @property
    def max(self) -> float:
        """The largest value; NaN without any."""
        return self._max if self.count else math.nan

    @property
    def quantile_error(self) -> float:
        """The width of a bin: how far a quantile below `upper` may be off."""
        return self.upper / self.bins

    def update(self, entropies: ArrayLike) -> "EntropySummary":
        """Add values, of any shape, and return the summary itself.

        Raises
        ------
        TypeError
            If they are not real numbers.
        ValueError
            If one is negative or infinite; nothing is then added.
        """
        values = as_real(entropies, "entropies")
        bad = (values < 0.0) | np.isinf(values)
        if bad.any():
            raise ValueError(
                f"{first_offender('entropies', bad)} = {values[bad][0]} is not an entropy: "
                "expected finite numbers >= 0, or NaN for what is to be left out"
            )
        kept = values[~np.isnan(values)]
        part = EntropySummary(upper=self.upper, bins=self.bins)
        part.nan_count = values.size - kept.size
        if kept.size:
            part.count = kept.size
            part._mean = float(kept.mean())
            part._squares = float(((kept - part._mean) ** 2).sum())
            part._min, part._max = float(kept.min()), float(kept.max())
            # Never beyond the bin whose edges hold the value, whatever the division rounds to.
            place = np.minimum(kept / self.quantile_error, self.bins).astype(np.int64)
            part.histogram += np.bincount(place, minlength=self.bins + 1)
        return self.merge(part)

    def merge(self, other: "EntropySummary") -> "EntropySummary":
        """Add another summary, and return this one.

        Raises
        ------
        ValueError
            If its bins are not the same.
        """
        if (self.upper, self.bins) != (other.upper, other.bins):
            raise ValueError(
                f"a summary with {other.bins} bins up to {other.upper:g} does not merge into one "
                f"with {self.bins} up to {self.upper:g}: make both with the same `upper` and `bins`"
            )
        count = self.count + other.count
        if other.count:
            step = other._mean - self._mean
            share = other.count / count
            self._squares += other._squares + step * step * self.count * share
            self._mean += step * share
            self._min, self._max = min(self._min, other._min), max(self._max, other._max)
        self.count = count
        self.nan_count += other.nan_count
        self.histogram = self.histogram + other.histogram
        return self

    def quantile(self, q: ArrayLike) -> Any:
        """Quantiles, within `quantile_error`: the value that a share `q` does not exceed.

        Those that lie beyond `upper` are given as the largest value; NaN without values.
        """
        shares = as_real(q, "q")
        bad = ~((shares >= 0.0) & (shares <= 1.0))
        if bad.any():
            raise ValueError(
                f"{first_offender('q', bad)} = {shares[bad][0]}; expected a number from 0 to 1"
            )
        if not self.count:
            return np.full(shares.shape, np.nan)[()]
        wanted = np.maximum(np.ceil(shares * self.count), 1)
        place = np.searchsorted(np.cumsum(self.histogram), wanted)
        middle = (place + 0.5) * self.quantile_error
        beyond = np.where(place < self.bins, middle, self._max)
        return np.clip(beyond, self._min, self._max)[()]

    def difference(self, other: "EntropySummary", *, level: float = 0.95) -> Difference:
        """Difference of the means and its confidence interval, by the normal approximation.

        The values count as independent, those of the two summaries and those within each: for
        tokens of the same sequences the interval is too narrow.
        """
        if not 0.0 < level < 1.0:
            raise ValueError(f"level={level!r}; expected a number between 0 and 1")
        estimate = self.mean - other.mean
        parts = [each.variance / each.count if each.count else math.nan for each in (self, other)]
        error = math.sqrt(sum(parts))
        reach = NormalDist().inv_cdf((1 + level) / 2) * error
        return Difference(
            estimate=estimate,
            standard_error=error,
            low=estimate - reach,
            high=estimate + reach,
            level=level,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all of it in numbers and lists that JSON knows."""
        return {
            "upper": self.upper,
            "bins": self.bins,
            "count": self.count,
            "nan_count": self.nan_count,
            "mean": self._mean,
            "squares": self._squares,
            "min": self._min if self.count else None,
            "max": self._max if self.count else None,
            "histogram": self.histogram.tolist(),
        }

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> "EntropySummary":
        """Return the summary that `to_dict` was called on."""
        summary = cls(upper=state["upper"], bins=state["bins"])
        summary.count, summary.nan_count = state["count"], state["nan_count"]
        summary._mean, summary._squares = state["mean"], state["squares"]
        if summary.count:
            summary._min, summary._max = state["min"], state["max"]
        summary.histogram = np.array(state["histogram"], np.int64)
        return summary
