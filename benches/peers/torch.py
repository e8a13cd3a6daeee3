"""PyTorch on the CPU, eager and compiled."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..workloads import TOP_K_NAMES, Logits, Statistic
from .peer import Peer

_Formula = Callable[[Any, Any], Any]


def _formulas() -> dict[str, _Formula]:
    """The statistics as PyTorch users write them."""
    import torch
    from torch.nn import functional as F

    def logsumexp(x: Any, _: Any) -> Any:
        return torch.logsumexp(x, -1)

    def entropy(x: Any, _: Any) -> Any:
        log_p = F.log_softmax(x, -1)
        return -(log_p.exp() * log_p).sum(-1)

    def varentropy(x: Any, _: Any) -> Any:
        log_p = F.log_softmax(x, -1)
        p = log_p.exp()
        mean = (p * log_p).sum(-1, keepdim=True)
        return (p * (log_p - mean).square()).sum(-1)

    def log_prob(x: Any, targets: Any) -> Any:
        return -F.cross_entropy(x, targets, reduction="none")

    def rank(x: Any, targets: Any) -> Any:
        return (x > x.gather(-1, targets[:, None])).sum(-1) + 1

    def token_stats_with_targets(x: Any, targets: Any) -> Any:
        largest, argmax = x.max(-1)
        log_p = F.log_softmax(x, -1)
        p = log_p.exp()
        mean = (p * log_p).sum(-1, keepdim=True)
        of_target = log_p.gather(-1, targets[:, None])[:, 0]
        return (
            largest,
            argmax,
            torch.logsumexp(x, -1),
            -mean[:, 0],
            (p * (log_p - mean).square()).sum(-1),
            p.amax(-1),
            of_target,
            rank(x, targets),
        )

    def cross_entropy_with_gradient(x: Any, targets: Any) -> Any:
        x = x.detach().requires_grad_()
        loss = F.cross_entropy(x, targets, reduction="none")
        return loss, torch.autograd.grad(loss.sum(), x)[0]

    def log_softmax(x: Any, _: Any) -> Any:
        return F.log_softmax(x, -1)

    def kl_divergence(p: Any, q: Any) -> Any:
        log_p, log_q = F.log_softmax(p, -1), F.log_softmax(q, -1)
        return F.kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1)

    def kl_divergence_with_gradient(p: Any, q: Any) -> Any:
        q = q.detach().requires_grad_()
        kl = kl_divergence(p, q)
        return kl, torch.autograd.grad(kl.sum(), q)[0]

    def js_divergence(p: Any, q: Any) -> Any:
        log_p, log_q = F.log_softmax(p, -1), F.log_softmax(q, -1)
        log_m = torch.logaddexp(log_p, log_q) - math.log(2)
        both = (
            F.kl_div(log_m, each, reduction="none", log_target=True).sum(-1)
            for each in (log_p, log_q)
        )
        return sum(both) / 2

    def total_variation(p: Any, q: Any) -> Any:
        return (F.softmax(p, -1) - F.softmax(q, -1)).abs().sum(-1) / 2

    def top_p(x: Any, p: float) -> Any:
        # As transformers' TopPLogitsWarper.
        ascending, places = torch.sort(x, descending=False)
        mass = ascending.softmax(-1).cumsum(-1)
        removed = mass <= 1 - p
        removed[..., -1:] = False
        return x.masked_fill(removed.scatter(1, places, removed), -math.inf)

    def chain(x: Any, _: Any) -> Any:
        # As transformers' warpers behind one another.
        x = x / 0.7
        x = x.masked_fill(x < x.topk(50)[0][..., -1, None], -math.inf)
        x = top_p(x, 0.95)
        p = x.softmax(-1)
        return x.masked_fill(p < 0.05 * p.amax(-1, keepdim=True), -math.inf)

    def sample(x: Any, _: Any) -> Any:
        return torch.multinomial(x.softmax(-1), 1)

    return {
        "candidates top_p": lambda x, _: top_p(x, 0.9),
        "candidates top_p of flat rows": lambda x, _: top_p(x, 0.9),
        "candidates chain": chain,
        "filter_logits top_p": lambda x, _: top_p(x, 0.9),
        "sample": sample,
        "sample chain": lambda x, _: sample(chain(x, None), None),
        "kl_divergence": kl_divergence,
        "kl_divergence with gradient": kl_divergence_with_gradient,
        "js_divergence": js_divergence,
        "total_variation": total_variation,
        "cross_entropy": lambda x, targets: F.cross_entropy(x, targets, reduction="none"),
        "cross_entropy with gradient": cross_entropy_with_gradient,
        "log_softmax": log_softmax,
        "logsumexp": logsumexp,
        "entropy": entropy,
        "varentropy": varentropy,
        "log_prob": log_prob,
        "rank": rank,
        "token_stats with targets": token_stats_with_targets,
    }


def _top(k: int) -> _Formula:
    return lambda x, _: x.topk(k, -1)


def _tensor(logits: Logits) -> Any:
    import torch

    if logits.dtype == "bfloat16":
        return torch.from_numpy(logits.values.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(logits.values)


class TorchEager(Peer):
    name = "torch eager"
    package = "torch"
    statistics = frozenset(
        {
            "candidates chain",
            "candidates top_p",
            "candidates top_p of flat rows",
            "cross_entropy",
            "cross_entropy with gradient",
            "entropy",
            "filter_logits top_p",
            "js_divergence",
            "kl_divergence",
            "kl_divergence with gradient",
            "log_prob",
            "log_softmax",
            "logsumexp",
            "rank",
            "sample",
            "sample chain",
            "token_stats with targets",
            "total_variation",
            "varentropy",
            *TOP_K_NAMES,
        }
    )
    dtypes = ("float32", "bfloat16")

    def thread_counts(self, cores: int) -> tuple[int, ...]:
        return (1,) if cores == 1 else (1, cores)

    def bind(self, statistic: Statistic, logits: Logits, threads: int) -> Callable[[], object]:
        import torch

        torch.set_num_threads(threads)
        formula = _top(statistic.k) if statistic.k is not None else _formulas()[statistic.name]
        formula = self._prepare(formula)
        second = _tensor(logits.counterpart) if statistic.pair else torch.from_numpy(logits.targets)
        call = partial(formula, _tensor(logits), second)
        call()
        return call

    def _prepare(self, formula: _Formula) -> _Formula:
        return formula


class TorchCompiled(TorchEager):
    name = "torch.compile"
    # Its graphs hold no call of autograd, and a topk or a sort is the one of eager mode there.
    statistics = (
        TorchEager.statistics
        - {"cross_entropy with gradient", "kl_divergence with gradient"}
        - {"candidates chain", "candidates top_p", "candidates top_p of flat rows"}
        - {"filter_logits top_p", "sample", "sample chain"}
        - TOP_K_NAMES
    )

    def _prepare(self, formula: _Formula) -> _Formula:
        import torch

        # Past a handful of recompilations of one function torch falls back to eager in silence.
        torch.compiler.reset()
        compiled: _Formula = torch.compile(formula, fullgraph=True, dynamic=False)
        return compiled
