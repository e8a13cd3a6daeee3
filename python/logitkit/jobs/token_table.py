"""The table with one row for each token: its columns, and how they are computed."""

import math
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from logitkit.io import Column, LogitSource
from logitkit.io.source import RowReader
from logitkit.stats import token_stats

Table: TypeAlias = dict[str, NDArray[Any]]

BATCH_ROWS: Final = 1 << 16
"""Rows written at once; a row group of a Parquet file."""

# Each thread reads a block into its buffer and computes it from there, while it is in the cache.
# Measured on 1 GB of float32 in the page cache, vocabulary 128,256, blocks of 1, 2, 4 and 8 MiB:
# 12.0, 13.6, 13.9 and 13.0 GB/s on two cores, where an array in memory ran at 36.9. Mapping the
# file, populating 16 MiB ahead and dropping them behind ran at 8.9: it depends on how large the
# pages are that the system holds the file in, and was twice as fast as reading only where they
# were huge. See `RandomAccessFile` for the reason that would decide against a map even then.
_BLOCK_BYTES: Final = 1 << 21
# All buffers together, however many threads there are.
_BUFFER_BYTES: Final = 1 << 26
# What a thread takes at a time: enough for the hand-over not to count.
_TASK_BYTES: Final = 1 << 25

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
    return np.dtype(np.float64 if source.dtype_name == "float64" else np.float32)


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
    integers = ("row", *_index_names(source), *(("target",) if with_targets else ()))
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
    targets : ndarray of int, shape (source.rows,), optional
        The targets, if there are such columns.
    options : Options
        What else the statistics depend on.
    advance : callable
        Called with the number of bytes done, every now and then.

    Yields
    ------
    dict of str to ndarray
        The next rows, `BATCH_ROWS` or what is left.
    """
    shape = _WorkShape.of(source, options.threads)
    # More tasks than threads: the system reads ahead for those that wait.
    ahead = 2 * shape.workers
    pending: deque[tuple[Future[None], int, Table | None]] = deque()
    buffers: SimpleQueue[NDArray[np.uint8]] = SimpleQueue()
    for _ in range(shape.workers):
        buffers.put(np.empty(shape.block_rows * source.row_bytes, np.uint8))

    def settle() -> Iterator[Table]:
        future, rows, table = pending.popleft()
        future.result()
        advance(rows * source.row_bytes)
        if table is not None:
            yield table

    with source.reader() as reader, ThreadPoolExecutor(shape.workers) as pool:
        scorer = _Scorer(source, reader, buffers, options, shape)
        try:
            for first in range(0, source.rows, BATCH_ROWS):
                last = min(first + BATCH_ROWS, source.rows)
                table = _empty_table(source, columns, file, targets, first, last)
                for start in range(first, last, shape.task_rows):
                    stop = min(start + shape.task_rows, last)
                    reader.will_read(start, stop)
                    future = pool.submit(scorer.score, table, first, start, stop)
                    pending.append((future, stop - start, table if stop == last else None))
                    if len(pending) > ahead:
                        yield from settle()
            while pending:
                yield from settle()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@dataclass(frozen=True)
class _WorkShape:
    """How a file is cut up: into tasks for the workers, and those into blocks for the cache.

    `workers` threads take tasks of `task_rows` rows, read `block_rows` of them at a time, and have
    each block computed by `threads` threads of the core.
    """

    workers: int
    threads: int
    block_rows: int
    task_rows: int

    @classmethod
    def of(cls, source: LogitSource, threads: int) -> "_WorkShape":
        share = _BUFFER_BYTES // threads
        # Where a row is scattered over the file, reads are the longer the more rows they cover.
        block_bytes = min(_BLOCK_BYTES, share) if source.contiguous else share
        block_rows = max(1, block_bytes // source.row_bytes)
        block_bytes = block_rows * source.row_bytes
        # Every thread gets a task, if there are as many blocks.
        blocks = math.ceil(source.rows / block_rows)
        task_blocks = max(1, min(_TASK_BYTES // block_bytes, blocks // threads))
        # Few or very long rows leave threads over, which then share the work on each block.
        workers = max(1, min(threads, blocks, _BUFFER_BYTES // block_bytes))
        return cls(workers, max(1, threads // workers), block_rows, task_blocks * block_rows)


class _Scorer:
    """Reads and scores a task's rows, block by block, in whatever thread it is called."""

    def __init__(
        self,
        source: LogitSource,
        reader: RowReader,
        buffers: SimpleQueue[NDArray[np.uint8]],
        options: Options,
        shape: _WorkShape,
    ) -> None:
        self._source = source
        self._reader = reader
        self._buffers = buffers
        self._options = options
        self._shape = shape

    def score(self, table: Table, first: int, start: int, stop: int) -> None:
        buffer = self._buffers.get()
        try:
            for block in range(start, stop, self._shape.block_rows):
                end = min(block + self._shape.block_rows, stop)
                logits = self._reader.read(block, end, buffer)
                self._score_block(table, slice(block - first, end - first), logits)
        finally:
            self._buffers.put(buffer)

    def _score_block(self, table: Table, rows: slice, logits: NDArray[Any]) -> None:
        stats = token_stats(
            logits,
            table["target"][rows] if "target" in table else None,
            temperature=self._options.temperature,
            base=self._options.base,
            ignore_index=self._options.ignore_index,
            top_k=self._options.top_k,
            dtype=self._source.dtype,
            threads=self._shape.threads,
        )
        for name in (*_TARGET_COLUMNS, *_COLUMNS, *_TOP_COLUMNS):
            if name in table:
                table[name][rows] = getattr(stats, name)


def _index_names(source: LogitSource) -> tuple[str, ...]:
    axes = len(source.leading_shape)
    if axes < 2:
        return ()
    return ("sequence", "position") if axes == 2 else tuple(f"index_{i}" for i in range(axes))


def _empty_table(
    source: LogitSource,
    columns: Sequence[Column],
    file: int,
    targets: NDArray[Any] | None,
    first: int,
    last: int,
) -> Table:
    table = {
        column.name: np.empty(
            last - first if column.length is None else (last - first, column.length), column.dtype
        )
        for column in columns
    }
    rows = np.arange(first, last)
    table["file"][:] = file
    table["row"][:] = rows
    indices = np.unravel_index(rows, source.leading_shape) if source.leading_shape else ()
    for name, index in zip(_index_names(source), indices, strict=False):
        table[name][:] = index
    if targets is not None:
        table["target"][:] = targets[first:last]
    return table
