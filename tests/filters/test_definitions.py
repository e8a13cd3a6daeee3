"""What every step keeps, on rows small enough to work out by hand."""

import math
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from logitkit.steps import DynamicTemperature, MaxSurprise, Temperature, TopK, TopP, Typical
from numpy.typing import ArrayLike, NDArray

INF = math.inf
RAMP = [0.1, 0.2, 0.3, 0.4]
TOP = [0.4, 0.2, 0.2, 0.2]
EVEN = [0.25] * 4
TEN = [0.1] * 10
HUNDRED = [0.01] * 100


def logits_of(probabilities: ArrayLike, dtype: Any = np.float64) -> NDArray[Any]:
    with np.errstate(divide="ignore"):
        return np.log(np.asarray(probabilities, np.float64)).astype(dtype)


def ids(implementation: ModuleType, logits: ArrayLike, *steps: Any, **keywords: Any) -> list[int]:
    result: list[int] = implementation.candidates(
        np.asarray(logits), *steps, **keywords
    ).ids.tolist()
    return result


# name, probabilities, keywords, tokens in the order
TABLE: list[tuple[list[float], dict[str, Any], list[int]]] = [
    # Nothing to do, and what turns a step off.
    (RAMP, {}, [3, 2, 1, 0]),
    (RAMP, {"top_k": 0}, [3, 2, 1, 0]),
    (RAMP, {"top_k": -1}, [3, 2, 1, 0]),
    (RAMP, {"top_k": 4}, [3, 2, 1, 0]),
    (RAMP, {"top_k": 2**63 - 1}, [3, 2, 1, 0]),
    (RAMP, {"top_p": 1}, [3, 2, 1, 0]),
    (RAMP, {"top_p": 1.5}, [3, 2, 1, 0]),
    (RAMP, {"min_p": 0}, [3, 2, 1, 0]),
    (RAMP, {"typical_p": 1}, [3, 2, 1, 0]),
    (RAMP, {"epsilon": 0}, [3, 2, 1, 0]),
    (RAMP, {"eta": 0}, [3, 2, 1, 0]),
    (RAMP, {"top_n_sigma": 0}, [3, 2, 1, 0]),
    (RAMP, {"top_n_sigma": -1}, [3, 2, 1, 0]),
    (RAMP, {"top_n_sigma": INF}, [3, 2, 1, 0]),
    (RAMP, {"top_h": INF}, [3, 2, 1, 0]),
    (RAMP, {"max_surprise": INF}, [3, 2, 1, 0]),
    # top-k
    (RAMP, {"top_k": 1}, [3]),
    (RAMP, {"top_k": 3}, [3, 2, 1]),
    (TOP, {"top_k": 2}, [0, 1]),
    (TOP, {"top_k": 2, "ties": "all"}, [0, 1, 2, 3]),
    (TOP, {"top_k": 1, "ties": "all"}, [0]),
    (TOP, {"top_k": 1, "min_keep": 3}, [0, 1, 2]),
    (EVEN, {"top_k": 3}, [0, 1, 2]),
    (EVEN, {"top_k": 1, "ties": "all"}, [0, 1, 2, 3]),
    # top-p: the mass before the token is less than p
    (RAMP, {"top_p": 0.39}, [3]),
    (RAMP, {"top_p": 0.41}, [3, 2]),
    (RAMP, {"top_p": 0.69}, [3, 2]),
    (RAMP, {"top_p": 0.71}, [3, 2, 1]),
    (RAMP, {"top_p": 0.91}, [3, 2, 1, 0]),
    (RAMP, {"top_p": 0}, [3]),
    (RAMP, {"top_p": -1}, [3]),
    (RAMP, {"top_p": 0, "min_keep": 2}, [3, 2]),
    (RAMP, {"top_p": 0, "min_keep": 9}, [3, 2, 1, 0]),
    (TOP, {"top_p": 0.5}, [0, 1]),
    (TOP, {"top_p": 0.5, "ties": "all"}, [0, 1, 2, 3]),
    # exactly p before the token: it goes
    (EVEN, {"top_p": 0.5}, [0, 1]),
    (EVEN, {"top_p": math.nextafter(0.5, 1)}, [0, 1, 2]),
    (EVEN, {"top_p": 0.25}, [0]),
    (TEN, {"top_p": 0.3}, [0, 1, 2]),
    (TEN, {"top_p": 0.7}, list(range(7))),
    (HUNDRED, {"top_p": 0.07}, list(range(7))),
    (HUNDRED, {"top_p": 0.29}, list(range(29))),
    (HUNDRED, {"top_p": 0.57}, list(range(57))),
    # min-p
    (RAMP, {"min_p": 0.24}, [3, 2, 1, 0]),
    (RAMP, {"min_p": 0.26}, [3, 2, 1]),
    (RAMP, {"min_p": 0.51}, [3, 2]),
    (RAMP, {"min_p": 1}, [3]),
    (RAMP, {"min_p": 1, "min_keep": 2}, [3, 2]),
    (EVEN, {"min_p": 1}, [0, 1, 2, 3]),
    # typical: H = 1.332; the distances are 0.416 of the first token, 0.277 of the others
    (TOP, {"typical_p": 0.1}, [1]),
    (TOP, {"typical_p": 0.3}, [1, 2]),
    (TOP, {"typical_p": 0.5}, [1, 2, 3]),
    (TOP, {"typical_p": 0.61}, [0, 1, 2, 3]),
    (TOP, {"typical_p": 0.1, "ties": "all"}, [1, 2, 3]),
    (TOP, {"typical_p": 0.1, "min_keep": 2}, [1, 2]),
    (TOP, {"typical_p": -1}, [1]),
    # epsilon
    (RAMP, {"epsilon": 0.25}, [3, 2]),
    (RAMP, {"epsilon": 0.9}, [3]),
    (RAMP, {"epsilon": 0.9, "min_keep": 3}, [3, 2, 1]),
    (TEN, {"epsilon": 0.1}, list(range(10))),
    # eta: H = 1.280, exp(-H) = 0.278: min(0.5, 0.197) and min(0.04, 0.056)
    (RAMP, {"eta": 0.5}, [3, 2, 1]),
    (RAMP, {"eta": 0.04}, [3, 2, 1, 0]),
    (RAMP, {"eta": 1.0}, [3, 2]),
    # top-h: -q ln q of the tokens is 0.367, 0.361, 0.322, 0.230, together 1.280
    (RAMP, {"top_h": 0}, [3]),
    (RAMP, {"top_h": 0.28}, [3]),
    (RAMP, {"top_h": 0.57}, [3, 2]),
    (RAMP, {"top_h": 0.83}, [3, 2, 1]),
    (RAMP, {"top_h": 1}, [3, 2, 1, 0]),
    (RAMP, {"top_h": 0, "min_keep": 2}, [3, 2]),
    (EVEN, {"top_h": 0.3, "ties": "all"}, [0]),
    ([0.005] * 200, {"top_h": 1}, list(range(100))),
    ([1.0, 0.0], {"top_h": 0.5}, [0]),
    # surprise: 1.32, 1.74, 2.32, 3.32 bits
    (RAMP, {"max_surprise": 2.4}, [3, 2, 1]),
    (RAMP, {"max_surprise": 0.5}, [3]),
    (RAMP, {"max_surprise": -3, "min_keep": 2}, [3, 2]),
    # temperature
    (RAMP, {"temperature": 0}, [3]),
    (EVEN, {"temperature": 0}, [0]),
    (EVEN, {"temperature": 0, "min_keep": 3, "ties": "all"}, [0]),
    # at temperature 1/2 the probabilities are 1, 4, 9, 16 of 30
    (RAMP, {"temperature": 0.5, "epsilon": 0.2}, [3, 2]),
    (RAMP, {"temperature": 0.5, "top_p": 0.52}, [3]),
    (RAMP, {"temperature": 0.5, "min_p": 0.3}, [3, 2]),
    # tokens of probability 0 are not there
    ([0.0, 0.5, 0.0, 0.5], {}, [1, 3]),
    ([0.0, 0.5, 0.0, 0.5], {"top_k": 3, "min_keep": 4, "ties": "all"}, [1, 3]),
    ([0.0, 0.0, 1.0], {"top_p": 0.1}, [2]),
    ([1.0], {"top_k": 1, "top_p": 0.1, "typical_p": 0.1, "top_h": 0.1}, [0]),
]


