"""Losses against targets, and their gradients.

Logits are accepted as in `logitkit.stats`, and rows with a NaN, with +inf or with nothing finite
give NaN. A gradient is computed with the loss while the row is in the cache. It is float32, or
float64 for float64 logits; an array given for it may also have the dtype of the logits, and may be
the logits themselves. One that is not C-contiguous with the vocabulary last costs a temporary
array of its size.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit import _native
from logitkit._arguments import (
    as_ignore_index,
    as_scale,
    as_share,
    as_temperature,
    as_threads,
    deliver,
    first_offender,
)
from logitkit._arrays import as_rows
from logitkit._binary import as_logits, as_numbers, laid_out
from logitkit._dense import destination
from logitkit._losses import (
    Reduction,
    as_loss_targets,
    as_reduction,
    as_weight,
    denominator,
    reduce,
)


def cross_entropy(
    logits: ArrayLike,
    targets: ArrayLike,
    /,
    *,
    axis: int = -1,
    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    label_smoothing: float = 0.0,
    reduction: Reduction = "none",
    z_loss: float = 0.0,
    entropy_weight: float = 0.0,
    temperature: ArrayLike = 1.0,
    base: float | None = None,
    return_grad: bool = False,
    grad_out: NDArray[Any] | None = None,
    dtype: Literal["bfloat16"] | None = None,
    threads: int | None = None,
) -> Any:
    r"""Cross-entropy of softmax(logits / temperature) with targets, and its gradient.

    .. math:: L = -\sum_c w_c t_c \ln p_c + z (\ln Z)^2 - b H, \qquad Z = \sum_j e^{x_j / T}

    with :math:`t = (1 - \epsilon) \cdot \text{target} + \epsilon / C`, a target index standing
    for the distribution that is 1 there. Options, denominators and ignored rows are those of
    ``torch.nn.functional.cross_entropy`` [1]_; z is the term of [2]_. With a positive
    `entropy_weight` b the loss rewards entropy (the confidence penalty of [3]_); with a negative
    one it rewards confidence. A weight or probability of 0 counts for nothing, so that a logit of
    -inf under it makes no NaN.

    Parameters
    ----------
    logits : array_like of float, shape (..., vocab)
        See `logitkit.stats` for what is accepted.
    targets : array_like
        Integers of the shape of `logits` without `axis`: token ids. Or real numbers of the shape
        of `logits`: probabilities, not checked to sum to 1.
    axis : int, default -1
        The vocabulary axis.
    weight : array_like of real, shape (vocab,), optional
        w, the weight of each class; default 1.
    ignore_index : int or None, default -100
        Target ids equal to this are skipped: loss and gradient 0. With probabilities only None or
        a negative number, which has no effect.
    label_smoothing : float, default 0.0
        The share, from 0 to 1, that is spread over all classes.
    reduction : {"none", "mean", "sum"}
        A loss for each row, or one number. The mean of losses with target ids is over the sum of
        the targets' weights (NaN if all are ignored), with probabilities over the rows.
    z_loss : float, default 0.0
        z, of the squared log-sum-exp.
    entropy_weight : float, default 0.0
        b, of the entropy.
    temperature : array_like of real, default 1.0
        T, finite and greater than 0; one number, or an array that broadcasts to the shape of
        `logits` without `axis`.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits; default: nats. It divides the whole loss
        by ln(base).
    return_grad : bool, default False
        Also return the gradient with respect to the logits: of the reduced loss, or of the sum of
        the losses if they are not reduced.
    grad_out : ndarray, optional
        Where to put the gradient, which is then returned too: of the shape of `logits`, of their
        dtype or float32 (float64 for float64 logits). It may be `logits`, which are then written
        over.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    loss : ndarray, NumPy scalar or float
        Of the shape of `logits` without `axis`, float32, or float64 for float64 logits; with a
        reduction a float.
    grad : ndarray
        With `return_grad` or `grad_out`: of the shape of `logits`.

    Raises
    ------
    TypeError
        If an argument is of a type or dtype that is not accepted.
    ValueError
        If `logits` have no axes or no tokens, if a target is outside the vocabulary (the message
        names the first), or if an argument is out of its range or does not fit the logits.

    References
    ----------
    .. [1] PyTorch, ``torch.nn.functional.cross_entropy``.
    .. [2] A. Chowdhery et al., "PaLM: scaling language modeling with pathways", Journal of Machine
       Learning Research 24 (2023), section 5.
    .. [3] G. Pereyra et al., "Regularizing neural networks by penalizing confident output
       distributions", arXiv:1701.06548 (2017).

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> logits = np.log(np.array([[1.0, 2.0, 5.0], [2.0, 2.0, 4.0]]))
    >>> loss, grad = logitkit.cross_entropy(logits, [2, 0], return_grad=True, base=2)
    >>> loss.round(4)
    array([0.6781, 2.    ])
    >>> (grad * np.log(2)).round(4)
    array([[ 0.125,  0.25 , -0.375],
           [-0.75 ,  0.25 ,  0.5  ]])
    """
    rows = as_rows(logits, axis, dtype)
    vocab = rows.cells.shape[-2]
    how = as_reduction(reduction)
    smoothing = as_share(label_smoothing, "label_smoothing")
    classes = as_weight(weight, vocab)
    skipped = as_ignore_index(ignore_index)
    wanted = as_loss_targets(targets, rows, skipped)
    own = wanted.weights(classes, skipped)
    divisor = denominator(how, own, rows.leading)
    linear = None
    if wanted.soft is not None or smoothing:
        linear = (1.0 - smoothing, smoothing / vocab)
    place = None
    if return_grad or grad_out is not None:
        place = destination(rows, grad_out, dtype, "grad_out")
    with np.errstate(divide="ignore"):
        gradient_scale = float(np.float64(1.0) / divisor) if divisor else 0.0
    losses = _native.cross_entropy(
        rows.cells if place is None else place.cells,
        rows.element,
        rows.swapped,
        wanted.tokens,
        None if own is None else own * (1.0 - smoothing),
        skipped,
        None
        if wanted.soft is None
        else (wanted.soft.cells, wanted.soft.element, wanted.soft.swapped),
        classes if linear is not None else None,
        linear,
        float(z_loss),
        float(entropy_weight),
        as_temperature(temperature, rows.leading),
        as_scale(base),
        gradient_scale,
        None if place is None else place.out,
        rows.element if place is None else place.element,
        as_threads(threads),
    )
    loss = reduce(losses, how, divisor)
    if how == "none":
        loss = deliver(losses.astype(rows.result_dtype, copy=False), rows.leading)
    return loss if place is None else (loss, place.deliver())


def binary_cross_entropy(
    logits: ArrayLike,
    targets: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    reduction: Reduction = "none",
    dtype: Literal["bfloat16"] | None = None,
    threads: int | None = None,
) -> Any:
    r"""Binary cross-entropy of sigmoid(logits) with targets: a discriminator's loss.

    .. math:: L = w \bigl( a \, y \ln(1 + e^{-x}) + (1 - y) \ln(1 + e^{x}) \bigr)

    with a the `pos_weight` [1]_, for each logit x on its own. Each logarithm is computed as
    :math:`\max(\pm x, 0) + \ln(1 + e^{-|x|})`, exact for logits of any magnitude (a logarithm below
    1e-37, float64 1e-307, is 0). A term of which the target or the weights make nothing counts for
    nothing, even if its logarithm is infinite.

    Parameters
    ----------
    logits : array_like of float
        Any shape, and any dtype that other functions accept; NaN gives NaN.
    targets : array_like of real
        y, from 0 to 1; broadcasts with `logits`.
    weight : array_like of real, optional
        w, of each loss; broadcasts with `logits`.
    pos_weight : array_like of real, optional
        a, of the positive term; broadcasts with `logits`.
    reduction : {"none", "mean", "sum"}
        A loss for each logit, or one number: their sum, or the mean over all of them.
    dtype : {None, "bfloat16"}
        "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    ndarray, NumPy scalar or float
        Of the shape that the arguments broadcast to, float32, or float64 for float64 logits;
        with a reduction a float.

    Raises
    ------
    TypeError
        If an argument is of a dtype that is not accepted.
    ValueError
        If shapes do not broadcast, or a target is not from 0 to 1.

    References
    ----------
    .. [1] PyTorch, ``torch.nn.functional.binary_cross_entropy_with_logits``.

    Examples
    --------
    >>> import logitkit
    >>> logitkit.binary_cross_entropy([0.0, 1000.0, -1000.0], [1, 1, 1]).round(4).tolist()
    [0.6931, 0.0, 1000.0]
    """
    how = as_reduction(reduction)
    given = {"logits": as_logits(logits, dtype), "targets": as_numbers(targets, "targets")}
    for name, array in (("weight", weight), ("pos_weight", pos_weight)):
        if array is not None:
            given[name] = as_numbers(array, name)
    layout = laid_out({name: numbers.array for name, numbers in given.items()})
    workers = as_threads(threads)
    lanes = np.float64 if given["logits"].element == "float64" else np.float32
    losses = np.empty(layout.size if how == "none" else 0, lanes)
    total: float | None = 0.0
    if layout.size:
        cells = {
            name: numbers.cells(view)
            for (name, numbers), view in zip(given.items(), layout.views, strict=True)
        }
        total = _native.binary_cross_entropy(
            cells["logits"],
            cells["targets"],
            cells.get("weight"),
            cells.get("pos_weight"),
            losses.view(np.uint8) if how == "none" else None,
            workers,
        )
    if total is None:
        probabilities = given["targets"].widened()
        outside = ~((probabilities >= 0.0) & (probabilities <= 1.0))
        raise ValueError(
            f"{first_offender('targets', outside)} = {probabilities[outside][0]} is not a "
            "probability: expected 0 <= target <= 1"
        )
    if how == "none":
        return layout.restore(losses)
    return reduce(np.array([total]), how, float(layout.size) if how == "mean" else 1.0)
