"""Temperatures for entropies: closed forms, bounds, rows of every kind, errors."""

from typing import Any

import logitkit
import numpy as np
import pytest
from logitkit import reference

from ..numerics.rows import DTYPES, make_rows

INF = np.inf


def test_two_tokens_by_hand() -> None:
    # p = 1 / (1 + exp(-4 / T)) is 0.8 where 4 / T = ln 4.
    logits = np.array([[4.0, 0.0]])
    wanted = -0.8 * np.log(0.8) - 0.2 * np.log(0.2)
    for library in (logitkit, reference):
        for base, scale in ((None, 1.0), (2, np.log(2))):
            found = library.temperature_for_entropy(logits, wanted / scale, base=base)
            np.testing.assert_allclose(found.temperature, 4 / np.log(4), rtol=1e-10)
            np.testing.assert_allclose(found.entropy, wanted / scale, rtol=1e-12)
            assert found.reached.all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_of_every_kind(dtype: str) -> None:
    logits = make_rows(3000, dtype)
    rows = len(logits)
    target = np.linspace(0.5, 3.0, rows)
    found = logitkit.temperature_for_entropy(logits, target, bounds=(1e-2, 1e2))
    expected = reference.temperature_for_entropy(
        logits.astype(np.float64), target, bounds=(1e-2, 1e2)
    )
    np.testing.assert_array_equal(found.reached, expected.reached)
    assert found.reached.any()
    np.testing.assert_allclose(found.temperature, expected.temperature, rtol=1e-5)
    again = logitkit.entropy(logits, temperature=found.temperature)
    np.testing.assert_allclose(again[found.reached], target[found.reached], rtol=2e-6)


def test_what_cannot_be_reached_is_clamped_and_flagged() -> None:
    logits = np.array([[0.0, 0.0], [5.0, 0.0], [5.0, 0.0], [9.0, -INF]])
    found = logitkit.temperature_for_entropy(logits, [0.5, 0.7, 1e-9, 0.1], bounds=(0.5, 10))
    assert not found.reached.any()
    np.testing.assert_allclose(found.temperature, [0.5, 10, 0.5, 10], rtol=1e-12)
    expected = logitkit.entropy(logits, temperature=found.temperature)
    np.testing.assert_allclose(found.entropy, expected, rtol=1e-12)


def test_a_single_token_has_no_entropy_at_any_temperature() -> None:
    logits = np.array([[3.0, -INF], [3.0, -INF]])
    for library in (logitkit, reference):
        found = library.temperature_for_entropy(logits, [0.0, 0.1], bounds=(0.5, 10))
        np.testing.assert_allclose(found.temperature, [0.5, 10], rtol=1e-12)
        assert found.reached.tolist() == [True, False]


def test_invalid_rows_and_shapes() -> None:
    logits = np.zeros((2, 2, 5), np.float32)
    logits[..., 0] = 3
    logits[0, 0, 1], logits[0, 1, 1], logits[1, 0] = np.nan, INF, -INF
    found = logitkit.temperature_for_entropy(logits, 1.0)
    assert np.isnan(found.temperature).tolist() == [[True, True], [True, False]]
    assert found.reached.tolist() == [[False, False], [False, True]]
    one = logitkit.temperature_for_entropy(logits[1, 1], 1.0)
    assert one.temperature == found.temperature[1, 1]
    moved = logitkit.temperature_for_entropy(np.moveaxis(logits, -1, 0), 1.0, axis=0)
    np.testing.assert_array_equal(moved.temperature, found.temperature)


@pytest.mark.parametrize("dtype", DTYPES)
def test_dynamic_temperature(dtype: str) -> None:
    logits = make_rows(500, dtype)
    exponent = np.linspace(0.5, 2.0, len(logits))
    found = logitkit.dynamic_temperature(logits, 0.5, 1.5, exponent)
    expected = reference.dynamic_temperature(logits.astype(np.float64), 0.5, 1.5, exponent)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_dynamic_temperature_of_the_ends() -> None:
    logits = np.array(
        [[1.0, 1.0, -INF], [7.0, -INF, -INF], [np.nan, 0, 0], [INF, 0, 0], [-INF, -INF, -INF]]
    )
    for library in (logitkit, reference):
        found = library.dynamic_temperature(logits, 0.25, 2.0)
        np.testing.assert_allclose(found, [2.0, 0.25, np.nan, np.nan, np.nan])
    swapped = logits[:2].astype(">f4")
    np.testing.assert_allclose(logitkit.dynamic_temperature(swapped, 0.25, 2.0), [2.0, 0.25])


def test_wrong_arguments_are_refused_with_the_way_out() -> None:
    logits = np.zeros((2, 3))
    call: Any = logitkit.temperature_for_entropy
    for error, target, options, words in (
        (ValueError, -1.0, {}, "target = -1.0; expected a finite number >= 0"),
        (ValueError, [1.0, np.nan], {}, r"target\[1\] = nan"),
        (ValueError, [1.0] * 3, {}, r"target of shape \(3,\) does not broadcast to \(2,\)"),
        (TypeError, "abc", {}, "target of dtype"),
        (ValueError, 1.0, {"bounds": (2.0, 1.0)}, "0 < lowest < highest"),
        (TypeError, 1.0, {"bounds": 1.0}, "expected two numbers"),
    ):
        with pytest.raises(error, match=words):
            call(logits, target, **options)
    with pytest.raises(ValueError, match="low = -1"):
        logitkit.dynamic_temperature(logits, -1.0, 2.0)
