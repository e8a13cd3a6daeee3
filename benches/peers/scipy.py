"""SciPy: `scipy.special`."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..workloads import Logits, Statistic
from .peer import Peer


class SciPy(Peer):
    name = "SciPy"
    package = "scipy"
    statistics = frozenset({"logsumexp", "entropy", "log_prob"})
    dtypes = ("float32", "float64")

    def bind(self, statistic: Statistic, logits: Logits, threads: int) -> Callable[[], object]:
        from scipy import special

        def logsumexp(x: Any, _: Any) -> Any:
            return special.logsumexp(x, axis=-1)

        def entropy(x: Any, _: Any) -> Any:
            return special.entr(special.softmax(x, axis=-1)).sum(axis=-1)

        def log_prob(x: Any, targets: Any) -> Any:
            return np.take_along_axis(special.log_softmax(x, axis=-1), targets[:, None], axis=-1)

        formulas = {"logsumexp": logsumexp, "entropy": entropy, "log_prob": log_prob}
        return partial(formulas[statistic.name], logits.values, logits.targets)
