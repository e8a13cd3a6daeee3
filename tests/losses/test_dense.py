"""Dense results against the reference: dtypes, lengths, layouts, places for the result."""

from typing import Any

import logitkit
import numpy as np
import pytest
from logitkit import reference
from numpy.typing import NDArray

from ..numerics.layouts import LAYOUTS, keywords
from ..numerics.rows import DTYPES, make_rows, result_dtype

LIMITS = {"float64": 1e-12, "float32": 1e-6, "float16": 1e-6, "bfloat16": 1e-6}
SMALLEST = {"float64": 1e-300, "float32": 1e-35}
FUNCTIONS = ("softmax", "log_softmax")


def assert_right(function: str, got: NDArray[Any], expected: NDArray[Any], dtype: str) -> None:
    assert got.dtype == result_dtype(dtype)
    assert got.shape == expected.shape
    limit = LIMITS[dtype]
    if function == "softmax":
        smallest = SMALLEST[result_dtype(dtype).name]
        expected = np.where(expected < smallest, 0.0, expected)
        got = np.where(got < smallest, 0.0, got)
    # A confident token's log-probability of -1e-64 is 0 for float32.
    np.testing.assert_allclose(got.astype(np.float64), expected, rtol=limit, atol=1e-35)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_length(instruction_set: str, dtype: str, function: str) -> None:
    for length in (*range(1, 70), 1023, 1024, 1025, 2049, 32000, 131072 + 1025):
        logits = make_rows(length, dtype)
        for temperature in (1.0, 0.3):
            got = getattr(logitkit, function)(logits, temperature=temperature)
            exact = logits.astype(np.float64)
            expected = getattr(reference, function)(exact, temperature=temperature)
            assert_right(function, got, expected, dtype)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("temperature", [1e-30, 1e-8, 1e7, 1e30])
def test_far_temperatures(instruction_set: str, function: str, temperature: float) -> None:
    logits = (make_rows(1500, "float64") * min(temperature, 1e30)).astype(np.float32)
    got = getattr(logitkit, function)(logits, temperature=temperature)
    expected = getattr(reference, function)(logits.astype(np.float64), temperature=temperature)
    assert_right(function, got, expected, "float32")


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("offset", [3e4, -7e5])
def test_a_large_offset_costs_no_digits(instruction_set: str, function: str, offset: float) -> None:
    logits = make_rows(1500, "float64")
    logits += np.random.default_rng(5).normal(offset, 1.0, logits.shape)
    for temperature in (1.0, 0.3):
        got = getattr(logitkit, function)(logits, temperature=temperature)
        expected = getattr(reference, function)(logits, temperature=temperature)
        assert_right(function, got, expected, "float64")


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_layouts_and_threads_change_no_bit(
    instruction_set: str, dtype: str, layout: str, function: str
) -> None:
    logits = make_rows(2100, dtype)
    compute = getattr(logitkit, function)
    expected = compute(logits, threads=1)
    laid_out = LAYOUTS[layout](logits)
    got = compute(laid_out, threads=3, **keywords(laid_out))
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_many_rows_on_threads(dtype: str, function: str) -> None:
    logits = np.tile(make_rows(9000, dtype), (16, 1))
    compute = getattr(logitkit, function)
    one = compute(logits, threads=1)
    np.testing.assert_array_equal(compute(logits, threads=4), one)
    np.testing.assert_array_equal(compute(logits[5:6]), one[5:6])
    place = logits.copy()
    np.testing.assert_array_equal(compute(place, out=place, threads=4), one.astype(DTYPES[dtype]))


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_avx2_and_avx512_give_the_same_bits(dtype: str, function: str) -> None:
    found, _ = logitkit._native.instruction_sets()
    if "avx512" not in found:
        pytest.skip("this machine lacks avx512: nothing here compared it")
    logits = make_rows(2100, dtype)
    results = []
    for name in ("avx2", "avx512"):
        logitkit._native.use_instruction_set(name)
        results.append(getattr(logitkit, function)(logits))
    logitkit._native.use_instruction_set(None)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_places_for_the_result(instruction_set: str, dtype: str, axis: int, function: str) -> None:
    compute = getattr(logitkit, function)
    logits = make_rows(130, dtype).reshape(2, 4, 130)
    expected = compute(logits)
    rounded = expected.astype(DTYPES[dtype])
    moved = np.ascontiguousarray(np.moveaxis(logits, -1, axis))
    np.testing.assert_array_equal(np.moveaxis(compute(moved, axis=axis), axis, -1), expected)
    for values, results in ((moved.dtype, rounded), (expected.dtype, expected)):
        out = np.empty(moved.shape, values)
        assert compute(moved, axis=axis, out=out) is out
        np.testing.assert_array_equal(np.moveaxis(out, axis, -1), results)
    assert compute(moved, axis=axis, out=moved) is moved
    np.testing.assert_array_equal(np.moveaxis(moved, axis, -1), rounded)


def test_a_result_that_overlaps_its_logits() -> None:
    memory = np.random.default_rng(0).normal(size=5 * 40).astype(np.float32)
    logits, out = memory[:160].reshape(4, 40), memory[40:].reshape(4, 40)
    expected = logitkit.softmax(logits)
    np.testing.assert_array_equal(logitkit.softmax(logits, out=out), expected)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values(instruction_set: str, dtype: str, function: str) -> None:
    logits = np.zeros((6, 1100), DTYPES[dtype])
    logits[0, 7], logits[1, 1099], logits[2] = np.nan, np.inf, -np.inf
    logits[4, 1:] = -np.inf
    got = getattr(logitkit, function)(logits)
    assert np.isnan(got[:3].astype(np.float64)).all()
    zero, one = (0.0, 1.0) if function == "softmax" else (-np.inf, 0.0)
    np.testing.assert_array_equal(got[4, 0], one)
    np.testing.assert_array_equal(got[4, 1:], zero)
    even = 1 / 1100 if function == "softmax" else -np.log(1100)
    np.testing.assert_allclose(got[[3, 5]].astype(np.float64), even, rtol=1e-6)


def test_wrong_places_are_refused_with_the_way_out() -> None:
    logits = np.zeros((2, 3), np.float32)
    read_only = np.zeros((2, 3), np.float32)
    read_only.flags.writeable = False
    for error, out, words in (
        (TypeError, [[0.0] * 3] * 2, "out is a list; expected a writeable numpy.ndarray"),
        (TypeError, np.zeros((2, 3)), "out has dtype float64; .* dtype float32"),
        (TypeError, np.zeros((2, 3), ">f4"), "native byte order"),
        (ValueError, np.zeros((3, 2), np.float32), r"out has shape \(3, 2\); .* shape \(2, 3\)"),
        (ValueError, read_only, "read-only"),
    ):
        with pytest.raises(error, match=words):
            logitkit.softmax(logits, out=out)  # type: ignore[arg-type]
