"""Entropy, log-probabilities and their kin over large arrays of logits, at the speed of memory.

The statistics take NumPy arrays, memory maps, and PyTorch or JAX arrays on the CPU, in float32,
float16, bfloat16 or float64, and never copy or change them. `token_stats` computes all of them
from one read of memory. `logitkit.dist` has the entropies of what is not logits: probabilities,
counts and samples. `logitkit.reference` has the same functions in plain NumPy.
"""

from logitkit import dist, reference, steps
from logitkit._candidates import Candidates
from logitkit._compare_stats import CompareStats
from logitkit._native import __version__
from logitkit._token_stats import TokenStats
from logitkit._topk import TopK, TopKLogProbs
from logitkit.calibration import Calibration, calibration, fit_temperature
from logitkit.config import show_config
from logitkit.control import (
    TemperatureForEntropy,
    dynamic_temperature,
    temperature_for_entropy,
)
from logitkit.divergences import (
    compare_stats,
    cross_entropy_between,
    js_divergence,
    kl_divergence,
    renyi_divergence,
    total_variation,
)
from logitkit.engines import RowScorer, score_arrow
from logitkit.filters import candidates, filter_logits
from logitkit.io.opening import open_logits
from logitkit.io.source import LogitSource
from logitkit.losses import binary_cross_entropy, cross_entropy
from logitkit.order_filters import top_h_filter, top_k_filter, top_p_filter, typical_filter
from logitkit.probabilities import log_softmax, softmax
from logitkit.sampling import Mirostat, sample, sample_without_replacement
from logitkit.selection import topk
from logitkit.stats import entropy, logsumexp, token_stats, varentropy
from logitkit.summary import Difference, EntropySummary
from logitkit.targets import log_prob, perplexity, rank
from logitkit.threads import get_num_threads, num_threads, set_num_threads
from logitkit.threshold_filters import (
    epsilon_filter,
    eta_filter,
    min_p_filter,
    top_n_sigma_filter,
)

__all__ = [
    "Calibration",
    "Candidates",
    "CompareStats",
    "Difference",
    "EntropySummary",
    "LogitSource",
    "Mirostat",
    "RowScorer",
    "TemperatureForEntropy",
    "TokenStats",
    "TopK",
    "TopKLogProbs",
    "__version__",
    "binary_cross_entropy",
    "calibration",
    "candidates",
    "compare_stats",
    "cross_entropy",
    "cross_entropy_between",
    "dist",
    "dynamic_temperature",
    "entropy",
    "epsilon_filter",
    "eta_filter",
    "filter_logits",
    "fit_temperature",
    "get_num_threads",
    "js_divergence",
    "kl_divergence",
    "log_prob",
    "log_softmax",
    "logsumexp",
    "min_p_filter",
    "num_threads",
    "open_logits",
    "perplexity",
    "rank",
    "reference",
    "renyi_divergence",
    "sample",
    "sample_without_replacement",
    "score_arrow",
    "set_num_threads",
    "show_config",
    "softmax",
    "steps",
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