@pytest.mark.parametrize(("probabilities", "keywords", "expected"), TABLE)
def test_table(
    implementation: ModuleType,
    probabilities: list[float],
    keywords: dict[str, Any],
    expected: list[int],
) -> None:
    logits = logits_of(probabilities)
    assert ids(implementation, logits, **keywords) == expected
    # An offset changes nothing, nor does float32: no decision here is that close.
    assert ids(implementation, (logits + 8).astype(np.float32), **keywords) == expected


def test_top_p_at_a_mass_that_no_float_holds(implementation: ModuleType) -> None:
    # In float32 the logarithms are such that the first two have 0.800000004.
    logits = logits_of([0.5, 0.3, 0.1, 0.1], np.float32)
    assert ids(implementation, logits, top_p=0.8) == [0, 1]
    assert ids(implementation, logits[[2, 0, 3, 1]], top_p=0.8) == [1, 3]
    assert ids(implementation, logits, top_p=0.80000001) == [0, 1, 2]
    assert ids(implementation, logits, top_p=0.80000001, ties="all") == [0, 1, 2, 3]


def test_min_p_keeps_what_is_exactly_at_the_limit(implementation: ModuleType) -> None:
    limit = math.log(0.3)
    below = math.nextafter(limit, -INF)
    assert ids(implementation, [below, 0.0, limit], min_p=0.3) == [1, 2]


