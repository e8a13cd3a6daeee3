"""Arguments of every filter: explicit steps, or keywords in a named order, to one chain."""

import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit import steps as steps_module
from logitkit._arrays import packed
from logitkit.steps import (
    XTC,
    Epsilon,
    Eta,
    MaxSurprise,
    MinP,
    Step,
    Temperature,
    TopH,
    TopK,
    TopNSigma,
    TopP,
    Typical,
)

Order: TypeAlias = Literal["hf", "vllm", "llama.cpp", "sglang", "mlx"]
Ties: TypeAlias = Literal["index", "all"]
OnInvalid: TypeAlias = Literal["raise", "mark"]

_STEPS: Final[dict[str, type[Step]]] = {
    step.name: step
    for step in (
        Temperature,
        TopK,
        TopP,
        MinP,
        Typical,
        Epsilon,
        Eta,
        TopNSigma,
        TopH,
        MaxSurprise,
    )
}

ORDERS: Final[dict[str, tuple[str, ...]]] = {
    # transformers' GenerationMixin._get_logits_processor; what it has not stands at the ends: the
    # cut by the logits themselves first, the cut of mirostat last.
    "hf": (
        "temperature",
        "top_n_sigma",
        "top_h",
        "top_k",
        "top_p",
        "min_p",
        "typical_p",
        "epsilon",
        "eta",
        "max_surprise",
    ),
    # vLLM's v1 Sampler: the logits processors, min-p among them, come before top-k and top-p.
    "vllm": ("temperature", "min_p", "top_k", "top_p"),
    # The default of llama.cpp's common_params_sampling.
    "llama.cpp": ("top_n_sigma", "top_k", "typical_p", "top_p", "min_p", "temperature"),
    # SGLang's top_k_top_p_min_p_sampling_from_probs_torch.
    "sglang": ("temperature", "top_k", "top_p", "min_p"),
    # mlx-lm's make_sampler: the temperature is that of the draw.
    "mlx": ("top_p", "min_p", "top_k", "temperature"),
}
"""The orders in which peers apply the filters that they have."""

_PLAIN: Final = frozenset({int, float, type(None)})

# Orders in which every filter sees the distribution that none has touched.
_JOINT: Final = frozenset({"sglang"})


NativeSteps: TypeAlias = list[tuple[str, list[NDArray[np.float64]]]]


class Chain(NamedTuple):
    """What to do with every row.

    Attributes
    ----------
    steps
        In the order in which they are applied.
    joint
        Whether every filter sees the tokens that the others removed.
    ties_all
        Whether tokens equal to the last one kept are kept.
    min_keep
        How many tokens stay whatever the steps say.
    mark
        Whether a row that cannot be filtered comes back empty, instead of an error.
    of_one_row
        What `native` returns for a single row, if that is known already.
    """

    steps: tuple[Step, ...]
    joint: bool
    ties_all: bool
    min_keep: int
    mark: bool
    of_one_row: NativeSteps | None = None

    def native(self, leading: tuple[int, ...]) -> NativeSteps:
        """Return names and parameters, those of each row, as the native core takes them."""
        if self.of_one_row is not None and math.prod(leading) == 1:
            return self.of_one_row
        laid = []
        for step, parameters in self.beside_rows(leading):
            numbers = [packed(each, np.float64) for each in parameters]
            if isinstance(step, MinP):
                # How far below the largest logit, in nats: the logarithm of the definition.
                with np.errstate(divide="ignore"):
                    numbers = [-np.log(each) for each in numbers]
            laid.append((step.name, numbers))
        return laid

    def beside_rows(self, leading: tuple[int, ...]) -> list[tuple[Step, tuple[NDArray[Any], ...]]]:
        """Return the steps with their parameters for each row, flat."""
        return [(step, step.parameters(leading)) for step in self.steps]


def as_chain(
    steps: Sequence[Step] | None,
    keywords: Mapping[str, ArrayLike | None],
    *,
    order: str = "hf",
    joint: bool = False,
    ties: str = "index",
    min_keep: int = 1,
    on_invalid: str = "raise",
    may_draw: bool = False,
) -> Chain:
    """Check the arguments of a filter; `keywords` are its parameters by the names of the steps."""
    numbers = tuple(keywords.values())
    kinds = tuple(map(type, numbers))
    plain = steps is None and _PLAIN.issuperset(kinds)
    # Not what hides errors in the others' types, as 1.0 does that equals 1.
    if plain and type(min_keep) is int and type(joint) is bool:
        return _plain_chain(
            tuple(keywords), numbers, kinds, order, joint, ties, min_keep, on_invalid
        )
    return _as_chain(steps, keywords, order, joint, ties, min_keep, on_invalid, may_draw=may_draw)


@lru_cache(maxsize=256)
def _plain_chain(
    names: tuple[str, ...],
    numbers: tuple[Any, ...],
    kinds: tuple[type, ...],
    order: str,
    joint: bool,
    ties: str,
    min_keep: int,
    on_invalid: str,
) -> Chain:
    """Return the chain of plain numbers, which a program passes again and again."""
    keywords = dict(zip(names, numbers, strict=True))
    chain = _as_chain(None, keywords, order, joint, ties, min_keep, on_invalid, may_draw=False)
    return chain._replace(of_one_row=chain.native(()))


