"""What cross-entropy does beyond numbers: ignored rows, masks, places for gradients, errors."""

from typing import Any

import logitkit
import numpy as np
import pytest
from logitkit import reference
from numpy.typing import NDArray

from ..numerics.rows import DTYPES, make_rows, make_targets, result_dtype

INF = np.inf


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_length(instruction_set: str, dtype: str, soft: bool) -> None:
    limit = 1e-12 if dtype == "float64" else 1e-6
    for length in (1, 2, 31, 33, 1023, 1024, 1025, 2100, 32000):
        logits = make_rows(length, dtype)
        # Without the masked ones, whose loss is infinite, which the next test asks for.
        logits = np.where(np.isfinite(logits), logits, logits.dtype.type(-30))
        targets: NDArray[Any] = make_targets(logits)[:, 0]
        if soft:
            rng = np.random.default_rng(length)
            targets = rng.dirichlet(np.ones(length), len(logits)).astype(np.float32)
        plain: dict[str, float] = {}
        for options in (plain, {"label_smoothing": 0.1, "z_loss": 1e-3, "entropy_weight": 0.1}):
            arguments: dict[str, Any] = options | {"return_grad": True}
            loss, grad = logitkit.cross_entropy(logits, targets, **arguments)
            exact = logits.astype(np.float64)
            expected, slope = reference.cross_entropy(exact, targets, **arguments)
            assert loss.dtype == grad.dtype == result_dtype(dtype)
            np.testing.assert_allclose(loss, expected, rtol=limit, atol=1e-25)
            # A gradient is a difference: it is as exact as what it is the difference of.
            p = reference.softmax(exact)
            share = targets if soft else options.get("label_smoothing", 0.0) / length
            unit = np.abs(slope) + 2 * p * (1 - np.log(np.maximum(p, 1e-300))) + share
            assert (np.abs(grad - slope) <= 2 * limit * unit).all()


def test_nothing_times_infinity_is_nothing(instruction_set: str) -> None:
    logits = np.array([[1.0, -INF, 0.0], [-INF, 2.0, -INF]])
    soft = np.array([[0.5, 0.0, 0.5], [0.0, 1.0, 0.0]])
    for library in (logitkit, reference):
        loss, grad = library.cross_entropy(logits, soft, return_grad=True)
        np.testing.assert_allclose(loss, [np.log1p(np.exp(-1)) + 0.5, 0.0], rtol=1e-14)
        assert np.isfinite(grad).all()
        assert (grad[logits == -INF] == 0).all()
        loss, grad = library.cross_entropy(logits, [0, 1], return_grad=True, entropy_weight=0.1)
        assert np.isfinite(loss).all()
        assert np.isfinite(grad).all()
        # A masked target is impossible; smoothing wants a share of every class.
        np.testing.assert_array_equal(library.cross_entropy(logits, [1, 0]), INF)
        np.testing.assert_array_equal(
            library.cross_entropy(logits, [0, 1], label_smoothing=0.1), INF
        )
        weight = [1.0, 0.0, 1.0]
        loss = library.cross_entropy(logits[:1], [0], label_smoothing=0.3, weight=weight)
        assert np.isfinite(loss).all()
        assert library.cross_entropy(logits[:1], [1], weight=weight) == 0.0


def test_ignored_rows_count_for_nothing(instruction_set: str) -> None:
    logits = make_rows(50, "float32")[:4]
    logits[1, 3] = np.nan
    targets = np.array([4, -100, -100, 7])
    for library in (logitkit, reference):
        loss, grad = library.cross_entropy(logits, targets, return_grad=True)
        np.testing.assert_array_equal(loss[1:3], 0.0)
        np.testing.assert_array_equal(grad[1:3], 0.0)
        mean = library.cross_entropy(logits, targets, reduction="mean")
        np.testing.assert_allclose(mean, (float(loss[0]) + float(loss[3])) / 2, rtol=1e-6)
        nothing = np.full(4, 9)
        assert np.isnan(library.cross_entropy(logits, nothing, ignore_index=9, reduction="mean"))
        assert library.cross_entropy(logits, nothing, ignore_index=9, reduction="sum") == 0.0


