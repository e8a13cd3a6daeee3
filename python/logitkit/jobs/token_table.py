"""The table with one row for each token: its columns, and how they are computed."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from logitkit.io import Column, LogitSource
from logitkit.jobs.blocks import Logits, Table, batches
from logitkit.stats import token_stats

_TARGET_COLUMNS: Final = ("log_prob", "rank")
_COLUMNS: Final = (
    "entropy", "varentropy", "logsumexp", "max", "argmax", "max_prob", "valid",
)  # fmt: skip
_TOP_COLUMNS: Final = ("top_ids", "top_log_probs")
_DTYPES: Final = {
    "rank": np.int64, "argmax": np.int64, "valid": np.bool_, "top_ids": np.int64,
}  # fmt: skip


@dataclass(frozen=True)
class Options:
    """What statistics depend on besides the logits; see `logitkit.token_stats`."""

    temperature: float
    base: float | None
    ignore_index: int | None
    threads: int
    top_k: int | None = None


def real_dtype(source: LogitSource) -> np.dtype[Any]:
    """Return the dtype of the real columns."""
    return np.dtype(np.float64 if source.dtype == "float64" else np.float32)


def token_columns(
    names: Sequence[str],
    source: LogitSource,
    *,
    with_targets: bool,
    top_k: int | None = None,
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

    Returns
    -------
    tuple of Column
        ``file`` and ``row``; for more than one leading axis its indices, ``sequence`` and
        ``position`` for two, ``index_0``, ``index_1``... for more; ``target``, ``log_prob`` and
        ``rank`` with targets; the other statistics; ``top_ids`` and ``top_log_probs`` with `top_k`.
    """
    real = real_dtype(source)
    statistics = (*_TARGET_COLUMNS, *_COLUMNS) if with_targets else _COLUMNS
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

    yield from batches([source], start, score, options.threads, advance, rows)


def index_names(source: LogitSource) -> tuple[str, ...]:
    """Return the names of the columns that say where a row stands, if there are such."""
    axes = len(source.leading_shape)
    if axes < 2:
        return ()
    return ("sequence", "position") if axes == 2 else tuple(f"index_{i}" for i in range(axes))


def empty_table(
    source: LogitSource,
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
