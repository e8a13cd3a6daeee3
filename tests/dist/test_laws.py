"""Laws of information theory, on distributions that hypothesis chooses."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from logitkit import dist
from numpy.typing import NDArray

laws = settings(deadline=None, max_examples=80)

# What two results may differ by that are each within 1e-12 of the truth, and rounding near 0.
RELATIVE = 2e-12
ROUNDING = 1e-14

weights = st.one_of(st.just(0.0), st.floats(1e-12, 1e12), st.integers(1, 20).map(float))
ESTIMATORS = ["plugin", "miller-madow", "grassberger", "chao-shen"]


def rows(*shape: int) -> st.SearchStrategy[NDArray[np.float64]]:
    return arrays(np.float64, shape, elements=weights).filter(lambda row: row.sum() > 0)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    length = draw(st.integers(1, 12))
    return draw(rows(length)), draw(rows(length))


tables = st.tuples(st.integers(1, 5), st.integers(1, 5)).flatmap(lambda shape: rows(*shape))
counts = st.lists(st.integers(0, 60), min_size=1, max_size=20).filter(any)
labelled = st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abc")), min_size=1, max_size=40)


def close(a: Any, b: Any, absolute: float = ROUNDING) -> None:
    np.testing.assert_allclose(a, b, rtol=RELATIVE, atol=absolute)


@laws
@given(st.integers(1, 20).flatmap(rows))
def test_entropies_stay_in_their_bounds(row: NDArray[np.float64]) -> None:
    entropy = dist.entropy(row)
    most = dist.max_entropy(int((row > 0).sum()))
    assert 0 <= entropy <= most * (1 + RELATIVE)
    close(dist.perplexity(row), np.exp(entropy))
    close(dist.normalized_entropy(row) * dist.max_entropy(row.size), entropy)


@laws
@given(pairs(), st.floats(1e-3, 1e3), st.integers(0, 999))
def test_neither_the_order_of_outcomes_nor_the_sum_of_weights_matters(
    pair: tuple[Any, Any], factor: float, seed: int
) -> None:
    p, q = pair
    order = np.random.default_rng(seed).permutation(p.size)
    close(dist.entropy(factor * p[order]), dist.entropy(p))
    for function in (dist.cross_entropy, dist.kl_divergence, dist.js_divergence):
        close(function(factor * p[order], q[order]), function(p, q))


@laws
@given(pairs())
def test_divergences_are_not_negative_and_0_between_equals(pair: tuple[Any, Any]) -> None:
    p, q = pair
    assert dist.kl_divergence(p, q) >= 0
    assert dist.kl_divergence(p, p) == 0
    assert dist.js_divergence(p, p) == 0
    assert dist.kl_divergence(p, 4.0 * p) == 0
    assert np.isinf(dist.kl_divergence(p, q)) == bool(((p > 0) & (q == 0)).any())


@laws
@given(pairs())
def test_jensen_shannon_is_symmetric_and_bounded(pair: tuple[Any, Any]) -> None:
    p, q = pair
    result = dist.js_divergence(p, q)
    assert 0 <= result <= np.log(2) * (1 + RELATIVE)
    close(dist.js_divergence(q, p), result, 0.0)


@laws
@given(pairs())
def test_cross_entropy_is_entropy_and_divergence(pair: tuple[Any, Any]) -> None:
    p, q = pair
    close(dist.cross_entropy(p, q), dist.entropy(p) + dist.kl_divergence(p, q))


@laws
@given(tables)
def test_the_chain_rule(table: NDArray[np.float64]) -> None:
    of_x, of_y = table.sum(axis=1), table.sum(axis=0)
    both = dist.joint_entropy(table)
    close(dist.entropy(of_x) + dist.conditional_entropy(table), both)
    close(dist.entropy(of_y) + dist.conditional_entropy(table, axis=(-1, -2)), both)
    close(dist.entropy(of_x) + dist.entropy(of_y) - dist.mutual_information(table), both)


@laws
@given(tables)
def test_mutual_information_is_symmetric_and_not_negative(table: NDArray[np.float64]) -> None:
    result = dist.mutual_information(table)
    assert result >= 0
    close(dist.mutual_information(table.T), result)
    close(dist.mutual_information(table, axis=(1, 0)), result)


@laws
@given(pairs())
def test_independent_variables_tell_nothing_of_each_other(pair: tuple[Any, Any]) -> None:
    x, y = pair
    # Products of integers are exact, so nothing but independence is left.
    x, y = np.ceil(np.minimum(x, 1000)), np.ceil(np.minimum(y, 1000))
    assert dist.mutual_information(np.outer(x, y)) == 0
    close(dist.conditional_entropy(np.outer(x, y)), dist.entropy(y))


@laws
@given(counts, st.sampled_from(ESTIMATORS), st.integers(0, 999))
def test_neither_the_order_of_counts_nor_outcomes_not_seen_matter(
    counts: list[int], estimator: Any, seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(len(counts))
    shuffled = [*np.array(counts)[order], 0, 0]
    plain = dist.entropy_of_counts(counts, estimator=estimator)
    close(dist.entropy_of_counts(shuffled, estimator=estimator), plain)


@pytest.mark.parametrize("estimator", ESTIMATORS[1:])
def test_estimators_have_less_bias_than_the_plugin_entropy(estimator: Any) -> None:
    rng = np.random.default_rng(6)
    p = rng.dirichlet(np.ones(40))
    samples = rng.multinomial(30, p, size=2000)
    truth = dist.entropy(p)
    bias = truth - dist.entropy_of_counts(samples).mean()
    assert bias > 0.3
    assert abs(truth - dist.entropy_of_counts(samples, estimator=estimator).mean()) < 0.7 * bias


@laws
@given(st.lists(st.text(max_size=2) | st.integers(0, 3), min_size=1), st.sampled_from(ESTIMATORS))
def test_samples_are_their_counts(samples: list[Any], estimator: Any) -> None:
    counts = [samples.count(sample) for sample in set(samples)]
    close(
        dist.entropy_of_samples(samples, estimator=estimator),
        dist.entropy_of_counts(counts, estimator=estimator),
    )


@laws
@given(labelled)
def test_information_gain_is_the_mutual_information_of_labels_and_split(samples: Any) -> None:
    labels, split = zip(*samples, strict=True)
    table = np.zeros((3, 4))
    for label, branch in samples:
        table["abc".index(branch), label] += 1
    gain = dist.information_gain(labels, split)
    close(gain, dist.mutual_information(table))
    close(gain, dist.entropy(table.sum(axis=0)) - dist.conditional_entropy(table))
    close(dist.gain_ratio(labels, split) * dist.entropy(table.sum(axis=1)), gain)
    assert gain >= 0
    assert dist.gain_ratio(labels, split) <= 1 + RELATIVE


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_estimators_agree_on_many_samples(estimator: Any) -> None:
    counts = np.random.default_rng(5).multinomial(10**9, [0.5, 0.3, 0.15, 0.05])
    expected = dist.entropy([0.5, 0.3, 0.15, 0.05])
    assert dist.entropy_of_counts(counts, estimator=estimator) == pytest.approx(expected, rel=1e-4)
