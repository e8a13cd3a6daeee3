"""Binary cross-entropy: every dtype, set, length and layout, what broadcasts, and errors."""

from typing import Any

import logitkit
import numpy as np
import pytest
from logitkit import reference

from ..numerics.layouts import LAYOUTS
from ..numerics.rows import DTYPES, result_dtype

INF = np.inf


def logits_of(shape: tuple[int, ...], dtype: str, scale: float) -> Any:
    rng = np.random.default_rng(len(shape) + shape[-1])
    logits = rng.standard_normal(shape) * scale
    if dtype == "bfloat16":
        return logits.astype(pytest.importorskip("ml_dtypes").bfloat16)
    return logits.astype(dtype)


def limit_of(dtype: str) -> float:
    return 2e-14 if dtype == "float64" else 1e-6


# Below these the smaller logarithm is 0: they are next to the least numbers that are normal.
LEAST = {"float64": 1e-306}


def assert_same(given: Any, expected: Any, dtype: str) -> None:
    assert np.asarray(given).dtype == result_dtype(dtype)
    least = LEAST.get(dtype, 1e-36)
    np.testing.assert_allclose(given, expected, rtol=limit_of(dtype), atol=least)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 30.0, 400.0, 1e4])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_length(instruction_set: str, dtype: str, scale: float) -> None:
    for length in (1, 2, 15, 16, 17, 31, 33, 2047, 2048, 2049, 32768, 32769, 70001):
        logits = logits_of((length,), dtype, scale)
        rng = np.random.default_rng(length)
        for targets in (
            np.zeros(length),
            np.ones(length, np.int8),
            rng.random(length, np.float32),
            1.0 - rng.random(length) ** 40,
        ):
            given = logitkit.binary_cross_entropy(logits, targets)
            assert_same(given, reference.binary_cross_entropy(logits, targets), dtype)
            total = logitkit.binary_cross_entropy(logits, targets, reduction="sum")
            np.testing.assert_allclose(total, given.sum(dtype=np.float64), rtol=1e-14)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_layout(dtype: str, layout: str) -> None:
    plain = logits_of((5, 3000), dtype, 3.0)
    laid: Any = LAYOUTS[layout](plain)
    stated: Any = "bfloat16" if dtype == "bfloat16" and laid.dtype.kind == "u" else None
    rng = np.random.default_rng(7)
    targets = rng.random((5, 3000))
    expected = logitkit.binary_cross_entropy(plain, targets)
    for given in (targets, LAYOUTS[layout](targets), np.asfortranarray(targets)):
        losses = logitkit.binary_cross_entropy(laid, given, dtype=stated)
        np.testing.assert_array_equal(losses, expected)
    widened = reference.binary_cross_entropy(laid, targets, dtype=stated)
    np.testing.assert_array_equal(widened, reference.binary_cross_entropy(plain, targets))


@pytest.mark.parametrize(
    ("logits", "others"),
    [
        ((4, 300), [(300,), (4, 1), ()]),
        ((4, 300), [(1, 300), (4, 300), (1,)]),
        ((300, 3), [(3,), (300, 1), (300, 3)]),
        ((2, 3, 70), [(3, 1), (2, 1, 70), (70,)]),
        ((1, 70), [(5, 1), (70,), (2, 1, 1)]),
        ((), [(), (), ()]),
        ((), [(7,), (), (7,)]),
        ((0, 5), [(5,), (), (1, 1)]),
        ((3, 0), [(), (), ()]),
    ],
)
def test_what_broadcasts(logits: tuple[int, ...], others: list[tuple[int, ...]]) -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal(logits)
    y, w, a = (rng.random(shape) for shape in others)
    for types in (np.float64, np.float32):
        given = logitkit.binary_cross_entropy(x, y, weight=w.astype(types), pos_weight=a)
        expected = reference.binary_cross_entropy(x, y, weight=w.astype(types), pos_weight=a)
        np.testing.assert_allclose(given, expected, rtol=1e-13)
        assert np.shape(given) == np.shape(expected)


def test_any_magnitude() -> None:
    logits = np.array([0.0, 1e4, -1e4, INF, -INF, np.nan, 3.4e38], np.float32)
    for library in (logitkit, reference):
        ones = library.binary_cross_entropy(logits, np.ones(7))
        zeros = library.binary_cross_entropy(logits, np.zeros(7))
        np.testing.assert_allclose(ones, [np.log(2), 0, 1e4, 0, INF, np.nan, 0], rtol=1e-6)
        np.testing.assert_allclose(zeros, [np.log(2), 1e4, 0, INF, 0, np.nan, 3.4e38], rtol=1e-6)
        half = library.binary_cross_entropy(logits[:3], 0.5, weight=2, reduction="mean")
        np.testing.assert_allclose(half, (2 * np.log(2) + 2e4) / 3, rtol=1e-6)
        # Weights whose product is in range, although none of them is in float32.
        far = library.binary_cross_entropy(logits[:1], 1.0, weight=1e-60, pos_weight=1e60)
        np.testing.assert_allclose(far, np.log(2), rtol=1e-6)


def test_a_weight_of_0_counts_for_nothing() -> None:
    for library in (logitkit, reference):
        losses = library.binary_cross_entropy([INF, -INF, np.nan], [0.0, 1.0, 0.5], weight=0.0)
        np.testing.assert_array_equal(losses, [0.0, 0.0, np.nan])
        np.testing.assert_array_equal(library.binary_cross_entropy(-INF, 1.0, pos_weight=0), 0.0)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_same_sum_with_any_number_of_threads(threads: int) -> None:
    logits = logits_of((50, 30011), "float32", 4.0)
    targets = np.random.default_rng(0).random((50, 1))
    sums = [
        logitkit.binary_cross_entropy(logits, targets, reduction="sum", threads=count)
        for count in (1, threads)
    ]
    assert sums[0] == sums[1]


def test_errors() -> None:
    logits = np.zeros((2, 2), np.float32)
    for error, targets, options, words in (
        (ValueError, [[0, 1], [1, 2.0]], {}, r"targets\[1, 1\] = 2\.0 is not a probability"),
        (ValueError, np.nan, {}, "targets = nan is not a probability"),
        (ValueError, -1, {}, "targets = -1.0 is not a probability"),
        (ValueError, [1, 1, 1], {}, r"broadcast: logits \(2, 2\), targets \(3,\)"),
        (TypeError, [True, False], {}, "targets of dtype bool; expected real numbers"),
        (TypeError, 1, {"weight": "a"}, "weight of dtype <U1; expected real numbers"),
        (TypeError, 1, {"pos_weight": 1j}, "pos_weight of dtype complex128"),
        (ValueError, 1, {"reduction": "median"}, '"none", "mean" or "sum"'),
        (ValueError, 1, {"threads": 0}, "threads=0; expected None"),
    ):
        with pytest.raises(error, match=words):
            logitkit.binary_cross_entropy(logits, targets, **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="threads=0; expected None"):
        logitkit.binary_cross_entropy(logits[:0], 1, threads=0)
    with pytest.raises(TypeError, match="logits of dtype int64; expected float32"):
        logitkit.binary_cross_entropy([1, 2], 1)
