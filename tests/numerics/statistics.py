"""Every statistic at once, from the package or from its reference."""

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Result = dict[str, Any]

# The fields of TokenStats that no single function gives.
ONLY_TOGETHER = ("max", "argmax", "max_prob", "valid")


def single_statistics(
    library: ModuleType,
    logits: NDArray[Any],
    targets: NDArray[np.int64],
    temperature: ArrayLike = 1.0,
    **keywords: Any,
) -> Result:
    """Ask for each statistic by its own function."""
    tempered = {"temperature": temperature} | keywords
    return {
        "logsumexp": library.logsumexp(logits, **tempered),
        "entropy": library.entropy(logits, **tempered),
        "varentropy": library.varentropy(logits, **tempered),
        "log_prob": library.log_prob(logits, targets, **tempered),
        "rank": library.rank(logits, targets, **keywords),
    }


def fused_statistics(
    library: ModuleType,
    logits: NDArray[Any],
    targets: NDArray[np.int64],
    temperature: ArrayLike = 1.0,
    **keywords: Any,
) -> Result:
    """Ask for all of them at once."""
    stats = library.token_stats(logits, targets, temperature=temperature, **keywords)
    names = (*ONLY_TOGETHER, "logsumexp", "entropy", "varentropy", "log_prob", "rank")
    return {name: getattr(stats, name) for name in names}
