"""What filters leave of rows of logits: a few tokens for each, compact."""

import operator
import os
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit import _native
from logitkit._arguments import as_scale
from logitkit._arrays import packed
from logitkit._draws import Draws, as_draws

_Array: TypeAlias = NDArray[Any]

_MOST_SAMPLES = 1 << 30


class CandidateRow(NamedTuple):
    """The candidates of one row, in the order of logits, descending.

    Attributes
    ----------
    ids : array of int32
        The tokens.
    logits : array of float
        Their logits.
    log_probs : array of float
        Their log-probabilities, renormalised over these tokens.
    """

    ids: NDArray[np.int32]
    logits: _Array
    log_probs: _Array


@dataclass(frozen=True, eq=False, kw_only=True, slots=True, repr=False)
class Candidates:
    """The tokens that filters kept, row after row (CSR); later versions may add fields.

    The candidates of row i, rows in C order, are those from ``indptr[i]`` up to ``indptr[i + 1]``
    of `ids`, `logits` and `log_probs`, ordered by logit, descending, then by token id. They are
    at least one unless the row is not valid.

    Attributes
    ----------
    indptr : array of int64, shape (rows + 1,)
        Where the rows begin; the last number is how many candidates there are in all.
    ids : array of int32, shape (kept,)
        The tokens.
    logits : array of float, shape (kept,)
        Their logits, divided by the temperatures of the chain; those given where there is none.
        Infinite where a small temperature makes them overflow.
    log_probs : array of float, shape (kept,)
        Their log-probabilities in nats, renormalised over the candidates of the row.
    log_kept_mass : array of float
        Of the shape of the logits without the vocabulary axis: the logarithm of the mass that the
        candidates had among all tokens, at the temperature at which the chain ends. Added to
        `log_probs` it gives the log-probabilities before the filters. 0 where nothing went, and
        at temperature 0; NaN where the row is not valid. Exact to 1e-7, and where less than a
        millionth went to 1e-6 of what did; of float64 logits to 1e-12 and 1e-10.
    valid : array of bool
        Of that shape: False where a row has a NaN, +inf or nothing finite, and so no candidates.
    vocab : int
        How many tokens there are.
    axis : int
        Where the vocabulary axis was, not negative.

    Examples
    --------
    >>> import numpy as np
    >>> from logitkit import reference
    >>> logits = np.log(np.array([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1]]))
    >>> kept = reference.candidates(logits, top_p=0.6)
    >>> kept
    Candidates(2 rows of 4 tokens: 3 kept, 1 to 2 in a row)
    >>> kept.ids, kept.indptr
    (array([3, 2, 0], dtype=int32), array([0, 2, 3]))
    >>> np.exp(kept.log_probs).round(3)
    array([0.571, 0.429, 1.   ])
    >>> np.exp(kept.log_kept_mass).round(3)
    array([0.7, 0.7])
    """

    indptr: NDArray[np.int64]
    ids: NDArray[np.int32]
    logits: _Array
    log_probs: _Array
    log_kept_mass: Any
    valid: Any
    vocab: int
    axis: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the logits."""
        leading = np.shape(self.valid)
        return (*leading[: self.axis], self.vocab, *leading[self.axis :])

    @property
    def counts(self) -> Any:
        """How many candidates each row has, of the shape of `valid`."""
        return np.diff(self.indptr).reshape(np.shape(self.valid))[()]

    def __len__(self) -> int:
        return self.indptr.size - 1

    def __repr__(self) -> str:
        rows, counts = len(self), np.diff(self.indptr)
        leading = np.shape(self.valid)
        shape = f" {leading}" if len(leading) > 1 else ""
        invalid = rows - int(np.count_nonzero(self.valid))
        return (
            f"Candidates({rows:,} row{'s' * (rows != 1)}{shape} of {self.vocab:,} tokens: "
            f"{self.ids.size:,} kept"
            + (f", {counts.min():,} to {counts.max():,} in a row" if rows > 1 else "")
            + (f", {invalid:,} not valid" if invalid else "")
            + ")"
        )

    def row(self, i: int | tuple[int, ...]) -> CandidateRow:
        """Return views of the candidates of one row.

        Parameters
        ----------
        i : int or tuple of int
            The number of the row, counted in C order, or its index in the logits without the
            vocabulary axis.

        Raises
        ------
        IndexError
            If there is no such row.
        """
        if isinstance(i, tuple):
            number = int(np.arange(len(self)).reshape(np.shape(self.valid))[i])
        else:
            number = range(len(self))[operator.index(i)]
        part = slice(self.indptr[number], self.indptr[number + 1])
        return CandidateRow(self.ids[part], self.logits[part], self.log_probs[part])

    def to_dense(self, fill: float = -np.inf) -> _Array:
        """Return the logits in their shape, with `fill` for the tokens that are not candidates."""
        return self._scattered(
            np.full((len(self), self.vocab), fill, self.logits.dtype), self.logits
        )

    def mask(self) -> NDArray[np.bool_]:
        """Return which tokens are candidates, in the shape of the logits."""
        return self._scattered(np.zeros((len(self), self.vocab), np.bool_), np.True_)

    def entropy(self, base: float | None = None) -> Any:
        """Return the entropy of the candidates of each row; NaN where the row is not valid.

        Parameters
        ----------
        base : float, optional
            Base of the logarithm, greater than 1: 2 for bits; default: nats.
        """
        counts = np.diff(self.indptr)
        result = np.full(len(self), np.nan)
        some = counts > 0
        if some.any():
            begins = self.indptr[:-1][some]
            logits = self._exponents()
            gap = np.repeat(logits[begins], counts[some]) - logits
            # Terms that are not negative, the largest logit apart: see logitkit.reference.
            weight = np.where(gap > 0.0, np.exp(-gap), 0.0)
            copies = np.add.reduceat(gap == 0.0, begins, dtype=np.int64)
            rest = np.add.reduceat(weight, begins)
            mean = np.add.reduceat(weight * gap, begins) / (copies + rest)
            result[some] = np.log(copies) + np.log1p(rest / copies) + mean
        result = (result * as_scale(base)).astype(self.logits.dtype)
        return result.reshape(np.shape(self.valid))[()]

    def sample(
        self,
        seed: ArrayLike,
        draw: ArrayLike = 0,
        row_ids: ArrayLike | None = None,
        num_samples: int | None = None,
        *,
        replace: bool = True,
        return_log_probs: bool = False,
    ) -> Any:
        """Draw tokens from the candidates of each row.

        A token depends on seed, row id, draw, and the logits of its row, on nothing else: not on
        the other rows of the batch, nor on tokens that are no candidates. How is defined in
        `logitkit.reference.sampling`.

        Parameters
        ----------
        seed : array_like of int
            From 0 to 2**64 - 1; one number, or one for each row.
        draw : array_like of int, default 0
            Which draw this is, from 0 to 2**32 - 1, such as the position in a text; likewise.
        row_ids : array_like of int, optional
            What the rows are called, from 0 to 2**64 - 1; default: their numbers, in C order.
        num_samples : int, optional
            How many tokens to draw from each row; default: one, without an axis for it.
        replace : bool, default True
            Whether a token may be drawn twice.
        return_log_probs : bool, default False
            Also return the log-probabilities of the tokens, renormalised over the candidates.

        Returns
        -------
        ids : ndarray of int64 or numpy.int64
            Of the shape of `valid`, with one more axis for `num_samples`. -1 where the row is not
            valid, and where it has no more different tokens.
        log_probs : ndarray of float
            With `return_log_probs`: of that shape; NaN where the token is -1.

        Raises
        ------
        TypeError
            If an argument is of a type that is not accepted.
        ValueError
            If an argument is out of its range or does not fit the rows.

        Examples
        --------
        >>> import numpy as np
        >>> from logitkit import reference
        >>> kept = reference.candidates(np.zeros((3, 1000)), top_k=[1, 10, 1000])
        >>> kept.sample(seed=1, num_samples=4)
        array([[  0,   0,   0,   0],
               [  2,   4,   9,   3],
               [550,  39, 855,  54]])
        >>> reference.candidates(np.zeros(1000)).sample(seed=1, row_ids=2)
        np.int64(550)
        """
        as_num_samples(num_samples)
        draws = as_draws(seed, draw, row_ids, np.shape(self.valid))
        return self._draw(draws, num_samples, replace=replace, return_log_probs=return_log_probs)

    def _draw(
        self, draws: Draws, num_samples: int | None, *, replace: bool, return_log_probs: bool
    ) -> Any:
        """Draw as `sample` does, by random numbers whose origin has been checked."""
        leading = np.shape(self.valid)
        count = as_num_samples(num_samples)
        places = _native.sample_candidates(
            packed(self.indptr),
            packed(self.ids),
            self._exponents(),
            draws.words(),
            replace,
            count,
        )
        some = places >= 0
        ids = np.full(places.size, -1, np.int64)
        ids[some] = self.ids[places[some]]
        shape = leading if num_samples is None else (*leading, count)
        if not return_log_probs:
            return ids.reshape(shape)[()]
        log_probs = np.full(places.size, np.nan, self.log_probs.dtype)
        log_probs[some] = self.log_probs[places[some]]
        return ids.reshape(shape)[()], log_probs.reshape(shape)[()]

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Write a file that appears whole or not at all.

        Parameters
        ----------
        path : str or PathLike
            The suffix says the format: ``.npz`` and ``.safetensors`` hold the attributes as arrays
            of their names, ``.parquet`` (which needs pyarrow) a row for each row of logits, with
            lists of candidates.
        force : bool, default False
            Whether a file that is there is replaced.

        Raises
        ------
        ValueError
            If the suffix is another one.
        OSError
            If the file exists and not `force`, or cannot be written.
        ModuleNotFoundError
            If the format needs pyarrow, and it is not installed.
        """
        # Files are imported where they are used: it takes longer than to filter.
        from logitkit.io.candidates import save_candidates

        save_candidates(path, {name: getattr(self, name) for name in self.__slots__}, force=force)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Candidates":
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            If the suffix is none of those that `save` knows, or the file does not hold candidates
            (`logitkit.io.DataError`). Nothing in a file is run.
        OSError
            If the file cannot be read.
        """
        from logitkit.io.candidates import load_candidates

        return cls(**load_candidates(path))

    def _exponents(self) -> NDArray[np.float64]:
        """Return the logits, or the log-probabilities of rows whose logits overflow."""
        logits = self.logits.astype(np.float64)
        beyond = ~np.isfinite(logits)
        if beyond.any():
            rows = np.repeat(np.arange(len(self)), np.diff(self.indptr))
            logits = np.where(np.isin(rows, rows[beyond]), self.log_probs, logits)
        return logits

    def _scattered(self, dense: _Array, values: Any) -> _Array:
        rows = np.repeat(np.arange(len(self)), np.diff(self.indptr))
        dense[rows, self.ids] = values
        return np.moveaxis(dense.reshape((*np.shape(self.valid), self.vocab)), -1, self.axis)


def as_num_samples(num_samples: int | None) -> int:
    """Check how many tokens to draw; None is one."""
    if num_samples is None:
        return 1
    try:
        value = operator.index(num_samples)
    except TypeError:
        raise TypeError(
            f"num_samples={num_samples!r} is not an int; expected None for one token, or an int "
            ">= 1 for an axis of that length"
        ) from None
    if not 1 <= value < _MOST_SAMPLES:
        raise ValueError(f"num_samples={value}; expected 1 <= num_samples < 2**30")
    return value
