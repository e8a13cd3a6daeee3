r"""Which token a random number draws: the definition, shared by what filters and what does not.

Weights are :math:`w_i = e^{x_i - \max x}` in float64, summed by blocks of 1024 token ids: within a
block one after the other, ascending, and so are the sums of the blocks. The number u in [0, 1)
draws the first token, by id, whose sum up to and with its own weight exceeds u times the sum of
all. A token of weight 0 is never drawn; one with a probability of 2**-52 or more can be, wherever
it stands. Absent tokens and those that are -inf change no sum, so that a masked row draws what its
kept tokens alone do. Exponentials that differ in their last bit, as those of two libraries may, can
change a token only where u is within 1e-15 or so of where one token ends and the next begins.

Several different tokens are those with the smallest :math:`E_i e^{\max x - x_i}`, where the
:math:`E_i` are exponential random numbers, one for each token id: as drawing one after the other
without putting it back [1]_. They are compared by the logarithm, x - ln E; where it is equal the
smaller id comes first.

.. [1] W. Kool, H. van Hoof, M. Welling, "Stochastic beams and where to find them: the Gumbel-top-k
   trick for sampling sequences without replacement", ICML 2019.
"""

import math
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._arrays import packed
from logitkit._parameters import beside_rows, unsigned
from logitkit._philox import Stream, Words, exponential, uniform

_Ids: TypeAlias = NDArray[Any]

BLOCK = 1024
"""How many token ids, from a multiple of it on, one partial sum covers."""


class Draws(NamedTuple):
    """Where the random numbers of each row come from; contiguous, one number for each row."""

    seed: Words
    row: Words
    draw: Words

    def uniform(self, stream: Stream, count: int) -> NDArray[np.float64]:
        """Return numbers in [0, 1), `count` for each row."""
        seed, row, draw = (each[:, None] for each in self)
        return uniform(seed, row, draw, stream, np.arange(count))

    def of_row(self, row: int) -> "Draws":
        """Return what is of one row."""
        seed, rows, draw = (each[row : row + 1] for each in self)
        return Draws(seed, rows, draw)

    def words(self) -> tuple[Words, Words, Words]:
        """Return seeds, row ids and draws as the native core takes them."""
        return self.seed, self.row, self.draw

    def exponential(self, counts: NDArray[np.int64], ids: _Ids) -> NDArray[np.float64]:
        """Return exponential numbers for `ids`, of which each row has so many."""
        seed, row, draw = (np.repeat(each, counts) for each in self)
        return exponential(seed, row, draw, Stream.TOKEN, ids)


def as_draws(
    seed: ArrayLike, draw: ArrayLike, row_ids: ArrayLike | None, leading: tuple[int, ...]
) -> Draws:
    """Check what random numbers are made from."""
    return Draws(
        seed=_words(seed, "seed", 64, leading),
        row=np.arange(math.prod(leading), dtype=np.uint64)
        if row_ids is None
        else _words(row_ids, "row_ids", 64, leading),
        draw=_words(draw, "draw", 32, leading),
    )


def _words(given: ArrayLike, name: str, bits: int, leading: tuple[int, ...]) -> Words:
    if type(given) is int and 0 <= given < 1 << bits:
        # Most often it is one number.
        return np.array([given], np.uint64).repeat(math.prod(leading))
    return packed(beside_rows(unsigned(given, name, bits), leading, name))


def running_sums(ids: _Ids, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum up to and with each weight; `ids` ascend and say which block it is of."""
    block = ids // BLOCK
    if block[0] == block[-1]:
        return weights.cumsum()
    begins = np.flatnonzero(np.diff(block, prepend=-1))
    lengths = np.diff(begins, append=ids.size)
    which = np.repeat(np.arange(begins.size), lengths)
    grid = np.zeros((begins.size, int(lengths.max())))
    within = (which, np.arange(ids.size) - begins[which])
    grid[within] = weights
    sums = grid.cumsum(axis=1)
    before = np.concatenate([[0.0], sums[:-1, -1].cumsum()])
    result: NDArray[np.float64] = (before[:, None] + sums)[within]
    return result


def drawn(ids: _Ids, logits: NDArray[np.float64], u: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the places of the tokens that the numbers `u` draw; `ids` are in any order."""
    ascending = ids.argsort()
    sums = running_sums(ids[ascending], np.exp(logits - logits.max())[ascending])
    result: NDArray[np.intp] = ascending[np.searchsorted(sums, u * sums[-1], side="right")]
    return result


def drawn_apart(
    ids: _Ids, logits: NDArray[np.float64], exponentials: NDArray[np.float64], count: int
) -> NDArray[np.intp]:
    """Return the places of at most `count` different tokens, in the order in which they came."""
    with np.errstate(divide="ignore"):
        keys = logits - np.log(exponentials)
    possible = np.flatnonzero(np.exp(logits - logits.max()) > 0.0)
    return possible[np.lexsort((ids[possible], -keys[possible]))[:count]]