def test_invalid_rows_are_nan_and_their_neighbours_untouched(instruction_set: str) -> None:
    logits = make_rows(300, "float32")[:5]
    expected, slope = logitkit.cross_entropy(logits, [1] * 5, return_grad=True)
    broken = logits.copy()
    broken[0, 5], broken[2, 299], broken[4] = np.nan, INF, -INF
    loss, grad = logitkit.cross_entropy(broken, [1] * 5, return_grad=True)
    assert np.isnan(loss[::2]).all()
    assert np.isnan(grad[::2]).all()
    np.testing.assert_array_equal(loss[1::2], expected[1::2])
    np.testing.assert_array_equal(grad[1::2], slope[1::2])


@pytest.mark.parametrize("dtype", DTYPES)
def test_places_for_the_gradient(instruction_set: str, dtype: str) -> None:
    logits = make_rows(1500, dtype)
    targets = make_targets(logits)[:, 1]
    loss, grad = logitkit.cross_entropy(logits, targets, return_grad=True)
    place = logits.copy()
    again, same = logitkit.cross_entropy(place, targets, grad_out=place)
    assert same is place
    np.testing.assert_array_equal(again, loss)
    np.testing.assert_array_equal(place, grad.astype(DTYPES[dtype]))
    entropy, slope = logitkit.entropy(logits, return_grad=True)
    place = logits.copy()
    again, same = logitkit.entropy(place, grad_out=place)
    assert same is place
    np.testing.assert_array_equal(again, entropy)
    np.testing.assert_array_equal(place, slope.astype(DTYPES[dtype]))


def test_threads_and_batches_change_no_bit(instruction_set: str) -> None:
    logits = np.tile(make_rows(9000, "float32"), (16, 1))
    targets = np.tile(make_targets(logits[:8])[:, 0], 16)
    options: dict[str, Any] = {"label_smoothing": 0.1, "entropy_weight": 0.2, "return_grad": True}
    one = logitkit.cross_entropy(logits, targets, threads=1, **options)
    four = logitkit.cross_entropy(logits, targets, threads=4, **options)
    part = logitkit.cross_entropy(logits[9:10], targets[9:10], **options)
    for a, b, c in zip(one, four, part, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a[9:10], c)


@pytest.mark.parametrize("soft_dtype", ["float64", "float32", "float16", "bfloat16"])
def test_soft_targets_of_another_dtype_and_layout(soft_dtype: str) -> None:
    logits = make_rows(40, "float32")[:3]
    soft = np.random.default_rng(1).dirichlet(np.ones(40), 3).astype(DTYPES[soft_dtype])
    expected = reference.cross_entropy(logits, soft)
    for laid_out in (soft, np.asfortranarray(soft), np.repeat(soft, 2, axis=-1)[:, ::2]):
        np.testing.assert_allclose(logitkit.cross_entropy(logits, laid_out), expected, rtol=1e-6)
    moved = logitkit.cross_entropy(logits.T, soft.T, axis=0)
    np.testing.assert_allclose(moved, expected, rtol=1e-6)


def test_wrong_arguments_are_refused_with_the_way_out() -> None:
    logits = np.zeros((2, 3), np.float32)
    soft = np.full((2, 3), 1 / 3)
    for error, targets, options, words in (
        (ValueError, [0, 3], {}, r"targets\[1\] = 3 is not a token id: expected 0 <= target < 3"),
        (ValueError, [0, 3], {"weight": [1, 1, 1]}, r"targets\[1\] = 3 is not a token id"),
        (ValueError, [[0, 1], [1, 2]], {}, "one target in each row"),
        (ValueError, [0.5, 0.5], {}, r"expected integers of shape \(2,\).* real .* \(2, 3\)"),
        (ValueError, soft, {"ignore_index": 2}, "no index to ignore"),
        (TypeError, np.ones((2, 3), bool), {}, "targets of dtype bool"),
        (ValueError, [0, 1], {"weight": [1.0]}, r"weight of shape \(1,\); expected \(3,\)"),
        (TypeError, [0, 1], {"weight": "abc"}, "weight of dtype"),
        (ValueError, [0, 1], {"label_smoothing": 1.5}, "from 0 to 1"),
        (TypeError, [0, 1], {"label_smoothing": "a"}, "from 0 to 1"),
        (ValueError, [0, 1], {"reduction": "batchmean"}, '"none", "mean" or "sum"'),
        (ValueError, [0, 1], {"temperature": 0.0}, "finite number > 0"),
        (TypeError, [0, 1], {"grad_out": np.zeros((2, 3))}, "grad_out has dtype float64"),
    ):
        with pytest.raises(error, match=words):
            logitkit.cross_entropy(logits, targets, **options)  # type: ignore[arg-type]
