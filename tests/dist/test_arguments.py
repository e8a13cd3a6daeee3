"""Every argument of `logitkit.dist`: what it does."""

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from logitkit import dist
from logitkit.reference import dist as reference

both = pytest.mark.parametrize("module", [dist, reference], ids=["dist", "reference"])

RNG = np.random.default_rng(4)
P, Q = RNG.random((2, 3, 4, 11))
COUNTS = RNG.poisson(2.0, (3, 4, 11)) + 1
TABLES = RNG.random((2, 3, 4, 5))

# Functions of one row of each argument, and functions of a table.
OF_ROWS: dict[str, tuple[Any, ...]] = {
    "entropy": (P,),
    "normalized_entropy": (P,),
    "perplexity": (P,),
    "cross_entropy": (P, Q),
    "kl_divergence": (P, Q),
    "js_divergence": (P, Q),
    "entropy_of_counts": (COUNTS,),
    "gaussian_kl": (P, Q),
}
OF_TABLES = ["joint_entropy", "conditional_entropy", "mutual_information"]
WITHOUT_BASE = {"normalized_entropy", "perplexity"}
ESTIMATORS = ["plugin", "miller-madow", "grassberger", "chao-shen"]


# The numbers themselves, against the textbook forms


@pytest.mark.parametrize("name", OF_ROWS)
def test_functions_of_rows_are_their_references(name: str) -> None:
    result = getattr(dist, name)(*OF_ROWS[name])
    assert result.shape == (3, 4)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, getattr(reference, name)(*OF_ROWS[name]), rtol=1e-12)


@pytest.mark.parametrize("name", OF_TABLES)
def test_functions_of_tables_are_their_references(name: str) -> None:
    result = getattr(dist, name)(TABLES)
    assert result.shape == (2, 3)
    np.testing.assert_allclose(result, getattr(reference, name)(TABLES), rtol=1e-12)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_estimators_are_their_references(estimator: Any) -> None:
    counts = RNG.poisson(1.0, (50, 30))
    counts[:, 0] += 1
    counts[0, 0] = 123
    np.testing.assert_allclose(
        dist.entropy_of_counts(counts, estimator=estimator),
        reference.entropy_of_counts(counts, estimator=estimator),
        rtol=1e-12,
    )


@both
def test_values_that_can_be_worked_out_by_hand(module: Any) -> None:
    half = [0.5, 0.5]
    ln2 = math.log(2)
    expected = [
        (module.entropy([0.5, 0.25, 0.25]), 1.5 * ln2),
        (module.normalized_entropy([2, 2, 0, 0]), 0.5),
        (module.normalized_entropy([3]), 0.0),
        (module.perplexity([2, 2, 2, 0]), 3.0),
        (module.max_entropy(8), 3 * ln2),
        (module.cross_entropy(half, [0.25, 0.75]), 1.5 * ln2 - 0.5 * math.log(1.5)),
        (module.cross_entropy([1, 0], [1, 0]), 0.0),
        (module.kl_divergence(half, [0.25, 0.75]), 0.5 * ln2 + 0.5 * math.log(2 / 3)),
        (module.js_divergence([1, 0], [0, 1]), ln2),
        (module.joint_entropy([[1, 1], [1, 1]]), 2 * ln2),
        (module.joint_entropy(np.ones((2, 2, 2)), axis=(0, 1, 2)), 3 * ln2),
        (module.conditional_entropy([[1, 1], [2, 0]]), 0.5 * ln2),
        (module.mutual_information([[1, 0], [0, 1]]), ln2),
        (module.entropy_of_counts([2, 2]), ln2),
        (module.entropy_of_counts([2, 2, 0], estimator="miller-madow"), ln2 + 1 / 8),
        # G(1) = -gamma - ln 2
        (module.entropy_of_counts([1, 1], estimator="grassberger"), 2 * ln2 + np.euler_gamma),
        # f_1 = 0, so shares are the frequencies, each seen with probability 15/16.
        (module.entropy_of_counts([2, 2], estimator="chao-shen"), ln2 / (15 / 16)),
        (module.entropy_of_counts([5], estimator="chao-shen"), 0.0),
        (module.gaussian_kl([1, 2], [0, ln2]), 3.0 - 0.5 * ln2),
    ]
    for result, value in expected:
        assert result == pytest.approx(value, rel=1e-12, abs=1e-15)


