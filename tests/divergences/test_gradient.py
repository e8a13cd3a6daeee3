"""The gradient of KL: against its limit, the reference, and where it may be written."""

from types import ModuleType
from typing import Any

import logitkit
import numpy as np
import pytest
from logitkit import reference

from .pairs import DTYPES, MIXED, make_pairs, result_dtype

LIMITS = {"float64": (1e-12, 1e-14), "float32": (1e-6, 1e-9)}
# Roundings of bfloat16 and float16.
STORED = {"bfloat16": 2.0**-8, "float16": 2.0**-11}


def expected_for(p: Any, q: Any, **options: Any) -> tuple[Any, Any]:
    wide = p.astype(np.float64), q.astype(np.float64)
    return reference.kl_divergence(*wide, return_grad=True, **options)


def assert_close(grad: Any, expected: Any, p: Any, limit: float, floor: float) -> None:
    """An error counts beside the value, or what the models differ by in all where p holds.

    Where q - p changes its sign it is of no size, and what is known of it is p times what is known
    of the log-ratio, to `floor` at best.
    """
    np.testing.assert_array_equal(np.isnan(grad), np.isnan(expected))
    valid = np.isfinite(expected).all(axis=-1)
    got, expected = grad[valid].astype(np.float64), expected[valid]
    distance = np.abs(expected).sum(axis=-1, keepdims=True)
    allowed = limit * np.abs(expected) + p[valid] * (limit * distance + floor) + 1e-37
    error = np.abs(got - expected) / allowed
    assert error.size == 0 or error.max() <= 1, error.max()


