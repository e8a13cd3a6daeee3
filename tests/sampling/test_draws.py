"""Which token a number draws: the definition, by plain loops, and that nothing else matters."""

from collections.abc import Iterable
from types import ModuleType
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from logitkit._draws import BLOCK, drawn, drawn_apart, running_sums
from logitkit.steps import TopK, Typical
from numpy.typing import NDArray

from . import philox

NAN, INF = np.nan, np.inf
LOGITS = np.random.default_rng(9).normal(0, 2, (3, 4, 2500)).astype(np.float32)
FILTERS: list[dict[str, Any]] = [
    {},
    {"top_k": 40},
    {"top_p": 0.8, "temperature": 0.5},
    {"typical_p": 0.5},
    {"min_p": 0.05, "order": "vllm"},
]


def sums_by_blocks(weights: Iterable[float]) -> list[float]:
    """Sums up to and with each weight: first within each 1024 tokens, then of these."""
    sums, before, within = [], 0.0, 0.0
    for token, weight in enumerate(weights):
        if token and token % 1024 == 0:
            before, within = before + within, 0.0
        within += weight
        sums.append(before + within)
    return sums


def draw_by_loop(row: NDArray[Any], seed: int, row_id: int, draw: int, sample: int) -> int:
    """The token of an unfiltered row."""
    wide = row.astype(np.float64)
    sums = sums_by_blocks(np.exp(wide - wide.max()).tolist())
    u = philox.random_bits(seed, row_id, draw, 0, sample) * 2.0**-53
    return next(token for token, mass in enumerate(sums) if mass > u * sums[-1])


@pytest.mark.parametrize("length", [1, 2, 1023, 1024, 1025, 5000])
def test_running_sums(length: int) -> None:
    weights = np.random.default_rng(length).random(length) ** 20
    found = running_sums(np.arange(length), weights)
    assert found.tolist() == sums_by_blocks(weights.tolist())
    assert (np.diff(found) >= 0).all()
    # Tokens of weight 0 may as well be absent.
    weights[1::2] = 0.0
    present = np.flatnonzero(weights)
    full = running_sums(np.arange(length), weights)
    assert running_sums(present, weights[present]).tolist() == full[present].tolist()


def test_tokens_are_drawn_as_defined(implementation: ModuleType) -> None:
    row = LOGITS[0, 0]
    found = implementation.sample(row, seed=11, num_samples=50, row_ids=2**40 + 3, draw=8)
    assert found.tolist() == [draw_by_loop(row, 11, 2**40 + 3, 8, j) for j in range(50)]
    found = implementation.sample(LOGITS, seed=2**64 - 1)
    expected = [
        draw_by_loop(row, 2**64 - 1, i, 0, 0) for i, row in enumerate(LOGITS.reshape(12, -1))
    ]
    assert found.reshape(-1).tolist() == expected


def test_edges_of_the_interval() -> None:
    ids = np.array([7, 2, 5, 4])
    logits = np.log([0.25, 0.5, 0.125, 0.125])
    # By id: 2 up to 0.5, 4 up to 0.625, 5 up to 0.75, 7.
    u = np.array([0.0, 0.25, 0.49, 0.51, 0.62, 0.63, 0.74, 0.76, 1 - 2.0**-53])
    assert ids[drawn(ids, logits, u)].tolist() == [2, 2, 2, 4, 4, 5, 5, 7, 7]
    even = np.zeros(4)
    assert drawn(np.arange(4), even, np.array([0.0, 0.25, 0.5, 0.75])).tolist() == [0, 1, 2, 3]
    # The first token has no weight, nor has the last.
    flat = np.array([-1e4, 0.0, -1e4, 0.0, -1e4])
    assert drawn(np.arange(5), flat, np.array([0.0, 0.5, 1 - 2.0**-53])).tolist() == [1, 3, 3]


def test_total_times_u_is_always_below_the_total() -> None:
    rng = np.random.default_rng(4)
    u = np.array([1 - 2.0**-53])
    for total in [*rng.random(2000), *(2.0 ** np.arange(-50, 50)), *rng.random(99) * 1e300]:
        assert (u * total < total).all()


