r"""Sparse files in place of logits: what is known of each row, and bounds for the rest.

Of a row p there are the probabilities of the kept tokens K, the likeliest, and the mass of the
others, :math:`\tau = 1 - \sum_K p_i`, of which each has at most c, the smaller of it and of the
least kept probability. How :math:`\tau` is shared out among them is not known. So

* the Kullback-Leibler divergence to a full row q is at least that of the two with all others taken
  for one token (the log-sum inequality), and at most
  :math:`\sum_K p_i \ln(p_i / q_i) + \tau (\ln c - \min \ln q)`;
* total variation and Jensen-Shannon divergence are at least those of the two with all others taken
  for one token, and at most what they are if p and q share none of these;
* the entropy is at least :math:`-\sum_K p_i \ln p_i - \tau \ln c`, at most that of an even tail;
* the log-probability of a token that was not kept is at most :math:`\ln c`.

Bounds hold up to the rounding of float32, in which probabilities are kept and computed.
"""

import math
import os
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from logitkit.io.candidates import is_candidates, load_extras
from logitkit.io.elements import convert_elements
from logitkit.io.errors import DataError, display_name
from logitkit.io.source import LogitSource
from logitkit.io.targets import check_range
from logitkit.jobs.blocks import Table
from logitkit.stats import token_stats

_Floats = NDArray[np.float64]

# How far a sum of float32 probabilities may be from 1.
_ROUNDING: Final = 1e-6
_LN2: Final = math.log(2.0)


def is_sparse(path: object) -> bool:
    """Return whether this is the one name of a sparse file."""
    return isinstance(path, str | os.PathLike) and is_candidates(path)


