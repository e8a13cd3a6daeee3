"""What a comparison of two files of logits comes to."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from logitkit.io import LogitSource
from logitkit.jobs.estimates import Distribution, Estimate, Sample, correlation, scaled
from logitkit.jobs.lines import aligned

# In percent; those that llama-perplexity prints.
_KL_QUANTILES: Final = (99.9, 99.0, 95.0, 90.0, 50.0, 10.0, 5.0, 1.0, 0.1)
_DELTA_QUANTILES: Final = (99.9, 99.0, 95.0, 90.0, 75.0, 50.0, 25.0, 10.0, 5.0, 1.0, 0.1)
_WORST: Final = 10
_FIELDS: Final = ("kl", "js", "total_variation", "base_entropy", "entropy", "same_argmax")
_BOUNDS: Final = ("kl_upper", "js_upper", "total_variation_upper")
_TARGET_FIELDS: Final = ("base_log_prob", "log_prob", "delta_prob")


@dataclass(frozen=True)
class Comparison:
    """What a comparison comes to; fields may be added, so use them by name.

    Rows that are not valid in either file are counted and left out of everything else; so are
    ignored targets of what is about targets. Without targets the fields from `perplexity` to
    `delta_prob_rms` are None. All is in nats.

    Attributes
    ----------
    base, other : str
        The files.
    output : str or None
        The file with the table.
    rows, vocab : int
        Number of rows, and their length.
    invalid_rows : int
        Number of rows that are not valid in one of the files.
    scored_tokens : int or None
        Number of targets that are not ignored, in valid rows.
    saturated_tokens : int or None
        Number of them of whose probability the base says no more than an upper bound: its ``.kld``
        file has the least code for them, or its sparse file has not kept them. The perplexity of
        the base is then a lower bound. None where the base says all.
    perplexity, base_perplexity : Estimate or None
        Exponential of the mean negative log-probability of the targets; its error is that of the
        mean, times it.
    correlation : float or None
        Of the two log-probabilities of a target, over the tokens.
    log_perplexity_ratio : Estimate or None
        Logarithm of the perplexity by the base's: mean of the differences of log-probabilities.
    perplexity_ratio, perplexity_difference : Estimate or None
        With errors that count what the two have in common.
    delta_prob : Distribution or None
        Probability of the target less that in the base.
    delta_prob_rms : Estimate or None
        Root of the mean square of that.
    kl : Distribution
        Kullback-Leibler divergence of the other model from the base.
    js, total_variation : Distribution
        Jensen-Shannon divergence and total variation.
    entropy_shift : Distribution
        Entropy less that of the base.
    kl_upper, js_upper, total_variation_upper : Distribution or None
        Upper bounds of a sparse base, of which the others are lower ones; see
        `logitkit.jobs.sparse_base`.
    base_tail_mass : Distribution or None
        The mass that a sparse base has left out of a row.
    same_argmax : Estimate
        Share of the rows in which both have the same largest logit.
    worst : list of dict
        The rows with the largest divergences, with where they stand.
    seconds, gigabytes_per_second : float
        Time taken, and the size of both files over it in 10^9 bytes a second.
    """

    base: str
    other: str
    output: str | None
    rows: int
    vocab: int
    invalid_rows: int
    scored_tokens: int | None
    saturated_tokens: int | None
    perplexity: Estimate | None
    base_perplexity: Estimate | None
    correlation: float | None
    log_perplexity_ratio: Estimate | None
    perplexity_ratio: Estimate | None
    perplexity_difference: Estimate | None
    delta_prob: Distribution | None
    delta_prob_rms: Estimate | None
    kl: Distribution
    js: Distribution
    total_variation: Distribution
    entropy_shift: Distribution
    same_argmax: Estimate
    kl_upper: Distribution | None = None
    js_upper: Distribution | None = None
    total_variation_upper: Distribution | None = None
    base_tail_mass: Distribution | None = None
    worst: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = math.nan
    gigabytes_per_second: float = math.nan

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON: numbers that are not finite are None."""
        result: dict[str, Any] = _finite(asdict(self))
        return result

    @property
    def _bound(self) -> str:
        return "" if self.kl_upper is None else ", lower bound"

    def __str__(self) -> str:
        lines: list[tuple[str, str]] = [
            ("base", self.base),
            ("other", self.other),
            *([("output", self.output)] if self.output is not None else []),
            ("rows", f"{self.rows} of vocabulary {self.vocab}, {self.invalid_rows} invalid"),
        ]
        if self.base_tail_mass is not None:
            lines.append(("mass left out of the base, mean", f"{self.base_tail_mass.mean}"))
        if self.saturated_tokens is not None:
            lines.append(("targets of which the base has a bound", f"{self.saturated_tokens}"))
        if self.delta_prob is not None:
            lines += [
                ("scored tokens", f"{self.scored_tokens}"),
                ("perplexity", f"{self.perplexity}"),
                ("perplexity, base", f"{self.base_perplexity}"),
                ("correlation of log-probabilities", f"{self.correlation:.4f}"),
                ("ln of the perplexity ratio", f"{self.log_perplexity_ratio}"),
                ("perplexity ratio", f"{self.perplexity_ratio}"),
                ("perplexity difference", f"{self.perplexity_difference}"),
            ]
        lines += _lines("KL divergence" + self._bound, self.kl)
        if self.kl_upper is not None:
            lines.append(("KL divergence, upper bound, mean", f"{self.kl_upper.mean}"))
        if self.delta_prob is not None:
            lines += _lines("change of probability", self.delta_prob)
            lines.append(("change of probability, RMS", f"{self.delta_prob_rms}"))
        lines += [
            ("same top token", f"{self.same_argmax}"),
            (f"JS divergence{self._bound}, mean", f"{self.js.mean}"),
            (f"total variation{self._bound}, mean", f"{self.total_variation.mean}"),
            ("entropy shift, mean", f"{self.entropy_shift.mean}"),
        ]
        for place, row in enumerate(self.worst[:3], start=1):
            where = ", ".join(f"{name} {value}" for name, value in row.items() if name != "kl")
            lines.append((f"largest divergence, {place}", f"{row['kl']:.5g} in {where}"))
        lines.append(("time", f"{self.seconds:.3g} s, {self.gigabytes_per_second:.3g} GB/s"))
        return aligned(lines)