@both
def test_what_has_no_weight_contributes_nothing(module: Any) -> None:
    inf = math.inf
    p, q = [[1, 1, 0], [1, 1, 0], [1, 0, 0]], [[1, 1, 0], [1, 0, 1], [0, 1, 1]]
    np.testing.assert_allclose(module.kl_divergence(p, q), [0, inf, inf])
    np.testing.assert_allclose(module.cross_entropy(p, q), [math.log(2), inf, inf])
    assert np.isfinite(module.js_divergence(p, q)).all()
    assert module.kl_divergence([1, 0], [1, 1]) == pytest.approx(math.log(2))
    assert not np.signbit(module.entropy([[0, 3], [1e-300, 0]])).any()


def test_the_limits_of_gaussian_kl() -> None:
    assert dist.gaussian_kl([0, 0], [0, 0]) == 0
    assert dist.gaussian_kl([0, 1e200], [0, 0]) == math.inf
    assert dist.gaussian_kl([0], [800]) == math.inf


# axis, keepdims, base


@both
@pytest.mark.parametrize("axis", [-3, -2, -1, 0, 1, 2, np.int8(1)])
@pytest.mark.parametrize("name", OF_ROWS)
def test_axis_and_keepdims(module: Any, name: str, axis: int) -> None:
    function = getattr(module, name)
    arguments = [np.moveaxis(each, -1, axis) for each in OF_ROWS[name]]
    expected = function(*OF_ROWS[name])
    np.testing.assert_array_equal(function(*arguments, axis=axis), expected)
    kept = function(*arguments, axis=axis, keepdims=True)
    np.testing.assert_array_equal(kept, np.expand_dims(expected, axis))


@both
@pytest.mark.parametrize("axes", [(-2, -1), (0, 1), (3, 0), (1, -4)])
@pytest.mark.parametrize("name", OF_TABLES)
def test_axes_of_tables_and_keepdims(module: Any, name: str, axes: tuple[int, int]) -> None:
    function = getattr(module, name)
    tables = np.moveaxis(TABLES, (-2, -1), axes)
    expected = function(TABLES)
    np.testing.assert_array_equal(function(tables, axis=axes), expected)
    kept = function(tables, axis=axes, keepdims=True)
    np.testing.assert_array_equal(kept, np.expand_dims(expected, tuple(a % 4 for a in axes)))


@both
def test_terms_of_gaussian_kl_keep_their_places(module: Any) -> None:
    expected = module.gaussian_kl(P, Q, reduction="none")
    assert expected.shape == P.shape
    np.testing.assert_allclose(expected.sum(axis=1), module.gaussian_kl(P, Q, axis=1))
    np.testing.assert_allclose(module.gaussian_kl(P, Q, reduction="none", axis=0), expected)


@both
@pytest.mark.parametrize("name", [*OF_ROWS, *OF_TABLES])
def test_base(module: Any, name: str) -> None:
    function = getattr(module, name)
    arguments = OF_ROWS.get(name, (TABLES,))
    if name in WITHOUT_BASE:
        with pytest.raises(TypeError, match="base"):
            function(*arguments, base=2)
        return
    nats = function(*arguments)
    np.testing.assert_allclose(function(*arguments, base=2), nats / math.log(2), rtol=1e-14)
    np.testing.assert_allclose(function(*arguments, base=10.0), nats / math.log(10), rtol=1e-14)
    for base in (1, 0, -2, math.nan, math.inf):
        with pytest.raises(ValueError, match="expected None for nats, 2 for bits"):
            function(*arguments, base=base)


