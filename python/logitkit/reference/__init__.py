"""The functions of `logitkit` in plain NumPy and float64: what the Rust core is tested against.

Each is the shortest form that is correct to the last few bits, under the name and with the
signature of the public function, where arguments and special values are documented. They accept
the same arrays, return float64 whatever the logits are, take several times the memory of the
logits, and ignore `threads`. `logitkit.reference.dist` is the same for `logitkit.dist`.
"""

# A module of its own, so not in `__all__`, which lists the functions of `logitkit`.
from logitkit.reference import dist as dist
from logitkit.reference.losses import binary_cross_entropy, cross_entropy
from logitkit.reference.probabilities import log_softmax, softmax
from logitkit.reference.stats import entropy, logsumexp, token_stats, varentropy
from logitkit.reference.targets import log_prob, perplexity, rank

__all__ = [
    "binary_cross_entropy",
    "cross_entropy",
    "entropy",
    "log_prob",
    "log_softmax",
    "logsumexp",
    "perplexity",
    "rank",
    "softmax",
    "token_stats",
    "varentropy",
]