def _lines(label: str, numbers: Distribution) -> list[tuple[str, str]]:
    return [
        (f"{label}, mean", f"{numbers.mean}"),
        (f"{label}, maximum", f"{numbers.max:.5g}"),
        *(
            (f"{label}, {'median' if percent == '50' else percent + ' %'}", f"{value:.5g}")
            for percent, value in numbers.quantiles.items()
        ),
        (f"{label}, minimum", f"{numbers.min:.5g}"),
    ]


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class PairTally:
    """Gathers what a comparison needs from the table, a batch at a time.

    It keeps some numbers for each row: quantiles need all of them, and sums over all of them at
    once do not depend on how the table was cut into batches.

    Parameters
    ----------
    source : LogitSource
        The other model's logits, which are never sparse.
    rows : range
        Those of its rows that are compared.
    given : sequence of str
        The columns of the table.
    with_targets : bool
        Whether there are targets.
    """

    def __init__(
        self, source: LogitSource, rows: range, given: Sequence[str], *, with_targets: bool
    ) -> None:
        self._source = source
        self._rows = rows
        self._with_targets = with_targets
        names = [*_FIELDS, *(_TARGET_FIELDS if with_targets else ())]
        names += [name for name in (*_BOUNDS, "base_tail_mass", "base_exact") if name in given]
        self._columns = {name: np.empty(len(rows)) for name in names}
        self._valid = np.zeros(len(rows), np.bool_)

    def add(self, batch: Mapping[str, NDArray[Any]]) -> None:
        """Count some rows of the table."""
        rows = batch["row"]
        some = slice(int(rows[0]) - self._rows.start, int(rows[-1]) + 1 - self._rows.start)
        self._valid[some] = batch["valid"]
        for name, column in self._columns.items():
            column[some] = batch[name]

    def comparison(self, **about: Any) -> Comparison:
        """Return what all rows come to; `about` are the fields that do not come from them."""
        valid = self._valid
        sequences = self._sequences()
        columns = {name: column[valid] for name, column in self._columns.items()}
        of = Sample(columns, None if sequences is None else sequences[valid])
        with np.errstate(all="ignore"):
            shift = of.columns["entropy"] - of.columns["base_entropy"]
            return Comparison(
                rows=valid.size,
                vocab=self._source.vocab,
                invalid_rows=int(valid.size - valid.sum()),
                **self._about_targets(sequences),
                kl=of.distribution(of.columns["kl"], _KL_QUANTILES),
                js=of.distribution(of.columns["js"], _KL_QUANTILES),
                total_variation=of.distribution(of.columns["total_variation"], _KL_QUANTILES),
                entropy_shift=of.distribution(shift, _DELTA_QUANTILES),
                same_argmax=of.mean(of.columns["same_argmax"]),
                **self._bounds(of),
                worst=self._worst(),
                **about,
            )

    def _bounds(self, of: Sample) -> dict[str, Any]:
        """Return what there is for a sparse base alone."""
        return {
            name: of.distribution(of.columns[name], _KL_QUANTILES)
            for name in (*_BOUNDS, "base_tail_mass")
            if name in of.columns
        }

    def _sequences(self) -> NDArray[np.intp] | None:
        leading = self._source.leading_shape
        if len(leading) < 2:
            return None
        return np.arange(self._rows.start, self._rows.stop) // leading[-1]

    def _about_targets(self, sequences: NDArray[np.intp] | None) -> dict[str, Any]:
        names = (
            "scored_tokens", "saturated_tokens", "perplexity", "base_perplexity", "correlation",
            "log_perplexity_ratio", "perplexity_ratio", "perplexity_difference", "delta_prob",
            "delta_prob_rms",
        )  # fmt: skip
        if not self._with_targets:
            return dict.fromkeys(names)
        scored = self._valid & ~np.isnan(self._columns["log_prob"])
        columns = {name: self._columns[name][scored] for name in _TARGET_FIELDS}
        of = Sample(columns, None if sequences is None else sequences[scored])
        q, p, delta = -columns["log_prob"], -columns["base_log_prob"], columns["delta_prob"]
        # The errors of functions of means are those of their linear parts (the delta method), in
        # which what the two models have in common stands once.
        ln_q, ln_p, ln_ratio = of.mean(q), of.mean(p), of.mean(q - p)
        value, base = np.exp(ln_q.value), np.exp(ln_p.value)
        ratio, square = np.exp(ln_ratio.value), of.mean(delta**2)
        rms = np.sqrt(square.value)
        numbers = (
            int(scored.sum()),
            self._saturated(scored),
            scaled(ln_q, value, value),
            scaled(ln_p, base, base),
            correlation(q, p),
            ln_ratio,
            scaled(ln_ratio, ratio, ratio),
            scaled(of.mean(value * q - base * p), value - base, 1.0),
            of.distribution(delta, _DELTA_QUANTILES),
            scaled(square, rms, 0.5 / rms if rms > 0.0 else 0.0),
        )
        return dict(zip(names, numbers, strict=True))

    def _saturated(self, scored: NDArray[np.bool_]) -> int | None:
        if "base_exact" not in self._columns:
            return None
        return int((self._columns["base_exact"][scored] == 0.0).sum())

    def _worst(self) -> list[dict[str, Any]]:
        kl = np.where(self._valid, self._columns["kl"], -np.inf)
        order = np.argsort(-kl, kind="stable")[:_WORST]
        leading = self._source.leading_shape
        worst = []
        for place in order[self._valid[order]].tolist():
            row = place + self._rows.start
            where: dict[str, Any] = {"row": row}
            if len(leading) == 2:
                where |= {"sequence": row // leading[1], "position": row % leading[1]}
            worst.append(where | {"kl": float(kl[place])})
        return worst
