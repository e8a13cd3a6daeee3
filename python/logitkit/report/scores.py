"""What a report says of tables of scores."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from logitkit.io.errors import DataError
from logitkit.io.table import ScoreTable
from logitkit.jobs.estimates import Estimate, Sample

BINS: Final = 10
"""Into how many intervals of confidence a calibration diagram is cut."""

# Tokens without a sequence of their own are shown so many at a time.
_RUN: Final = 256
_Z95: Final = 1.959963984540054


@dataclass(frozen=True)
class Sequence:
    """A sequence of rows that is shown as text.

    Attributes
    ----------
    label : str
        Where it stands.
    rows : ndarray of int
        The rows of the table, in order.
    surprisal : float
        Mean surprisal of its targets; NaN without.
    entropy : float
        Mean entropy.
    """

    label: str
    rows: NDArray[np.intp]
    surprisal: float
    entropy: float


class Scores:
    """A table of scores, in the units it is in.

    Parameters
    ----------
    name : str
        What it is called in the report.
    table : dict of str to ndarray
        See `logitkit.io.table.read_table`.

    Raises
    ------
    DataError
        If it is no table of ``logitkit score``.
    """

    def __init__(self, name: str, table: ScoreTable) -> None:
        absent = [column for column in ("entropy", "valid", "max_prob") if column not in table]
        if absent:
            raise DataError(
                f"{name}: no column {absent[0]!r}; expected a table that logitkit score has written"
            )
        self.name = name
        self.table = table

    def __len__(self) -> int:
        return len(self.table["row"])

    @property
    def with_targets(self) -> bool:
        """Whether there are targets."""
        return "log_prob" in self.table

    @cached_property
    def valid(self) -> NDArray[np.bool_]:
        """Rows with statistics."""
        return self.table["valid"].astype(np.bool_)

    @cached_property
    def scored(self) -> NDArray[np.bool_]:
        """Rows with a target that counts."""
        if not self.with_targets:
            return np.zeros(len(self), np.bool_)
        return self.valid & (self.table["rank"] > 0)

    @cached_property
    def surprisal(self) -> NDArray[np.float64]:
        """Surprisal of each target; NaN where there is none."""
        if not self.with_targets:
            return np.full(len(self), np.nan)
        return np.where(self.scored, -self.table["log_prob"].astype(np.float64), np.nan)

    @cached_property
    def entropy(self) -> NDArray[np.float64]:
        """Entropy of each row; NaN where there is none."""
        return np.where(self.valid, self.table["entropy"].astype(np.float64), np.nan)

    @cached_property
    def correct(self) -> NDArray[np.float64]:
        """Whether the likeliest token is the target; NaN where there is none."""
        if not self.with_targets:
            return np.full(len(self), np.nan)
        right = self.table["argmax"] == self.table["target"]
        return np.where(self.scored, right, np.nan)

    @cached_property
    def groups(self) -> NDArray[np.intp]:
        """The number of the sequence that each row is of."""
        files = np.unique(self.table["file"], return_inverse=True)[1] if "file" in self.table else 0
        inner = self.table.get("sequence")
        if inner is None:
            inner = self.table["row"] // _RUN
        together = np.stack([np.broadcast_to(files, len(self)), inner], axis=1)
        if not len(together):
            return np.empty(0, np.intp)
        # In order of appearance.
        _, firsts, groups = np.unique(together, axis=0, return_index=True, return_inverse=True)
        order = np.empty_like(firsts)
        order[np.argsort(firsts)] = np.arange(len(firsts))
        result: NDArray[np.intp] = order[groups.reshape(-1)]
        return result

    @property
    def positions(self) -> NDArray[np.int64] | None:
        """Where each row stands in its sequence, if the table says it."""
        return self.table.get("position")

    def sequences(self) -> list[Sequence]:
        """Return all sequences, the worst first: by mean surprisal, or entropy without targets."""
        order = np.argsort(self.groups, kind="stable")
        cuts = np.flatnonzero(np.diff(self.groups[order])) + 1
        found = []
        for rows in np.split(order, cuts) if len(order) else []:
            found.append(
                Sequence(
                    self._label(rows),
                    rows,
                    _mean(self.surprisal[rows]),
                    _mean(self.entropy[rows]),
                )
            )
        key = "surprisal" if self.with_targets else "entropy"
        return sorted(found, key=lambda s: -np.nan_to_num(getattr(s, key), nan=-math.inf))

    def _label(self, rows: NDArray[np.intp]) -> str:
        first, last = int(self.table["row"][rows[0]]), int(self.table["row"][rows[-1]])
        if "sequence" in self.table:
            where = f"sequence {int(self.table['sequence'][rows[0]])}"
        else:
            where = f"rows {first} to {last}"
        return f"{self.table['file'][rows[0]]}, {where}" if "file" in self.table else where

    def mean(self, values: NDArray[np.float64]) -> Estimate:
        """Return a mean over the rows that have a value, with errors by token and by sequence."""
        there = ~np.isnan(values)
        with np.errstate(invalid="ignore"):
            return Sample({}, self.groups[there]).mean(values[there])

    def calibration(self) -> "CalibrationBins | None":
        """Return how often the likeliest token is right, by its probability; None without."""
        if not self.scored.any():
            return None
        confidence = self.table["max_prob"][self.scored].astype(np.float64)
        right = self.correct[self.scored]
        bins = np.minimum((confidence * BINS).astype(np.intp), BINS - 1)
        count = np.bincount(bins, minlength=BINS)
        with np.errstate(invalid="ignore"):
            mean = np.bincount(bins, confidence, BINS) / count
            accuracy = np.bincount(bins, right, BINS) / count
        gap = np.abs(np.nan_to_num(accuracy - mean))
        return CalibrationBins(count, mean, accuracy, float((gap * count).sum() / count.sum()))


@dataclass(frozen=True)
class CalibrationBins:
    """How often the likeliest token is right, in `BINS` intervals of its probability.

    Attributes
    ----------
    count : ndarray of int
        Targets in each.
    confidence, accuracy : ndarray
        Mean probability, and share that is right; NaN of none.
    error : float
        Expected calibration error: the mean absolute difference of the two, weighted by count.
    """

    count: NDArray[np.intp]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    error: float


@dataclass(frozen=True)
class Difference:
    """What one model has more of than another, in the mean, with a confidence interval.

    Attributes
    ----------
    what : str
        Of what.
    first, second : float
        The two means.
    estimate : float
        The second less the first.
    low, high : float
        The ends of the interval, of 95 %.
    paired : bool
        Whether it is of the same tokens.
    """

    what: str
    first: float
    second: float
    estimate: float
    low: float
    high: float
    paired: bool


def same_tokens(first: Scores, second: Scores) -> bool:
    """Return whether two tables are about the same tokens."""
    if len(first) != len(second) or first.with_targets != second.with_targets:
        return False
    columns = ("row", "sequence", "position", "target")
    return all(
        np.array_equal(first.table[name], second.table[name])
        for name in columns
        if name in first.table and name in second.table
    )


def differences(first: Scores, second: Scores) -> list[Difference]:
    """Return what the second model has more of than the first.

    The intervals are normal ones, by sequence where there are several: tokens of one text are not
    independent. Of the same tokens differences are taken token by token.
    """
    paired = same_tokens(first, second)
    kinds = [("mean entropy", "entropy")]
    if first.with_targets and second.with_targets:
        kinds = [("mean surprisal", "surprisal"), ("top-1 accuracy", "correct"), *kinds]
    found = []
    for what, name in kinds:
        one, other = getattr(first, name), getattr(second, name)
        means = first.mean(one), second.mean(other)
        if paired:
            with np.errstate(invalid="ignore"):
                change = first.mean(other - one)
            estimate, error = change.value, _error(change)
        else:
            estimate = means[1].value - means[0].value
            error = math.hypot(*map(_error, means))
        ends = estimate - _Z95 * error, estimate + _Z95 * error
        found.append(Difference(what, means[0].value, means[1].value, estimate, *ends, paired))
    return found


def interval(estimate: Estimate) -> tuple[float, float]:
    """Return the ends of the interval of 95 % of a mean."""
    error = _Z95 * _error(estimate)
    return estimate.value - error, estimate.value + error


def _error(estimate: Estimate) -> float:
    return estimate.error if estimate.by_sequence is None else estimate.by_sequence


def _mean(values: NDArray[Any]) -> float:
    there = values[~np.isnan(values)]
    return float(there.mean()) if there.size else math.nan
