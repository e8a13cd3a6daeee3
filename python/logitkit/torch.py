"""`cross_entropy` and `entropy` for PyTorch's autograd, on tensors in main memory.

The gradient is computed with the loss, while the row is in the cache, and kept for the backward
pass: one tensor as large as the logits, where PyTorch's own loss keeps its log-probabilities.
Second derivatives are not available. Needs PyTorch, which `import logitkit` does not import.
"""

from typing import Any, Literal

import torch
from torch.autograd.function import once_differentiable

from logitkit.losses import cross_entropy as _cross_entropy
from logitkit.stats import entropy as _entropy

__all__ = ["cross_entropy", "entropy"]


def cross_entropy(
    logits: torch.Tensor,
    targets: torch.Tensor,
    /,
    *,
    reduction: Literal["none", "mean", "sum"] = "none",
    **options: Any,
) -> torch.Tensor:
    """Cross-entropy of softmax(logits) with targets; differentiable with respect to the logits.

    Parameters
    ----------
    logits : Tensor of float32, float16, bfloat16 or float64, shape (..., vocab)
        On the CPU.
    targets : Tensor
        Integers of the shape of `logits` without the vocabulary axis, or probabilities of the
        shape of `logits`, which must not require a gradient.
    reduction : {"none", "mean", "sum"}
        As in `logitkit.cross_entropy`.
    **options
        The other options of `logitkit.cross_entropy`, but those that place the gradient.

    Returns
    -------
    Tensor
        The loss, float32, or float64 for float64 logits. The gradient has the dtype of the logits.

    Raises
    ------
    TypeError, ValueError
        As `logitkit.cross_entropy`; ValueError if `targets` require a gradient.

    Examples
    --------
    >>> import logitkit.torch
    >>> import torch
    >>> logits = torch.zeros(2, 4, requires_grad=True)
    >>> logitkit.torch.cross_entropy(logits, torch.tensor([0, 3]), reduction="sum").backward()
    >>> logits.grad[0]
    tensor([-0.7500,  0.2500,  0.2500,  0.2500])
    """
    if targets.requires_grad:
        raise ValueError(
            "targets require a gradient; logitkit.torch.cross_entropy gives one with respect to "
            "the logits alone: pass targets.detach()"
        )
    loss: torch.Tensor = _Loss.apply(logits, _cross_entropy, (targets,), reduction, options)
    return loss


def entropy(logits: torch.Tensor, /, **options: Any) -> torch.Tensor:
    """Entropy of softmax(logits); differentiable with respect to the logits.

    Parameters
    ----------
    logits : Tensor of float32, float16, bfloat16 or float64, shape (..., vocab)
        On the CPU.
    **options
        `axis`, `temperature`, `base` and `threads` of `logitkit.entropy`.

    Returns
    -------
    Tensor
        The entropy of each row, float32, or float64 for float64 logits. The gradient has the dtype
        of the logits.

    Raises
    ------
    TypeError, ValueError
        As `logitkit.entropy`.

    Examples
    --------
    >>> import logitkit.torch
    >>> import torch
    >>> logitkit.torch.entropy(torch.zeros(4), base=2)
    tensor(2.)
    """
    result: torch.Tensor = _Loss.apply(logits, _entropy, (), None, options)
    return result


class _Loss(torch.autograd.Function):  # type: ignore[misc]
    """A function of logits that returns its gradient; `reduction` None: it has no such option."""

    @staticmethod
    def forward(
        ctx: Any,
        logits: torch.Tensor,
        function: Any,
        more: tuple[Any, ...],
        reduction: str | None,
        options: dict[str, Any],
    ) -> torch.Tensor:
        if reduction is not None:
            options = options | {"reduction": reduction}
        if not ctx.needs_input_grad[0]:
            return _tensor(function(logits, *more, **options), logits)
        value, gradient = function(logits, *more, return_grad=True, **options)
        ctx.axis = options.get("axis", -1)
        ctx.each = reduction in (None, "none")
        ctx.save_for_backward(torch.from_numpy(gradient).to(logits.dtype))
        return _tensor(value, logits)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        if ctx.each:
            upstream = upstream.unsqueeze(ctx.axis)
        return gradient * upstream.to(gradient.dtype), None, None, None, None


def _tensor(value: Any, logits: torch.Tensor) -> torch.Tensor:
    wide = torch.float64 if logits.dtype == torch.float64 else torch.float32
    return torch.as_tensor(value, dtype=wide)
