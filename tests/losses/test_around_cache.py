"""Results for which the cache has no room are stored around it on some processors: same bits."""

from collections.abc import Callable
from typing import Any

import logitkit
import numpy as np
import pytest
from numpy.typing import NDArray

# Of a length whose rows begin anywhere in a cache line; 72 MB, halves of it go through the cache.
ROWS, VOCAB = 600, 30_001

Call = Callable[[NDArray[Any], slice, NDArray[Any]], object]


def cross_entropy(logits: NDArray[Any], rows: slice, out: NDArray[Any]) -> object:
    targets = np.arange(ROWS)[rows] * 37
    return logitkit.cross_entropy(
        logits[rows], targets, label_smoothing=0.1, return_grad=True, grad_out=out
    )


def kl_divergence(logits: NDArray[Any], rows: slice, out: NDArray[Any]) -> object:
    other = logits[::-1]
    return logitkit.kl_divergence(logits[rows], other[rows], return_grad=True, grad_out=out)


CALLS: dict[str, Call] = {
    "softmax": lambda logits, rows, out: logitkit.softmax(logits[rows], out=out),
    "log_softmax": lambda logits, rows, out: logitkit.log_softmax(logits[rows], out=out),
    "cross_entropy": cross_entropy,
    "kl_divergence": kl_divergence,
}


@pytest.fixture(scope="module")
def logits() -> NDArray[np.float32]:
    logits = np.random.default_rng(8).normal(0, 3, (ROWS, VOCAB)).astype(np.float32)
    logits[5, 7] = np.nan
    logits[6] = -np.inf
    logits[7, 1000:2000] = -np.inf
    return logits


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("offset", [0, 1, 4])
def test_large_results(
    instruction_set: str, name: str, offset: int, logits: NDArray[np.float32]
) -> None:
    room = np.full(ROWS * VOCAB + 32, 7, np.float32)
    start = -room.ctypes.data // 4 % 16 + offset
    whole = room[start : start + ROWS * VOCAB].reshape(ROWS, VOCAB)
    CALLS[name](logits, slice(None), whole)
    beside = np.concatenate([room[:start], room[start + ROWS * VOCAB :]])
    assert (beside == 7).all()
    part = np.empty((ROWS // 2, VOCAB), np.float32)
    for rows in (slice(0, ROWS // 2), slice(ROWS // 2, ROWS)):
        CALLS[name](logits, rows, part)
        np.testing.assert_array_equal(whole[rows].view(np.uint32), part.view(np.uint32))
