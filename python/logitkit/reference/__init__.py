"""The functions of `logitkit` in plain NumPy and float64: what the Rust core is tested against.

Each is the shortest form that is correct to the last few bits, under the name and with the
signature of the public function, where arguments and special values are documented. They accept
the same arrays, return float64 whatever the logits are, take several times the memory of the
logits, and ignore `threads`.
"""

from logitkit.reference.divergences import (
    compare_stats,
    cross_entropy_between,
    js_divergence,
    kl_divergence,
    total_variation,
)
from logitkit.reference.stats import entropy, logsumexp, token_stats, varentropy
from logitkit.reference.targets import log_prob, perplexity, rank

__all__ = [
    "compare_stats",
    "cross_entropy_between",
    "entropy",
    "js_divergence",
    "kl_divergence",
    "log_prob",
    "logsumexp",
    "perplexity",
    "rank",
    "token_stats",
    "total_variation",
    "varentropy",
]
