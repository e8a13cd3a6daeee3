"""Rows on which a careless formula goes wrong, against arithmetic far beyond float64."""

from functools import cache
from typing import Any

import logitkit
import numpy as np
import pytest
from logitkit import reference
from numpy.typing import NDArray

from .accuracy import Accuracy
from .exact import exact_statistics
from .golden_rows import fits, golden_rows
from .rows import DTYPES
from .statistics import fused_statistics, single_statistics

GOLDEN = {case.name: case for case in golden_rows()}
PAIRS = [
    pytest.param(case.name, dtype, id=f"{case.name}, {dtype}")
    for case in GOLDEN.values()
    for dtype in DTYPES
    if fits(case.row, dtype)
]
CLAIMS = [pair for pair in PAIRS if GOLDEN[str(pair.values[0])].claim]


@cache
def exact_answer(name: str, dtype: str) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
    case = GOLDEN[name]
    row = case.row.astype(DTYPES[dtype]).astype(np.float64)
    targets = np.array([row.argmax(), row.size - 1, 0, row.size // 2, row.argmin()])
    return targets, exact_statistics(row, targets, case.temperature)


@pytest.mark.parametrize(("name", "dtype"), PAIRS)
def test_golden_row(instruction_set: str, name: str, dtype: str, accuracy: Accuracy) -> None:
    case = GOLDEN[name]
    logits = case.row.astype(DTYPES[dtype])
    targets, exact = exact_answer(name, dtype)
    where = f"{instruction_set}, {name}"
    for ask in (single_statistics, fused_statistics):
        for statistic, got in ask(logitkit, logits, targets, case.temperature).items():
            accuracy.check(statistic, dtype, got, exact[statistic], where)


@pytest.mark.parametrize(("name", "dtype"), PAIRS)
def test_reference_on_golden_row(name: str, dtype: str) -> None:
    case = GOLDEN[name]
    logits = case.row.astype(DTYPES[dtype]).astype(np.float64)
    targets, exact = exact_answer(name, dtype)
    # Its errors belong in no table of the core's.
    accuracy = Accuracy()
    for statistic, got in fused_statistics(reference, logits, targets, case.temperature).items():
        accuracy.check(statistic, "float64", got, exact[statistic], name)


@pytest.mark.parametrize(("name", "dtype"), CLAIMS)
def test_golden_row_is_what_it_claims(name: str, dtype: str) -> None:
    claim = GOLDEN[name].claim
    assert claim is not None
    statistic, least, most = claim
    # Of the targets, the first is the largest logit.
    assert least <= exact_answer(name, dtype)[1][statistic].reshape(-1)[0] <= most


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_token_left_has_no_entropy_at_all(instruction_set: str, dtype: str) -> None:
    logits = np.full((3, 2000), -np.inf)
    logits[[0, 1, 2], [0, 777, 1999]] = [0.0, -30000.0, 17.5]
    stats = logitkit.token_stats(logits.astype(DTYPES[dtype]), np.array([0, 777, 1999]))
    for statistic in (stats.entropy, stats.varentropy, stats.log_prob):
        np.testing.assert_array_equal(statistic, 0.0)
    np.testing.assert_array_equal(stats.max_prob, 1.0)
    np.testing.assert_array_equal(stats.logsumexp, stats.max)


@pytest.mark.parametrize("dtype", DTYPES)
def test_temperatures_out_of_range_of_float32(instruction_set: str, dtype: str) -> None:
    logits = np.array([[1.0, 0.5, 1.0, -2.0], [3.0, 0.5, 1.0, -2.0]], DTYPES[dtype])
    cold = logitkit.token_stats(logits, temperature=1e-45)
    np.testing.assert_allclose(cold.entropy, [np.log(2), 0.0], rtol=1e-7)
    np.testing.assert_array_equal(cold.varentropy, [0.0, 0.0])
    np.testing.assert_array_equal(cold.max_prob, [0.5, 1.0])
    np.testing.assert_array_equal(cold.valid, [True, True])
    hot = logitkit.token_stats(logits, temperature=1e45)
    np.testing.assert_allclose(hot.entropy, np.log(4), rtol=3e-7)
    np.testing.assert_allclose(hot.logsumexp, np.log(4), rtol=3e-7)
    np.testing.assert_allclose(hot.max_prob, 0.25, rtol=3e-7)


@pytest.mark.parametrize("length", [1000, 2048, 4096])
def test_all_equal_but_one(instruction_set: str, length: int) -> None:
    """Roundings go one way: log-sum-exp has 7e-7, all else what it has elsewhere."""
    rng = np.random.default_rng(length)
    logits = np.repeat(rng.normal(0.0, 2.0, 300).astype(np.float32)[:, None], length, axis=1)
    logits[:, length // 3] += np.abs(rng.normal(0.0, 6.0, 300)).astype(np.float32)
    targets = np.full(300, length // 3)
    got = logitkit.token_stats(logits, targets)
    expected = reference.token_stats(logits.astype(np.float64), targets)
    np.testing.assert_allclose(got.logsumexp, expected.logsumexp, 1.2e-7, 7e-7)
    for name in ("entropy", "varentropy", "max_prob", "log_prob"):
        values = getattr(got, name), getattr(expected, name)
        np.testing.assert_allclose(*values, rtol=1e-6, err_msg=name)


def test_what_misses_its_limit_is_refused() -> None:
    for shape in ((), (3,), (2, 2)):
        exact = np.ones(shape)
        with pytest.raises(AssertionError, match="entropy of float32"):
            Accuracy().check("entropy", "float32", np.float32(1.1) * exact.astype("f4"), exact, "x")
