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

# What the core is still to have is found here too, but not in `__all__`.
from logitkit.reference.filters import candidates as candidates
from logitkit.reference.filters import filter_logits as filter_logits
from logitkit.reference.losses import binary_cross_entropy, cross_entropy
from logitkit.reference.probabilities import log_softmax, softmax
from logitkit.reference.sampling import Mirostat as Mirostat
from logitkit.reference.sampling import sample as sample
from logitkit.reference.sampling import sample_without_replacement as sample_without_replacement
from logitkit.reference.selection import topk
from logitkit.reference.single_filters import epsilon_filter as epsilon_filter
from logitkit.reference.single_filters import eta_filter as eta_filter
from logitkit.reference.single_filters import min_p_filter as min_p_filter
from logitkit.reference.single_filters import top_h_filter as top_h_filter
from logitkit.reference.single_filters import top_k_filter as top_k_filter
from logitkit.reference.single_filters import top_n_sigma_filter as top_n_sigma_filter
from logitkit.reference.single_filters import top_p_filter as top_p_filter
from logitkit.reference.single_filters import typical_filter as typical_filter
from logitkit.reference.stats import entropy, logsumexp, token_stats, varentropy
from logitkit.reference.targets import log_prob, perplexity, rank

__all__ = [
    "binary_cross_entropy",
    "calibration",
    "compare_stats",
    "cross_entropy",
    "cross_entropy_between",
    "dynamic_temperature",
    "entropy",
    "fit_temperature",
    "js_divergence",
    "kl_divergence",
    "log_prob",
    "log_softmax",
    "logsumexp",
    "perplexity",
    "rank",
    "renyi_divergence",
    "softmax",
    "temperature_for_entropy",
    "token_stats",
    "topk",
    "total_variation",
    "varentropy",
]
