"""Divergences against the reference: lengths, layouts, axes; and against PyTorch's answers."""

from functools import cache
from pathlib import Path
from typing import Any

import logitkit
import numpy as np
import pytest
from logitkit import reference

from ..numerics.layouts import LAYOUTS, keywords
from .pairs import (
    BLOCK,
    CHUNK,
    FIELDS,
    KINDS,
    ask,
    assert_close,
    limit_for,
    make_pairs,
    result_dtype,
    smallest_for,
)

LENGTHS = {
    "1 to 130": list(range(1, 131)),
    "around blocks": [n + step for n in (BLOCK, 2 * BLOCK, 3 * BLOCK) for step in (-1, 0, 1)],
    "around a chunk": [CHUNK - 1, CHUNK + 1],
    "vocabularies": [32000, 50257, 128256, 151643],
}
PAIRS = [("float64", "float64"), ("float32", "float32"), ("bfloat16", "bfloat16")]
PER_ROW = np.geomspace(0.5, 2.0, len(KINDS))
PAIRS += [("float16", "float16"), ("float32", "bfloat16"), ("float16", "float64")]


# Every instruction set meets the same pairs, and the reference is what takes the time.
@cache
def expected(p_dtype: str, q_dtype: str, length: int, tempered: bool) -> dict[str, Any]:
    p, q = (array.astype(np.float64) for array in make_pairs(length, p_dtype, q_dtype))
    temperature = (PER_ROW, 1.0) if tempered else 1.0
    stats = reference.compare_stats(p, q, temperature=temperature)
    divergences = {name: getattr(stats, field) for field, name in FIELDS.items()}
    return divergences | {"cross_entropy_between": stats.p_entropy + stats.kl}


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize(("p_dtype", "q_dtype"), PAIRS)
def test_every_length(instruction_set: str, p_dtype: str, q_dtype: str, lengths: str) -> None:
    dtype = result_dtype(p_dtype, q_dtype)
    for length in LENGTHS[lengths]:
        p, q = make_pairs(length, p_dtype, q_dtype)
        # The temperatures take turns where there are many lengths.
        tempered = length % 2 == 0
        temperature = (PER_ROW, 1.0) if tempered else 1.0
        truth = expected(p_dtype, q_dtype, length, tempered)
        for name, value in ask(logitkit, p, q, temperature=temperature).items():
            # Of nearly equal models the reference itself is no more exact than float64.
            smallest = max(
                smallest_for(name, dtype, temperature), 1e-8 if dtype == np.float64 else 1e-10
            )
            limit = limit_for(name, p_dtype, q_dtype)
            where = f"{name}, length {length}, {instruction_set}"
            assert_close(value, truth[name], dtype, where, smallest, limit)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("p_dtype", "q_dtype"), PAIRS)
def test_every_layout_gives_the_same_bits(
    instruction_set: str, p_dtype: str, q_dtype: str, layout: str
) -> None:
    for length in (1, 37, 2 * BLOCK + 5):
        p, q = make_pairs(length, p_dtype, q_dtype)
        expected = ask(logitkit, p, q)
        laid = [LAYOUTS[layout](array) for array in (p, q)]
        for x, y in ((laid[0], q), (p, laid[1]), (laid[0], laid[1])):
            got = ask(logitkit, x, y, **(keywords(x) | keywords(y)))
            for name, value in got.items():
                np.testing.assert_array_equal(value, expected[name], f"{name}, {length}, {layout}")


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_every_axis(axis: int) -> None:
    p, q = make_pairs(130, "float32", "bfloat16")
    expected = logitkit.compare_stats(p, q, p.argmax(axis=-1))
    x, y = (np.moveaxis(array[:8].reshape(2, 4, -1), -1, axis) for array in (p, q))
    targets = p[:8].argmax(axis=-1).reshape(2, 4)
    got = logitkit.compare_stats(x, y, targets, axis=axis)
    for name in ("kl", "js", "total_variation", "same_argmax", "delta_prob"):
        np.testing.assert_array_equal(
            getattr(got, name), getattr(expected, name)[:8].reshape(2, 4), name
        )
    kept = logitkit.kl_divergence(x, y, axis=axis, keepdims=True)
    assert kept.shape == tuple(1 if i == axis % 3 else n for i, n in enumerate(x.shape))