def _as_chain(
    steps: Sequence[Step] | None,
    keywords: Mapping[str, ArrayLike | None],
    order: str,
    joint: bool,
    ties: str,
    min_keep: int,
    on_invalid: str,
    *,
    may_draw: bool,
) -> Chain:
    if order not in ORDERS:
        raise ValueError(f"order={order!r} is not known; expected {_one_of(ORDERS)}")
    if ties not in ("index", "all"):
        raise ValueError(
            f'ties={ties!r} is not known; expected "index" (of equal logits the first by index) or '
            '"all" (every logit equal to the last one kept)'
        )
    if on_invalid not in ("raise", "mark"):
        raise ValueError(
            f'on_invalid={on_invalid!r} is not known; expected "raise", or "mark" for empty rows '
            "with valid=False"
        )
    given = {k: v for k, v in keywords.items() if v is not None and not (_is_one(k, v))}
    if steps is None:
        chosen = _in_order(given, order)
        joint = joint or order in _JOINT
    else:
        chosen = _explicit(steps, given, order, may_draw)
    return Chain(chosen, bool(joint), ties == "all", _as_min_keep(min_keep), on_invalid == "mark")


def _in_order(given: Mapping[str, ArrayLike], order: str) -> tuple[Step, ...]:
    places = ORDERS[order]
    if absent := [name for name in given if name not in places]:
        raise ValueError(
            f"{absent[0]} has no place in order={order!r}, which knows {', '.join(places)}; pass "
            "the steps themselves, in the order that you want: "
            f"[TopK(50), {_STEPS[absent[0]].__name__}(...)], from logitkit.steps"
        )
    # A class of one parameter for each name; the first is what its keyword stands for.
    return tuple(_STEPS[name](given[name]) for name in places if name in given)  # type: ignore[call-arg]


def _explicit(
    steps: Iterable[Any], given: Mapping[str, ArrayLike], order: str, may_draw: bool
) -> tuple[Step, ...]:
    if isinstance(steps, Step):
        raise TypeError(f"steps={steps!r} is a single step; expected a list of them: [{steps!r}]")
    if isinstance(steps, str) or not isinstance(steps, Iterable):
        raise TypeError(
            f"steps={steps!r}; expected a list of steps from logitkit.steps, such as "
            "[Temperature(0.7), TopP(0.9)]: parameters of the other form go by keyword"
        )
    chosen = tuple(steps)
    for place, step in enumerate(chosen):
        if not isinstance(step, Step):
            raise TypeError(
                f"steps[{place}] = {step!r} is no step; expected one of {', '.join(_names())}, "
                "from logitkit.steps"
            )
        if isinstance(step, XTC) and not may_draw:
            raise ValueError(
                f"steps[{place}] = {step!r} draws at random; expected steps that do not: XTC is "
                "one of `sample` only"
            )
    if given:
        name = next(iter(given))
        raise ValueError(
            f"both steps and {name}= were given; expected one form: add "
            f"{_STEPS[name].__name__}(...) to the steps where it belongs, or pass keywords alone"
        )
    if order != "hf":
        raise ValueError(
            f"both steps and order={order!r} were given; steps are applied as they stand: leave "
            "`order` out"
        )
    return chosen


def _names() -> list[str]:
    return [name for name in steps_module.__all__ if name != "Step"]


def _is_one(name: str, value: ArrayLike) -> bool:
    return name == "temperature" and type(value) in (int, float) and value == 1


def _as_min_keep(min_keep: int) -> int:
    try:
        value = operator.index(min_keep)
    except TypeError:
        raise TypeError(f"min_keep={min_keep!r} is not an int; expected an int >= 1") from None
    if value < 1:
        raise ValueError(f"min_keep={value}; expected an int >= 1: a row keeps a token always")
    return value


def _one_of(names: Iterable[str]) -> str:
    quoted = [f'"{name}"' for name in names]
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def check_valid(valid: NDArray[np.bool_], largest: NDArray[np.float64]) -> None:
    """Raise for the first rows that cannot be filtered; `largest` holds the largest logits."""
    if valid.all():
        return
    rows = np.argwhere(~valid)
    first = float(largest[tuple(rows[0])])
    why = "a NaN" if np.isnan(first) else "+inf" if first > 0 else "nothing but -inf"
    if not valid.ndim:
        raise ValueError(f"logits hold {why}: there is nothing to choose from")
    named = ", ".join(f"logits[{', '.join(map(str, row))}]" for row in rows[:3].tolist())
    more = f" and {len(rows) - 3} more rows" if len(rows) > 3 else ""
    raise ValueError(
        f"{named}{more} cannot be filtered (the first holds {why}); expected rows with a finite "
        'largest logit: pass on_invalid="mark" to have such rows come back empty'
    )
