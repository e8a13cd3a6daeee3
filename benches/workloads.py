"""What is measured: the statistics, and the arrays they are measured on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bandwidth import Reader

DTYPES = ("float32", "bfloat16", "float16", "float64")

# bfloat16 travels as its bits, which every implementation here can take without a further package.
_STORAGE = {"bfloat16": "uint16"}


@dataclass(frozen=True)
class Statistic:
    """One call of the public API: a function, with or without targets.

    One with a value for every logit names the argument that takes the place for them, which is that
    of the logits if it works `in_place`. `k` of the largest logits are wanted, if any: all that
    `topk` gives, a part of what `token_stats` does. A `pair` of arrays is compared. Some are
    measured on `flat` rows. `options` are keywords of the function.
    """

    name: str
    function: str
    targets: bool = False
    pair: bool = False
    place: str | None = None
    in_place: bool = False
    k: int | None = None
    flat: bool = False
    options: tuple[tuple[str, Any], ...] = ()

    def bind(self, module: ModuleType, logits: "Logits", **arguments: Any) -> Callable[[], object]:
        """The call as `module` (logitkit or its reference) offers it."""
        positional: tuple[Any, ...] = tuple(each.values for each in self.arrays(logits))
        if self.targets:
            positional = (*positional, logits.targets)
        if logits.dtype == "bfloat16":
            arguments["dtype"] = "bfloat16"
        arguments.update(self.options)
        if self.place is not None:
            arguments[self.place] = logits.values if self.in_place else logits.place
        if self.k is not None and self.function == "topk":
            positional = (logits.values, self.k)
        elif self.k is not None:
            arguments["top_k"] = self.k
        return partial(getattr(module, self.function), *positional, **arguments)

    def arrays(self, logits: "Logits") -> "tuple[Logits, ...]":
        """What the call reads."""
        return (logits, logits.counterpart) if self.pair else (logits,)

    def rows(self, logits: "Logits") -> "Logits":
        """The rows that it is measured on."""
        return logits.flat if self.flat else logits

    def is_for(self, dtype: str) -> bool:
        """Whether it takes logits of this type: results in place are to be of the logits' own."""
        return not self.in_place or dtype not in ("bfloat16", "float16")

    def nbytes(self, logits: "Logits") -> int:
        return sum(each.nbytes for each in self.arrays(logits))


def _in_place(statistic: Statistic) -> Statistic:
    return replace(statistic, name=f"{statistic.name} in place", in_place=True)


TOP_K = (1, 10, 50, 256, 1000)
TOP_K_NAMES = frozenset(f"topk {k}" for k in TOP_K)

# The filters that are mostly used together.
_CHAIN = (("temperature", 0.7), ("top_k", 50), ("top_p", 0.95), ("min_p", 0.05))

_GRADIENT = Statistic(
    "cross_entropy with gradient", "cross_entropy", targets=True, place="grad_out"
)
_LOG_SOFTMAX = Statistic("log_softmax", "log_softmax", place="out")
_TOP_P = Statistic("filter_logits top_p", "filter_logits", place="out", options=(("top_p", 0.9),))

STATISTICS = (
    Statistic("logsumexp", "logsumexp"),
    Statistic("entropy", "entropy"),
    Statistic("varentropy", "varentropy"),
    Statistic("log_prob", "log_prob", targets=True),
    Statistic("rank", "rank", targets=True),
    Statistic("token_stats", "token_stats"),
    Statistic("token_stats with targets", "token_stats", targets=True),
    Statistic("cross_entropy", "cross_entropy", targets=True),
    _GRADIENT,
    _in_place(_GRADIENT),
    _LOG_SOFTMAX,
    _in_place(_LOG_SOFTMAX),
    *(Statistic(f"topk {k}", "topk", k=k) for k in TOP_K),
    Statistic("token_stats with top 50", "token_stats", k=50),
    Statistic("candidates top_p", "candidates", options=(("top_p", 0.9),)),
    Statistic("candidates top_p of flat rows", "candidates", flat=True, options=(("top_p", 0.9),)),
    Statistic("candidates chain", "candidates", options=_CHAIN),
    _TOP_P,
    _in_place(_TOP_P),
    Statistic("sample", "sample", options=(("seed", 1),)),
    Statistic("sample chain", "sample", options=(("seed", 1), *_CHAIN)),
    Statistic("kl_divergence", "kl_divergence", pair=True),
    Statistic("kl_divergence with gradient", "kl_divergence", pair=True, place="grad_out"),
    Statistic("js_divergence", "js_divergence", pair=True),
    Statistic("total_variation", "total_variation", pair=True),
    Statistic("compare_stats with targets", "compare_stats", targets=True, pair=True),
)


