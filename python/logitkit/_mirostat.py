"""Mirostat 2, over whichever function filters."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._arrays import as_rows
from logitkit._candidates import Candidates
from logitkit._chains import OnInvalid
from logitkit._parameters import beside_rows, reals
from logitkit.steps import MaxSurprise, Temperature


class MirostatBase:
    """What `Mirostat` is, but for the function `candidates` that it calls."""

    _candidates: ClassVar[Callable[..., Candidates]]

    @staticmethod
    def _drawn(kept: Candidates, seed: ArrayLike, draw: int, row_ids: ArrayLike | None) -> Any:
        return kept.sample(seed, draw, row_ids, return_log_probs=True)

    def __init__(self, tau: ArrayLike = 5.0, eta: ArrayLike = 0.1) -> None:
        self.tau = reals(tau, "tau", "a finite number of bits >= 0", 0.0)
        self.eta = reals(eta, "eta", "a finite number >= 0", 0.0)
        self.mu: NDArray[np.float64] | None = None
        self.draws = 0

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}(tau={self.tau.tolist()}, eta={self.eta.tolist()}; {self.draws} draws)"

    def step(
        self,
        logits: ArrayLike,
        seed: ArrayLike,
        *,
        row_ids: ArrayLike | None = None,
        temperature: ArrayLike = 1.0,
        on_invalid: OnInvalid = "raise",
        axis: int = -1,
        dtype: Literal["bfloat16"] | None = None,
        threads: int | None = None,
    ) -> Any:
        """Draw the next token of each row, and learn from how surprising it was.

        Parameters
        ----------
        logits : array_like of float, shape (..., vocab)
            The same rows in every step, in the same order.
        seed : array_like of int
            From 0 to 2**64 - 1; one number, or one for each row. The number of the step is the
            `draw` of `Candidates.sample`, so that the seed may stay the same.
        row_ids : array_like of int, optional
            What the rows are called, from 0 to 2**64 - 1; default: their numbers, in C order.
        temperature : array_like of real, default 1.0
            Applied before the cut; finite and at least 0.
        on_invalid : {"raise", "mark"}, default "raise"
            What to do with a row that has a NaN, +inf or nothing finite: an error that names the
            first of them, or the token -1, from which nothing is learned.
        axis : int, default -1
            The vocabulary axis.
        dtype : {None, "bfloat16"}
            "bfloat16" where `logits` are its bits, as uint16 or two-byte void.
        threads : int, optional
            How many threads to use; default: see `set_num_threads`.

        Returns
        -------
        ndarray of int64 or numpy.int64
            The tokens, of the shape of `logits` without `axis`.
        """
        leading = as_rows(logits, axis, dtype).leading
        if self.mu is None:
            self.mu = 2.0 * beside_rows(self.tau, leading, "tau").reshape(leading)
        if np.shape(self.mu) != leading:
            raise ValueError(
                f"logits with rows of shape {leading} after rows of shape {np.shape(self.mu)}; "
                "expected the same rows in every step: make a new Mirostat for others"
            )
        kept = self._candidates(
            logits,
            [Temperature(temperature), MaxSurprise(self.mu)],
            on_invalid=on_invalid,
            axis=axis,
            dtype=dtype,
            threads=threads,
        )
        ids, log_probs = self._drawn(kept, seed, self.draws, row_ids)
        surprise = -np.asarray(log_probs, np.float64) / np.log(2.0)
        learned = self.mu - self.eta * (surprise - self.tau)
        self.mu = np.where(np.isnan(surprise), self.mu, learned)
        self.draws += 1
        return ids
