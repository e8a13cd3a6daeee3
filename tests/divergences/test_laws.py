"""What holds for any pair, and that only the pair itself has a say in its bits."""

import dataclasses
from typing import Any

import logitkit
import numpy as np
import pytest
from logitkit import _native
from numpy.typing import NDArray

from .pairs import BLOCK, CHUNK, DTYPES, MIXED, ask, make_pairs

LN_2 = np.log(2)


def bits(p: NDArray[Any], q: NDArray[Any], **keywords: Any) -> list[bytes]:
    targets = np.zeros(len(p), np.int64)
    stats = logitkit.compare_stats(p, q, targets, **keywords)
    fields = [getattr(stats, field.name) for field in dataclasses.fields(stats)]
    return [
        np.asarray(each).tobytes() for each in (*ask(logitkit, p, q, **keywords).values(), *fields)
    ]


@pytest.mark.parametrize("length", [1, 130, 1025, 32000])
@pytest.mark.parametrize("dtype", DTYPES)
def test_ranges_and_symmetry(instruction_set: str, dtype: str, length: int) -> None:
    p, q = make_pairs(length, dtype, dtype)
    got, back = ask(logitkit, p, q), ask(logitkit, q, p)
    assert (got["kl_divergence"] >= 0.0).all()
    assert (got["js_divergence"] >= 0.0).all()
    assert (got["js_divergence"] <= LN_2 * (1 + 1e-6)).all()
    assert (got["total_variation"] >= 0.0).all()
    assert (got["total_variation"] <= 1.0).all()
    rtol = 2e-12 if dtype == "float64" else 2e-6
    for name in ("js_divergence", "total_variation"):
        np.testing.assert_allclose(got[name], back[name], rtol=rtol, err_msg=name)
    # Pinsker's inequality.
    assert (got["total_variation"] ** 2 <= got["kl_divergence"] / 2 * (1 + 1e-5)).all()
    whole = logitkit.entropy(p) + got["kl_divergence"]
    np.testing.assert_allclose(got["cross_entropy_between"], whole, rtol=rtol)
    in_bits = logitkit.kl_divergence(p, q, base=2)
    np.testing.assert_allclose(in_bits * LN_2, got["kl_divergence"], rtol=rtol)


def test_weights_turn_round(instruction_set: str) -> None:
    p, q = make_pairs(1000, "float32", "float32")
    forth = logitkit.js_divergence(p, q, weight=0.3)
    back = logitkit.js_divergence(q, p, weight=0.7)
    np.testing.assert_allclose(forth, back, rtol=2e-6)


@pytest.mark.parametrize(("rows", "length"), [(9, 30 * BLOCK + 1), (2, CHUNK + 9), (1, 6 * CHUNK)])
@pytest.mark.parametrize(("p_dtype", "q_dtype"), [(d, d) for d in DTYPES] + MIXED[:3])
def test_only_the_pair_counts(
    instruction_set: str, p_dtype: str, q_dtype: str, rows: int, length: int
) -> None:
    p, q = (array[:rows] for array in make_pairs(length, p_dtype, q_dtype))
    whole = bits(p, q, threads=1)
    for threads in (2, 3):
        assert bits(p, q, threads=threads) == whole, f"{threads} threads"
    size = len(whole[0]) // rows
    for i in (0, rows - 1):
        alone = logitkit.kl_divergence(p[i], q[i]).tobytes()
        assert alone == whole[0][i * size : (i + 1) * size], "alone"
    order = np.asfortranarray(p), np.asfortranarray(q)
    assert bits(*order, threads=2) == whole, "columns first"


@pytest.mark.parametrize(("p_dtype", "q_dtype"), [(d, d) for d in DTYPES] + MIXED[:3])
def test_avx2_and_avx512_give_the_same_bits(p_dtype: str, q_dtype: str) -> None:
    found, _ = _native.instruction_sets()
    if not {"avx2", "avx512"} <= set(found):
        pytest.skip(f"this machine has {', '.join(found)} only")
    p, q = make_pairs(3 * BLOCK + 5, p_dtype, q_dtype)
    results = []
    for name in ("avx2", "avx512"):
        _native.use_instruction_set(name)
        results.append(bits(p, q, temperature=(0.9, 1.1)))
    _native.use_instruction_set(None)
    assert results[0] == results[1]
