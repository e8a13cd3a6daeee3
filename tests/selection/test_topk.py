"""topk against a stable sort: on every instruction set, element type, layout, and row."""

from typing import Any

import logitkit
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from logitkit import reference
from numpy.typing import NDArray

from ..numerics.layouts import LAYOUTS, keywords
from ..numerics.rows import BLOCK, CHUNK, DTYPES, make_rows, result_dtype
from .rows import counts, hard_rows

LENGTHS = [1, 2, 31, 33, 500, BLOCK, BLOCK + 1, 5 * BLOCK + 7, 16 * BLOCK + 1, 50_001, CHUNK + 5]


def assert_same(found: Any, expected: Any, where: str) -> None:
    """Assert that both hold the same tokens, in the same order, with the same logits."""
    np.testing.assert_array_equal(found.indices, expected.indices, f"indices, {where}")
    np.testing.assert_array_equal(found.values, expected.values, f"values, {where}")
    signs = np.signbit(found.values), np.signbit(expected.values)
    valid = ~np.isnan(expected.values)
    np.testing.assert_array_equal(signs[0][valid], signs[1][valid], f"signs, {where}")


def first(everything: Any, k: int) -> Any:
    """Give the k largest, of all in order."""
    return logitkit.TopK(everything.values[..., :k], everything.indices[..., :k])


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_hard_rows(instruction_set: str, dtype: str, length: int) -> None:
    names, logits = hard_rows(length, dtype)
    everything = reference.topk(logits, length)
    for k in counts(length):
        found = logitkit.topk(logits, k)
        assert found.values.dtype == result_dtype(dtype)
        assert found.indices.dtype == np.int64
        for i, name in enumerate(names):
            pick = logitkit.TopK(found.values[i], found.indices[i])
            want = logitkit.TopK(everything.values[i, :k], everything.indices[i, :k])
            assert_same(pick, want, f"{name}, k = {k}")


@pytest.mark.parametrize("length", [1, 40, 1025, 33_000, CHUNK + 1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_log_probs_are_those_of_the_tokens(instruction_set: str, dtype: str, length: int) -> None:
    names, hard = hard_rows(length, dtype)
    logits = np.concatenate([make_rows(length, dtype), hard])
    temperature = np.linspace(0.5, 2.0, len(logits))
    for k in (1, min(length, 50), length):
        expected = reference.topk(logits, k, return_log_probs=True, temperature=temperature)
        found = logitkit.topk(logits, k, return_log_probs=True, temperature=temperature)
        assert_same(found, expected, f"k = {k}")
        assert found.log_probs.dtype == result_dtype(dtype)
        tolerance = 1e-12 if dtype == "float64" else 1e-6
        np.testing.assert_allclose(found.log_probs, expected.log_probs, tolerance, 1e-37)
    del names


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_layout(instruction_set: str, dtype: str, layout: str) -> None:
    for length in (1, 33, 1025, 20_000, CHUNK + 9):
        _, logits = hard_rows(length, dtype)
        view = LAYOUTS[layout](logits)
        everything = reference.topk(logits, length)
        for k in {1, min(50, length), min(5000, length)}:
            found = logitkit.topk(view, k, **keywords(view))
            assert_same(found, first(everything, k), f"{length}, k = {k}")
            more = logitkit.topk(view, k, return_log_probs=True, **keywords(view))
            assert_same(more, first(everything, k), f"{length}, k = {k}, with log-probabilities")


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_number_of_threads_and_any_batch(instruction_set: str, dtype: str) -> None:
    for length in (1000, 60_000, 2 * CHUNK + 77):
        _, logits = hard_rows(length, dtype)
        for k in (1, 50, 1000):
            arguments: dict[str, Any] = {"return_log_probs": True, "temperature": 0.7}
            alone = logitkit.topk(logits, k, threads=1, **arguments)
            for threads in (2, 3, 40):
                found = logitkit.topk(logits, k, threads=threads, **arguments)
                assert_bits(found, alone)
            rows = [logitkit.topk(row, k, threads=2, **arguments) for row in logits]
            stacked = logitkit.TopKLogProbs(*map(np.stack, zip(*rows, strict=True)))
            assert_bits(stacked, alone)


def assert_bits(found: Any, expected: Any) -> None:
    for a, b in zip(found, expected, strict=True):
        assert a.tobytes() == b.tobytes()


def test_every_instruction_set_gives_the_same(instruction_set: str) -> None:
    logits = make_rows(50_000, "float32")
    expected = reference.topk(logits, 300)
    assert_same(logitkit.topk(logits, 300), expected, instruction_set)


@pytest.mark.parametrize("dtype", DTYPES)
def test_neighbours_of_a_row_with_nan(instruction_set: str, dtype: str) -> None:
    logits = make_rows(3000, dtype)
    clean = logitkit.topk(logits, 20, return_log_probs=True)
    logits[2, 2999] = np.nan
    dirty = logitkit.topk(logits, 20, return_log_probs=True)
    others = np.arange(len(logits)) != 2
    for a, b in zip(dirty, clean, strict=True):
        np.testing.assert_array_equal(a[others], b[others])
    assert np.isnan(dirty.values[2]).all()
    assert (dirty.indices[2] == -1).all()
    assert np.isnan(dirty.log_probs[2]).all()


def test_both_infinities_are_no_nan(instruction_set: str) -> None:
    logits = np.zeros(2000, np.float32)
    logits[3], logits[4], logits[5] = np.inf, -np.inf, 3e38
    found = logitkit.topk(logits, 2000)
    assert found.indices[[0, 1, -1]].tolist() == [3, 5, 4]


numbers = st.sampled_from([-np.inf, -1e30, -2.0, -1.5, -0.0, 0.0, 0.5, 1.0, 7.0, 1e30, np.inf])


@settings(deadline=None, max_examples=150)
@given(
    st.integers(1, 3000).flatmap(
        lambda n: st.tuples(
            arrays(np.float64, n, elements=numbers, fill=numbers), st.integers(1, n)
        )
    ),
    st.sampled_from(list(DTYPES)),
)
def test_any_row(
    instruction_set: str, row_and_k: tuple[NDArray[np.float64], int], dtype: str
) -> None:
    row, k = row_and_k
    with np.errstate(over="ignore"):
        logits = row.astype(DTYPES[dtype])
    assert_same(logitkit.topk(logits, k), reference.topk(logits, k), f"k = {k}")
    found = logitkit.topk(logits, k, sorted=False)
    assert (np.diff(found.indices) > 0).all()
    assert set(found.indices) == set(logitkit.topk(logits, k).indices)
    assert_same(found, reference.topk(logits, k, sorted=False), "by index")
