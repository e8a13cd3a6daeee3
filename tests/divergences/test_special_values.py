"""Masks, NaN and infinities in one row or both."""

from typing import Any

import logitkit
import numpy as np
import pytest
from logitkit import reference

from .pairs import CHUNK, DTYPES, NAMES, ask

OF_P = ("kl_divergence", "cross_entropy_between")
LENGTHS = [4, 16, 17, 1030, CHUNK + 9]


def row(length: int, dtype: str, seed: int) -> Any:
    return np.random.default_rng([length, seed]).normal(0.0, 2.0, length).astype(DTYPES[dtype])


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_token_that_q_excludes(instruction_set: str, dtype: str, length: int) -> None:
    for place in (0, length // 2, length - 1):
        p, q = row(length, dtype, 0), row(length, dtype, 1)
        q[place] = -np.inf
        got = ask(logitkit, p, q)
        assert all(got[name] == np.inf for name in OF_P)
        exact = ask(reference, p, q)
        for name in ("js_divergence", "total_variation"):
            np.testing.assert_allclose(got[name], exact[name], rtol=1e-6, err_msg=name)
        # However improbable it is in p.
        p[place] = -1000.0
        assert logitkit.kl_divergence(p, q) == np.inf
        assert reference.kl_divergence(p, q) == np.inf
        # Not if p excludes it too; or p alone.
        p[place] = -np.inf
        for other in (q, row(length, dtype, 1)):
            got, exact = ask(logitkit, p, other), ask(reference, p, other)
            for name in NAMES:
                np.testing.assert_allclose(got[name], exact[name], rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("weight", [0.0, 1e-9, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("gap", [30.0, 700.0, 744.5])
def test_a_token_of_next_to_no_probability(instruction_set: str, weight: float, gap: float) -> None:
    # The first token has all but that; rows of far temperatures or large logits are summed one by
    # one.
    p, q = np.zeros((2, 40))
    p[1:], q[1:] = -gap, -2 * gap
    for offset, temperature in ((0.0, 1.0), (0.0, 1e-7), (2.0**45, 1.0)):
        pair = [(row * temperature + offset) for row in (p, q)]
        for library in (logitkit, reference):
            for x, y in (pair, pair[::-1]):
                got = library.js_divergence(x, y, temperature=temperature, weight=weight)
                assert 0.0 <= got <= 41 * np.exp(-gap)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_disjoint_supports(instruction_set: str, dtype: str, length: int) -> None:
    p, q = row(length, dtype, 0), row(length, dtype, 1)
    p[::2] = -np.inf
    q[1::2] = -np.inf
    got = ask(logitkit, p, q)
    assert got["kl_divergence"] == np.inf
    assert got["cross_entropy_between"] == np.inf
    np.testing.assert_allclose(got["js_divergence"], np.log(2), rtol=1e-6)
    np.testing.assert_allclose(got["total_variation"], 1.0, rtol=1e-6)
    assert got["total_variation"] <= 1.0


@pytest.mark.parametrize("temperature", [1.0, (2.0, 0.5), (1e-9, 1e-9), (1e9, 1e9)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_logits_and_temperatures_out_of_the_range_of_registers(
    instruction_set: str, dtype: str, temperature: Any
) -> None:
    p, q = row(500, dtype, 0), row(500, dtype, 1)
    lowest = np.finfo(DTYPES[dtype]).min
    masked = p.copy()
    masked[::3] = lowest
    shifted = (p + 3e5).astype(DTYPES[dtype]), (q + 3e5).astype(DTYPES[dtype])
    both = masked, np.where(masked == lowest, lowest, q).astype(DTYPES[dtype])
    for x, y in ((p, q), both, shifted, (p * 1e5, q * 1e5), (p * 1e30, q * 1e30)):
        got = ask(logitkit, x, y, temperature=temperature)
        exact = ask(reference, x, y, temperature=temperature)
        for name in NAMES:
            with np.errstate(over="ignore"):
                rounded = exact[name].astype(DTYPES[dtype])
            np.testing.assert_allclose(got[name], rounded, rtol=2e-6, atol=1e-25, err_msg=name)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_without_a_distribution(instruction_set: str, dtype: str) -> None:
    for length in (1, 5, 1030):
        ordinary = row(length, dtype, 0)
        for value in (np.nan, np.inf, -np.inf):
            special = ordinary.copy()
            special[:] = -np.inf
            special[-1] = value
            p = np.stack([ordinary, special, ordinary, ordinary])
            q = np.stack([ordinary, ordinary, special, row(length, dtype, 2)])
            for name, got in ask(logitkit, p, q).items():
                assert np.isnan(got[1:3]).all(), name
                assert np.isfinite(got[[0, 3]]).all(), name
                alone = getattr(logitkit, name)(p[3], q[3])
                np.testing.assert_array_equal(got[3], alone, "a neighbour is not affected")
            stats = logitkit.compare_stats(p, q, np.zeros(4, np.int64))
            np.testing.assert_array_equal(stats.valid, [True, False, False, True])
            assert np.isnan(stats.kl[1:3]).all()
            assert np.isnan(stats.delta_prob[1:3]).all()
            assert np.isfinite(stats.p_entropy[2])
            if np.isnan(value):
                np.testing.assert_array_equal(stats.same_argmax[1:3], False)


def test_no_rows() -> None:
    nothing = np.zeros((0, 7), np.float32)
    assert logitkit.kl_divergence(nothing, nothing).shape == (0,)
    stats = logitkit.compare_stats(nothing, nothing)
    assert stats.valid.shape == (0,)
    assert stats.delta_prob is None
