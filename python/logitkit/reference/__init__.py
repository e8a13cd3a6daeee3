"""The functions of `logitkit` in plain NumPy and float64: what the Rust core is tested against.

Each is the shortest form that is correct to the last few bits, under the name and with the
signature of the public function, where arguments and special values are documented. They accept
the same arrays, return float64 whatever the logits are, take several times the memory of the
logits, and ignore `threads`. `logitkit.reference.dist` is the same for `logitkit.dist`.
"""

# A module of its own, so not in `__all__`, which lists the functions of `logitkit`.
from logitkit.reference import dist as dist
from logitkit.reference.calibration import calibration, fit_temperature
from logitkit.reference.control import dynamic_temperature, temperature_for_entropy
from logitkit.reference.divergences import (
    compare_stats,
    cross_entropy_between,
    js_divergence,
    kl_divergence,
    renyi_divergence,
    total_variation,
)
from logitkit.reference.filters import candidates, filter_logits
from logitkit.reference.losses import binary_cross_entropy, cross_entropy
from logitkit.reference.order_filters import (
    top_h_filter,
    top_k_filter,
    top_p_filter,
    typical_filter,
)
from logitkit.reference.probabilities import log_softmax, softmax
from logitkit.reference.sampling import Mirostat, sample, sample_without_replacement
from logitkit.reference.selection import topk
from logitkit.reference.stats import entropy, logsumexp, token_stats, varentropy
from logitkit.reference.targets import log_prob, perplexity, rank
from logitkit.reference.threshold_filters import (
    epsilon_filter,
    eta_filter,
    min_p_filter,
    top_n_sigma_filter,
)

__all__ = [
    "Mirostat",
    "binary_cross_entropy",
    "calibration",
    "candidates",
    "compare_stats",
    "cross_entropy",
    "cross_entropy_between",
    "dynamic_temperature",
    "entropy",
    "epsilon_filter",
    "eta_filter",
    "filter_logits",
    "fit_temperature",
    "js_divergence",
    "kl_divergence",
    "log_prob",
    "log_softmax",
    "logsumexp",
    "min_p_filter",
    "perplexity",
    "rank",
    "renyi_divergence",
    "sample",
    "sample_without_replacement",
    "softmax",
    "temperature_for_entropy",
    "token_stats",
    "top_h_filter",
    "top_k_filter",
    "top_n_sigma_filter",
    "top_p_filter",
    "topk",
    "total_variation",
    "typical_filter",
    "varentropy",
]
