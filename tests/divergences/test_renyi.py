"""The Rényi divergence against sixty digits, its limits, and what it does with its order."""

from types import ModuleType
from typing import Any

import logitkit
import numpy as np
import pytest
from logitkit import reference

from .exact import exact_renyi
from .pairs import KINDS, make_pairs, result_dtype

ORDERS = [0.0, 0.1, 0.5, 0.999, 1.001, 2.0, 10.0, np.inf]
# Nearly equal models are apart by about this; below it, rounding of the log-ratios shows.
SMALLEST = {"float64": 1e-9, "float32": 1e-12}
LIMITS = {"float64": 1e-11, "float32": 1e-6}


def assert_exact(
    module: ModuleType, p: Any, q: Any, alpha: float, dtype: str, temperatures: Any = (1.0, 1.0)
) -> None:
    got = module.renyi_divergence(p, q, alpha, temperature=temperatures)
    rows = zip(p.astype(np.float64), q.astype(np.float64), strict=True)
    exact = np.array([exact_renyi(x, y, alpha, temperatures) for x, y in rows])
    finite = np.isfinite(exact)
    np.testing.assert_array_equal(got[~finite], exact[~finite])
    # Order 0 is the logarithm of all but what p excludes, order infinity of one token's ratio:
    # first-order quantities, whose rounding is that of a sum.
    smallest, limit = SMALLEST[dtype], LIMITS[dtype]
    if alpha in (0.0, np.inf):
        smallest, limit = max(smallest, 1e-8), 1e-6
    error = np.abs(got[finite] - exact[finite]) / np.maximum(exact[finite], smallest)
    worst = error.argmax()
    assert error.max() <= limit, f"{alpha}: {error[worst]:.3g}, {exact[finite][worst]}"
    assert (got >= 0).all()


@pytest.mark.parametrize("alpha", ORDERS)
@pytest.mark.parametrize("temperatures", [(1.0, 1.0), (1.3, 0.9)])
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_orders(instruction_set: str, dtype: str, temperatures: Any, alpha: float) -> None:
    for length in (1, 2, 150):
        p, q = make_pairs(length, dtype, dtype)
        limits = "float64" if dtype == "float64" else "float32"
        assert_exact(logitkit, p, q, alpha, limits, temperatures)
        if instruction_set == "portable" and dtype == "float64":
            assert_exact(reference, p, q, alpha, "float64", temperatures)


@pytest.mark.parametrize("lengths", [range(1, 70), [1023, 1025, 32000, 131081]])
@pytest.mark.parametrize(("p_dtype", "q_dtype"), [("float32", "float32"), ("float16", "float64")])
def test_every_length(instruction_set: str, p_dtype: str, q_dtype: str, lengths: Any) -> None:
    for length in lengths:
        p, q = make_pairs(length, p_dtype, q_dtype)
        for alpha in (0.5, 2.0):
            got = logitkit.renyi_divergence(p, q, alpha)
            assert got.dtype == result_dtype(p_dtype, q_dtype)
            exact = reference.renyi_divergence(p.astype(float), q.astype(float), alpha)
            smallest = SMALLEST[got.dtype.name]
            error = np.abs(got - exact) / np.maximum(exact, smallest)
            assert error.max() <= 1e-6, (length, alpha, error)


def test_order_one_is_kl() -> None:
    p, q = make_pairs(300, "float32", "float32")
    kl = logitkit.kl_divergence(p, q)
    np.testing.assert_array_equal(logitkit.renyi_divergence(p, q, 1), kl)
    near = logitkit.renyi_divergence(p, q, 1 + 1e-7)
    np.testing.assert_allclose(near, kl, rtol=1e-4, atol=1e-12)


def test_it_grows_with_its_order(instruction_set: str) -> None:
    p, q = make_pairs(500, "float64", "float64")
    values = [logitkit.renyi_divergence(p, q, alpha) for alpha in (0, 0.2, 0.7, 1, 1.5, 4, np.inf)]
    assert (np.diff(values, axis=0) >= -1e-12).all()


@pytest.mark.parametrize("module", [logitkit, reference])
@pytest.mark.parametrize("length", [4, 17, 1030])
def test_masks(module: ModuleType, instruction_set: str, length: int) -> None:
    row = np.random.default_rng(length).normal(0, 2, length)
    masked = row.copy()
    masked[length // 2] = -np.inf
    kept = 1 - np.exp(row[length // 2]) / np.exp(row).sum()
    for alpha in (0.0, 0.5, 2.0, np.inf):
        # p allows less than q: a conditional distribution.
        np.testing.assert_allclose(
            module.renyi_divergence(masked, row, alpha), -np.log(kept), rtol=1e-11
        )
        assert module.renyi_divergence(masked, masked, alpha) == 0.0
    for alpha in (1.0, 1.5, np.inf):
        assert module.renyi_divergence(row, masked, alpha) == np.inf
    for alpha in (0.25, 0.5):
        expected = -alpha / (1 - alpha) * np.log(kept)
        got = module.renyi_divergence(row, masked, alpha)
        np.testing.assert_allclose(got, expected, rtol=1e-11)
    apart = np.where(np.arange(length) % 2, row, -np.inf)
    other = np.where(np.arange(length) % 2, -np.inf, row)
    for alpha in (0.0, 0.5, 2.0, np.inf):
        assert module.renyi_divergence(apart, other, alpha) == np.inf


@pytest.mark.parametrize("module", [logitkit, reference])
def test_far_apart(module: ModuleType, instruction_set: str) -> None:
    p, q = np.zeros(40), np.zeros(40)
    p[3], q[5] = 1000.0, 900.0
    for alpha, expected in ((0.25, 1000 / 3), (0.5, 900.0), (3.0, 900.0), (np.inf, 900.0)):
        got = module.renyi_divergence(p, q, alpha)
        np.testing.assert_allclose(got, expected, rtol=1e-12)
    bad = np.array([[np.nan, 0.0], [np.inf, 0.0], [-np.inf, -np.inf]])
    assert np.isnan(module.renyi_divergence(bad, np.zeros((3, 2)), 2)).all()
    assert np.isnan(module.renyi_divergence(np.zeros((3, 2)), bad, 2)).all()


@pytest.mark.parametrize("module", [logitkit, reference])
def test_orders_that_are_none(module: ModuleType) -> None:
    for alpha in (-0.5, np.nan):
        with pytest.raises(ValueError, match=r"alpha=.*; expected one from 0 to inf"):
            module.renyi_divergence([0.0, 1.0], [1.0, 0.0], alpha)
    with pytest.raises(TypeError, match=r"alpha='x' is not a number; expected one from 0 to inf"):
        module.renyi_divergence([0.0, 1.0], [1.0, 0.0], "x")


def test_the_kinds_are_those_of_the_others() -> None:
    assert len(KINDS) == make_pairs(3, "float64", "float64")[0].shape[0]
