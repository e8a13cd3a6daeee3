"""What `token_stats` returns."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False, kw_only=True)
class TokenStats:
    """Statistics of softmax(logits / temperature) for each row, as `token_stats` returns them.

    Use the fields by name: later versions may add some. Instances promise neither an order nor
    equality. Every field has the shape of the logits without the vocabulary axis, `log_prob` and
    `rank` that of the targets, `top_ids` and `top_log_probs` one more axis, the last; for a single
    row the others are NumPy scalars. "Real" is float32 for float32, float16 and bfloat16 logits,
    float64 for float64 logits.

    Attributes
    ----------
    max : array of real
        The largest logit itself, before the division by the temperature.
    argmax : array of int64
        Index of the largest logit, the lowest one among ties; -1 in a row with a NaN.
    logsumexp : array of real
        ``ln(sum(exp(x / T)))``, in nats whatever `base` is.
    entropy : array of real
        Shannon entropy, in the unit of `base`.
    varentropy : array of real
        Variance of the surprisal, in that unit squared.
    max_prob : array of real
        Probability of the largest logit.
    valid : array of bool
        False where the row has a NaN, +inf or no finite logit: its other statistics are NaN where
        they have no value.
    log_prob : array of real, or None
        Log-probability of the targets, in the unit of `base`; NaN for an ignored target. None
        without targets.
    rank : array of int64, or None
        1 + number of strictly greater logits; 0 for an ignored target and in a row with a NaN.
        None without targets.
    top_ids : array of int64, or None
        The tokens with the largest logits, in descending order, lowest index first among ties;
        -1 in a row with a NaN. None without `top_k`.
    top_log_probs : array of real, or None
        Their log-probabilities, in the unit of `base`. None without `top_k`.
    """

    max: Any
    argmax: Any
    logsumexp: Any
    entropy: Any
    varentropy: Any
    max_prob: Any
    valid: Any
    log_prob: Any = None
    rank: Any = None
    top_ids: Any = None
    top_log_probs: Any = None
