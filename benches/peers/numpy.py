"""NumPy: the reference of this project, and the formulas as they are commonly written."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import numpy as np
from logitkit import reference
from numpy.typing import NDArray

from ..workloads import DTYPES, STATISTICS, TOP_K, Logits, Statistic
from .peer import Peer

_Array = NDArray[Any]


class NumPyReference(Peer):
    """`logitkit.reference`: float64 throughout, and no cancellation."""

    name = "NumPy reference"
    package = "numpy"
    statistics = frozenset(statistic.name for statistic in STATISTICS)
    dtypes = DTYPES

    def bind(self, statistic: Statistic, logits: Logits, threads: int) -> Callable[[], object]:
        return statistic.bind(reference, logits)


def _log_softmax(x: _Array) -> _Array:
    shifted = x - x.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def _logsumexp(x: _Array, _: _Array) -> _Array:
    largest = x.max(axis=-1, keepdims=True)
    total = np.exp(x - largest).sum(axis=-1)
    return np.asarray(largest[..., 0] + np.log(total))


def _entropy(x: _Array, _: _Array) -> _Array:
    log_p = _log_softmax(x)
    return np.asarray(-(np.exp(log_p) * log_p).sum(axis=-1))


def _log_prob(x: _Array, targets: _Array) -> _Array:
    return np.take_along_axis(_log_softmax(x), targets[:, None], axis=-1)[:, 0]


def _top(k: int, x: _Array, _: _Array) -> tuple[_Array, _Array]:
    found = np.argpartition(x, -k, axis=-1)[..., -k:]
    values = np.take_along_axis(x, found, axis=-1)
    order = np.argsort(-values, axis=-1)
    return np.take_along_axis(values, order, axis=-1), np.take_along_axis(found, order, axis=-1)


class NumPy(Peer):
    """The textbook formulas, in the precision of the logits."""

    name = "NumPy"
    package = "numpy"
    _formulas: ClassVar[dict[str, Callable[[_Array, _Array], object]]] = {
        "logsumexp": _logsumexp,
        "entropy": _entropy,
        "log_prob": _log_prob,
        **{f"topk {k}": partial(_top, k) for k in TOP_K},
    }
    statistics = frozenset(_formulas)
    dtypes = ("float32", "float64")

    def bind(self, statistic: Statistic, logits: Logits, threads: int) -> Callable[[], object]:
        return partial(self._formulas[statistic.name], logits.values, logits.targets)
