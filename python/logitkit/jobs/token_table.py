"""The table with one row for each token: its columns, and how they are computed."""

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from logitkit.io import Column, DataError, LogitSource
from logitkit.jobs.blocks import BATCH_ROWS, Logits, Table, batches
from logitkit.jobs.sparse_base import SparseBase
from logitkit.stats import token_stats

_SPARSE_ROWS: Final = 1 << 10
_TARGET_COLUMNS: Final = ("log_prob", "rank")
_COLUMNS: Final = (
    "entropy", "varentropy", "logsumexp", "max", "argmax", "max_prob", "valid",
)  # fmt: skip
_SPARSE_COLUMNS: Final = ("entropy_upper", "tail_mass")
_TOP_COLUMNS: Final = ("top_ids", "top_log_probs")
_DTYPES: Final = {
    "rank": np.int64, "argmax": np.int64, "valid": np.bool_, "exact": np.bool_,
    "top_ids": np.int64,
}  # fmt: skip


@dataclass(frozen=True)
class Options:
    """What statistics depend on besides the logits; see `logitkit.token_stats`."""

    temperature: float
    base: float | None
    ignore_index: int | None
    threads: int
    top_k: int | None = None


def real_dtype(source: LogitSource | SparseBase) -> np.dtype[Any]:
    """Return the dtype of the real columns."""
    if isinstance(source, SparseBase):
        return source.real
    return np.dtype(np.float64 if source.dtype == "float64" else np.float32)


def token_columns(
    names: Sequence[str],
    source: LogitSource | SparseBase,
    *,
    with_targets: bool,
    top_k: int | None = None,
    saturates: bool = False,
) -> tuple[Column, ...]:
    """Return the columns of a table over files that are like `source`.

    Parameters
    ----------
    names : sequence of str
        The files, as the column ``file`` shows them.
    source : LogitSource
        Any of the files.
    with_targets : bool
        Whether there are targets.
    top_k : int, optional
        How many of the largest logits are listed.
    saturates : bool, default False
        Whether a target's log-probability may be an upper bound.

    Returns
    -------
    tuple of Column
        ``file`` and ``row``; for more than one leading axis its indices, ``sequence`` and
        ``position`` for two, ``index_0``, ``index_1``... for more; ``target``, ``log_prob`` and
        ``rank`` with targets; the other statistics; ``top_ids`` and ``top_log_probs`` with `top_k`.
    """
    real, sparse = real_dtype(source), isinstance(source, SparseBase)
    statistics: tuple[str, ...] = (*(_TARGET_COLUMNS if with_targets else ()), *_COLUMNS)
    statistics += _SPARSE_COLUMNS if sparse else ()
    statistics += ("exact",) if with_targets and (sparse or saturates) else ()
    integers = ("row", *index_names(source), *(("target",) if with_targets else ()))
    return (
        Column("file", np.dtype(np.int32), tuple(names)),
        *(Column(name, np.dtype(np.int64)) for name in integers),
        *(Column(name, np.dtype(_DTYPES.get(name, real))) for name in statistics),
        *(
            Column(name, np.dtype(_DTYPES.get(name, real)), length=top_k)
            for name in _TOP_COLUMNS
            if top_k is not None
        ),
    )


def token_batches(
    source: LogitSource,
    columns: Sequence[Column],
    file: int,
    targets: NDArray[Any] | None,
    options: Options,
    advance: Callable[[int], object],
    rows: range,
) -> Generator[Table, None, None]:
    """Compute the table's rows for one file.

    Parameters
    ----------
    source : LogitSource
        The file.
    columns : sequence of Column
        The table's columns.
    file : int
        The value of the column ``file``.
    targets : ndarray of int, shape (source.row_count,), optional
        The targets, if there are such columns.
    options : Options
        What else the statistics depend on.
    advance : callable
        Called with the number of bytes done, every now and then.
    rows : range
        The rows that are wanted.

    Yields
    ------
    dict of str to ndarray
        The next rows, `BATCH_ROWS` or what is left.
    """

    def start(first: int, last: int) -> Table:
        return empty_table(source, columns, targets, first, last, file=file)

    def score(table: Table, rows: slice, logits: Logits, threads: int) -> None:
        stats = token_stats(
            logits[0],
            table["target"][rows] if "target" in table else None,
            temperature=options.temperature,
            base=options.base,
            ignore_index=options.ignore_index,
            top_k=options.top_k,
            dtype=source.bits,
            threads=threads,
        )
        for name in (*_TARGET_COLUMNS, *_COLUMNS, *_TOP_COLUMNS):
            if name in table:
                table[name][rows] = getattr(stats, name)
        if "exact" in table:
            table["exact"][rows] = above_least(logits[0], table["target"][rows])

    yield from batches([source], start, score, options.threads, advance, rows)


