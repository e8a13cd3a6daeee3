"""Divergences against sixty digits: ordinary pairs, nearly equal ones, temperatures, weights."""

from functools import cache

import logitkit
import numpy as np
import pytest
from logitkit import reference

from .exact import exact_divergences
from .pairs import (
    DTYPES,
    MIXED,
    NAMES,
    ask,
    assert_close,
    limit_for,
    make_pairs,
    result_dtype,
    smallest_for,
)

SAME = [(name, name) for name in DTYPES]
TEMPERATURES = [(1.0, 1.0), (0.7, 0.7), (1.3, 0.9), (5.0, 1e-2)]


@cache
def exact(
    p_dtype: str, q_dtype: str, length: int, temperatures: tuple[float, float], weight: float
) -> dict[str, list[float]]:
    p, q = make_pairs(length, p_dtype, q_dtype)
    rows = zip(p.astype(np.float64), q.astype(np.float64), strict=True)
    found = [exact_divergences(x, y, temperatures, weight) for x, y in rows]
    return {name: [each[name] for each in found] for name in NAMES}


@pytest.mark.parametrize("temperatures", TEMPERATURES)
@pytest.mark.parametrize(("p_dtype", "q_dtype"), SAME + MIXED)
def test_pairs_of_every_kind(
    instruction_set: str, p_dtype: str, q_dtype: str, temperatures: tuple[float, float]
) -> None:
    for length in (1, 2, 150):
        p, q = make_pairs(length, p_dtype, q_dtype)
        truth = exact(p_dtype, q_dtype, length, temperatures, 0.5)
        for name, got in ask(logitkit, p, q, temperature=temperatures).items():
            dtype = result_dtype(p_dtype, q_dtype)
            smallest = smallest_for(name, dtype, temperatures)
            limit = limit_for(name, p_dtype, q_dtype)
            assert_close(got, truth[name], dtype, f"{name}, {length}", smallest, limit)


@pytest.mark.parametrize("temperatures", TEMPERATURES)
def test_reference_on_pairs_of_every_kind(temperatures: tuple[float, float]) -> None:
    for length in (1, 2, 150):
        p, q = make_pairs(length, "float64", "float64")
        truth = exact("float64", "float64", length, temperatures, 0.5)
        for name, got in ask(reference, p, q, temperature=temperatures).items():
            dtype = np.dtype(np.float64)
            smallest = smallest_for(name, dtype)
            assert_close(got, truth[name], dtype, f"{name}, {length}", smallest, 1e-12)


@pytest.mark.parametrize("weight", [0.0, 1e-6, 0.01, 0.1, 0.3, 0.9, 0.999, 1.0])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_weights_of_the_mixture(instruction_set: str, dtype: str, weight: float) -> None:
    p, q = make_pairs(150, dtype, dtype)
    truth = exact(dtype, dtype, 150, (1.0, 1.0), weight)["js_divergence"]
    got = logitkit.js_divergence(p, q, weight=weight)
    smallest = smallest_for("js_divergence", DTYPES[dtype])
    limit = limit_for("js_divergence", dtype, dtype)
    assert_close(got, truth, DTYPES[dtype], f"weight {weight}", smallest, limit)


@pytest.mark.parametrize("offset", [0.0, 3.0, 20.0])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_nearly_equal_models_keep_their_digits(
    instruction_set: str, dtype: str, offset: float
) -> None:
    rng = np.random.default_rng(5)
    p = rng.normal(0.0, 2.0, (2, 1500)).astype(DTYPES[dtype])
    # What float32 can hold of a difference near 1e-5 depends on the logit.
    q = (p + offset + rng.normal(0.0, 1.5e-5, p.shape)).astype(DTYPES[dtype])
    pairs = zip(p.astype(np.float64), q.astype(np.float64), strict=True)
    found = [exact_divergences(x, y) for x, y in pairs]
    if offset == 0.0:
        assert all(1e-11 < each["kl_divergence"] < 1e-9 for each in found)
    for name in NAMES:
        truth = [each[name] for each in found]
        got = getattr(logitkit, name)(p, q)
        # float64 holds the log-ratios, near 1e-5, to 1e-10 of themselves.
        np.testing.assert_allclose(got, truth, 1e-10 if dtype == "float64" else 1e-6, err_msg=name)
        plain = getattr(reference, name)(p.astype(np.float64), q.astype(np.float64))
        np.testing.assert_allclose(plain, truth, 1e-9, err_msg=name)


@pytest.mark.parametrize("offset", [3e4, -2e5])
def test_large_logits_cost_float64_no_digits(instruction_set: str, offset: float) -> None:
    rng = np.random.default_rng(6)
    p, q = rng.normal(0.0, 2.0, (2, 2, 700))
    q[1] += 3.0
    p, q = p + offset, q + offset
    for temperature in (1.0, 0.3):
        for name, got in ask(logitkit, p, q, temperature=temperature).items():
            truth = [
                exact_divergences(x, y, (temperature, temperature))[name]
                for x, y in zip(p, q, strict=True)
            ]
            np.testing.assert_allclose(got, truth, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("length", [512, 2048, 9000])
def test_roundings_that_all_go_one_way(instruction_set: str, length: int) -> None:
    """Equal logits in one row: their terms are rounded alike in every lane."""
    rng = np.random.default_rng(7)
    point = rng.normal(0.0, 2.0, length)
    point[length // 2] += 300.0
    for equal in (-3.98, -1.22, 0.5, 1.0, 2.28):
        steps = np.where(np.arange(length) % 2, equal, equal + 1)
        for other in (point, steps):
            rows = [row.astype(np.float32) for row in (other, np.full(length, equal))]
            for p, q in (rows, rows[::-1]):
                for temperature in (1.0, 0.5):
                    pair = (p.astype(np.float64), q.astype(np.float64))
                    expected = ask(reference, *pair, temperature=temperature)
                    for name, got in ask(logitkit, p, q, temperature=temperature).items():
                        np.testing.assert_allclose(got, expected[name], 1e-6, err_msg=name)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_same_logits_do_not_differ(instruction_set: str, dtype: str) -> None:
    p, _ = make_pairs(3000, dtype, dtype)
    for name in ("kl_divergence", "js_divergence", "total_variation"):
        np.testing.assert_array_equal(getattr(logitkit, name)(p, p.copy()), 0.0, name)
