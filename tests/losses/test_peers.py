"""Losses and gradients against what PyTorch and SciPy answered, in float64, on the same rows.

torch_scipy.npz holds those answers: `x` are logits, `y` token ids with some ignored, `q` soft
targets, `w` class weights; a key of a cross-entropy names its options.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import logitkit
import numpy as np
import pytest
from logitkit import reference
from numpy.typing import ArrayLike, NDArray

ANSWERS = np.load(Path(__file__).parent / "torch_scipy.npz")
X, Y, Q, W = (ANSWERS[key] for key in "xyqw")
LIMITS = {np.float64: 1e-12, np.float32: 1e-6}


def options() -> Iterator[tuple[str, dict[str, Any], NDArray[Any]]]:
    for kind, reduction, smoothing, weighted in product(
        ("index", "soft"), ("none", "mean", "sum"), (0.0, 0.15), (False, True)
    ):
        key = f"ce|{kind}|{reduction}|smoothing={smoothing}|weight={int(weighted)}"
        arguments = {
            "reduction": reduction,
            "label_smoothing": smoothing,
            "weight": W if weighted else None,
            "return_grad": True,
        }
        yield key, arguments, Y if kind == "index" else Q


def assert_close(got: ArrayLike, expected: ArrayLike, limit: float) -> None:
    """Compare with the largest number of a row as the unit: gradients have zeros that round."""
    got, expected = np.asarray(got, np.float64), np.asarray(expected)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=limit, atol=limit * np.abs(expected).max())


@pytest.mark.parametrize("key", [key for key, *_ in options()])
@pytest.mark.parametrize("dtype", LIMITS)
def test_cross_entropy(instruction_set: str, dtype: type, key: str) -> None:
    arguments, targets = next((a, t) for k, a, t in options() if k == key)
    # float32 logits are another input: the reference, checked below, knows their answers.
    rounded = X.astype(dtype)
    loss, grad = logitkit.cross_entropy(rounded, targets, **arguments)
    if dtype is np.float64:
        expected_loss, expected_grad = ANSWERS[f"{key}|loss"], ANSWERS[f"{key}|grad"]
    else:
        expected_loss, expected_grad = reference.cross_entropy(rounded, targets, **arguments)
    assert grad.dtype == dtype
    assert_close(loss, expected_loss, LIMITS[dtype])
    assert_close(grad, expected_grad, LIMITS[dtype])


@pytest.mark.parametrize("key", [key for key, *_ in options()])
def test_the_reference_of_cross_entropy(key: str) -> None:
    arguments, targets = next((a, t) for k, a, t in options() if k == key)
    loss, grad = reference.cross_entropy(X, targets, **arguments)
    assert_close(loss, ANSWERS[f"{key}|loss"], 1e-13)
    assert_close(grad, ANSWERS[f"{key}|grad"], 1e-13)


@pytest.mark.parametrize("library", [logitkit, reference])
def test_entropy_and_its_gradient(library: ModuleType) -> None:
    entropy, grad = library.entropy(X, return_grad=True)
    assert_close(entropy, ANSWERS["entropy"], 1e-12)
    assert_close(grad, ANSWERS["entropy|grad"], 1e-12)


@pytest.mark.parametrize("library", [logitkit, reference])
def test_binary_cross_entropy(library: ModuleType) -> None:
    logits, targets = ANSWERS["bce|x"], ANSWERS["bce|y"]
    plain = library.binary_cross_entropy(logits, targets)
    weighted = library.binary_cross_entropy(logits, targets, pos_weight=3)
    assert_close(plain, ANSWERS["bce|loss"], 1e-14)
    assert_close(weighted, ANSWERS["bce|pos_weight=3"], 1e-14)


@pytest.mark.parametrize("library", [logitkit, reference])
def test_log_softmax(library: ModuleType) -> None:
    expected = ANSWERS["scipy.log_softmax(x)"]
    assert_close(library.log_softmax(X), expected, 1e-14)
    assert_close(library.softmax(X), np.exp(expected), 1e-13)
    assert_close(library.logsumexp(X), ANSWERS["scipy.logsumexp(x)"], 1e-14)
