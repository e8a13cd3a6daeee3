"""The error of a statistic against its exact value: the limits we promise, and the worst seen."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .rows import result_dtype

LIMITS = {"float64": 1e-12, "float32": 1e-6, "float16": 1e-6, "bfloat16": 1e-6}
ULPS = "logsumexp in float32 ulps"
ULP_LIMIT = 1.5

# Not a sum of rounded weights but a copy or a count: no error is allowed.
EXACT = {"max", "argmax", "rank", "valid"}

# Below this a result counts against it and no longer against itself. We promise 1e-20; float32 has
# no weights for much less.
SMALLEST = {"float64": float(np.finfo(np.float64).tiny), "float32": 1e-25}

# Equal logits have varentropy 0, which no relative error can measure.
VARENTROPY_OF_EQUAL_LOGITS = 1e-12


@dataclass
class Worst:
    """The largest error so far, and the input that gave it."""

    error: float = 0.0
    where: str = ""
    compared: int = 0


@dataclass
class Accuracy:
    """Asserts the limits; remembers the worst of each statistic and dtype for the summary."""

    worst: dict[tuple[str, str], Worst] = field(default_factory=dict)

    def check(
        self, statistic: str, dtype: str, got: ArrayLike, exact: ArrayLike, where: str
    ) -> None:
        """Assert that `got`, of logits of `dtype`, is within the limit of `exact`.

        `exact` is float64 or long double; the difference is taken in the wider of the two.
        """
        result, truth = np.asarray(got), np.asarray(exact)
        assert result.shape == truth.shape, f"{statistic} {dtype} {where}: shape {result.shape}"
        if statistic in EXACT:
            np.testing.assert_array_equal(result, truth, err_msg=f"{statistic} {dtype} {where}")
            self._remember(statistic, dtype, np.zeros(truth.shape), where)
            return
        expected_dtype = np.dtype(np.float64) if statistic == "perplexity" else result_dtype(dtype)
        assert result.dtype == expected_dtype, f"{statistic} {dtype} {where}: {result.dtype}"
        error = relative_error(statistic, result, truth, result_dtype(dtype))
        self._remember(statistic, dtype, error, where)
        self._refuse(statistic, dtype, error, LIMITS[dtype], result, truth, where)
        if statistic == "logsumexp" and dtype != "float64":
            ulps = float32_ulps(result, truth)
            self._remember(ULPS, dtype, ulps, where)
            self._refuse(ULPS, dtype, ulps, ULP_LIMIT, result, truth, where)

    def _remember(
        self, statistic: str, dtype: str, error: NDArray[np.floating[Any]], where: str
    ) -> None:
        worst = self.worst.setdefault((statistic, dtype), Worst())
        worst.compared += error.size
        largest = float(error.max(initial=0.0))
        if largest > worst.error:
            worst.error, worst.where = largest, where

    @staticmethod
    def _refuse(
        statistic: str,
        dtype: str,
        error: NDArray[np.floating[Any]],
        limit: float,
        got: NDArray[Any],
        exact: NDArray[Any],
        where: str,
    ) -> None:
        bad = np.argwhere(~(error <= limit))
        # Not by its size: the place of a scalar is an empty list.
        if len(bad) == 0:
            return
        lines = [
            f"  at {index.tolist()}: got {got[tuple(index)]!r}, exact {exact[tuple(index)]!r}, "
            f"error {error[tuple(index)]:.3g}"
            for index in bad[:5]
        ]
        raise AssertionError(
            f"{statistic} of {dtype}, {where}: {len(bad)} of {error.size} results miss {limit:g}\n"
            + "\n".join(lines)
        )

    def table(self) -> list[str]:
        """Lay the worst errors out, one line per statistic and dtype."""
        lines = []
        for (statistic, dtype), worst in sorted(self.worst.items()):
            error = "exact" if statistic in EXACT else f"{worst.error:.2e}"
            lines.append(
                f"{statistic:27} {dtype:9} {error:>9}  of {worst.compared:8,}  {worst.where}"
            )
        return lines


def relative_error(
    statistic: str, got: NDArray[Any], exact: NDArray[Any], dtype: np.dtype[Any]
) -> NDArray[np.floating[Any]]:
    """Give |got - exact| / |exact|; log-sum-exp, whose zero is arbitrary, is measured against 1.

    A result beyond the largest number of its dtype is right if it is the infinity that rounding
    gives.
    """
    unit = 1.0 if statistic == "logsumexp" else SMALLEST[dtype.name]
    with np.errstate(over="ignore", invalid="ignore"):
        same = got == exact.astype(got.dtype)
        error: NDArray[np.floating[Any]] = np.abs(got - exact) / np.maximum(np.abs(exact), unit)
    error = np.where(same & ~np.isfinite(got), 0.0, error)
    if statistic == "varentropy":
        tiny = (exact == 0) & (got >= 0) & (got <= VARENTROPY_OF_EQUAL_LOGITS)
        error = np.where(tiny, 0.0, error)
    return np.where(np.isnan(error), np.inf, error)


def float32_ulps(got: NDArray[Any], exact: NDArray[Any]) -> NDArray[np.floating[Any]]:
    """Give |got - exact| in units in the last place, as float32 has them at max(|exact|, 1)."""
    with np.errstate(over="ignore", invalid="ignore"):
        magnitude = np.maximum(np.abs(exact), 1.0).astype(np.float32)
        ulps = np.abs(got - exact) / np.spacing(magnitude)
        same = (got == exact.astype(np.float32)) & ~np.isfinite(got)
    return np.where(same, 0.0, ulps)
