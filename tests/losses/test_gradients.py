"""Every gradient against differences of the loss, in float64."""

from typing import Any

import logitkit
import numpy as np
import pytest
from logitkit import reference
from numpy.typing import NDArray

ROWS, VOCAB = 4, 19
RNG = np.random.default_rng(3)
LOGITS = RNG.normal(0.0, 2.0, (ROWS, VOCAB))
INDEX = np.array([3, -100, 18, 0])
SOFT = RNG.dirichlet(np.ones(VOCAB), ROWS)
WEIGHT = RNG.uniform(0.2, 2.0, VOCAB)
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "weights": {"weight": WEIGHT},
    "smoothing": {"label_smoothing": 0.2},
    "smoothing and weights": {"label_smoothing": 0.2, "weight": WEIGHT},
    "z-loss": {"z_loss": 0.03},
    "entropy rewarded": {"entropy_weight": 0.4},
    "entropy punished": {"entropy_weight": -0.4},
    "temperature": {"temperature": 0.7},
    "temperature for each row": {"temperature": [0.5, 1.0, 2.0, 3.0]},
    "bits": {"base": 2},
    "all": {
        "weight": WEIGHT,
        "label_smoothing": 0.1,
        "z_loss": 0.02,
        "entropy_weight": 0.3,
        "temperature": [0.5, 1.0, 2.0, 3.0],
        "base": 2,
    },
}
STEP = 1e-5


def differences(loss: Any, logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Differences of a number between two points around every logit."""
    grad = np.empty_like(logits)
    for place in np.ndindex(*logits.shape):
        moved = logits.copy()
        moved[place] += STEP
        above = loss(moved)
        moved[place] -= 2 * STEP
        grad[place] = (above - loss(moved)) / (2 * STEP)
    return grad


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("targets", [INDEX, SOFT], ids=["index", "soft"])
@pytest.mark.parametrize("options", OPTIONS)
def test_cross_entropy(options: str, targets: NDArray[Any], reduction: str) -> None:
    arguments = OPTIONS[options] | {"reduction": reduction}
    expected = differences(
        lambda x: np.sum(reference.cross_entropy(x, targets, **arguments)), LOGITS
    )
    for library in (logitkit, reference):
        loss, grad = library.cross_entropy(LOGITS, targets, return_grad=True, **arguments)
        np.testing.assert_allclose(
            loss, reference.cross_entropy(LOGITS, targets, **arguments), rtol=1e-12
        )
        np.testing.assert_allclose(grad, expected, atol=2e-9)


@pytest.mark.parametrize("options", [{}, {"base": 2}, {"temperature": [0.5, 1.0, 2.0, 3.0]}])
def test_entropy(options: dict[str, Any]) -> None:
    expected = differences(lambda x: np.sum(reference.entropy(x, **options)), LOGITS)
    for library in (logitkit, reference):
        _, grad = library.entropy(LOGITS, return_grad=True, **options)
        np.testing.assert_allclose(grad, expected, atol=2e-9)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_confident_target_keeps_its_digits(instruction_set: str, dtype: str) -> None:
    logits = np.array([[20.0, 0.0, -1.0, 1.5]], dtype)
    _, grad = logitkit.cross_entropy(logits, [0], return_grad=True)
    _, expected = reference.cross_entropy(logits, [0], return_grad=True)
    rest = np.exp(logits[0, 1:].astype(np.float64) - 20.0).sum()
    np.testing.assert_allclose(grad[0, 0], -rest / (1 + rest), rtol=1e-6)
    np.testing.assert_allclose(grad[0, 1:], expected[0, 1:], rtol=1e-6)