@pytest.mark.parametrize(("p_dtype", "q_dtype"), PAIRS)
def test_compare_stats_is_all_of_them(instruction_set: str, p_dtype: str, q_dtype: str) -> None:
    for length in (1, 130, 4321):
        p, q = make_pairs(length, p_dtype, q_dtype)
        rng = np.random.default_rng(length)
        likely = p.astype(np.float64).argmax(axis=-1)
        targets = np.stack([likely, rng.integers(length, size=len(p)), np.full(len(p), -1)], -1)
        temperature = (0.8, np.geomspace(0.5, 2.0, len(p)))
        asked: dict[str, Any] = {"temperature": temperature, "ignore_index": -1, "base": 2}
        stats = logitkit.compare_stats(p, q, targets, **asked)
        exact = reference.compare_stats(p.astype(float), q.astype(float), targets, **asked)
        dtype = result_dtype(p_dtype, q_dtype)
        for name in (*FIELDS, "p_entropy", "q_entropy", "p_log_prob", "q_log_prob"):
            smallest = max(
                smallest_for(FIELDS.get(name, name), dtype, temperature),
                1e-8 if dtype == np.float64 else 1e-10,
            )
            limit = limit_for(name, p_dtype, q_dtype)
            assert_close(getattr(stats, name), getattr(exact, name), dtype, name, smallest, limit)
        change, expected = stats.delta_prob, exact.delta_prob
        np.testing.assert_allclose(change, expected, rtol=2e-6, atol=1e-12)
        np.testing.assert_array_equal(stats.same_argmax, exact.same_argmax)
        np.testing.assert_array_equal(stats.valid, True)


def test_targets_of_nearly_equal_models_keep_their_digits(instruction_set: str) -> None:
    rng = np.random.default_rng(0)
    p = rng.normal(0.0, 2.0, (5, 2000)).astype(np.float32)
    q = (p + rng.normal(0.0, 1e-5, p.shape)).astype(np.float32)
    targets = rng.integers(2000, size=(5, 50))
    got = logitkit.compare_stats(p, q, targets).delta_prob
    expected = reference.compare_stats(p, q, targets).delta_prob
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-13)


def test_kl_of_pytorch(instruction_set: str) -> None:
    known = np.load(Path(__file__).with_name("torch_kl.npz"))
    got = logitkit.kl_divergence(known["x"], known["z"])
    np.testing.assert_allclose(got, known["kl"], rtol=1e-12)
    single = logitkit.kl_divergence(known["x"].astype(np.float32), known["z"].astype(np.float32))
    np.testing.assert_allclose(single, known["kl"], rtol=2e-6)


def test_shapes_that_differ_are_named() -> None:
    p, q = np.zeros((3, 5), np.float32), np.zeros((3, 6), np.float32)
    with pytest.raises(ValueError, match=r"p_logits of shape \(3, 5\), q_logits of shape \(3, 6\)"):
        logitkit.kl_divergence(p, q)


def test_arguments_out_of_range_are_named() -> None:
    p = np.zeros((2, 5), np.float32)
    with pytest.raises(ValueError, match="tuple of 3"):
        logitkit.kl_divergence(p, p, temperature=(1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="temperature = 0"):
        logitkit.kl_divergence(p, p, temperature=(1.0, 0.0))
    for weight in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="expected 0 <= weight <= 1"):
            logitkit.js_divergence(p, p, weight=weight)
    with pytest.raises(TypeError, match="weight='a'"):
        logitkit.js_divergence(p, p, weight="a")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="out has dtype"):
        logitkit.kl_divergence(p, p.astype(np.float64), out=np.zeros(2, np.float32))
    with pytest.raises(ValueError, match="targets"):
        logitkit.compare_stats(p, p, [0, 5])


def test_out_and_bits() -> None:
    p, q = make_pairs(50, "bfloat16", "float32")
    expected = logitkit.kl_divergence(p, q)
    out = np.empty(len(p), np.float32)
    assert logitkit.kl_divergence(p.view(np.uint16), q, dtype="bfloat16", out=out) is out
    np.testing.assert_array_equal(out, expected)
