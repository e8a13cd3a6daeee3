"""Samples of any kind: what counts as the same, and what is refused."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from logitkit import dist
from logitkit.reference import dist as reference

both = pytest.mark.parametrize("module", [dist, reference], ids=["dist", "reference"])


@both
@pytest.mark.parametrize(
    "samples",
    [
        ["sun", "rain", "sun", "snow"],
        ("sun", "rain", "sun", "snow"),
        "aabc",
        b"aabc",
        [1, "1", 1.0, None],
        [(1, 2), (1, 2), (2, 1), ()],
        [Fraction(1, 2), 0.5, True, False],
        np.array(["sun", "rain", "sun", "snow"]),
        np.array([7, -1, 7, 3]),
        np.array([7, 0, 7, 3], np.uint64),
        np.array([0.5, 0.25, 0.5, 1e300]),
        np.array(["a", None, "a", 3], object),
        np.array(["2026-01-01", "2026-01-02", "2026-01-01", "NaT"], "datetime64[D]"),
        np.arange(8)[[0, 3, 0, 2]][::-1],
    ],
)
def test_equal_samples_count_together(module: Any, samples: Any) -> None:
    result = module.entropy_of_samples(samples, base=2)
    assert type(result) is float
    assert result == pytest.approx(1.5, rel=1e-12)


@both
def test_samples_that_can_be_read_once(module: Any) -> None:
    assert module.entropy_of_samples(iter("aabc"), base=2) == pytest.approx(1.5, rel=1e-12)
    assert module.information_gain(iter("aabb"), map(str, range(4)), base=2) == pytest.approx(1)


@both
def test_estimator_of_samples(module: Any) -> None:
    result = module.entropy_of_samples(["a", "b", "a", "b", "c"], estimator="miller-madow")
    assert result == pytest.approx(module.entropy([2, 2, 1]) + 2 / 10, rel=1e-12)
    with pytest.raises(ValueError, match="estimator='jackknife' is not known"):
        module.entropy_of_samples("abc", estimator="jackknife")


@both
def test_equal_samples_are_certain(module: Any) -> None:
    assert module.entropy_of_samples(["a"] * 5) == 0
    assert module.entropy_of_samples(np.array([True])) == 0


# Fourteen days of Quinlan's article: (outlook, humidity, windy, play).
DAYS = """
    sunny high no N, sunny high yes N, overcast high no P, rain high no P, rain normal no P,
    rain normal yes N, overcast normal yes P, sunny high no N, sunny normal no P, rain normal no P,
    sunny normal yes P, overcast high yes P, overcast normal no P, rain high yes N
"""
OUTLOOK, HUMIDITY, WINDY, PLAY = zip(*(day.split() for day in DAYS.split(",")), strict=True)


@both
def test_information_gain_of_the_article(module: Any) -> None:
    # Quinlan (1986), section 4, with the three digits he prints; he subtracts rounded entropies.
    assert module.entropy_of_samples(PLAY, base=2) == pytest.approx(0.940, abs=5e-4)
    assert module.information_gain(PLAY, OUTLOOK, base=2) == pytest.approx(0.246, abs=1e-3)
    assert module.information_gain(PLAY, HUMIDITY, base=2) == pytest.approx(0.151, abs=1e-3)
    assert module.information_gain(PLAY, WINDY, base=2) == pytest.approx(0.048, abs=1e-3)
    assert module.gain_ratio(PLAY, OUTLOOK) == pytest.approx(0.156, abs=1e-3)


@both
def test_splits_that_tell_all_or_nothing(module: Any) -> None:
    labels = np.array([0, 1, 1, 0, 2, 2])
    assert module.information_gain(labels, labels) == pytest.approx(math.log(3))
    assert module.gain_ratio(labels, labels) == pytest.approx(1)
    assert module.information_gain(labels, ["all"] * 6) == pytest.approx(0, abs=1e-15)
    assert module.gain_ratio(labels, ["all"] * 6) == 0
    assert module.gain_ratio(["a"] * 6, labels) == pytest.approx(0, abs=1e-15)


def test_a_split_with_a_branch_for_each_sample() -> None:
    n = 30_000
    labels = np.arange(n) // 2
    split = [f"sample {i}" for i in range(n)]
    assert dist.information_gain(labels, split) == pytest.approx(math.log(n / 2), rel=1e-12)
    assert dist.gain_ratio(labels, split) == pytest.approx(math.log(n / 2) / math.log(n))


@both
@pytest.mark.parametrize(
    ("samples", "error", "message"),
    [
        ([], ValueError, "samples are empty; expected at least one"),
        (np.array([], int), ValueError, "samples are empty"),
        (5, TypeError, "samples is a int; expected an array, a list or another iterable"),
        ([1, [2], [3]], TypeError, r"samples\[1\] is a list, which is not hashable; .* tuple"),
        ([1.0, math.nan], ValueError, r"samples\[1\] is NaN, which does not equal itself"),
        (np.array([math.nan, 1], np.float32), ValueError, r"samples\[0\] is NaN"),
        ([np.float32("nan")], ValueError, r"samples\[0\] is NaN"),
        (np.ones((2, 2), int), ValueError, r"samples of shape \(2, 2\); .* pass \.ravel\(\)"),
        (np.array(3), ValueError, r"samples of shape \(\); expected one axis"),
        (np.ma.ones(3), TypeError, "samples: masked arrays are not supported"),
    ],
)
def test_samples_that_are_none(
    module: Any, samples: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        module.entropy_of_samples(samples)


@both
@pytest.mark.parametrize("name", ["information_gain", "gain_ratio"])
def test_labels_and_split_are_as_many(module: Any, name: str) -> None:
    with pytest.raises(ValueError, match="labels are 3 and split are 2; expected one branch"):
        getattr(module, name)("abc", [1, 2])
    with pytest.raises(ValueError, match=r"split\[0\] is NaN"):
        getattr(module, name)("a", [math.nan])
    with pytest.raises(TypeError, match=r"labels\[0\] is a dict"):
        getattr(module, name)([{}], [1])