def above_least(logits: NDArray[Any], targets: NDArray[Any]) -> NDArray[np.bool_]:
    """Return whether the logit of each target is above the least of its row.

    Of the least code a ``.kld`` file says no more than that it is that or less.
    """
    own = np.take_along_axis(logits, np.maximum(targets, 0)[:, None], axis=-1)[:, 0]
    found: NDArray[np.bool_] = own > logits.min(axis=-1)
    return found


def sparse_batches(
    base: SparseBase,
    columns: Sequence[Column],
    file: int,
    targets: NDArray[Any] | None,
    options: Options,
    rows: range,
) -> Generator[Table, None, None]:
    """Compute the table's rows for one sparse file; see `token_batches`."""
    for first in range(rows.start, rows.stop, BATCH_ROWS):
        last = min(first + BATCH_ROWS, rows.stop)
        table = empty_table(base, columns, targets, first, last, file=file)
        # The widest row sets how wide all of them are.
        for start in range(first, last, _SPARSE_ROWS):
            some = range(start, min(start + _SPARSE_ROWS, last))
            found = _sparse_statistics(base, some, targets, options)
            for column in columns:
                if column.name in found:
                    place = slice(some.start - first, some.stop - first)
                    table[column.name][place] = found[column.name]
        yield table


def _sparse_statistics(
    base: SparseBase, some: range, targets: NDArray[Any] | None, options: Options
) -> Table:
    rows = base.rows(some.start, some.stop)
    unit = 1.0 if options.base is None else 1.0 / math.log(options.base)
    place = slice(some.start, some.stop)
    valid = base.valid[place]
    firsts = np.minimum(base.indptr[:-1][place], max(base.ids.size - 1, 0))
    low, high = base.entropy(some.start, rows)
    found: Table = {
        "entropy": low * unit,
        "entropy_upper": high * unit,
        "varentropy": np.full(len(some), np.nan),
        "logsumexp": base.extras["logsumexp"][place],
        "max": base.logits[firsts] if base.ids.size else np.full(len(some), np.nan),
        "max_prob": rows.probs[:, 0],
        "tail_mass": rows.tail,
    }
    found = {name: np.where(valid, values, np.nan) for name, values in found.items()}
    found |= {"valid": valid, "argmax": np.where(valid, rows.ids[:, 0], 0)}
    if options.top_k is not None:
        if rows.there.sum(axis=1)[valid].min(initial=options.top_k) < options.top_k:
            raise DataError(f"{base.name}: rows with fewer than top_k={options.top_k} tokens")
        width = slice(0, options.top_k)
        ids = np.zeros((len(some), options.top_k), np.int64)
        ids[valid] = rows.ids[valid, width]
        log_probs = np.full(ids.shape, np.nan)
        log_probs[valid] = rows.log_probs[valid, width] * unit
        found |= {"top_ids": ids, "top_log_probs": log_probs}
    if targets is not None:
        own = targets[place]
        scored = valid if options.ignore_index is None else valid & (own != options.ignore_index)
        log_prob, exact = rows.log_prob(own)
        # Of a token that was not kept only that all kept ones come before it.
        before = rows.log_probs > np.where(exact, log_prob, -np.inf)[:, None]
        found["log_prob"] = np.where(scored, log_prob * unit, np.nan)
        found["rank"] = np.where(scored, 1 + (before & rows.there).sum(axis=1), 0)
        found["exact"] = exact | ~scored
    return found


def index_names(source: LogitSource | SparseBase) -> tuple[str, ...]:
    """Return the names of the columns that say where a row stands, if there are such."""
    axes = len(source.leading_shape)
    if axes < 2:
        return ()
    return ("sequence", "position") if axes == 2 else tuple(f"index_{i}" for i in range(axes))


def empty_table(
    source: LogitSource | SparseBase,
    columns: Sequence[Column],
    targets: NDArray[Any] | None,
    first: int,
    last: int,
    *,
    file: int | None = None,
) -> Table:
    """Make a table for some rows of a file, with what is known of them already."""
    table = {
        column.name: np.empty(
            last - first if column.length is None else (last - first, column.length), column.dtype
        )
        for column in columns
    }
    rows = np.arange(first, last)
    if file is not None:
        table["file"][:] = file
    table["row"][:] = rows
    indices = np.unravel_index(rows, source.leading_shape) if source.leading_shape else ()
    for name, index in zip(index_names(source), indices, strict=False):
        table[name][:] = index
    if targets is not None:
        table["target"][:] = targets[first:last]
    return table
