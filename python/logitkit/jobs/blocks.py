"""Rows of files through a function, block by block, by several threads, in order."""

import math
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from logitkit.io import LogitSource
from logitkit.io.row_reader import RowReader

Table: TypeAlias = dict[str, NDArray[Any]]
Logits: TypeAlias = list[NDArray[Any]]

BATCH_ROWS: Final = 1 << 16
"""Rows written at once; a row group of a Parquet file."""

# What cannot be mapped (see `logitkit.io.leased_map`) a thread reads into its buffer, a block at a
# time, and computes it from there. Measured on 4 GB of float32 in the page cache, vocabulary
# 128,256, two cores, blocks of 1, 2, 4, 8 and 16 MiB: 6.9, 8.0, 8.9, 9.9 and 9.8 GB/s where reading
# alone ran at 17.5. Mapped it was 14.7.
_BLOCK_BYTES: Final = 1 << 23
# All buffers together, however many threads there are.
_BUFFER_BYTES: Final = 1 << 26
# What a thread takes at a time: enough for the hand-over not to count.
_TASK_BYTES: Final = 1 << 26


def batches(
    sources: Sequence[LogitSource],
    start: Callable[[int, int], Table],
    score: Callable[[Table, slice, Logits, int], None],
    threads: int,
    advance: Callable[[int], object],
    rows: range,
) -> Generator[Table, None, None]:
    """Compute the rows of a table from those of sources that have as many.

    Parameters
    ----------
    sources : sequence of LogitSource
        The logits.
    start : callable
        Makes the table for the rows from its first argument up to its second.
    score : callable
        Fills some rows of a table, from logits of each source, by so many threads of the core.
    threads : int
        How many threads there are.
    advance : callable
        Called with the number of bytes done, every now and then.
    rows : range
        The rows that are wanted.

    Yields
    ------
    dict of str to ndarray
        The next rows, `BATCH_ROWS` or what is left.
    """
    shape = _WorkShape.of(sources, threads, len(rows))
    row_bytes = _row_bytes(sources)
    # More tasks than threads: the system reads ahead for those that wait.
    ahead = 2 * shape.workers
    pending: deque[tuple[Future[None], int, Table | None]] = deque()
    buffers: SimpleQueue[list[NDArray[np.uint8]]] = SimpleQueue()
    # Where one thread reads for all, it does so while they are busy.
    for _ in range(shape.workers + shape.sequential):
        buffers.put([np.empty(shape.block_rows * s.row_bytes, np.uint8) for s in sources])

    def settle() -> Iterator[Table]:
        future, done, table = pending.popleft()
        future.result()
        advance(done * row_bytes)
        if table is not None:
            yield table

    with ExitStack() as stack:
        readers = [stack.enter_context(source.reader()) for source in sources]
        pool = stack.enter_context(ThreadPoolExecutor(shape.workers))
        worker = _Worker(readers, buffers, score, shape)
        try:
            for first in range(rows.start, rows.stop, BATCH_ROWS):
                last = min(first + BATCH_ROWS, rows.stop)
                table = start(first, last)
                for begin in range(first, last, shape.task_rows):
                    end = min(begin + shape.task_rows, last)
                    if shape.sequential:
                        logits = worker.read(begin, end)
                        future = pool.submit(worker.compute, table, first, begin, end, *logits)
                    else:
                        for reader in readers:
                            reader.will_read(begin, end)
                        future = pool.submit(worker.run, table, first, begin, end)
                    pending.append((future, end - begin, table if end == last else None))
                    if len(pending) > ahead:
                        yield from settle()
            while pending:
                yield from settle()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _row_bytes(sources: Sequence[LogitSource]) -> int:
    return sum(source.row_bytes for source in sources)


@dataclass(frozen=True)
class _WorkShape:
    """How files are cut up: into tasks for the workers, and those into blocks for the cache.

    `workers` threads take tasks of `task_rows` rows, read `block_rows` of them at a time, and have
    each block computed by `threads` threads of the core. `sequential` sources are read by one
    thread, block by block, and a task is a block.
    """

    workers: int
    threads: int
    block_rows: int
    task_rows: int
    sequential: bool

    @classmethod
    def of(cls, sources: Sequence[LogitSource], threads: int, rows: int) -> "_WorkShape":
        row_bytes = _row_bytes(sources)
        sequential = any(source.sequential for source in sources)
        share = _BUFFER_BYTES // threads
        # Where a row is scattered over the file, reads are the longer the more rows they cover.
        contiguous = all(source.contiguous for source in sources)
        block_bytes = min(_BLOCK_BYTES, share) if contiguous else share
        block_rows = max(1, block_bytes // row_bytes)
        block_bytes = block_rows * row_bytes
        # Every thread gets a task, if there are as many blocks.
        blocks = math.ceil(rows / block_rows)
        task_blocks = max(1, min(_TASK_BYTES // block_bytes, blocks // threads))
        task_rows = block_rows if sequential else task_blocks * block_rows
        # Few or very long rows leave threads over, which then share the work on each block.
        workers = max(1, min(threads, blocks, _BUFFER_BYTES // block_bytes))
        return cls(workers, max(1, threads // workers), block_rows, task_rows, sequential)


class _Worker:
    """Reads and scores a task's rows, block by block, in whatever thread it is called."""

    def __init__(
        self,
        readers: Sequence[RowReader],
        buffers: SimpleQueue[list[NDArray[np.uint8]]],
        score: Callable[[Table, slice, Logits, int], None],
        shape: _WorkShape,
    ) -> None:
        self._readers = readers
        self._buffers = buffers
        self._score = score
        self._shape = shape

    def run(self, table: Table, first: int, begin: int, end: int) -> None:
        """Compute a task's rows: where they are, or read block by block."""
        with ExitStack() as stack:
            lent = [stack.enter_context(reader.lent(begin, end)) for reader in self._readers]
            logits = [rows for rows in lent if rows is not None]
            if len(logits) == len(lent):
                rows = slice(begin - first, end - first)
                self._score(table, rows, logits, self._shape.threads)
                return
        buffers = self._buffers.get()
        try:
            for start in range(begin, end, self._shape.block_rows):
                stop = min(start + self._shape.block_rows, end)
                rows = slice(start - first, stop - first)
                self._score(table, rows, self._read(start, stop, buffers), self._shape.threads)
        finally:
            self._buffers.put(buffers)

    def read(self, begin: int, end: int) -> tuple[Logits, list[NDArray[np.uint8]]]:
        """Read a task's rows for `compute`, which gives the buffers back."""
        buffers = self._buffers.get()
        return self._read(begin, end, buffers), buffers

    def compute(
        self,
        table: Table,
        first: int,
        begin: int,
        end: int,
        logits: Logits,
        buffers: list[NDArray[np.uint8]],
    ) -> None:
        """Compute a task's rows, which `read` has read."""
        try:
            self._score(table, slice(begin - first, end - first), logits, self._shape.threads)
        finally:
            self._buffers.put(buffers)

    def _read(self, start: int, stop: int, buffers: list[NDArray[np.uint8]]) -> Logits:
        return [
            reader.read(start, stop, buffer)
            for reader, buffer in zip(self._readers, buffers, strict=True)
        ]
