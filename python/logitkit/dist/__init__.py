"""Entropy and its kin from what is not logits: probabilities, counts, samples, joint tables.

Arrays hold one distribution in each row, along `axis`, in float64, float32, float16 or integers;
whatever NumPy makes such an array of will do. They are read block by block, never changed, and
computed in float64: results are float64 and within 1e-12, relative, of the exact value for the
numbers as given, also where the textbook formulas cancel.

Probabilities need not sum to 1: they are weights, and each row is divided by its sum, as in
`scipy.stats.entropy`. Special values, in all functions: a weight of 0 contributes nothing. A
negative, infinite or NaN weight and a row of zeros have no distribution and are errors; the
message names the first. A weight below 1e-300 of the largest in its row may count as 0.

Logits are no weights: `logitkit.entropy` and its kin take them.
"""

from logitkit.dist.counts import entropy_of_counts
from logitkit.dist.divergences import cross_entropy, js_divergence, kl_divergence
from logitkit.dist.gaussian import gaussian_kl
from logitkit.dist.joint import conditional_entropy, joint_entropy, mutual_information
from logitkit.dist.probabilities import entropy, max_entropy, normalized_entropy, perplexity
from logitkit.dist.samples import entropy_of_samples, gain_ratio, information_gain

__all__ = [
    "conditional_entropy",
    "cross_entropy",
    "entropy",
    "entropy_of_counts",
    "entropy_of_samples",
    "gain_ratio",
    "gaussian_kl",
    "information_gain",
    "joint_entropy",
    "js_divergence",
    "kl_divergence",
    "max_entropy",
    "mutual_information",
    "normalized_entropy",
    "perplexity",
]
