"""Draws of tokens from rows of logits, filtered or not: which token a seed draws is defined once.

In short: u, the 53-bit uniform number of (seed, row id, draw) from Philox4x32-10, draws the first
token, by id, whose running sum of weights exceeds u times their total; sums are float64, by blocks
of 1024 ids. So a filtered row draws what its masked logits would, and nothing has to be sorted.
What is accepted as logits is said in `logitkit.stats`.
"""

from collections.abc import Sequence
from typing import Any, Literal

from numpy.typing import ArrayLike

from logitkit._arguments import as_threads
from logitkit._arrays import as_rows
from logitkit._candidates import as_num_samples
from logitkit._chains import OnInvalid, Order, Ties, as_chain
from logitkit._draws import as_draws
from logitkit._mirostat import MirostatBase
from logitkit._sampling import sampled
from logitkit.filters import candidates
from logitkit.steps import Step


def sample(
    logits: ArrayLike,
    steps: Sequence[Step] | None = None,
    /,
    *,
    seed: ArrayLike,
    draw: ArrayLike = 0,
    row_ids: ArrayLike | None = None,
    num_samples: int | None = None,
    return_log_probs: bool = False,
    temperature: ArrayLike = 1.0,
    top_k: ArrayLike | None = None,
    top_p: ArrayLike | None = None,
    min_p: ArrayLike | None = None,
    typical_p: ArrayLike | None = None,
    epsilon: ArrayLike | None = None,
    eta: ArrayLike | None = None,
    top_n_sigma: ArrayLike | None = None,
    top_h: ArrayLike | None = None,
    max_surprise: ArrayLike | None = None,
    order: Order = "hf",
    joint: bool = False,
    ties: Ties = "index",
    min_keep: int = 1,
    on_invalid: OnInvalid = "raise",
    axis: int = -1,
    dtype: Literal["bfloat16"] | None = None,
    threads: int | None = None,
) -> Any:
    """Filter each row and draw tokens from what is left, with replacement.

    The same row draws the same token whatever the batch around it, its place in it, or the number
    of threads. Temperature 0 gives the largest logit, the first of equal ones.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted. A token of -inf is never drawn.
    steps : sequence of Step, optional
        Steps from `logitkit.steps`, `XTC` among them, instead of the keywords of the filters.
    seed : array_like of int
        From 0 to 2**64 - 1; one number, or an array that broadcasts to the shape of `logits`
        without `axis`.
    draw : array_like of int, default 0
        Which draw this is, from 0 to 2**32 - 1, such as the position in a text; likewise.
    row_ids : array_like of int, optional
        What the rows are called, from 0 to 2**64 - 1; default: their numbers, in C order.
    num_samples : int, optional
        How many tokens to draw from each row; default: one, without an axis for it.
    return_log_probs : bool, default False
        Also return the log-probabilities of the tokens among those that the filters left.
    temperature, top_k, top_p, min_p, typical_p, epsilon, eta : array_like, optional
        Filters; see `candidates`.
    top_n_sigma, top_h, max_surprise : array_like, optional
        Filters; see `candidates`.
    order : {"hf", "vllm", "llama.cpp", "sglang", "mlx"}, default "hf"
        The order of the filters; see `candidates`.
    joint : bool, default False
        Whether every filter sees all tokens; see `candidates`.
    ties : {"index", "all"}, default "index"
        Which tokens equal to the last one are kept; see `candidates`.
    min_keep : int, default 1
        How many tokens every filter leaves at least.
    on_invalid : {"raise", "mark"}, default "raise"
        What to do with a row that has a NaN, +inf or nothing finite: an error that names the first
        of them, or the token -1.
    axis : int, default -1
        The vocabulary axis.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    ids : ndarray of int64 or numpy.int64
        Of the shape of `logits` without `axis`, with one more axis for `num_samples`.
    log_probs : ndarray of float
        With `return_log_probs`: of that shape, in nats.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If `logits` have no axes or no tokens, or a row that cannot be sampled, or an argument is
        out of its range or does not fit the logits.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> logits = np.log(np.array([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1]]))
    >>> logitkit.sample(logits, seed=7, temperature=0)
    array([3, 0])
    >>> drawn = logitkit.sample(logits, seed=7, num_samples=10_000)
    >>> [np.bincount(row).round(-3).tolist() for row in drawn]
    [[1000, 2000, 3000, 4000], [7000, 1000, 1000, 1000]]
    """
    rows = as_rows(logits, axis, dtype)
    as_num_samples(num_samples)
    draws = as_draws(seed, draw, row_ids, rows.leading)
    keywords = {
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "typical_p": typical_p,
        "epsilon": epsilon,
        "eta": eta,
        "top_n_sigma": top_n_sigma,
        "top_h": top_h,
        "max_surprise": max_surprise,
    }
    chain = as_chain(
        steps,
        keywords,
        order=order,
        joint=joint,
        ties=ties,
        min_keep=min_keep,
        on_invalid=on_invalid,
        may_draw=True,
    )
    return sampled(
        rows,
        chain,
        draws,
        num_samples,
        replace=True,
        log_probs=return_log_probs,
        threads=as_threads(threads),
    )


