"""A logit far beyond all before it, where weights leave the range of their type."""

import logitkit
import numpy as np
import pytest
from logitkit import reference
from numpy.typing import NDArray

AT, VOCAB = 30_000, 40_001
HUGE = [("float32", x) for x in (1e5, 1e18, 3e38)] + [
    ("float64", x) for x in (1e5, 1e16, 1e18, 1e20, 3e38, 1e150, 1e300, 1.7e308)
]


def rows(dtype: str, huge: float) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    rng = np.random.default_rng(5)
    ordinary = rng.normal(0.0, 2.0, (2, VOCAB)).astype(dtype)
    row = ordinary[0].copy()
    row[AT] = huge
    return row, ordinary[1]


@pytest.mark.parametrize(("dtype", "huge"), HUGE)
def test_of_one_row(instruction_set: str, dtype: str, huge: float) -> None:
    row, _ = rows(dtype, huge)
    largest = float(row[AT])
    certain = np.eye(1, VOCAB, AT, dtype=dtype)[0]
    targets = np.array([AT, 7])
    stats = logitkit.token_stats(row, targets)
    for found in (logitkit.logsumexp(row), stats.logsumexp, stats.max):
        assert found == largest
    for found in (logitkit.entropy(row), stats.entropy, logitkit.varentropy(row)):
        assert found == 0.0
    expected = np.array([0.0, row[7] - row[AT]])
    for log_probs in (logitkit.log_prob(row, targets), stats.log_prob):
        np.testing.assert_allclose(log_probs, expected, rtol=1e-6)
    assert (stats.rank[0], stats.argmax, stats.valid) == (1, AT, True)
    np.testing.assert_array_equal(logitkit.softmax(row), certain)
    assert logitkit.log_softmax(row)[AT] == 0.0
    for cross_entropy in (logitkit.cross_entropy, reference.cross_entropy):
        loss, gradient = cross_entropy(row, np.int64(AT), return_grad=True)
        assert loss == 0.0
        assert not gradient.any()


@pytest.mark.parametrize(("dtype", "huge"), HUGE)
@pytest.mark.parametrize(
    "divergence",
    ["kl_divergence", "js_divergence", "total_variation", "cross_entropy_between"],
)
def test_of_two_rows(instruction_set: str, dtype: str, huge: float, divergence: str) -> None:
    row, other = rows(dtype, huge)
    for pair in ((row, other), (other, row)):
        expected = getattr(reference, divergence)(*pair)
        found = getattr(logitkit, divergence)(*pair)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