@dataclass(frozen=True)
class SparseBase:
    """A file of `logitkit.jobs.sparsify`, in memory.

    Attributes
    ----------
    name : str
        The file.
    leading_shape : tuple of int
        The shape of its rows.
    vocab : int
        Their length.
    indptr : ndarray of int64
        Where the rows begin.
    ids : ndarray of int32
        The kept tokens, the likeliest first.
    logits : ndarray
        Their logits.
    log_probs : ndarray of float64
        Their log-probabilities among all tokens.
    tail : ndarray of float64
        For each row the mass of all others.
    valid : ndarray of bool
        Whether there is anything in the row.
    extras : dict of str to ndarray
        What else the file has for each row: ``logsumexp``, and perhaps ``entropy`` and ``targets``.
    size, changed : int
        The file's size in bytes, and when it was last changed.
    """

    name: str
    leading_shape: tuple[int, ...]
    vocab: int
    indptr: NDArray[np.int64]
    ids: NDArray[np.int32]
    logits: NDArray[Any]
    log_probs: _Floats
    tail: _Floats
    valid: NDArray[np.bool_]
    extras: dict[str, NDArray[Any]]
    size: int
    changed: int

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "SparseBase":
        """Read a file.

        Raises
        ------
        DataError
            If it is not one that `logitkit.jobs.sparsify` has written: of candidates that other
            filters have left the rest may hold likelier tokens, and there are no such bounds.
        """
        parts, extras = load_extras(path)
        name = display_name(os.fspath(path))
        if "tail_mass" not in extras or parts["axis"] != np.ndim(parts["valid"]):
            raise DataError(
                f"{name}: candidates without 'tail_mass'; expected a file that logitkit sparsify "
                "has written, or one of logits"
            )
        status = os.stat(path)
        valid = np.asarray(parts["valid"])
        mass = np.asarray(parts["log_kept_mass"], np.float64).reshape(-1)
        counts = np.diff(parts["indptr"])
        return cls(
            name=name,
            leading_shape=valid.shape,
            vocab=parts["vocab"],
            indptr=parts["indptr"],
            ids=parts["ids"],
            logits=parts["logits"],
            log_probs=parts["log_probs"].astype(np.float64) + np.repeat(mass, counts),
            tail=extras.pop("tail_mass").astype(np.float64).reshape(-1),
            valid=valid.reshape(-1),
            extras={key: values.reshape(-1) for key, values in extras.items()},
            size=status.st_size,
            changed=status.st_mtime_ns,
        )

    @property
    def row_count(self) -> int:
        """The number of rows."""
        return self.valid.size

    @property
    def row_bytes(self) -> int:
        """The size of a row, in the mean, in bytes."""
        return max(1, self.nbytes // max(1, self.row_count))

    @property
    def nbytes(self) -> int:
        """The size of what was kept, in bytes."""
        return int(self.ids.nbytes + 2 * self.logits.nbytes)

    @property
    def dtype(self) -> str:
        """The element type of the statistics."""
        return self.logits.dtype.name

    @property
    def real(self) -> np.dtype[Any]:
        """The dtype of the statistics that are stored."""
        return self.logits.dtype

    def targets(self, ignore_index: int | None) -> NDArray[Any] | None:
        """Return the targets that are in the file, checked; None if there are none."""
        found = self.extras.get("targets")
        if found is not None:
            check_range(found, self.vocab, ignore_index, self.name)
        return found

    def entropy(self, first: int, rows: "SparseRows") -> tuple[_Floats, _Floats]:
        """Return the bounds of the entropy, in nats, of `rows` from `first` on: equal if kept."""
        if "entropy" not in self.extras:
            return rows.entropy()
        kept = self.extras["entropy"][first : first + len(rows.tail)].astype(np.float64)
        return kept, kept

    def rows(self, first: int, last: int) -> "SparseRows":
        """Return some rows, as arrays as wide as the longest of them."""
        begin, end = self.indptr[first], self.indptr[last]
        counts = np.diff(self.indptr[first : last + 1])
        width = max(1, int(counts.max(initial=0)))
        there = np.arange(width) < counts[:, None]
        ids = np.full(there.shape, -1, np.int64)
        ids[there] = self.ids[begin:end]
        log_probs = np.full(there.shape, -np.inf)
        log_probs[there] = self.log_probs[begin:end]
        return SparseRows(ids, log_probs, there, self.tail[first:last], self.vocab - counts)


@dataclass(frozen=True)
class SparseRows:
    """Some rows of a sparse file.

    Attributes
    ----------
    ids : ndarray of int64, shape (rows, width)
        The kept tokens; -1 where there are no more.
    log_probs : ndarray of float64, shape (rows, width)
        Their log-probabilities; -inf where there are no more.
    there : ndarray of bool, shape (rows, width)
        Where there are.
    tail : ndarray of float64, shape (rows,)
        The mass of all others.
    others : ndarray of int64, shape (rows,)
        How many there are.
    """

    ids: NDArray[np.int64]
    log_probs: _Floats
    there: NDArray[np.bool_]
    tail: _Floats
    others: NDArray[np.int64]

    @property
    def probs(self) -> _Floats:
        """The probabilities of the kept tokens; 0 where there are no more."""
        probs: _Floats = np.exp(self.log_probs)
        return probs

    @property
    def log_cap(self) -> _Floats:
        """The logarithm of what a token that was not kept can have at most."""
        least = np.where(self.there, self.log_probs, np.inf).min(axis=1)
        with np.errstate(divide="ignore"):
            cap: _Floats = np.minimum(least, np.log(self.tail))
        return cap

    def sums(self, values: _Floats) -> _Floats:
        """Return the sum over the kept tokens of each row.

        Row by row: the sum of a padded row would depend, in its last bits, on how wide the rows
        beside it are.
        """
        counts = self.there.sum(axis=1)
        some = counts > 0
        result = np.zeros(len(counts))
        if some.any():
            starts = np.concatenate([[0], counts[some].cumsum()[:-1]])
            result[some] = np.add.reduceat(values[self.there], starts)
        return result

    def entropy(self) -> tuple[_Floats, _Floats]:
        """Return the bounds of the entropy, in nats."""
        kept = -self.sums(_products(self.probs, self.log_probs))
        with np.errstate(divide="ignore", invalid="ignore"):
            even = np.log(self.others / self.tail)
        low = kept - _products(self.tail, self.log_cap)
        return low, np.maximum(low, kept + _products(self.tail, even))

    def log_prob(self, targets: NDArray[np.int64]) -> tuple[_Floats, NDArray[np.bool_]]:
        """Return what is known of a token of each row.

        Returns
        -------
        log_prob : ndarray of float64
            Its log-probability; the most it can be if it was not kept.
        exact : ndarray of bool
            Whether it is that: it was kept, or nothing was left out, so that it has none.
        """
        found = (self.ids == targets[:, None]) & self.there
        kept = found.any(axis=1)
        own = np.take_along_axis(self.log_probs, found.argmax(axis=1)[:, None], axis=1)[:, 0]
        return np.where(kept, own, self.log_cap), kept | (self.tail == 0)


def compare_rows(
    base: SparseBase,
    other: LogitSource,
    ignore_index: int | None,
    table: Table,
    some: slice,
    logits: list[NDArray[Any]],
    threads: int,
) -> None:
    """Fill some rows of the table of a comparison; columns as in `logitkit.jobs.compare`."""
    first = int(table["row"][some][0])
    block = logits[0]
    rows = base.rows(first, first + len(block))
    wanted, targets = rows.ids, None
    if "target" in table:
        targets = table["target"][some]
        own = (
            np.where(targets == ignore_index, -1, targets) if ignore_index is not None else targets
        )
        wanted = np.concatenate([rows.ids, own[:, None]], axis=1)
    stats = token_stats(block, wanted, ignore_index=-1, dtype=other.bits, threads=threads)
    valid = stats.valid & base.valid[first : first + len(block)]
    width = rows.ids.shape[1]
    q = np.where(rows.there, np.asarray(stats.log_prob)[:, :width].astype(np.float64), -np.inf)
    lse = stats.logsumexp.astype(np.float64)
    least = convert_elements(block, other.dtype, "float32").min(axis=1) if len(block) else lse
    found: dict[str, NDArray[Any]] = {}
    with np.errstate(all="ignore"):
        found |= _divergences(rows, q, least.astype(np.float64) - lse)
    low, high = base.entropy(first, rows)
    found |= {"base_entropy": low, "base_entropy_upper": high, "entropy": stats.entropy}
    found |= {"same_argmax": stats.argmax == rows.ids[:, 0], "base_tail_mass": rows.tail}
    if targets is not None:
        log_prob = np.asarray(stats.log_prob)[:, width].astype(np.float64)
        base_log_prob, exact = rows.log_prob(targets)
        scored = ~np.isnan(log_prob)
        found["base_log_prob"] = np.where(scored, base_log_prob, np.nan)
        found["log_prob"] = log_prob
        found["delta_prob"] = np.exp(log_prob) - np.exp(found["base_log_prob"])
        found["base_exact"] = exact | ~scored
    for name, values in found.items():
        missing = False if values.dtype == np.bool_ else np.nan
        table[name][some] = np.where(valid, values, missing)
    table["valid"][some] = valid


def _divergences(rows: SparseRows, q: _Floats, least: _Floats) -> dict[str, _Floats]:
    """Return the bounds of the divergences of rows p from log-probabilities q of their tokens."""
    p, tail = rows.probs, rows.tail
    kept = rows.sums(np.where(p > 0, p * (rows.log_probs - q), 0.0))
    q_tail = np.clip(1.0 - rows.sums(np.exp(q)), 0.0, None)
    # Where nothing was left out there is nothing to bound.
    gone = tail > 0
    low = kept + np.where(gone, tail * np.log(tail / (q_tail + _ROUNDING)), 0.0)
    high = kept + np.where(gone, tail * (rows.log_cap - least), 0.0)
    low = np.clip(low, 0.0, None)
    halves = np.logaddexp(rows.log_probs, q) - _LN2
    js = 0.5 * rows.sums(_products(p, rows.log_probs - halves) + _products(np.exp(q), q - halves))
    middle = 0.5 * (tail + q_tail)
    js_tail = 0.5 * (_relative(tail, middle) + _relative(q_tail, middle))
    distance = rows.sums(np.abs(p - np.exp(q)))
    return {
        "kl": low,
        "kl_upper": np.maximum(low, high),
        "js": np.clip(js + js_tail, 0.0, None),
        "js_upper": np.clip(js + middle * _LN2, 0.0, None),
        "total_variation": 0.5 * (distance + np.abs(tail - q_tail)),
        "total_variation_upper": 0.5 * (distance + tail + q_tail),
    }


def _products(probs: _Floats, logs: _Floats) -> _Floats:
    """Return products that are 0 where the probability is, whatever its logarithm."""
    with np.errstate(invalid="ignore"):
        return np.where(probs > 0, probs * logs, 0.0)


def _relative(p: _Floats, q: _Floats) -> _Floats:
    with np.errstate(all="ignore"):
        return np.where(p > 0, p * np.log(p / q), 0.0)
