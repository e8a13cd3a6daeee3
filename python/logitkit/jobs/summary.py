"""What a table of scores comes to."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from logitkit.jobs.lines import aligned

_ENTROPIES: Final = ("entropy_mean", "entropy_median", "entropy_p5", "entropy_p95")
_SCORES: Final = (
    "scored_tokens",
    "saturated_tokens",
    "mean_negative_log_prob",
    "standard_error",
    "perplexity",
    "bits_per_token",
    "top1_accuracy",
)


@dataclass(frozen=True)
class ScoreSummary:
    """What a table of scores comes to; fields may be added, so use them by name.

    Rows that are not valid (NaN, +inf or nothing finite among the logits) are counted and left out
    of everything else. A token is scored if its row is valid and its target is not ignored.
    Without targets the fields from `scored_tokens` to `top1_accuracy` are None. What is a mean of
    nothing is NaN.

    Attributes
    ----------
    output : str
        The file with the table.
    files : int
        Number of input files.
    rows : int
        Number of rows.
    vocab : int
        Length of a row.
    dtype : str
        Element type of the logits.
    base : float
        The base of logarithms: e for nats.
    invalid_rows : int
        Number of rows that are not valid.
    scored_tokens : int or None
        Number of scored tokens, n.
    saturated_tokens : int or None
        Number of them of whose probability the input says no more than an upper bound: a ``.kld``
        file that has the least code for them, or a sparse file that has not kept them. The mean and
        the perplexity are then lower bounds. None where the input says all.
    mean_negative_log_prob : float or None
        Mean of ``-log_prob`` over the scored tokens, in units of `base`.
    standard_error : float or None
        Of that mean: the sample standard deviation (with n - 1) over the square root of n, as for
        independent tokens. Tokens of one text are not quite that, so it is somewhat too small.
    perplexity : float or None
        The exponential of the mean negative log-probability in nats.
    bits_per_token : float or None
        The mean negative log-probability in bits.
    top1_accuracy : float or None
        Share of the scored tokens whose target is the row's ``argmax``.
    entropy_mean, entropy_median, entropy_p5, entropy_p95 : float
        Of the entropies of the valid rows, in units of `base`: mean, median, 5 % and 95 %
        quantile, these with linear interpolation between neighbours.
    seconds : float
        Time taken, from the first look at the files until the table is on disk.
    gigabytes_per_second : float
        Size of the logits over that time, in 10^9 bytes a second.
    """

    output: str
    files: int
    rows: int
    vocab: int
    dtype: str
    base: float
    invalid_rows: int
    scored_tokens: int | None
    saturated_tokens: int | None
    mean_negative_log_prob: float | None
    standard_error: float | None
    perplexity: float | None
    bits_per_token: float | None
    top1_accuracy: float | None
    entropy_mean: float
    entropy_median: float
    entropy_p5: float
    entropy_p95: float
    seconds: float
    gigabytes_per_second: float

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON: numbers that are not finite are None."""
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(self).items()
        }

    def __str__(self) -> str:
        unit = {math.e: "nats", 2.0: "bits"}.get(self.base, f"(base {self.base:g})")
        lines = [
            ("output", self.output),
            ("files", f"{self.files}"),
            ("rows", f"{self.rows}"),
            ("vocab", f"{self.vocab}"),
            ("dtype", self.dtype),
            ("invalid rows", f"{self.invalid_rows}"),
        ]
        if self.scored_tokens is not None:
            error = f"{self.mean_negative_log_prob:.5g} ± {self.standard_error:.2g} {unit}"
            lines += [
                ("scored tokens", f"{self.scored_tokens}"),
                *(
                    [("of which with a bound", f"{self.saturated_tokens}")]
                    if self.saturated_tokens is not None
                    else []
                ),
                ("mean negative log-probability", error),
                ("perplexity", f"{self.perplexity:.5g}"),
                ("bits per token", f"{self.bits_per_token:.5g}"),
                ("top-1 accuracy", f"{self.top1_accuracy:.4g}"),
            ]
        lines += [
            ("entropy, mean", f"{self.entropy_mean:.5g} {unit}"),
            ("entropy, median", f"{self.entropy_median:.5g} {unit}"),
            ("entropy, 5 %", f"{self.entropy_p5:.5g} {unit}"),
            ("entropy, 95 %", f"{self.entropy_p95:.5g} {unit}"),
            ("time", f"{self.seconds:.3g} s, {self.gigabytes_per_second:.3g} GB/s"),
        ]
        return aligned(lines)


class Tally:
    """Gathers what a summary needs from the table, a batch at a time.

    It keeps two numbers for each row: quantiles need all of them, and sums over all of them at
    once do not depend on how the table was cut into batches.

    Parameters
    ----------
    rows : int
        Number of rows in all.
    dtype : numpy.dtype
        That of the statistics.
    """

    def __init__(self, rows: int, dtype: np.dtype[Any]) -> None:
        self._entropy = np.empty(rows, dtype)
        self._negative_log_prob = np.empty(rows, dtype)
        self._rows = 0
        self._valid = 0
        self._scored = 0
        self._top1 = 0
        self._saturated: int | None = None

    def add(self, batch: Mapping[str, NDArray[Any]]) -> None:
        """Count some rows of the table."""
        valid = batch["valid"]
        entropy = batch["entropy"][valid]
        self._entropy[self._valid : self._valid + len(entropy)] = entropy
        self._rows += len(valid)
        self._valid += len(entropy)
        if "log_prob" in batch:
            # A target that is ignored has no rank.
            scored = valid & (batch["rank"] > 0)
            log_prob = batch["log_prob"][scored]
            self._negative_log_prob[self._scored : self._scored + len(log_prob)] = -log_prob
            self._scored += len(log_prob)
            if "exact" in batch:
                self._saturated = (self._saturated or 0) + int((~batch["exact"][scored]).sum())
            self._top1 += int(np.sum(batch["argmax"][scored] == batch["target"][scored]))

    def fields(self, base: float, *, with_targets: bool) -> dict[str, Any]:
        """Return the fields of `ScoreSummary` that come from the table."""
        scores = self._scores(base) if with_targets else dict.fromkeys(_SCORES)
        return {
            "rows": self._rows,
            "invalid_rows": self._rows - self._valid,
            **scores,
            **self._entropies(),
        }

    def _entropies(self) -> dict[str, float]:
        values = self._entropy[: self._valid]
        if not len(values):
            return dict.fromkeys(_ENTROPIES, math.nan)
        mean = values.mean(dtype=np.float64)
        quantiles = np.quantile(values, [0.5, 0.05, 0.95])
        return dict(zip(_ENTROPIES, map(float, (mean, *quantiles)), strict=True))

    def _scores(self, base: float) -> dict[str, Any]:
        values = self._negative_log_prob[: self._scored]
        count = len(values)
        # A target of probability 0 makes the mean infinite, and its spread undefined.
        with np.errstate(invalid="ignore", over="ignore"):
            mean = float(values.mean(dtype=np.float64)) if count else math.nan
            spread = float(values.std(ddof=1, dtype=np.float64)) if count > 1 else math.nan
            nats = mean * math.log(base)
            perplexity = float(np.exp(nats))
        return {
            "scored_tokens": count,
            "saturated_tokens": self._saturated,
            "mean_negative_log_prob": mean,
            "standard_error": spread / math.sqrt(count) if count else math.nan,
            "perplexity": perplexity,
            "bits_per_token": nats / math.log(2),
            "top1_accuracy": self._top1 / count if count else math.nan,
        }
