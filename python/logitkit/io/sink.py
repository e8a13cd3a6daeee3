"""Tables into files, some rows at a time."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from logitkit.io.arrow import arrow_writer
from logitkit.io.atomic import atomic_output
from logitkit.io.columns import Column, WriteBatch
from logitkit.io.csv import csv_writer
from logitkit.io.jsonl import jsonl_writer
from logitkit.io.npz import npz_writer
from logitkit.io.parquet import parquet_writer

_WRITERS = {
    ".parquet": parquet_writer,
    ".arrow": arrow_writer,
    ".csv": csv_writer,
    ".jsonl": jsonl_writer,
    ".npz": npz_writer,
}

OUTPUT_SUFFIXES = tuple(_WRITERS)
"""The suffixes that say which format a table is written in."""


def output_suffix(path: str | os.PathLike[str]) -> str:
    """Return the suffix that says the format, or raise `ValueError` if it is none of ours."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in _WRITERS:
        raise ValueError(
            f"the output's suffix says its format, and that of {os.fspath(path)!r} is none of "
            f"{', '.join(OUTPUT_SUFFIXES)}"
        )
    return suffix


@contextmanager
def open_sink(
    path: str | os.PathLike[str],
    columns: Sequence[Column],
    rows: int,
    *,
    force: bool = False,
    scratch: str | None = None,
) -> Iterator[WriteBatch]:
    """Write a table to a file that appears whole or not at all.

    Parameters
    ----------
    path : str or PathLike
        The output; its suffix says the format, see `OUTPUT_SUFFIXES`.
    columns : sequence of Column
        The table's columns.
    rows : int
        How many rows will be written.
    force : bool, default False
        Whether a file that is there is replaced.
    scratch : str, optional
        A directory on the same file system for temporary files; default: the output's.

    Yields
    ------
    callable
        Writes the next rows: a mapping of the columns' names to arrays. When the ``with`` block
        ends, the file is complete; if it is left by an exception, nothing remains of it.

    Raises
    ------
    ValueError
        If the suffix is unknown.
    OSError
        If the output exists and not `force`, or cannot be written.
    ModuleNotFoundError
        If the format needs pyarrow, and it is not installed.

    Examples
    --------
    >>> import os, pathlib, tempfile
    >>> import numpy as np
    >>> from logitkit.io import Column, open_sink
    >>> column = Column("entropy", np.dtype(np.float32))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "scores.csv")
    ...     with open_sink(path, [column], rows=2) as write:
    ...         write({"entropy": np.array([0.5, np.nan], np.float32)})
    ...     print(pathlib.Path(path).read_text())
    entropy
    0.5
    nan
    """
    writer = _WRITERS[output_suffix(path)]
    with (
        atomic_output(os.fspath(path), force=force, scratch=scratch) as file,
        writer(file, columns, rows) as write,
    ):
        yield write