def test_top_n_sigma(implementation: ModuleType) -> None:
    # The standard deviation of 3, 2, 1, 0 is 1.118 and not 1.291.
    for masked in ([], [-INF], [-INF] * 9):
        row = [3.0, 2.0, 1.0, 0.0, *masked]
        assert ids(implementation, row, top_n_sigma=0.9) == [0, 1]
        assert ids(implementation, row, top_n_sigma=1.7) == [0, 1]
        assert ids(implementation, row, top_n_sigma=1.8) == [0, 1, 2]
        assert ids(implementation, row, top_n_sigma=2.7) == [0, 1, 2, 3]
    assert ids(implementation, [-1.0, 1.0], top_n_sigma=2) == [1, 0]
    assert ids(implementation, [-1.0, 1.0], top_n_sigma=1.99) == [1]
    assert ids(implementation, [-9.0, -8.0], top_n_sigma=0.1, min_keep=2) == [1, 0]
    assert ids(implementation, [3.0] * 5, top_n_sigma=0.1) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("temperature", [0.25, 7.0])
def test_no_temperature_changes_the_set_of_top_n_sigma(
    implementation: ModuleType, temperature: float
) -> None:
    row = np.random.default_rng(4).normal(0, 3, 500)
    expected = ids(implementation, row, top_n_sigma=1.5)
    assert ids(implementation, row, top_n_sigma=1.5, temperature=temperature) == expected


def test_a_later_step_sees_what_is_left_renormalised(implementation: ModuleType) -> None:
    logits = logits_of([0.4, 0.3, 0.2, 0.1])
    # 4/7 and 3/7 are left of top-k.
    assert ids(implementation, logits, [TopK(2), TopP(0.55)]) == [0]
    assert ids(implementation, logits, [TopK(2), TopP(0.6)]) == [0, 1]
    assert ids(implementation, logits, [TopP(0.55), TopK(2)]) == [0, 1]
    assert ids(implementation, logits, [TopK(2), TopP(0.55)], joint=True) == [0, 1]
    # The surprise of the second is 1.22 bits among two, 1.74 among all.
    assert ids(implementation, logits, [TopK(2), MaxSurprise(1.5)]) == [0, 1]
    assert ids(implementation, logits, [TopK(2), MaxSurprise(1.5)], joint=True) == [0]


def test_joint_filters_that_have_no_token_in_common(implementation: ModuleType) -> None:
    logits = logits_of(TOP)
    assert ids(implementation, logits, [Typical(0.3)]) == [1, 2]
    assert ids(implementation, logits, [TopK(1), Typical(0.3)], joint=True) == [0]
    # Token 0 comes of top-k, and 1 and 2 are then missing of three.
    steps = [TopK(1), Typical(0.3)]
    assert ids(implementation, logits, steps, joint=True, min_keep=3) == [0, 1, 2]


def test_joint_filters_see_the_temperature_before_them(implementation: ModuleType) -> None:
    logits = logits_of(RAMP)
    steps = [Temperature(0.5), TopK(3), TopP(0.52)]
    assert ids(implementation, logits, steps, joint=True) == [3]
    assert ids(implementation, logits, [*steps[1:], steps[0]], joint=True) == [3, 2]
    assert ids(implementation, logits, [Temperature(0), TopK(3)], joint=True) == [3]


def test_the_largest_logit_may_go(implementation: ModuleType) -> None:
    kept = implementation.candidates(logits_of(TOP), typical_p=0.5)
    np.testing.assert_allclose(np.exp(kept.log_probs), [1 / 3] * 3, rtol=1e-14)
    assert kept.log_kept_mass == pytest.approx(math.log(0.6), rel=1e-13)


