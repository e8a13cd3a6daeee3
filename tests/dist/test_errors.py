"""The errors of `logitkit.dist`: what was given, what was expected, and the way out."""

import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from logitkit import dist
from logitkit.reference import dist as reference

both = pytest.mark.parametrize("module", [dist, reference], ids=["dist", "reference"])

P, Q = np.random.default_rng(4).random((2, 3, 4, 11))
OF_TABLES = ["joint_entropy", "conditional_entropy", "mutual_information"]


@both
@pytest.mark.parametrize(
    ("offender", "named"), [(-0.5, "-0.5"), (math.nan, "nan"), (math.inf, "inf")]
)
def test_a_weight_that_is_none(module: Any, offender: float, named: str) -> None:
    p = P.copy()
    p[1, 2, 3] = p[2, 0, 0] = offender
    message = rf"\[1, 2, 3\] = {named} is not a probability or weight: expected finite numbers >= 0"
    for name in ("entropy", "normalized_entropy", "perplexity"):
        with pytest.raises(ValueError, match="probs" + message):
            getattr(module, name)(p)
    for name in ("cross_entropy", "kl_divergence", "js_divergence"):
        with pytest.raises(ValueError, match="p" + message):
            getattr(module, name)(p, Q)
        with pytest.raises(ValueError, match="q" + message):
            getattr(module, name)(P, p)
    for name in OF_TABLES:
        with pytest.raises(ValueError, match="joint" + message):
            getattr(module, name)(p)
    # The place is the one in the array as given, whichever axis the rows are on.
    with pytest.raises(ValueError, match=r"probs\[1, 2, 3\] = "):
        module.entropy(p, axis=0)
    with pytest.raises(ValueError, match=r"q\[1\] = "):
        module.kl_divergence(P, np.array([1.0, offender, *[1.0] * 9]))


@both
def test_a_row_of_zeros(module: Any) -> None:
    p = P.copy()
    p[2, 1] = 0
    p[:, 0, 5] = 0
    with pytest.raises(
        ValueError, match=r"probs\[2, 1, :\] sums to 0 .*: expected at least one weight > 0"
    ):
        module.entropy(p)
    with pytest.raises(ValueError, match=r"q\[:, 0, 5\] sums to 0"):
        module.kl_divergence(P, p, axis=0)
    with pytest.raises(ValueError, match=r"joint\[:, 1, :\] sums to 0"):
        module.mutual_information(np.stack([[1, 0, 1]] * 2)[..., None], axis=(0, 2))
    with pytest.raises(ValueError, match=r"counts\[:\] sums to 0 .* one count > 0"):
        module.entropy_of_counts([0, 0])


@both
@pytest.mark.parametrize(
    ("counts", "named"),
    [
        ([[1, 2], [3, -1]], r"counts\[1, 1\] = -1"),
        ([1.0, 0.5], r"counts\[1\] = 0\.5"),
        ([math.nan, 1.0], r"counts\[0\] = nan"),
        ([math.inf, 1.0], r"counts\[0\] = inf"),
    ],
)
def test_a_count_that_is_none(module: Any, counts: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named + " is not a count: expected whole numbers >= 0"):
        module.entropy_of_counts(counts)


@both
def test_a_gaussian_that_is_none(module: Any) -> None:
    with pytest.raises(ValueError, match=r"mu\[1\] = inf is not finite: expected finite numbers"):
        module.gaussian_kl([0, math.inf], [0, 0])
    with pytest.raises(ValueError, match=r"logvar = nan is not finite"):
        module.gaussian_kl([0, 1], math.nan)
    with pytest.raises(ValueError, match=r"reduction='mean' is not known; expected \"sum\""):
        module.gaussian_kl([0], [0], reduction="mean")


@both
def test_an_estimator_that_is_not_known(module: Any) -> None:
    with pytest.raises(ValueError, match=r"estimator='jackknife' .*; expected one of \"plugin\","):
        module.entropy_of_counts([1, 2], estimator="jackknife")


@both
@pytest.mark.parametrize(
    ("n", "error", "message"),
    [
        (0, ValueError, r"n = 0 is not a number of outcomes: expected integers >= 1"),
        ([3, -2], ValueError, r"n\[1\] = -2 is not a number"),
        (2.0, TypeError, r"n of dtype float64; expected integers >= 1"),
        (True, TypeError, r"n of dtype bool"),
    ],
)
def test_a_number_of_outcomes_that_is_none(
    module: Any, n: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        module.max_entropy(n)


@both
@pytest.mark.parametrize(
    "given",
    [
        [True, False],
        ["a", "b"],
        [1j, 2],
        [None, 1],
        np.ones(2, np.longdouble),
        np.ones(2, ml_dtypes.bfloat16),
    ],
)
def test_an_array_of_another_dtype(module: Any, given: Any) -> None:
    with pytest.raises(TypeError, match=r"probs of dtype .*; expected float64, float32, float16"):
        module.entropy(given)


@both
def test_shapes_that_do_not_fit(module: Any) -> None:
    with pytest.raises(ValueError, match=r"probs: one number was given; expected an array"):
        module.entropy(0.5)
    with pytest.raises(ValueError, match=r"probs: a row is empty \(axis -1 of shape \(2, 0\)\)"):
        module.entropy(np.empty((2, 0)))
    with pytest.raises(ValueError, match=r"p and q of shapes \(3, 4, 11\) and \(5, 11\) do not"):
        module.kl_divergence(P, P[0, 0] + np.zeros((5, 1)))
    with pytest.raises(ValueError, match=r"rows of different lengths \(shapes \(3, 4, 11\) and"):
        module.kl_divergence(P, Q[..., :1])
    with pytest.raises(ValueError, match=r"rows of different lengths"):
        module.kl_divergence(P, 1.0)


@both
def test_axes_that_do_not_fit(module: Any) -> None:
    with pytest.raises(ValueError, match="axis 3 is out of bounds"):
        module.entropy(P, axis=3)
    with pytest.raises(TypeError, match=r"axis=None is not an int; expected the axis of a row"):
        module.entropy(P, axis=None)
    with pytest.raises(ValueError, match="axis -2 is out of bounds"):
        module.mutual_information([1, 2])
    with pytest.raises(ValueError, match=r"axis=\(0, 0\); expected different axes"):
        module.joint_entropy(P, axis=(0, 0))
    for axis in (0, (0,), (0, 1, 2)):
        for name in ("conditional_entropy", "mutual_information"):
            with pytest.raises(ValueError, match=r"expected two axes, \(that of X, that of Y\)"):
                getattr(module, name)(P, axis=axis)
