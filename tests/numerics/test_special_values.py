"""NaN, infinities, signed zeros and ties: what such a row gives, and what its neighbours do."""

from collections.abc import Iterable
from typing import Any

import logitkit
import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from .rows import BLOCK, CHUNK, DTYPES, make_row
from .statistics import Result, assert_singly_as_together, fused_statistics, single_statistics

OF_THE_SOFTMAX = ("entropy", "varentropy", "max_prob", "log_prob")

# Vectors, blocks and chunks that are full, and those that end within one.
LENGTHS = [1, 2, 15, 16, 17, 130, BLOCK, 2 * BLOCK + 3, CHUNK + 5]

# Quiet, negative, and signalling with the one lowest bit set: not all arithmetic keeps the last.
NAN_BITS: dict[str, list[int]] = {
    "float64": [0x7FF8 << 48, 0xFFF8 << 48, (0x7FF0 << 48) + 1],
    "float32": [0x7FC00000, 0xFFC00000, 0x7F800001],
    "float16": [0x7E00, 0xFE00, 0x7C01],
    "bfloat16": [0x7FC0, 0xFFC0, 0x7F81],
}


def make_nan(dtype: str, bits: int) -> NDArray[Any]:
    return np.array(bits, f"u{DTYPES[dtype].itemsize}").view(DTYPES[dtype])


def places(length: int) -> list[int]:
    return sorted({0, length // 2, max(0, length - 2), length - 1})


def ask_among_neighbours(rows: list[NDArray[Any]], target: int) -> Result:
    """Ask about every row between two ordinary ones, and see that these came out untouched."""
    length, dtype = rows[0].size, rows[0].dtype
    ordinary = make_row("like a language model", length).astype(dtype)
    logits = np.stack([row for special in rows for row in (ordinary, special)] + [ordinary])
    targets = np.full(len(logits), target)
    together = fused_statistics(logitkit, logits, targets)
    singly = single_statistics(logitkit, logits, targets)
    assert_singly_as_together(singly, together, f"length {length}")
    alone = fused_statistics(logitkit, ordinary, np.asarray(target))
    for name, value in alone.items():
        np.testing.assert_array_equal(together[name][::2], value, f"{name} of a neighbour")
    return {name: value[1::2] for name, value in together.items()}


def assert_all(stats: Result, names: Iterable[str], expected: ArrayLike) -> None:
    for name in names:
        value = stats[name]
        np.testing.assert_array_equal(value, np.broadcast_to(expected, value.shape), name)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_nan_anywhere(instruction_set: str, dtype: str, length: int) -> None:
    # Not even an infinity hides it.
    ordinary = make_row("like a language model", length)
    rows = []
    for others in (ordinary, np.full(length, np.inf), np.full(length, -np.inf)):
        for place in places(length):
            for bits in NAN_BITS[dtype]:
                row = others.astype(DTYPES[dtype])
                row[place] = make_nan(dtype, bits)
                rows.append(row)
    stats = ask_among_neighbours(rows, target=0)
    assert_all(stats, ("max", "logsumexp", *OF_THE_SOFTMAX), np.nan)
    assert_all(stats, ["argmax"], -1)
    assert_all(stats, ["rank"], 0)
    assert_all(stats, ["valid"], False)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_positive_infinity_anywhere(instruction_set: str, dtype: str, length: int) -> None:
    ordinary = make_row("like a language model", length).astype(DTYPES[dtype])
    rows = []
    for place in places(length):
        for last in {place, length - 1}:
            row = ordinary.copy()
            row[[place, last]] = np.inf
            rows.append(row)
            row = np.full_like(ordinary, -np.inf)
            row[[place, last]] = np.inf
            rows.append(row)
    target = length // 3
    stats = ask_among_neighbours(rows, target)
    assert_all(stats, ("max", "logsumexp"), np.inf)
    assert_all(stats, OF_THE_SOFTMAX, np.nan)
    assert_all(stats, ["argmax"], [row.argmax() for row in rows])
    assert_all(stats, ["rank"], [1 + np.sum(row > row[target]) for row in rows])
    assert_all(stats, ["valid"], False)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_but_negative_infinity(instruction_set: str, dtype: str, length: int) -> None:
    rows = [np.full(length, -np.inf, DTYPES[dtype])]
    stats = ask_among_neighbours(rows, target=length - 1)
    assert_all(stats, ("max", "logsumexp"), -np.inf)
    assert_all(stats, OF_THE_SOFTMAX, np.nan)
    assert_all(stats, ["argmax"], 0)
    assert_all(stats, ["rank"], 1)
    assert_all(stats, ["valid"], False)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_masked_target_is_impossible(instruction_set: str, dtype: str) -> None:
    row = make_row("masked", 2 * BLOCK + 3).astype(DTYPES[dtype])
    masked = np.flatnonzero(np.isneginf(row.astype(np.float64)))[:5]
    assert masked.size == 5
    stats = logitkit.token_stats(row, masked)
    np.testing.assert_array_equal(stats.log_prob, -np.inf)
    np.testing.assert_array_equal(stats.rank, 1 + np.isfinite(row.astype(np.float64)).sum())
    assert logitkit.perplexity(row, masked) == np.inf


@pytest.mark.parametrize("length", [1, 2, 17, 2 * BLOCK + 3, CHUNK + 5])
@pytest.mark.parametrize("dtype", DTYPES)
def test_zeros_of_both_signs_are_equal(instruction_set: str, dtype: str, length: int) -> None:
    for first in (0.0, -0.0):
        row = np.full(length, -first, DTYPES[dtype])
        row[0] = first
        targets = np.array([0, length - 1])
        stats = logitkit.token_stats(row, targets)
        assert stats.argmax == 0
        np.testing.assert_array_equal(stats.rank, 1)
        np.testing.assert_allclose(stats.entropy, np.log(length), rtol=1e-7)
        np.testing.assert_allclose(stats.log_prob, -np.log(length), rtol=1e-7)
        assert stats.varentropy == 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_argmax_is_the_lowest_of_equals(instruction_set: str, dtype: str) -> None:
    # Copies of the maximum within a vector, in two blocks, in two chunks.
    length = CHUNK + 2 * BLOCK + 3
    places = [[3, 4], [9, 5], [BLOCK - 1, BLOCK], [2 * BLOCK + 1, 40], [CHUNK, CHUNK - 1]]
    places += [[length - 1, CHUNK + 7], [length - 1, 0], [length - 2, length - 1]]
    logits = np.tile(make_row("flat", length), (len(places), 1)).astype(DTYPES[dtype])
    for row, both in zip(logits, places, strict=True):
        row[both] = 2.0
    stats = logitkit.token_stats(logits, np.array(places))
    np.testing.assert_array_equal(stats.argmax, [min(both) for both in places])
    np.testing.assert_array_equal(stats.rank, 1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_ranks_among_large_groups_of_equals(instruction_set: str, dtype: str) -> None:
    rng = np.random.default_rng(5)
    logits = rng.integers(-4, 5, (6, CHUNK + 77)).astype(DTYPES[dtype])
    targets = rng.integers(logits.shape[1], size=(6, 40))
    wide = logits.astype(np.float64)
    chosen = np.take_along_axis(wide, targets, axis=1)
    expected = 1 + (wide[:, None, :] > chosen[:, :, None]).sum(axis=-1)
    np.testing.assert_array_equal(logitkit.rank(logits, targets), expected)
