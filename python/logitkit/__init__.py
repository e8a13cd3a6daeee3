"""Entropy, log-probabilities and their kin over large arrays of logits, at the speed of memory.

The statistics take NumPy arrays, memory maps, and PyTorch or JAX arrays on the CPU, in float32,
float16, bfloat16 or float64, and never copy or change them. `token_stats` computes all of them
from one read of memory. `logitkit.reference` has the same functions in plain NumPy.
"""

from logitkit import reference
from logitkit._compare_stats import CompareStats
from logitkit._native import __version__
from logitkit._token_stats import TokenStats
from logitkit.config import show_config
from logitkit.divergences import (
    compare_stats,
    cross_entropy_between,
    js_divergence,
    kl_divergence,
    total_variation,
)
from logitkit.stats import entropy, logsumexp, token_stats, varentropy
from logitkit.targets import log_prob, perplexity, rank
from logitkit.threads import get_num_threads, num_threads, set_num_threads

__all__ = [
    "CompareStats",
    "TokenStats",
    "__version__",
    "compare_stats",
    "cross_entropy_between",
    "entropy",
    "get_num_threads",
    "js_divergence",
    "kl_divergence",
    "log_prob",
    "logsumexp",
    "num_threads",
    "perplexity",
    "rank",
    "reference",
    "set_num_threads",
    "show_config",
    "token_stats",
    "total_variation",
    "varentropy",
]