@both
def test_base_of_max_entropy(module: Any) -> None:
    np.testing.assert_allclose(module.max_entropy([[1, 2], [4, 1000]], base=10)[1, 1], 3)
    with pytest.raises(ValueError, match="expected None for nats"):
        module.max_entropy(2, base=1)


@both
@pytest.mark.parametrize("name", OF_ROWS)
def test_a_single_row_gives_a_scalar(module: Any, name: str) -> None:
    result = getattr(module, name)(*(each[0, 0] for each in OF_ROWS[name]))
    assert isinstance(result, np.float64)


@both
def test_no_rows_give_no_numbers(module: Any) -> None:
    assert module.entropy(np.empty((0, 3))).shape == (0,)
    assert module.kl_divergence(np.empty((2, 0, 3)), np.empty((1, 3))).shape == (2, 0)
    assert module.mutual_information(np.empty((0, 2, 2))).shape == (0,)
    assert module.joint_entropy(np.empty((0, 2, 2))).shape == (0,)
    assert module.gaussian_kl(np.empty((0, 2)), np.empty((0, 2)), reduction="none").shape == (0, 2)


@both
def test_one_row_for_all(module: Any) -> None:
    for name in ("cross_entropy", "kl_divergence", "js_divergence", "gaussian_kl"):
        function = getattr(module, name)
        expected = function(P, np.broadcast_to(Q[0, 0], P.shape))
        np.testing.assert_array_equal(function(P, Q[0, 0]), expected)
        np.testing.assert_array_equal(function(P, Q[:1, :1]), expected)
    np.testing.assert_array_equal(
        module.gaussian_kl(P, 0.5), module.gaussian_kl(P, np.full(P.shape, 0.5))
    )


# Arrays


@both
@pytest.mark.parametrize("dtype", ["f2", "f4", ">f8", "u1", "i4", ">u2"])
def test_dtypes(module: Any, dtype: str) -> None:
    given = COUNTS.astype(dtype)
    for name in ("entropy", "entropy_of_counts"):
        function = getattr(module, name)
        np.testing.assert_array_equal(function(given), function(COUNTS))


def test_blocks_are_put_together_in_their_order() -> None:
    long = RNG.random((3, 41, 7, 199))
    for array, axis in ((long, -1), (np.moveaxis(long, -1, 0), 0), (long[:, ::-2], 1)):
        np.testing.assert_allclose(
            dist.entropy(array, axis=axis), reference.entropy(array, axis=axis), rtol=1e-12
        )
    longer_than_a_block = RNG.random((2, 100_000))
    np.testing.assert_allclose(
        dist.kl_divergence(longer_than_a_block, longer_than_a_block[::-1]),
        reference.kl_divergence(longer_than_a_block, longer_than_a_block[::-1]),
        rtol=1e-12,
    )
    tables = RNG.random((700, 12, 25))
    np.testing.assert_allclose(
        dist.mutual_information(tables), reference.mutual_information(tables), rtol=1e-11
    )


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    for name in ("entropy", "kl_divergence", "js_divergence"):
        together = getattr(dist, name)(*OF_ROWS[name])
        alone = getattr(dist, name)(*(each[1, 2] for each in OF_ROWS[name]))
        assert together[1, 2] == alone


@pytest.mark.parametrize("name", ["entropy", "kl_divergence", "entropy_of_counts", "gaussian_kl"])
def test_memory_is_bounded_by_the_blocks(name: str) -> None:
    array = np.ones((2000, 2048), np.float32)
    arguments = [array] * len(OF_ROWS[name])
    tracemalloc.start()
    getattr(dist, name)(*arguments)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < array.nbytes / 1.6, f"{peak / 1e6:.1f} MB"


def test_arguments_are_not_changed() -> None:
    for name, given in OF_ROWS.items():
        arguments = [each.copy() for each in given]
        for each in arguments:
            each.flags.writeable = False
        getattr(dist, name)(*arguments)
        for before, after in zip(given, arguments, strict=True):
            np.testing.assert_array_equal(before, after)
