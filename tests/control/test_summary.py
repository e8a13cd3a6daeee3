"""Summaries of entropies: against NumPy, and merged in every way."""

import json

import logitkit
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from logitkit import EntropySummary

VALUES = st.lists(st.floats(0.0, 20.0) | st.just(float("nan")), max_size=40)


@given(st.lists(VALUES, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_parts_merge_into_the_whole(parts: list[list[float]], random: object) -> None:
    whole = EntropySummary().update([value for part in parts for value in part])
    summaries = [EntropySummary().update(part) for part in parts]
    random.shuffle(summaries)  # type: ignore[attr-defined]
    merged = EntropySummary()
    for each in summaries:
        merged.merge(EntropySummary.from_dict(json.loads(json.dumps(each.to_dict()))))
    assert (merged.count, merged.nan_count) == (whole.count, whole.nan_count)
    np.testing.assert_array_equal(merged.histogram, whole.histogram)
    np.testing.assert_array_equal([merged.min, merged.max], [whole.min, whole.max])
    np.testing.assert_allclose(
        [merged.mean, merged.variance], [whole.mean, whole.variance], rtol=1e-9, atol=1e-9
    )


@given(st.lists(st.floats(0.0, 20.0), min_size=2, max_size=60))
def test_it_says_what_numpy_says(values: list[float]) -> None:
    summary = EntropySummary().update(values)
    np.testing.assert_allclose(summary.mean, np.mean(values), rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(summary.variance, np.var(values, ddof=1), rtol=1e-9, atol=1e-25)
    assert (summary.min, summary.max) == (min(values), max(values))
    shares = np.linspace(0.0, 1.0, 11)
    exact = np.quantile(values, shares, method="inverted_cdf")
    within = exact < summary.upper
    found = summary.quantile(shares)
    assert (np.abs(found - exact)[within] <= summary.quantile_error * (1 + 1e-9)).all()
    assert summary.histogram.sum() == summary.count == len(values)


def test_differences_and_their_intervals() -> None:
    rng = np.random.default_rng(0)
    a = EntropySummary().update(rng.uniform(2.0, 4.0, 4000))
    b = EntropySummary().update(rng.uniform(2.1, 4.1, (20, 300)))
    found = a.difference(b)
    error = np.sqrt(a.variance / 4000 + b.variance / 6000)
    np.testing.assert_allclose(found.standard_error, error)
    np.testing.assert_allclose(found.high - found.low, 2 * 1.959964 * error, rtol=1e-6)
    assert found.low < -0.1 < found.high
    assert a.difference(b, level=0.5).high < found.high


def test_nothing_yet() -> None:
    summary = EntropySummary().update([np.nan, np.nan])
    assert summary.nan_count == 2
    assert np.isnan([summary.mean, summary.variance, summary.min, summary.quantile(0.5)]).all()


def test_a_refused_update_leaves_the_summary_alone() -> None:
    summary = EntropySummary().update(logitkit.entropy(np.zeros((3, 4))))
    for values, words in (([1.0, -0.5], r"entropies\[1\] = -0.5"), ([np.inf], "is not an entropy")):
        with pytest.raises(ValueError, match=words):
            summary.update(values)
    assert summary.count == 3
    with pytest.raises(ValueError, match="same `upper` and `bins`"):
        summary.merge(EntropySummary(bins=10))
    with pytest.raises(ValueError, match="expected an int >= 1"):
        EntropySummary(bins=0)
    with pytest.raises(ValueError, match="from 0 to 1"):
        summary.quantile(1.5)
    with pytest.raises(TypeError, match="entropies of dtype"):
        summary.update(["a"])  # type: ignore[arg-type]
