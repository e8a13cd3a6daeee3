"""The largest logits of each row, by tables that both implementations are to give."""

from types import ModuleType

import logitkit
import ml_dtypes
import numpy as np
import pytest
from logitkit import reference

NAN, INF = np.nan, np.inf
ROWS = np.random.default_rng(8).normal(0, 3, (4, 3, 50))


@pytest.fixture(params=[logitkit, reference], ids=lambda module: module.__name__)
def implementation(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.param
    return module


@pytest.mark.parametrize("k", [1, 2, 49, 50])
def test_values_indices_and_log_probabilities(implementation: ModuleType, k: int) -> None:
    values, indices, log_probs = implementation.topk(ROWS, k, return_log_probs=True)
    assert values.shape == indices.shape == log_probs.shape == (4, 3, k)
    assert indices.dtype == np.int64
    np.testing.assert_array_equal(indices, (-ROWS).argsort(axis=-1, kind="stable")[..., :k])
    np.testing.assert_array_equal(values, np.take_along_axis(ROWS, indices, axis=-1))
    expected = values - np.log(np.exp(ROWS).sum(axis=-1, keepdims=True))
    np.testing.assert_allclose(log_probs, expected, rtol=1e-12)


def test_the_temperature_is_that_of_the_log_probabilities(implementation: ModuleType) -> None:
    temperature = np.array([0.5, 1.0, 2.0])
    values, _, log_probs = implementation.topk(
        ROWS, 3, return_log_probs=True, temperature=temperature
    )
    tempered = ROWS / temperature[:, None]
    expected = np.sort(tempered - np.log(np.exp(tempered).sum(axis=-1, keepdims=True)))[..., :-4:-1]
    np.testing.assert_allclose(log_probs, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(values, np.sort(ROWS)[..., :-4:-1])


@pytest.mark.parametrize("axis", [0, 1, -3])
def test_axis(implementation: ModuleType, axis: int) -> None:
    expected = implementation.topk(ROWS, 5)
    found = implementation.topk(np.moveaxis(ROWS, -1, axis), 5, axis=axis)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(np.moveaxis(a, axis, -1), b)


def test_ties_and_masked_tokens(implementation: ModuleType) -> None:
    values, indices = implementation.topk([-0.0, -INF, 0.0, 1.0, -INF, 0.0], 6)
    assert indices.tolist() == [3, 0, 2, 5, 1, 4]
    assert values.tolist() == [1, 0, 0, 0, -INF, -INF]


def test_rows_without_a_distribution(implementation: ModuleType) -> None:
    logits = np.array([[1.0, NAN, 2.0], [1.0, INF, 2.0], [-INF] * 3, [1.0, 3.0, 2.0]])
    values, indices, log_probs = implementation.topk(logits, 2, return_log_probs=True)
    np.testing.assert_array_equal(values, [[NAN, NAN], [INF, 2], [-INF, -INF], [3, 2]])
    assert indices.tolist() == [[-1, -1], [1, 2], [0, 1], [1, 2]]
    assert np.isnan(log_probs).any(axis=-1).tolist() == [True, True, True, False]


def test_unsorted_is_the_same_set(implementation: ModuleType) -> None:
    _, indices = implementation.topk(ROWS, 7, sorted=False)
    np.testing.assert_array_equal(np.sort(indices), np.sort(implementation.topk(ROWS, 7)[1]))


def test_bfloat16(implementation: ModuleType) -> None:
    logits = ROWS.astype(ml_dtypes.bfloat16)
    expected = implementation.topk(logits.astype(np.float32), 9)
    for given, keywords in ((logits, {}), (logits.view(np.uint16), {"dtype": "bfloat16"})):
        values, indices = implementation.topk(given, 9, **keywords)
        np.testing.assert_array_equal(indices, expected[1])
        np.testing.assert_array_equal(values, expected[0])
