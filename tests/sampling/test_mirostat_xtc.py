"""Mirostat 2 and XTC."""

import math
from types import ModuleType

import numpy as np
import pytest
from logitkit.steps import XTC, MaxSurprise, Temperature, TopK

from . import philox

ZIPF = -1.1 * np.log(np.arange(1, 2001))
INF = math.inf


def xtc(implementation: ModuleType, p: list[float], step: XTC, **keywords: int) -> list[int]:
    """The tokens that may come."""
    found = implementation.sample(np.log(p), [step], seed=0, num_samples=300, **keywords)
    return np.unique(found).tolist()  # type: ignore[no-any-return]


# Peers' cases: llama.cpp's tests/test-sampling.cpp, mlx-lm's tests/test_sample_utils.py. There all
# tokens equal to the least of those at the threshold stay, here the last in the order.
@pytest.mark.parametrize(
    ("p", "threshold", "expected"),
    [
        ([0.4, 0.3, 0.2, 0.1], 0.09, [3]),
        ([0.4, 0.3, 0.2, 0.1], 0.19, [2, 3]),
        ([0.4, 0.3, 0.2, 0.1], 0.29, [1, 2, 3]),
        ([0.4, 0.3, 0.2, 0.1], 0.39, [0, 1, 2, 3]),
        ([0.4, 0.3, 0.15, 0.15], 0.2, [1, 2, 3]),
        ([0.4, 0.3, 0.15, 0.15], 0.1, [3]),
        ([0.6, 0.4], 0.55, [0, 1]),
        ([1.0], 0.1, [0]),
    ],
)
def test_xtc_excludes_all_but_the_least(
    implementation: ModuleType, p: list[float], threshold: float, expected: list[int]
) -> None:
    assert xtc(implementation, p, XTC(1.0, threshold)) == expected
    assert xtc(implementation, p, XTC(0.0, threshold)) == list(range(len(p)))


def test_xtc_leaves_min_keep(implementation: ModuleType) -> None:
    p = [0.4, 0.3, 0.2, 0.1]
    assert xtc(implementation, p, XTC(1.0, 0.19), min_keep=2) == [2, 3]
    assert xtc(implementation, p, XTC(1.0, 0.19), min_keep=3) == [0, 1, 2, 3]


def test_xtc_has_a_draw_of_its_own_for_each_row(implementation: ModuleType) -> None:
    logits = np.broadcast_to(np.log([0.6, 0.4]), (4000, 2))
    found = implementation.sample(logits, [XTC(0.3, 0.1)], seed=6, draw=1)
    coins = np.array([philox.random_bits(6, row, 1, 2, 0) * 2.0**-53 for row in range(4000)])
    plain = implementation.sample(logits, seed=6, draw=1)
    np.testing.assert_array_equal(found, np.where(coins < 0.3, 1, plain))
    assert abs((coins < 0.3).mean() - 0.3) < 5 * math.sqrt(0.21 / 4000)


def test_xtc_stands_where_it_is_put(implementation: ModuleType) -> None:
    logits = np.log([0.4, 0.3, 0.2, 0.1])

    def tokens(*steps: object) -> set[int]:
        return set(implementation.sample(logits, list(steps), seed=1, num_samples=200).tolist())

    assert tokens(XTC(1, 0.15), TopK(1)) == {2}
    assert tokens(TopK(2), XTC(1, 0.15)) == {1}
    assert tokens(Temperature(0), XTC(1, 0.15)) == {0}
    assert tokens(XTC(1, 0.15), Temperature(0)) == {2}


def test_mirostat_follows_its_definition(implementation: ModuleType) -> None:
    logits = np.stack([ZIPF, ZIPF / 2, np.zeros_like(ZIPF)])
    mirostat = implementation.Mirostat(tau=[3.0, 5.0, 8.0], eta=0.2)
    mu = np.array([6.0, 10.0, 16.0])
    for step in range(20):
        found = mirostat.step(logits, 7, row_ids=[5, 6, 7], temperature=0.9)
        kept = implementation.candidates(logits, [Temperature(0.9), MaxSurprise(mu)])
        ids, log_probs = kept.sample(7, step, [5, 6, 7], return_log_probs=True)
        np.testing.assert_array_equal(found, ids)
        mu -= 0.2 * (-log_probs / np.log(2) - [3.0, 5.0, 8.0])
        np.testing.assert_allclose(mirostat.mu, mu, rtol=1e-9)
        assert mirostat.draws == step + 1


def test_mirostat_keeps_the_surprise_where_it_should_be(implementation: ModuleType) -> None:
    mirostat = implementation.Mirostat(tau=[2.0, 4.0, 6.0])
    logits = np.broadcast_to(ZIPF, (3, ZIPF.size))
    states = []
    for _ in range(600):
        mirostat.step(logits, seed=3)
        states.append(mirostat.mu)
    # What mu has moved is what the surprise was off.
    mean = mirostat.tau - (states[-1] - states[99]) / 500 / 0.1
    np.testing.assert_allclose(mean, [2.0, 4.0, 6.0], atol=0.1)


def test_mirostat_keeps_one_token_at_least(implementation: ModuleType) -> None:
    mirostat = implementation.Mirostat(tau=0.0)
    assert {int(mirostat.step(ZIPF, seed=1)) for _ in range(5)} == {0}
    assert mirostat.mu == 0.0
    assert repr(mirostat) == "Mirostat(tau=0.0, eta=0.1; 5 draws)"


def test_mirostat_learns_nothing_from_rows_that_are_not_valid(implementation: ModuleType) -> None:
    mirostat = implementation.Mirostat()
    logits = np.stack([ZIPF, np.full_like(ZIPF, -INF)])
    ids = mirostat.step(logits, 1, on_invalid="mark")
    assert ids[1] == -1
    assert mirostat.mu[1] == 10.0
    assert mirostat.mu[0] != 10.0
    with pytest.raises(ValueError, match=r"logits\[1\] cannot be filtered"):
        mirostat.step(logits, 1)
    assert mirostat.draws == 1


def test_mirostat_wants_the_same_rows(implementation: ModuleType) -> None:
    mirostat = implementation.Mirostat()
    mirostat.step(ZIPF[None], seed=1)
    with pytest.raises(ValueError, match=r"shape"):
        mirostat.step(np.stack([ZIPF] * 2), seed=1)


@pytest.mark.parametrize("keywords", [{"tau": -1}, {"tau": INF}, {"eta": math.nan}, {"eta": -0.1}])
def test_mirostat_checks_its_parameters(
    implementation: ModuleType, keywords: dict[str, float]
) -> None:
    with pytest.raises(ValueError, match=r"expected a finite number"):
        implementation.Mirostat(**keywords)
