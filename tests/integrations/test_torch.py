"""The functions for autograd against PyTorch's own, and by `gradcheck`; where it is installed."""

import doctest
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import logitkit.torch as lk  # noqa: E402
from torch.nn import functional as F  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default")
LOGITS = torch.from_numpy(np.random.default_rng(0).normal(0, 2, (5, 7)))
INDEX = torch.tensor([0, 6, -100, 3, 3])
SOFT = torch.softmax(torch.from_numpy(np.random.default_rng(1).normal(size=(5, 7))), -1)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("targets", [INDEX, SOFT], ids=["index", "soft"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_is_that_of_torch(smoothing: float, targets: Any, reduction: str) -> None:
    results = []
    for function in (lk.cross_entropy, F.cross_entropy):
        logits = LOGITS.clone().requires_grad_()
        loss = function(logits, targets, reduction=reduction, label_smoothing=smoothing)
        (loss * torch.arange(1, 1 + loss.numel()).reshape(loss.shape)).sum().backward()
        results.append((loss.detach(), logits.grad))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)


def test_gradcheck() -> None:
    logits = LOGITS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lk.entropy, (logits,))
    for options in ({}, {"z_loss": 0.1, "entropy_weight": 0.3, "temperature": 0.7, "base": 2}):
        for targets in (INDEX, SOFT):
            for reduction in ("none", "mean", "sum"):
                assert torch.autograd.gradcheck(
                    lambda x, t=targets, o=options, r=reduction: lk.cross_entropy(
                        x, t, reduction=r, **o
                    ),
                    (logits,),
                )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_dtypes_and_axes(dtype: Any) -> None:
    logits = LOGITS.to(dtype).requires_grad_()
    loss = lk.cross_entropy(logits, INDEX)
    assert loss.dtype == torch.float32
    loss.sum().backward()
    assert logits.grad.dtype == dtype
    moved = LOGITS.to(dtype).T.contiguous().requires_grad_()
    lk.cross_entropy(moved, INDEX, axis=0).sum().backward()
    torch.testing.assert_close(moved.grad.T, logits.grad)
    assert not lk.entropy(LOGITS).requires_grad


def test_the_examples_of_the_docstrings() -> None:
    failed, attempted = doctest.testmod(lk)
    assert attempted > 0
    assert failed == 0


def test_targets_with_a_gradient_are_refused() -> None:
    with pytest.raises(ValueError, match=r"pass targets\.detach"):
        lk.cross_entropy(LOGITS, SOFT.clone().requires_grad_())