@pytest.mark.parametrize("module", [logitkit, reference])
def test_finite_differences(module: ModuleType) -> None:
    rng = np.random.default_rng(5)
    p, q = rng.normal(0, 2, (2, 9))
    for options in ({}, {"temperature": (2.0, 0.7)}, {"base": 2, "temperature": 1.7}):
        _, grad = module.kl_divergence(p, q, return_grad=True, **options)
        for i in range(9):
            step = np.zeros(9)
            step[i] = 1e-5
            rise = module.kl_divergence(p, q + step, **options)
            fall = module.kl_divergence(p, q - step, **options)
            np.testing.assert_allclose((rise - fall) / 2e-5, grad[i], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("temperature", [1.0, 0.7, (1.3, 0.9)])
@pytest.mark.parametrize("dtypes", [(name, name) for name in DTYPES] + MIXED)
def test_every_pair_of_dtypes(
    instruction_set: str, dtypes: tuple[str, str], temperature: Any
) -> None:
    for length in (1, 2, 31, 300, 1030):
        p, q = make_pairs(length, *dtypes)
        expected = expected_for(p, q, temperature=temperature)
        kl, grad = logitkit.kl_divergence(p, q, return_grad=True, temperature=temperature)
        assert kl.dtype == grad.dtype == result_dtype(*dtypes)
        np.testing.assert_array_equal(kl, logitkit.kl_divergence(p, q, temperature=temperature))
        t = temperature[0] if isinstance(temperature, tuple) else temperature
        probabilities = reference.softmax(p.astype(np.float64), temperature=t)
        assert_close(grad, expected[1], probabilities, *LIMITS[grad.dtype.name])


@pytest.mark.parametrize("length", [5, 1024, 1029, 131072, 131100])
def test_long_rows_and_nearly_equal_models(instruction_set: str, length: int) -> None:
    rng = np.random.default_rng(length)
    p = rng.normal(0, 3, (3, length)).astype(np.float32)
    q = p.copy()
    q[0] += np.float32(2.5)
    q[1] = np.nextafter(q[1], np.float32(np.inf))
    q[2] += rng.normal(0, 1e-3, length).astype(np.float32)
    kl, grad = logitkit.kl_divergence(p, q, return_grad=True)
    _, expected = expected_for(p, q)
    probabilities = reference.softmax(p.astype(np.float64))
    assert_close(grad[1:], expected[1:], probabilities[1:], 1e-5, 1e-13)
    # A shift alone changes nothing but by rounding; the difference of softmaxes would be 1e-9.
    assert np.abs(grad[0]).max() <= 1e-12 + 2 * np.abs(expected[0]).max()
    assert (kl >= 0).all()


@pytest.mark.parametrize(
    "dtypes",
    [
        ("float32", "float32"),
        ("float64", "float64"),
        ("bfloat16", "bfloat16"),
        ("float32", "bfloat16"),
        ("bfloat16", "float32"),
        ("float32", "float16"),
        ("float16", "float16"),
    ],
)
@pytest.mark.parametrize("length", [7, 1024, 2100])
def test_in_place(instruction_set: str, dtypes: tuple[str, str], length: int) -> None:
    p, q = make_pairs(length, *dtypes)
    kl, grad = logitkit.kl_divergence(p, q, return_grad=True)
    place = q.copy()
    again, same = logitkit.kl_divergence(p, place, grad_out=place)
    assert same is place
    np.testing.assert_array_equal(again, kl)
    rounding = STORED.get(dtypes[1])
    if rounding is None:
        np.testing.assert_array_equal(place, grad)
    else:
        stored = place.astype(np.float64)
        np.testing.assert_allclose(stored, grad, rtol=rounding, atol=1e-7)


def test_layouts_and_overlaps() -> None:
    rng = np.random.default_rng(2)
    p, q = rng.normal(0, 2, (2, 5, 40, 3)).astype(np.float32)
    expected = logitkit.kl_divergence(
        np.moveaxis(p, 1, -1).copy(), np.moveaxis(q, 1, -1).copy(), return_grad=True
    )
    kl, grad = logitkit.kl_divergence(p, q, axis=1, return_grad=True, threads=2)
    np.testing.assert_array_equal(kl, expected[0])
    np.testing.assert_array_equal(np.moveaxis(grad, 1, -1), expected[1])
    place = q.copy()
    logitkit.kl_divergence(p, place, axis=1, grad_out=place)
    np.testing.assert_array_equal(place, grad)
    # Over the logits of p, which are read too; and over both.
    flat_p, flat_q = p.reshape(-1, 40).copy(), q.reshape(-1, 40).copy()
    _, plain = logitkit.kl_divergence(flat_p, flat_q, return_grad=True)
    over = flat_p.copy()
    logitkit.kl_divergence(over, flat_q, grad_out=over)
    np.testing.assert_array_equal(over, plain)
    both = flat_p.copy()
    _, zero = logitkit.kl_divergence(both, both, grad_out=both)
    assert (zero == 0).all()
    half = np.concatenate([flat_p, flat_q])
    logitkit.kl_divergence(half[:15], half[15:], grad_out=half[3:18])
    np.testing.assert_array_equal(half[3:18], plain)


def test_threads_and_batches_have_no_say() -> None:
    rng = np.random.default_rng(3)
    p, q = rng.normal(0, 3, (2, 40, 20001)).astype(np.float32)
    _, grad = logitkit.kl_divergence(p, q, return_grad=True, threads=1)
    _, other = logitkit.kl_divergence(p, q, return_grad=True, threads=3)
    np.testing.assert_array_equal(grad, other)
    _, one = logitkit.kl_divergence(p[7], q[7], return_grad=True)
    np.testing.assert_array_equal(one, grad[7])


@pytest.mark.parametrize("module", [logitkit, reference])
def test_special_values(module: ModuleType, instruction_set: str) -> None:
    p = np.array([[0.0, 1.0, -np.inf], [0.0, 1.0, 2.0], [np.nan, 0.0, 1.0], [0.0, 1.0, 2.0]])
    q = np.array([[0.0, 1.0, 2.0], [0.0, 1.0, -np.inf], [0.0, 0.0, 1.0], [-np.inf] * 3])
    kl, grad = module.kl_divergence(p, q, return_grad=True)
    assert kl[1] == np.inf
    softmax_p, softmax_q = logitkit.softmax(p[:2]), logitkit.softmax(q[:2])
    np.testing.assert_allclose(grad[:2], softmax_q - softmax_p, rtol=1e-12, atol=1e-15)
    assert np.isnan(grad[2:]).all()
    # Out of the range of registers.
    far, near = np.array([1e300, -1e300, 0.0]), np.array([0.0, 1.0, 2.0])
    _, grad = module.kl_divergence(far, near, return_grad=True)
    np.testing.assert_allclose(grad, logitkit.softmax(near) - [1, 0, 0], rtol=1e-12)
    _, grad = module.kl_divergence(near * 1e-320, near * 1e-320, return_grad=True)
    assert (grad == 0).all()


def test_bad_places() -> None:
    p, q = np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32)
    with pytest.raises(TypeError, match="grad_out has dtype float64"):
        logitkit.kl_divergence(p, q, grad_out=np.zeros((2, 3)))
    with pytest.raises(TypeError, match=r"grad_out has dtype float32; expected .* float64"):
        logitkit.kl_divergence(p.astype(float), q, grad_out=q)
    with pytest.raises(ValueError, match=r"grad_out has shape \(3,\)"):
        logitkit.kl_divergence(p, q, grad_out=np.zeros(3, np.float32))
