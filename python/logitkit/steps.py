r"""The steps that a chain of filters is made of, in any order: `candidates([TopK(50), TopP(0.9)])`.

Notation: tokens are ordered by logit, descending, then by index, ascending; q is the softmax of
what the steps before have left; at least ``min_keep`` tokens stay whatever a step says. Every
parameter is one number or one for each row, an array that broadcasts to the shape of the logits
without the vocabulary axis; each has a value that turns the step off, so that rows with and without
it can share an array. Steps are checked when they are made; two are equal if their parameters are.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._parameters import beside_rows, integers, reals

__all__ = [
    "XTC",
    "DynamicTemperature",
    "Epsilon",
    "Eta",
    "MaxSurprise",
    "MinP",
    "Step",
    "Temperature",
    "TopH",
    "TopK",
    "TopNSigma",
    "TopP",
    "Typical",
]


class Step:
    """What all steps share.

    Attributes
    ----------
    name : str
        The step as a keyword of `candidates` names it, and as the native core knows it.
    """

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]
    name: ClassVar[str]

    def parameters(self, leading: tuple[int, ...]) -> tuple[NDArray[Any], ...]:
        """Return each parameter for each row of logits of shape ``leading + (vocab,)``, flat."""
        return tuple(
            beside_rows(getattr(self, field.name), leading, f"{field.name} of {self!r}")
            for field in fields(self)  # type: ignore[arg-type]
        )

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(
            np.array_equal(getattr(self, field.name), getattr(other, field.name))
            for field in fields(self)  # type: ignore[arg-type]
        )

    def _set(self, **checked: NDArray[Any]) -> None:
        # A single number is kept as one: it is shorter to read.
        for name, value in checked.items():
            object.__setattr__(self, name, value if value.ndim else value.item())


@dataclass(frozen=True, eq=False, slots=True)
class Temperature(Step):
    """Divide the logits by a temperature.

    Parameters
    ----------
    temperature : array_like of real
        Finite and at least 0; 1 is off. 0 leaves the first token in the order alone, whatever
        ``min_keep`` and ``ties`` say: greedy.

    Examples
    --------
    >>> from logitkit.steps import Temperature
    >>> Temperature(0.7)
    Temperature(temperature=0.7)
    """

    temperature: ArrayLike
    name: ClassVar[str] = "temperature"

    def __post_init__(self) -> None:
        self._set(temperature=reals(self.temperature, "temperature", "a finite number >= 0", 0.0))


@dataclass(frozen=True, eq=False, slots=True)
class DynamicTemperature(Step):
    r"""Divide the logits by a temperature that follows the entropy, as llama.cpp's ``temp_ext``.

    .. math:: T = low + (high - low) \, (H(q) / \ln n)^{exponent}

    with n the number of tokens that are left; a single one has `low`.

    Parameters
    ----------
    low : array_like of real
        The temperature of a certain row, finite and at least 0.
    high : array_like of real
        The temperature of an even row, likewise. ``low = high = 1`` is off.
    exponent : array_like of real, default 1.0
        Finite and at least 0.

    Examples
    --------
    >>> from logitkit.steps import DynamicTemperature
    >>> DynamicTemperature(0.5, 1.5)
    DynamicTemperature(low=0.5, high=1.5, exponent=1.0)
    """

    low: ArrayLike
    high: ArrayLike
    exponent: ArrayLike = 1.0
    name: ClassVar[str] = "dynamic_temperature"

    def __post_init__(self) -> None:
        given = {"low": self.low, "high": self.high, "exponent": self.exponent}
        self._set(**{k: reals(v, k, "a finite number >= 0", 0.0) for k, v in given.items()})


@dataclass(frozen=True, eq=False, slots=True)
class TopK(Step):
    """Keep the first `k` tokens of the order [1]_; with ``ties="all"`` those equal to the last too.

    Parameters
    ----------
    k : array_like of int
        How many; 0, -1 and anything from the size of the vocabulary on is off.

    References
    ----------
    .. [1] A. Fan, M. Lewis, Y. Dauphin, "Hierarchical neural story generation", ACL 2018.

    Examples
    --------
    >>> from logitkit.steps import TopK
    >>> TopK([50, 0])
    TopK(k=array([50,  0]))
    """

    k: ArrayLike
    name: ClassVar[str] = "top_k"

    def __post_init__(self) -> None:
        self._set(k=integers(self.k, "top_k", "an int >= 1, or 0 or -1 for all tokens", -1))


@dataclass(frozen=True, eq=False, slots=True)
class TopP(Step):
    """Keep a token while the mass before it in the order is less than `p`: the nucleus [1]_.

    That is the shortest prefix with a mass of at least `p`; with ``ties="all"`` also every token
    equal to its last one.

    Parameters
    ----------
    p : array_like of real
        The mass; 1 or more is off, 0 or less leaves ``min_keep`` tokens.

    References
    ----------
    .. [1] A. Holtzman, J. Buys, L. Du, M. Forbes, Y. Choi, "The curious case of neural text
       degeneration", ICLR 2020.

    Examples
    --------
    >>> from logitkit.steps import TopP
    >>> TopP(0.9)
    TopP(p=0.9)
    """

    p: ArrayLike
    name: ClassVar[str] = "top_p"

    def __post_init__(self) -> None:
        self._set(p=reals(self.p, "top_p", "a number, such as 0.9", -np.inf, np.inf))


@dataclass(frozen=True, eq=False, slots=True)
class MinP(Step):
    """Keep the tokens with at least `p` times the largest probability [1]_: x >= max + ln p.

    Parameters
    ----------
    p : array_like of real
        From 0, which is off, to 1.

    References
    ----------
    .. [1] M. N. Nguyen et al., "Turning up the heat: min-p sampling for creative and coherent LLM
       outputs", ICLR 2025.

    Examples
    --------
    >>> from logitkit.steps import MinP
    >>> MinP(0.05)
    MinP(p=0.05)
    """

    p: ArrayLike
    name: ClassVar[str] = "min_p"

    def __post_init__(self) -> None:
        self._set(p=reals(self.p, "min_p", "a number from 0 (off) to 1", 0.0, 1.0))


@dataclass(frozen=True, eq=False, slots=True)
class Typical(Step):
    r"""Keep the tokens whose surprisal is nearest to the entropy, up to a mass of `p` [1]_.

    Tokens are taken by :math:`|-\ln q_i - H(q)|`, ascending (where equal, in the order) while the
    mass taken before is less than `p`; it is the distance of the logit from the mean logit. The
    first ``min_keep`` of these stay. With ``ties="all"`` so does every token equal to the last.

    Parameters
    ----------
    p : array_like of real
        The mass; 1 or more is off, 0 or less leaves ``min_keep`` tokens.

    References
    ----------
    .. [1] C. Meister, T. Pimentel, G. Wiher, R. Cotterell, "Locally typical sampling", TACL 11
       (2023) 102-121.

    Examples
    --------
    >>> from logitkit.steps import Typical
    >>> Typical(0.95)
    Typical(p=0.95)
    """

    p: ArrayLike
    name: ClassVar[str] = "typical_p"

    def __post_init__(self) -> None:
        self._set(p=reals(self.p, "typical_p", "a number, such as 0.95", -np.inf, np.inf))


@dataclass(frozen=True, eq=False, slots=True)
class Epsilon(Step):
    """Keep the tokens with a probability of at least `epsilon` [1]_.

    Parameters
    ----------
    epsilon : array_like of real
        From 0, which is off, to 1.

    References
    ----------
    .. [1] J. Hewitt, C. Manning, P. Liang, "Truncation sampling as language model desmoothing",
       Findings of EMNLP 2022.

    Examples
    --------
    >>> from logitkit.steps import Epsilon
    >>> Epsilon(3e-4)
    Epsilon(epsilon=0.0003)
    """

    epsilon: ArrayLike
    name: ClassVar[str] = "epsilon"

    def __post_init__(self) -> None:
        self._set(epsilon=reals(self.epsilon, "epsilon", "a number from 0 (off) to 1", 0.0, 1.0))


@dataclass(frozen=True, eq=False, slots=True)
class Eta(Step):
    r"""Keep the tokens with :math:`q_i \ge \min(\epsilon, \sqrt\epsilon \, e^{-H(q)})` [1]_.

    Parameters
    ----------
    epsilon : array_like of real
        From 0, which is off, to 1.

    References
    ----------
    .. [1] J. Hewitt, C. Manning, P. Liang, "Truncation sampling as language model desmoothing",
       Findings of EMNLP 2022.

    Examples
    --------
    >>> from logitkit.steps import Eta
    >>> Eta(3e-4)
    Eta(epsilon=0.0003)
    """

    epsilon: ArrayLike
    name: ClassVar[str] = "eta"

    def __post_init__(self) -> None:
        self._set(epsilon=reals(self.epsilon, "eta", "a number from 0 (off) to 1", 0.0, 1.0))


@dataclass(frozen=True, eq=False, slots=True)
class TopNSigma(Step):
    """Keep the tokens with a logit of at least max - n sigma [1]_.

    sigma is the standard deviation of the logits that are left, each counting as one and divided
    by their number, as in llama.cpp; no temperature changes the set.

    Parameters
    ----------
    n : array_like of real
        How many standard deviations; 0 or less, and inf, is off.

    References
    ----------
    .. [1] C. Tang et al., "Top-n-sigma: not all logits are you need", arXiv:2411.07641 (2024).

    Examples
    --------
    >>> from logitkit.steps import TopNSigma
    >>> TopNSigma(1.5)
    TopNSigma(n=1.5)
    """

    n: ArrayLike
    name: ClassVar[str] = "top_n_sigma"

    def __post_init__(self) -> None:
        expected = "a number > 0, or 0 or less for all tokens"
        self._set(n=reals(self.n, "top_n_sigma", expected, -np.inf, np.inf))


@dataclass(frozen=True, eq=False, slots=True)
class TopH(Step):
    r"""Keep tokens while their share of the entropy stays within a budget, as in transformers [1]_.

    Of the first 100 tokens of the order, renormalised, the prefix with
    :math:`\sum -q_i \ln q_i \le \alpha H(q)`; the first token always.

    Parameters
    ----------
    alpha : array_like of real
        From 0, which leaves ``min_keep`` tokens, to 1; inf is off.

    References
    ----------
    .. [1] E. Baghaei Potraghloo et al., "Top-H decoding: adapting the creativity and coherence with
       bounded entropy in text generation", NeurIPS 2025.

    Examples
    --------
    >>> from logitkit.steps import TopH
    >>> TopH(0.4)
    TopH(alpha=0.4)
    """

    alpha: ArrayLike
    name: ClassVar[str] = "top_h"

    def __post_init__(self) -> None:
        expected = "a number from 0 to 1, or inf for all tokens"
        alpha = reals(self.alpha, "top_h", expected, 0.0, np.inf)
        finite = np.where(np.isinf(alpha), 1.0, alpha)
        reals(finite, "top_h", expected, 0.0, 1.0)
        self._set(alpha=alpha)


@dataclass(frozen=True, eq=False, slots=True)
class MaxSurprise(Step):
    r"""Keep the tokens with :math:`-\log_2 q_i \le` `bits`: the cut of mirostat 2 [1]_.

    Parameters
    ----------
    bits : array_like of real
        The most surprising token to keep; inf is off, 0 or less leaves ``min_keep`` tokens.

    References
    ----------
    .. [1] S. Basu, G. S. Ramachandran, N. S. Keskar, L. R. Varshney, "Mirostat: a neural text
       decoding algorithm that directly controls perplexity", ICLR 2021.

    Examples
    --------
    >>> from logitkit.steps import MaxSurprise
    >>> MaxSurprise(8)
    MaxSurprise(bits=8.0)
    """

    bits: ArrayLike
    name: ClassVar[str] = "max_surprise"

    def __post_init__(self) -> None:
        self._set(bits=reals(self.bits, "max_surprise", "a number of bits", -np.inf, np.inf))


@dataclass(frozen=True, eq=False, slots=True)
class XTC(Step):
    """Now and then exclude the top choices, so that a less likely one is drawn, as in llama.cpp.

    With the given probability (one draw for each row) all tokens with q >= `threshold` go but the
    least probable of them, unless fewer than ``min_keep`` tokens would be left. It draws, so it is
    a step of `sample` alone.

    Parameters
    ----------
    probability : array_like of real
        From 0, which is off, to 1.
    threshold : array_like of real, default 0.1
        From 0 to 1; above 0.5 there are no two such tokens, so that nothing goes.

    Examples
    --------
    >>> from logitkit.steps import XTC
    >>> XTC(0.5)
    XTC(probability=0.5, threshold=0.1)
    """

    probability: ArrayLike
    threshold: ArrayLike = 0.1
    name: ClassVar[str] = "xtc"

    def __post_init__(self) -> None:
        given = {"probability": self.probability, "threshold": self.threshold}
        expected = "a number from 0 to 1"
        self._set(**{k: reals(v, f"{k} of XTC", expected, 0.0, 1.0) for k, v in given.items()})