@pytest.mark.parametrize("filters", FILTERS)
def test_only_seed_row_id_draw_and_the_row_matter(
    implementation: ModuleType, filters: dict[str, Any]
) -> None:
    whole = implementation.sample(LOGITS, seed=3, draw=5, num_samples=4, **filters)
    assert whole.shape == (3, 4, 4)
    assert whole.dtype == np.int64
    for number, index in enumerate(np.ndindex(3, 4)):
        alone = implementation.sample(
            LOGITS[index], seed=3, draw=5, num_samples=9, row_ids=number, **filters
        )
        np.testing.assert_array_equal(alone[:4], whole[index])
    order = np.random.default_rng(0).permutation(12)
    mixed = implementation.sample(
        LOGITS.reshape(12, -1)[order], seed=3, draw=5, num_samples=4, row_ids=order, **filters
    )
    np.testing.assert_array_equal(mixed, whole.reshape(12, 4)[order])
    moved = np.moveaxis(LOGITS, -1, 0)
    again = implementation.sample(moved, seed=3, draw=5, num_samples=4, axis=0, **filters)
    np.testing.assert_array_equal(again, whole)


@pytest.mark.parametrize("filters", FILTERS)
def test_filtered_masked_and_compact_rows_draw_the_same(
    implementation: ModuleType, filters: dict[str, Any]
) -> None:
    rows = LOGITS.astype(np.float64)
    expected = implementation.sample(rows, seed=1, num_samples=20, **filters)
    kept = implementation.candidates(rows, **filters)
    np.testing.assert_array_equal(kept.sample(1, num_samples=20), expected)
    dense = implementation.filter_logits(rows, **filters)
    np.testing.assert_array_equal(implementation.sample(dense, seed=1, num_samples=20), expected)
    assert np.take_along_axis(kept.mask(), expected, axis=-1).all()


def test_one_seed_and_draw_for_each_row(implementation: ModuleType) -> None:
    seeds, draws = np.arange(4), np.array([[0], [1], [2**32 - 1]], np.uint64)
    found = implementation.sample(LOGITS, seed=seeds, draw=draws, row_ids=7)
    for i, j in np.ndindex(3, 4):
        alone = implementation.sample(LOGITS[i, j], seed=j, draw=int(draws[i, 0]), row_ids=7)
        assert found[i, j] == alone


def test_shapes_and_log_probabilities(implementation: ModuleType) -> None:
    logits = LOGITS[0]
    ids, log_probs = implementation.sample(logits, seed=0, top_k=9, return_log_probs=True)
    assert ids.shape == log_probs.shape == (4,)
    kept = implementation.candidates(logits, top_k=9)
    for i in range(4):
        row = kept.row(i)
        assert log_probs[i] == row.log_probs[row.ids == ids[i]]
    assert implementation.sample(logits, seed=0, num_samples=1).shape == (4, 1)
    assert implementation.sample(logits[0], seed=0).shape == ()
    assert implementation.sample(logits[0], seed=0, num_samples=3).shape == (3,)


@pytest.mark.parametrize("order", ["hf", "llama.cpp"])
def test_temperature_0_is_argmax(implementation: ModuleType, order: str) -> None:
    tied = np.array([[1.0, 3.0, 3.0, -INF], [-0.0, 0.0, -1.0, 0.0]])
    found = implementation.sample(tied, seed=4, temperature=0, num_samples=50, order=order)
    assert set(found[0]) == {1}
    assert set(found[1]) == {0}
    found = implementation.sample(LOGITS, seed=4, temperature=0, order=order)
    np.testing.assert_array_equal(found, LOGITS.argmax(axis=-1))


def test_half_precision(implementation: ModuleType) -> None:
    for dtype in (np.float16, ml_dtypes.bfloat16):
        logits = LOGITS.astype(dtype)
        expected = implementation.sample(logits.astype(np.float64), seed=8, num_samples=5)
        np.testing.assert_array_equal(
            implementation.sample(logits, seed=8, num_samples=5), expected
        )


def test_rows_that_cannot_be_sampled(implementation: ModuleType) -> None:
    logits = np.array([[0.0, NAN], [-INF, 0.0], [INF, 0.0], [-INF, -INF]])
    with pytest.raises(ValueError, match=r"logits\[0\], logits\[2\], logits\[3\] cannot"):
        implementation.sample(logits, seed=0)
    ids, log_probs = implementation.sample(logits, seed=0, on_invalid="mark", return_log_probs=True)
    assert ids.tolist() == [-1, 1, -1, -1]
    np.testing.assert_array_equal(log_probs, [NAN, 0, NAN, NAN])


