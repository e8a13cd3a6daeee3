"""That tokens come as often as they should: seeds are fixed, so a test that passes stays so."""

from itertools import permutations
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

DRAWS = 1_000_000
P = np.array([0.5, 0.2, 0.1, 0.1, 0.05, 0.04, 0.009, 0.001])


def assert_frequencies(counts: NDArray[np.int64], expected: NDArray[np.float64]) -> None:
    """Assert that chi-square is within five standard deviations of its mean, and no cell is off."""
    assert (counts[expected == 0.0] == 0).all()
    counts, expected = counts[expected > 0.0], expected[expected > 0.0] * counts.sum()
    chi_square = ((counts - expected) ** 2 / expected).sum()
    freedom = counts.size - 1
    assert chi_square < freedom + 5 * np.sqrt(2 * freedom) + 10
    assert (np.abs(counts - expected) < 5.5 * np.sqrt(expected)).all()


@pytest.mark.parametrize("seed", [0, 1, 2**63])
def test_one_row_many_samples(implementation: ModuleType, seed: int) -> None:
    found = implementation.sample(np.log(P), seed=seed, num_samples=DRAWS)
    assert_frequencies(np.bincount(found, minlength=P.size), P)


@pytest.mark.parametrize("vary", ["seed", "draw", "row_ids"])
def test_many_rows(implementation: ModuleType, vary: str) -> None:
    rows = 20_000
    logits = np.broadcast_to(np.log(P), (rows, P.size))
    fixed = {"seed": 3, "draw": 4, "row_ids": 5}
    found = implementation.sample(logits, **(fixed | {vary: np.arange(rows)}))
    assert_frequencies(np.bincount(found, minlength=P.size), P)
    # Neighbours are independent.
    pairs = np.bincount(found[:-1] * P.size + found[1:], minlength=P.size**2)
    assert_frequencies(pairs, np.outer(P, P).reshape(-1))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"top_k": 3}, [0.625, 0.25, 0.125, 0, 0, 0, 0, 0]),
        ({"top_p": 0.75}, [0.625, 0.25, 0.125, 0, 0, 0, 0, 0]),
        ({"temperature": 2.0}, np.sqrt(P) / np.sqrt(P).sum()),
        ({"temperature": 0.5, "top_k": 2}, [25 / 29, 4 / 29, 0, 0, 0, 0, 0, 0]),
    ],
)
def test_filtered(implementation: ModuleType, filters: dict[str, Any], expected: Any) -> None:
    found = implementation.sample(np.log(P), seed=2, num_samples=200_000, **filters)
    assert_frequencies(np.bincount(found, minlength=P.size), np.asarray(expected))


def test_a_vocabulary_of_many_blocks(implementation: ModuleType) -> None:
    row = np.random.default_rng(1).normal(0, 1, 20_000)
    p = np.exp(row) / np.exp(row).sum()
    found = implementation.sample(row, seed=5, num_samples=DRAWS)
    # In 100 groups of tokens, by id.
    counts = np.bincount(found, minlength=p.size).reshape(100, -1).sum(axis=-1)
    assert_frequencies(counts, p.reshape(100, -1).sum(axis=-1))


def test_the_far_tail_is_reached(implementation: ModuleType) -> None:
    # One token of 1 - 3e-5 before 100,000 tokens that share the rest: float32 noise ends at 6e-8,
    # far above any of them.
    row = np.full(100_001, np.log(3e-10))
    row[0] = np.log(1 - 3e-5)
    found = implementation.sample(row, seed=1, num_samples=DRAWS)
    tail = found[found > 0]
    assert abs(tail.size - 30) < 5 * np.sqrt(30)
    assert np.unique(tail).size == tail.size
    assert tail.max() > 80_000
    found = implementation.sample(row[::-1].copy(), seed=1, num_samples=DRAWS)
    assert abs((found < 100_000).sum() - 30) < 5 * np.sqrt(30)


def test_tokens_of_no_probability_are_never_drawn(implementation: ModuleType) -> None:
    row = np.where(np.arange(64) % 2 == 0, -np.inf, 0.0)
    row[[1, 63]] = -2000.0
    found = implementation.sample(row, seed=1, num_samples=100_000)
    assert_frequencies(np.bincount(found, minlength=64), (row == 0.0) / (row == 0.0).sum())


def test_without_replacement_is_one_after_the_other(implementation: ModuleType) -> None:
    p = np.array([0.5, 0.3, 0.15, 0.05])
    rows = 30_000
    found = implementation.sample_without_replacement(
        np.broadcast_to(np.log(p), (rows, 4)), 3, seed=4
    )
    assert (np.sort(found)[:, 1:] > np.sort(found)[:, :-1]).all()
    orders = list(permutations(range(4), 3))
    expected = [p[a] * p[b] / (1 - p[a]) * p[c] / (1 - p[a] - p[b]) for a, b, c in orders]
    codes = found @ np.array([16, 4, 1])
    counts = np.array([(codes == 16 * a + 4 * b + c).sum() for a, b, c in orders])
    assert counts.sum() == rows
    assert_frequencies(counts, np.array(expected))