def sample_without_replacement(
    logits: ArrayLike,
    num_samples: int,
    steps: Sequence[Step] | None = None,
    /,
    *,
    seed: ArrayLike,
    draw: ArrayLike = 0,
    row_ids: ArrayLike | None = None,
    return_log_probs: bool = False,
    temperature: ArrayLike = 1.0,
    top_k: ArrayLike | None = None,
    top_p: ArrayLike | None = None,
    min_p: ArrayLike | None = None,
    typical_p: ArrayLike | None = None,
    epsilon: ArrayLike | None = None,
    eta: ArrayLike | None = None,
    top_n_sigma: ArrayLike | None = None,
    top_h: ArrayLike | None = None,
    max_surprise: ArrayLike | None = None,
    order: Order = "hf",
    joint: bool = False,
    ties: Ties = "index",
    min_keep: int = 1,
    on_invalid: OnInvalid = "raise",
    axis: int = -1,
    dtype: Literal["bfloat16"] | None = None,
    threads: int | None = None,
) -> Any:
    """Filter each row and draw different tokens from what is left.

    They come in the order in which drawing one after the other without putting it back gives them:
    each row's tokens are those with the largest perturbed logits, the "Gumbel top-k" of Kool et al.
    (ICML 2019). The same row draws the same tokens whatever the batch around it, its place in it,
    or the number of threads.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted. A token of -inf is never drawn.
    num_samples : int
        How many tokens to draw from each row, at most.
    steps : sequence of Step, optional
        Steps from `logitkit.steps`, `XTC` among them, instead of the keywords of the filters.
    seed : array_like of int
        From 0 to 2**64 - 1; one number, or an array that broadcasts to the shape of `logits`
        without `axis`.
    draw : array_like of int, default 0
        Which draw this is, from 0 to 2**32 - 1, such as the position in a text; likewise.
    row_ids : array_like of int, optional
        What the rows are called, from 0 to 2**64 - 1; default: their numbers, in C order.
    return_log_probs : bool, default False
        Also return the log-probabilities of the tokens among those that the filters left.
    temperature, top_k, top_p, min_p, typical_p, epsilon, eta : array_like, optional
        Filters; see `candidates`.
    top_n_sigma, top_h, max_surprise : array_like, optional
        Filters; see `candidates`.
    order : {"hf", "vllm", "llama.cpp", "sglang", "mlx"}, default "hf"
        The order of the filters; see `candidates`.
    joint : bool, default False
        Whether every filter sees all tokens; see `candidates`.
    ties : {"index", "all"}, default "index"
        Which tokens equal to the last one are kept; see `candidates`.
    min_keep : int, default 1
        How many tokens every filter leaves at least.
    on_invalid : {"raise", "mark"}, default "raise"
        What to do with a row that has a NaN, +inf or nothing finite: an error that names the first
        of them, or the token -1.
    axis : int, default -1
        The vocabulary axis.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    ids : ndarray of int64
        Of the shape of `logits` without `axis`, with one more axis for `num_samples`; -1 where a
        row has no more tokens.
    log_probs : ndarray of float
        With `return_log_probs`: of that shape, in nats; NaN where the token is -1.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If `logits` have no axes or no tokens, or a row that cannot be sampled, or an argument is
        out of its range or does not fit the logits.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> logitkit.sample_without_replacement(np.zeros((2, 3)), 4, seed=[1, 1])
    array([[ 2,  0,  1, -1],
           [ 0,  1,  2, -1]])
    """
    rows = as_rows(logits, axis, dtype)
    count = as_num_samples(num_samples)
    draws = as_draws(seed, draw, row_ids, rows.leading)
    keywords = {
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "typical_p": typical_p,
        "epsilon": epsilon,
        "eta": eta,
        "top_n_sigma": top_n_sigma,
        "top_h": top_h,
        "max_surprise": max_surprise,
    }
    chain = as_chain(
        steps,
        keywords,
        order=order,
        joint=joint,
        ties=ties,
        min_keep=min_keep,
        on_invalid=on_invalid,
        may_draw=True,
    )
    return sampled(
        rows,
        chain,
        draws,
        count,
        replace=False,
        log_probs=return_log_probs,
        threads=as_threads(threads),
    )


class Mirostat(MirostatBase):
    r"""Sampling at a wanted surprise: mirostat 2 [1]_, as in llama.cpp.

    Every step keeps the tokens of at most mu bits, one at least, renormalises, draws one, and moves
    mu by what its surprise among the kept ones is off: :math:`\mu \leftarrow \mu - \eta
    (-\log_2 q_t - \tau)`, from :math:`\mu = 2 \tau` on. Rows have a mu each.

    Parameters
    ----------
    tau : array_like of real, default 5.0
        The surprise wanted, in bits; one number, or one for each row.
    eta : array_like of real, default 0.1
        How fast to learn, likewise.

    Attributes
    ----------
    mu : array of float64 or None
        The state of each row; None before the first step. To go on elsewhere set it, and `draws`.
    draws : int
        How many steps there were.

    References
    ----------
    .. [1] S. Basu, G. S. Ramachandran, N. S. Keskar, L. R. Varshney, "Mirostat: a neural text
       decoding algorithm that directly controls perplexity", ICLR 2021.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> logits = -1.1 * np.log(np.arange(1, 1001))
    >>> mirostat = logitkit.Mirostat(tau=3.0)
    >>> tokens = [mirostat.step(logits, seed=5) for _ in range(500)]
    >>> float(mirostat.mu.round(1)), max(tokens) < 100
    (6.1, np.True_)
    """

    _candidates = staticmethod(candidates)
