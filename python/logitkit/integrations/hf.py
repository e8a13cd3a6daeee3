"""Logits processors for transformers, on tensors in main memory.

The warpers are drop-in replacements for those of the same names without "Exact" in
`transformers.generation.logits_process`: the same arguments, the same tokens kept, up to what
float32 sums and unstable sorts leave open there. `LogitkitProcessor` takes a whole chain in one
pass over the scores, where warpers behind one another take a pass, or a sort, each.

Needs PyTorch and transformers, which `import logitkit` does not import.
"""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import LogitsProcessor

from logitkit._chains import Ties
from logitkit.filters import filter_logits
from logitkit.integrations._options import check_options
from logitkit.steps import Epsilon, Eta, MinP, Step, TopH, TopK, TopP, Typical

__all__ = [
    "ExactEpsilonLogitsWarper",
    "ExactEtaLogitsWarper",
    "ExactMinPLogitsWarper",
    "ExactTopHLogitsWarper",
    "ExactTopKLogitsWarper",
    "ExactTopPLogitsWarper",
    "ExactTypicalLogitsWarper",
    "LogitkitProcessor",
]

# What transformers' top-h looks at.
_TOP_H_TOKENS = 100


class LogitkitProcessor(LogitsProcessor):  # type: ignore[misc]
    """Any chain of filters, as a logits processor.

    Parameters
    ----------
    steps : sequence of Step, optional
        Steps from `logitkit.steps`, instead of keywords.
    **options
        Keywords of `logitkit.filter_logits`: `temperature`, `top_k`, `top_p` and their kin,
        `order`, `joint`, `ties`, `min_keep`, `on_invalid`, `fill` and `threads`.

    Examples
    --------
    >>> import torch
    >>> from logitkit.integrations.hf import LogitkitProcessor
    >>> processor = LogitkitProcessor(temperature=0.5, top_k=2)
    >>> processor(torch.tensor([[1]]), torch.tensor([[0.0, 1.0, 2.0, 3.0]]))
    tensor([[-inf, -inf, 4., 6.]])
    """

    def __init__(self, steps: Sequence[Step] | None = None, **options: Any) -> None:
        self.steps = steps
        self.options = options
        check_options(steps, options)

    def __repr__(self) -> str:
        given = [] if self.steps is None else [repr(list(self.steps))]
        given += [f"{name}={value!r}" for name, value in self.options.items()]
        return f"{type(self).__name__}({', '.join(given)})"

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return the scores, in a new tensor of their dtype, with what is filtered out at `fill`.

        Parameters
        ----------
        input_ids : Tensor
            Not looked at.
        scores : Tensor of float32, float16, bfloat16 or float64, shape (batch, vocab)
            On the CPU. They are not written to.
        """
        if scores.device.type != "cpu":
            raise ValueError(
                f"scores are on {scores.device}; expected a tensor in main memory: pass "
                "scores.cpu(), or keep transformers' own warpers there"
            )
        own = scores.detach()
        filtered = torch.empty_like(own, memory_format=torch.contiguous_format)
        bits = own.dtype == torch.bfloat16
        filter_logits(
            own.view(torch.uint16).numpy() if bits else own.numpy(),
            self.steps,
            dtype="bfloat16" if bits else None,
            out=filtered.view(torch.uint16).numpy() if bits else filtered.numpy(),
            **self.options,
        )
        return filtered


class _Warper(LogitkitProcessor):
    """A filter with the arguments of the warper that it stands for."""

    def __init__(
        self,
        steps: Sequence[Step],
        filter_value: float,
        min_tokens_to_keep: int,
        ties: Ties = "index",
    ) -> None:
        super().__init__(steps, fill=filter_value, min_keep=min_tokens_to_keep, ties=ties)


class ExactTopKLogitsWarper(_Warper):
    """In place of `TopKLogitsWarper`: tokens tied with the last one are kept, as there."""

    def __init__(
        self, top_k: int, filter_value: float = -float("Inf"), min_tokens_to_keep: int = 1
    ) -> None:
        if isinstance(top_k, bool) or not isinstance(top_k, int) or top_k <= 0:
            raise ValueError(f"top_k={top_k!r}; expected an int >= 1")
        super().__init__([TopK(top_k)], filter_value, min_tokens_to_keep, "all")


class ExactTopPLogitsWarper(_Warper):
    """In place of `TopPLogitsWarper`."""

    def __init__(
        self, top_p: float, filter_value: float = -float("Inf"), min_tokens_to_keep: int = 1
    ) -> None:
        if not 0.0 <= top_p <= 1.0:
            raise ValueError(f"top_p={top_p!r}; expected a number from 0 to 1")
        super().__init__([TopP(top_p)], filter_value, min_tokens_to_keep)


class ExactMinPLogitsWarper(_Warper):
    """In place of `MinPLogitsWarper`."""

    def __init__(
        self, min_p: float, filter_value: float = -float("Inf"), min_tokens_to_keep: int = 1
    ) -> None:
        super().__init__([MinP(min_p)], filter_value, min_tokens_to_keep)


class ExactTypicalLogitsWarper(_Warper):
    """In place of `TypicalLogitsWarper`: tokens as far from the entropy as the last are kept."""

    def __init__(
        self, mass: float = 0.9, filter_value: float = -float("Inf"), min_tokens_to_keep: int = 1
    ) -> None:
        if not 0.0 < mass < 1.0:
            raise ValueError(f"mass={mass!r}; expected a number above 0 and below 1")
        super().__init__([Typical(mass)], filter_value, min_tokens_to_keep, "all")


class ExactEpsilonLogitsWarper(_Warper):
    """In place of `EpsilonLogitsWarper`."""

    def __init__(
        self, epsilon: float, filter_value: float = -float("Inf"), min_tokens_to_keep: int = 1
    ) -> None:
        if not 0.0 < epsilon < 1.0:
            raise ValueError(f"epsilon={epsilon!r}; expected a number above 0 and below 1")
        super().__init__([Epsilon(epsilon)], filter_value, min_tokens_to_keep)


class ExactEtaLogitsWarper(_Warper):
    """In place of `EtaLogitsWarper`; `device` is there for its signature, and must be the CPU."""

    def __init__(
        self,
        epsilon: float,
        filter_value: float = -float("Inf"),
        min_tokens_to_keep: int = 1,
        device: str = "cpu",
    ) -> None:
        if not 0.0 < epsilon < 1.0:
            raise ValueError(f"epsilon={epsilon!r}; expected a number above 0 and below 1")
        if torch.device(device).type != "cpu":
            raise ValueError(f"device={device!r}; expected the CPU")
        super().__init__([Eta(epsilon)], filter_value, min_tokens_to_keep)


class ExactTopHLogitsWarper(_Warper):
    """In place of `TopHLogitsWarper`: of the 100 largest scores, as there."""

    def __init__(self, top_h: float, filter_value: float = -float("Inf")) -> None:
        if not 0.0 < top_h <= 1.0:
            raise ValueError(f"top_h={top_h!r}; expected a number above 0 and at most 1")
        super().__init__([TopK(_TOP_H_TOKENS), TopH(top_h)], filter_value, 1)
