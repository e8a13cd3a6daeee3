"""Every function to 1e-12, relative, where the textbook formulas lose all digits too."""

from typing import Any

import mpmath
import numpy as np
import pytest
from logitkit import dist
from numpy.typing import NDArray

from . import exact

LIMIT = 1e-12
RNG = np.random.default_rng(11)


def assert_exact(result: Any, expected: mpmath.mpf) -> None:
    with mpmath.workdps(exact.DIGITS):
        error = abs(mpmath.mpf(float(result)) - expected)
        assert error <= LIMIT * abs(expected), f"{result} is not {mpmath.nstr(expected, 17)}"


def nearly(certain: float) -> NDArray[np.float64]:
    return np.array([certain / 3, 1.0, certain / 5, 0.0])


ROWS = {
    "random": RNG.random(50),
    "dirichlet": RNG.dirichlet(np.full(50, 0.05)),
    "gamma": RNG.gamma(0.01, size=60) + 1e-300,
    "uniform": np.ones(7),
    "one": np.array([3.0]),
    "certain to 1e-5": nearly(1e-5),
    "certain to 1e-20": nearly(1e-20),
    "certain to 1e-200": nearly(1e-200),
    "integers": np.array([4, 0, 2, 1, 1]),
    "float32": RNG.random(9).astype(np.float32),
    "float16": RNG.random(9).astype(np.float16),
    "huge": np.array([1e308, 1.7e308, 1e300, 0.0]),
    "tiny": np.array([5e-324, 1e-320, 0.0, 3e-310]),
}


@pytest.mark.parametrize("name", ROWS)
def test_entropy(name: str) -> None:
    weights = ROWS[name]
    expected = exact.entropy(weights.tolist())
    assert_exact(dist.entropy(weights), expected)
    assert_exact(dist.entropy(weights, base=2), expected / mpmath.log(2))
    assert_exact(dist.perplexity(weights), mpmath.exp(expected))
    if weights.size > 1:
        assert_exact(dist.normalized_entropy(weights), expected / mpmath.log(weights.size))


def near(p: NDArray[np.float64], by: float) -> NDArray[np.float64]:
    return p * (1.0 + by * RNG.standard_normal(p.size).clip(-3, 3))


P = RNG.dirichlet(np.full(40, 0.5))
PAIRS = {
    "random": (RNG.random(50), RNG.random(50)),
    "far": (RNG.dirichlet(np.full(50, 0.05)), RNG.dirichlet(np.full(50, 0.05)) + 1e-200),
    "with zeros": (np.array([0.5, 0.0, 0.5, 0.0]), np.array([0.25, 0.25, 0.5, 0.0])),
    "near to 0.1": (P, near(P, 0.1)),
    "near to 1e-4": (P, near(P, 1e-4)),
    "near to 1e-8": (P, near(P, 1e-8)),
    "near to 1e-13": (P, near(P, 1e-13)),
    "near but for the sum": (P, 3.0 * near(P, 1e-8)),
    "near, integers": (np.array([10**9, 10**9 + 1, 7]), np.array([3 * 10**9, 3 * 10**9, 20])),
    "one outcome apart": (np.array([1.0, 1e-30]), np.array([1.0, 2e-30])),
    "nearly certain": (np.array([1e-18, 1.0, 0.0]), np.array([1e-12, 1.0, 1e-14])),
    "ratios at the limit of the series": (
        np.array([1.0, 1.0, 1.5, 1.500001, 2 / 3, 0.66666]),
        np.ones(6),
    ),
    "huge and tiny": (np.array([1e308, 1.7e308]), np.array([3e-310, 1e-310])),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("function", ["cross_entropy", "kl_divergence", "js_divergence"])
def test_divergences(function: str, name: str) -> None:
    for p, q in (PAIRS[name], PAIRS[name][::-1]):
        if function != "js_divergence" and ((q == 0) & (p > 0)).any():
            continue
        expected = getattr(exact, function)(p.tolist(), q.tolist())
        assert_exact(getattr(dist, function)(p, q), expected)


X, Y = RNG.dirichlet(np.ones(4)), RNG.dirichlet(np.ones(5))
TABLES = {
    "random": RNG.random((4, 6)),
    "counts": RNG.poisson(1.0, (5, 7)),
    "identity": np.eye(4),
    "one row": RNG.random((1, 6)),
    "with empty rows": np.array([[0, 0, 0], [1, 2, 0], [3, 1, 0]]),
    "independent to 1e-3": np.outer(X, Y) * (1 + 1e-3 * RNG.standard_normal((4, 5))),
    "independent to 1e-9": np.outer(X, Y) * (1 + 1e-9 * RNG.standard_normal((4, 5))),
    "determined to 1e-15": np.eye(3) + 1e-15 * RNG.random((3, 3)),
    "huge": RNG.random((3, 4)) * 1e308,
}


@pytest.mark.parametrize("name", TABLES)
def test_joint_distributions(name: str) -> None:
    table = TABLES[name]
    listed = table.tolist()
    assert_exact(dist.joint_entropy(table), exact.entropy(table.ravel().tolist()))
    assert_exact(dist.conditional_entropy(table), exact.conditional_entropy(listed))
    if name == "one row":
        assert dist.mutual_information(table) == 0.0
    else:
        assert_exact(dist.mutual_information(table), exact.mutual_information(listed))


COUNTS = {
    "few": [4, 2, 1, 1, 0],
    "all seen once": [1, 1, 1, 1],
    "one outcome, even": [2],
    "one outcome, odd": [15],
    "one outcome, before the series": [14],
    "one outcome, where the series starts": [16],
    "one outcome, odd, of the series": [19],
    "one outcome, large": [10**6],
    "small": list(range(40)),
    "around the limit of the series": [14, 15, 16, 17, 18, 0, 31],
    "large": [10**6, 10**9 + 1, 3, 1],
    "beyond integers of float64": [2**60, 2**58],
    "nearly certain": [10**12, 1, 2],
}


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("estimator", ["plugin", "miller-madow", "grassberger", "chao-shen"])
def test_estimators(estimator: str, name: str) -> None:
    counts = COUNTS[name]
    formula = {"plugin": "entropy"}.get(estimator, estimator.replace("-", "_"))
    expected = getattr(exact, formula)(counts)
    assert_exact(dist.entropy_of_counts(counts, estimator=estimator), expected)


@pytest.mark.parametrize("scale", [1e-9, 1e-4, 0.1, 0.5, 1.0, 20.0])
def test_gaussian_kl(scale: float) -> None:
    mu, logvar = scale * RNG.standard_normal((2, 12))
    assert_exact(dist.gaussian_kl(mu, logvar), exact.gaussian_kl(mu, logvar))
    terms = dist.gaussian_kl(mu, logvar, reduction="none")
    for term, m, v in zip(terms, mu, logvar, strict=True):
        assert_exact(term, exact.gaussian_kl([m], [v]))


def test_information_gain_of_a_split_that_tells_next_to_nothing() -> None:
    # 1000 samples of each of two labels in two branches, but for one that is elsewhere.
    table = np.array([[1000, 1000], [1000, 1001]])
    split, labels = np.repeat(np.indices(table.shape).reshape(2, -1), table.ravel(), axis=1)
    expected = exact.mutual_information(table.tolist())
    assert expected < 1e-7
    assert_exact(dist.information_gain(labels, split), expected)
    assert_exact(
        dist.gain_ratio(labels, split), expected / exact.entropy(table.sum(axis=1).tolist())
    )