# Without replacement


def test_different_tokens_are_drawn_as_defined(implementation: ModuleType) -> None:
    row = LOGITS[0, 0].astype(np.float64)
    bits = [philox.random_bits(6, 9, 2, 1, token) for token in range(row.size)]
    keys = row - np.log(-np.log((np.array(bits) + 1.0) * 2.0**-53))
    expected = np.argsort(-keys, kind="stable")[:30]
    found = implementation.sample_without_replacement(row, 30, seed=6, row_ids=9, draw=2)
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("filters", FILTERS)
def test_different_tokens(implementation: ModuleType, filters: dict[str, Any]) -> None:
    found = implementation.sample_without_replacement(LOGITS, 10, seed=2, **filters)
    assert found.shape == (3, 4, 10)
    kept = implementation.candidates(LOGITS, **filters)
    np.testing.assert_array_equal(kept.sample(2, num_samples=10, replace=False), found)
    for index in np.ndindex(3, 4):
        tokens, there = found[index], kept.row(index).ids
        some = min(10, there.size)
        assert np.unique(tokens[:some]).size == some
        assert set(tokens[:some]) <= set(there)
        assert (tokens[some:] == -1).all()
    fewer = implementation.sample_without_replacement(LOGITS, 3, seed=2, **filters)
    np.testing.assert_array_equal(fewer, found[..., :3])


def test_rows_with_too_few_tokens(implementation: ModuleType) -> None:
    logits = np.array([[0.0, 1.0, -INF], [0.0, 2000.0, 1.0], [NAN, 0.0, 0.0]])
    ids, log_probs = implementation.sample_without_replacement(
        logits, 3, seed=0, on_invalid="mark", return_log_probs=True
    )
    assert sorted(ids[0]) == [-1, 0, 1]
    assert ids[0, 2] == -1
    # Weights that underflow are 0.
    assert ids[1:].tolist() == [[1, -1, -1], [-1, -1, -1]]
    assert np.isnan(log_probs).tolist() == (ids == -1).tolist()


def test_equal_keys_are_taken_by_id() -> None:
    places = drawn_apart(np.array([9, 3, 6]), np.zeros(3), np.array([0.5, 0.5, 0.25]), 3)
    assert places.tolist() == [2, 1, 0]
    assert BLOCK == 1024


# Errors


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"seed": -1}, ValueError, r"seed = -1; expected an int from 0 to 2\*\*64 - 1"),
        ({"seed": 2**64}, ValueError, r"seed = 18446744073709551616; expected"),
        ({"seed": 1.0}, TypeError, r"seed of dtype float64; expected an int"),
        ({"seed": None}, TypeError, r"seed holds what is no int"),
        ({"seed": [1, 2]}, ValueError, r"seed has shape \(2,\), .* does not broadcast to \(3, 4\)"),
        ({"seed": 0, "draw": 2**32}, ValueError, r"draw = 4294967296; .* 0 to 2\*\*32 - 1"),
        ({"seed": 0, "draw": [0, 1, -1, 0]}, ValueError, r"draw\[2\] = -1"),
        ({"seed": 0, "row_ids": np.arange(3)}, ValueError, r"row_ids has shape \(3,\)"),
        ({"seed": 0, "num_samples": 0}, ValueError, r"num_samples=0; expected 1 <= "),
        ({"seed": 0, "num_samples": 2.0}, TypeError, r"num_samples=2.0 is not an int"),
        ({"seed": 0, "top_k": -7}, ValueError, r"top_k = -7"),
    ],
)
def test_errors(
    implementation: ModuleType, keywords: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        implementation.sample(LOGITS, **keywords)


def test_explicit_steps(implementation: ModuleType) -> None:
    found = implementation.sample(LOGITS, [TopK(50), Typical(0.5)], seed=1)
    kept = implementation.candidates(LOGITS, [TopK(50), Typical(0.5)])
    np.testing.assert_array_equal(found, kept.sample(1))
    np.testing.assert_array_equal(
        implementation.sample_without_replacement(LOGITS, 2, [TopK(2)], seed=1).sum(axis=-1),
        implementation.topk(LOGITS, 2)[1].sum(axis=-1),
    )
