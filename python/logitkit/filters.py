"""Filters of rows of logits, exactly and without a sort: top-k, top-p and their kin, in any order.

What each step keeps is defined in `logitkit.steps`; what is accepted as logits is said in
`logitkit.stats`. Shorthands of one step are in
`logitkit.order_filters` and `logitkit.threshold_filters`.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._arguments import as_threads
from logitkit._arrays import as_rows
from logitkit._candidates import Candidates
from logitkit._chains import OnInvalid, Order, Ties, as_chain
from logitkit._filtering import as_fill, filter_rows, filtered
from logitkit.steps import Step


def candidates(
    logits: ArrayLike,
    steps: Sequence[Step] | None = None,
    /,
    *,
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
) -> Candidates:
    """Filter rows of logits; return the tokens that are kept, with their log-probabilities.

    The set is always the one that the definitions give in float64, on every instruction set and for
    every dtype; nothing is sorted but the tokens that may be kept.

    Each step sees what the one before has left, renormalised. What the steps keep is defined in
    `logitkit.steps`; they are given as a list, or by keyword, and then applied in a named order:

    - ``"hf"``, transformers: temperature, top_n_sigma, top_h, top_k, top_p, min_p, typical_p,
      epsilon, eta, max_surprise (top_n_sigma and max_surprise are not among its own);
    - ``"vllm"``: temperature, min_p, top_k, top_p;
    - ``"llama.cpp"``: top_n_sigma, top_k, typical_p, top_p, min_p, temperature;
    - ``"sglang"``: temperature, top_k, top_p, min_p, with ``joint=True``;
    - ``"mlx"``: top_p, min_p, top_k, temperature.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted. -inf is a token that is never kept.
    steps : sequence of Step, optional
        Steps from `logitkit.steps`, applied as they stand, instead of the keywords up to `order`.
    temperature : array_like of real, default 1.0
        Finite and at least 0: 0 is greedy. This and the other parameters are each one number, or
        an array that broadcasts to the shape of `logits` without `axis`.
    top_k : array_like of int, optional
        How many tokens to keep; 0, -1 and anything from the size of the vocabulary on is off.
    top_p : array_like of real, optional
        The mass to keep; 1 or more is off.
    min_p : array_like of real, optional
        The least share of the largest probability; 0 is off.
    typical_p : array_like of real, optional
        The mass to keep of the tokens whose surprisal is nearest to the entropy; 1 is off.
    epsilon : array_like of real, optional
        The least probability; 0 is off.
    eta : array_like of real, optional
        The least probability, lowered where the entropy is high; 0 is off.
    top_n_sigma : array_like of real, optional
        How many standard deviations below the largest logit to go; 0 or less is off.
    top_h : array_like of real, optional
        The share of the entropy to keep; inf is off.
    max_surprise : array_like of real, optional
        The most bits a token may surprise; inf is off.
    order : {"hf", "vllm", "llama.cpp", "sglang", "mlx"}, default "hf"
        The order of the keywords.
    joint : bool, default False
        Whether every filter sees all tokens, at the temperature that holds there, and what all of
        them keep is kept; where these are fewer than `min_keep`, the first in the order are added.
    ties : {"index", "all"}, default "index"
        Of tokens equal to the last one kept by top-k, top-p or typical, keep the first by index,
        or all.
    min_keep : int, default 1
        How many tokens every filter leaves at least, if there are so many.
    on_invalid : {"raise", "mark"}, default "raise"
        What to do with a row that has a NaN, +inf or nothing finite: an error that names the first
        of them, or no candidates and ``valid=False``.
    axis : int, default -1
        The vocabulary axis.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    Candidates
        The kept tokens of every row; real numbers are float64 for float64 logits, float32 for
        others.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If `logits` have no axes or no tokens, or a row that cannot be filtered; if both forms of
        steps are given; if an argument is out of its range or does not fit the logits.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> from logitkit.steps import TopK, TopP
    >>> logits = np.log(np.array([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1]]))
    >>> logitkit.candidates(logits, top_k=[2, 0], top_p=0.9).row(1).ids
    array([0, 1, 2], dtype=int32)
    >>> logitkit.candidates(logits, [TopP(0.65), TopK(2)]).row(0).log_probs.round(3)
    array([-0.56 , -0.847])
    """
    rows = as_rows(logits, axis, dtype)
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
    )
    return filtered(rows, chain, as_threads(threads))


def filter_logits(
    logits: ArrayLike,
    steps: Sequence[Step] | None = None,
    /,
    *,
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
    fill: float = -np.inf,
    axis: int = -1,
    dtype: Literal["bfloat16"] | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """Filter rows of logits; return them with `fill` in place of the tokens that are not kept.

    That is ``candidates(...).to_dense(fill)`` without the compact result in between.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    steps : sequence of Step, optional
        Steps from `logitkit.steps`, applied as they stand, instead of the keywords up to `order`.
    temperature, top_k, top_p, min_p, typical_p, epsilon, eta : array_like, optional
        Filters; see `candidates`.
    top_n_sigma, top_h, max_surprise : array_like, optional
        Filters; see `candidates`.
    order : {"hf", "vllm", "llama.cpp", "sglang", "mlx"}, default "hf"
        The order of the keywords; see `candidates`.
    joint : bool, default False
        Whether every filter sees all tokens; see `candidates`.
    ties : {"index", "all"}, default "index"
        Which tokens equal to the last one are kept; see `candidates`.
    min_keep : int, default 1
        How many tokens every filter leaves at least, if there are so many.
    on_invalid : {"raise", "mark"}, default "raise"
        What to do with a row that has a NaN, +inf or nothing finite: an error that names the first
        of them, before anything is written, or nothing but `fill`.
    fill : float, default -inf
        What stands for the tokens that are not kept.
    axis : int, default -1
        The vocabulary axis.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    out : ndarray, optional
        Where to put the result, which is then returned: of the shape of `logits`, and of their
        dtype or float32. It may be `logits`, which are then written over.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    ndarray
        The logits that are kept, divided by the temperatures of the chain, among `fill`: of the
        shape of `logits`; float64 for float64 logits, float32 for others.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If `logits` have no axes or no tokens, or a row that cannot be filtered; if both forms of
        steps are given; if an argument is out of its range or does not fit the logits.

    Examples
    --------
    >>> import logitkit
    >>> logitkit.filter_logits([0.0, 1.0, 2.0, 3.0], top_k=2, temperature=0.5)
    array([-inf, -inf,   4.,   6.])
    """
    rows = as_rows(logits, axis, dtype)
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
    )
    return filter_rows(rows, chain, as_fill(fill), out, dtype, as_threads(threads))