def test_what_is_left_is_renormalised(implementation: ModuleType) -> None:
    logits = logits_of(RAMP) + 3.0
    kept = implementation.candidates(logits, top_k=3)
    np.testing.assert_array_equal(kept.logits, logits[[3, 2, 1]])
    np.testing.assert_allclose(np.exp(kept.log_probs), [4 / 9, 3 / 9, 2 / 9], rtol=1e-14)
    assert kept.log_kept_mass == pytest.approx(math.log(0.9), rel=1e-13)
    # The mass is that at the temperature at which the chain ends: 29 of 30.
    for order in ("hf", "llama.cpp"):
        kept = implementation.candidates(logits, top_k=3, temperature=0.5, order=order)
        np.testing.assert_allclose(kept.logits, logits[[3, 2, 1]] * 2, rtol=1e-14)
        np.testing.assert_allclose(np.exp(kept.log_probs), [16 / 29, 9 / 29, 4 / 29], rtol=1e-13)
        assert kept.log_kept_mass == pytest.approx(math.log(29 / 30), rel=1e-13)


def test_temperatures_multiply(implementation: ModuleType) -> None:
    logits = logits_of(RAMP)
    kept = implementation.candidates(logits, [Temperature(4), TopK(3), Temperature(0.125)])
    np.testing.assert_allclose(np.exp(kept.log_probs), [16 / 29, 9 / 29, 4 / 29], rtol=1e-13)


def test_temperature_0_is_certain(implementation: ModuleType) -> None:
    kept = implementation.candidates(logits_of(RAMP), temperature=0, order="llama.cpp")
    assert kept.log_probs.tolist() == [0.0]
    assert kept.log_kept_mass == 0.0


def test_a_tail_that_float64_cannot_add_to_1(implementation: ModuleType) -> None:
    kept = implementation.candidates([40.0, 0.0], top_k=1)
    assert kept.log_kept_mass == pytest.approx(-math.exp(-40), rel=1e-12)
    kept = implementation.candidates([40.0, 0.0])
    assert kept.log_kept_mass == 0.0
    np.testing.assert_allclose(kept.log_probs, [-math.exp(-40), -40.0], rtol=1e-12)
    # exp of the second underflows, but it is a token as others are.
    np.testing.assert_array_equal(
        implementation.candidates([2000.0, 0.0]).log_probs, [0.0, -2000.0]
    )


def test_dynamic_temperature(implementation: ModuleType) -> None:
    row = logits_of([0.5, 0.25, 0.125, 0.125])
    # H is 1.75 bits of 2.
    kept = implementation.candidates(row, [DynamicTemperature(0.5, 2.5, 2.0)])
    np.testing.assert_allclose(kept.logits, np.sort(row)[::-1] / (0.5 + 2 * 0.875**2), rtol=1e-13)
    # Among the first two: 0.9183 bits of 1.
    kept = implementation.candidates(row, [TopK(2), DynamicTemperature(0, 1)])
    np.testing.assert_allclose(kept.logits, row[:2] / 0.91829583405449, rtol=1e-13)
    even = implementation.candidates([1.0, 1.0, 1.0], [DynamicTemperature(0.5, 2.0)])
    np.testing.assert_allclose(even.logits, 0.5, rtol=1e-13)
    single = implementation.candidates([-INF, 3.0], [DynamicTemperature(0.5, 2.0)])
    assert single.logits.tolist() == [6.0]
    assert implementation.candidates([1.0, 3.0], [DynamicTemperature(0, 0)]).ids.tolist() == [1]


def test_zeros_of_both_signs_are_equal(implementation: ModuleType) -> None:
    assert ids(implementation, [-0.0, 0.0, -0.0], top_k=2) == [0, 1]
    assert ids(implementation, [-1.0, -0.0, 0.0], top_k=1, ties="all") == [1, 2]


def test_an_extreme_row(implementation: ModuleType) -> None:
    row = np.array([3.4e38, -3.4e38, 0.0, 3.4e38], np.float32)
    everything = {"top_p": 0.99, "min_p": 0.01, "typical_p": 0.99, "top_h": 1, "eta": 0.01}
    assert ids(implementation, row, **everything) == [0, 3]
    assert ids(implementation, row, temperature=1e-30, top_p=0.4) == [0]
    wide = np.array([1e308, -1e308, 0.0, 1e308, 9e307])
    assert ids(implementation, wide, **everything) == [0, 3]
    assert ids(implementation, wide, top_n_sigma=0.2) == [0, 3, 4]


@pytest.mark.parametrize("temperature", [1e-30, 1e-300, 5e-324])
def test_a_temperature_near_0(implementation: ModuleType, temperature: float) -> None:
    row = [5.0, 10.0, -10.0, 10.0]
    steps = [Temperature(temperature), Typical(0.9), TopP(0.99), DynamicTemperature(0.5, 1)]
    assert ids(implementation, row, steps) == [1, 3]
    kept = implementation.candidates(row, temperature=temperature)
    assert kept.entropy() == pytest.approx(math.log(2))
    assert set(kept.sample(1, num_samples=50)) == {1, 3}
    assert kept.log_kept_mass == 0.0