@dataclass(frozen=True)
class Workload:
    """A size of array: `nbytes` of logits, or a single row where that is None.

    Peers run on the first `peer_nbytes` of it: they are slow, and rates are what is compared.
    """

    name: str
    nbytes: int | None
    vocabs: tuple[int, ...]
    rounds: int
    peer_nbytes: int
    peer_rounds: int

    def rows(self, vocab: int, dtype: str) -> int:
        if self.nbytes is None:
            return 1
        return max(1, self.nbytes // (vocab * _storage(dtype).itemsize))


_VOCABS = (32_000, 128_256)
_CACHE = Workload("cache", 4 << 20, _VOCABS, rounds=50, peer_nbytes=4 << 20, peer_rounds=10)
_ROW = Workload("row", None, _VOCABS[-1:], rounds=500, peer_nbytes=1 << 20, peer_rounds=50)
_MEMORY = Workload("memory", 10**9, _VOCABS, rounds=7, peer_nbytes=64 << 20, peer_rounds=3)
_TINY = Workload("tiny", 1 << 18, (1_000,), rounds=2, peer_nbytes=1 << 16, peer_rounds=2)

SIZES = {"tiny": (_TINY,), "cache": (_CACHE, _ROW), "full": (_MEMORY, _CACHE, _ROW)}

# The array of which the peak extra memory is taken.
MEMORY_NBYTES = {"tiny": 8 << 20, "cache": 64 << 20, "full": 10**9}


@dataclass(eq=False)
class Logits:
    """An array of logits, one target per row, and what reads it as fast as the machine can."""

    values: NDArray[Any]
    dtype: str
    targets: NDArray[np.int64]
    _readers: dict[int, Reader] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        return self.values.nbytes

    @cached_property
    def place(self) -> NDArray[Any]:
        """Memory for a result for every logit, touched before anything is measured."""
        return np.zeros(self.values.shape, np.float64 if self.dtype == "float64" else np.float32)

    @cached_property
    def scratch(self) -> "Logits":
        """The same logits in another place, to be written over."""
        return Logits(self.values.copy(), self.dtype, self.targets)

    @cached_property
    def counterpart(self) -> "Logits":
        """The logits of a model nearly equal to this one, as a quantised one is: with noise."""
        generator = np.random.default_rng(3)
        values = np.empty_like(self.values)
        for block in _blocks(*values.shape):
            noise = generator.standard_normal(values[block].shape, dtype=np.float32)
            noise *= _NOISE
            own = self.values[block]
            wide = (own.astype(np.uint32) << 16).view(np.float32) if self._is_bits else own
            noisy = np.add(noise, wide, dtype=np.float32)
            values[block] = noisy.view(np.uint32) >> 16 if self._is_bits else noisy
        return Logits(values, self.dtype, self.targets)

    @cached_property
    def flat(self) -> "Logits":
        """Gaussian logits of standard deviation 3, in another array.

        Of 128,256 tokens some 5,500 have nine tenths of the mass.
        """
        generator = np.random.default_rng(4)
        values = np.empty_like(self.values)
        for block in _blocks(*values.shape):
            logits = generator.standard_normal(values[block].shape, dtype=np.float32)
            logits *= 3
            values[block] = logits.view(np.uint32) >> 16 if self._is_bits else logits
        return Logits(values, self.dtype, self.targets)

    @property
    def _is_bits(self) -> bool:
        return self.dtype == "bfloat16"

    @property
    def vocab(self) -> int:
        return int(self.values.shape[-1])

    def head(self, nbytes: int) -> "Logits":
        """The first rows, `nbytes` of them at most and one at least: a view."""
        rows = max(1, nbytes // (self.vocab * self.values.itemsize))
        return Logits(self.values[:rows], self.dtype, self.targets[:rows])

    def reader(self, threads: int) -> Reader:
        """Calibrated once for each number of threads."""
        if threads not in self._readers:
            self._readers[threads] = Reader(self.values, threads)
        return self._readers[threads]


# What weights of four bits change logits by, about.
_NOISE = 0.1

# Tokens of each row that stand out, as a language model's candidates do.
_CANDIDATES = 64


@lru_cache(maxsize=1)
def make_logits(rows: int, vocab: int, dtype: str) -> Logits:
    """Rows as a language model gives them; the last array made is kept.

    Gaussian logits of standard deviation 2, and 64 candidates at 10 plus an exponential of mean
    2.5: the entropy is about 2 nats. Targets are drawn from the candidates' softmax.
    """
    generator = np.random.default_rng(2)
    values = np.empty((rows, vocab), dtype=_storage(dtype))
    targets = np.empty(rows, dtype=np.int64)
    for block in _blocks(rows, vocab):
        logits = generator.standard_normal(values[block].shape, dtype=np.float32)
        logits *= 2
        tokens = generator.integers(0, vocab, (len(logits), _CANDIDATES))
        candidates = 10 + generator.exponential(2.5, tokens.shape)
        np.put_along_axis(logits, tokens, candidates.astype(np.float32), axis=-1)
        drawn = (candidates + generator.gumbel(size=tokens.shape)).argmax(axis=-1)
        targets[block] = np.take_along_axis(tokens, drawn[:, None], axis=-1)[:, 0]
        # The upper half of a float32 is its bfloat16, rounded towards zero.
        values[block] = logits.view(np.uint32) >> 16 if dtype == "bfloat16" else logits
    return Logits(values, dtype, targets)


def _storage(dtype: str) -> np.dtype[Any]:
    return np.dtype(_STORAGE.get(dtype, dtype))


def _blocks(rows: int, vocab: int) -> Iterator[slice]:
    """A few megabytes at a time, so that making an array needs little more than the array."""
    step = max(1, (4 << 20) // vocab)
    for start in range(0, rows, step):
        yield slice(start, start + step)
