"""Logits into files, block by block, in every format that they are read from."""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from logitkit.io import arrow_columns, hdf5, npy, safetensors, zarr
from logitkit.io.atomic import atomic_directory, atomic_output

WriteLogits: TypeAlias = Callable[[NDArray[Any]], None]
"""What writes the next rows."""


@dataclass(frozen=True)
class LogitsToWrite:
    """What a file of logits is to hold.

    Attributes
    ----------
    shape : tuple of int
        The shape, the vocabulary last.
    element : str
        The element type; the rows of bfloat16 are uint16.
    targets : ndarray of int, optional
        The targets, of the leading shape.
    """

    shape: tuple[int, ...]
    element: str
    targets: NDArray[Any] | None

    @property
    def stored(self) -> np.dtype[Any]:
        """How an element is stored: little-endian, bfloat16 as uint16."""
        return np.dtype("<u2" if self.element == "bfloat16" else self.element).newbyteorder("<")

    @property
    def nbytes(self) -> int:
        """The size of the logits in bytes."""
        return math.prod(self.shape) * self.stored.itemsize


Writer: TypeAlias = Callable[[BinaryIO, LogitsToWrite], AbstractContextManager[WriteLogits]]

_WRITERS: Final[dict[str, Writer]] = {
    ".npy": npy.logits_writer,
    ".safetensors": safetensors.logits_writer,
    ".parquet": arrow_columns.parquet_logits_writer,
    ".arrow": arrow_columns.arrow_logits_writer,
    ".h5": hdf5.logits_writer,
    ".hdf5": hdf5.logits_writer,
}
_DIRECTORY: Final = ".zarr"

LOGIT_SUFFIXES: Final = (*_WRITERS, _DIRECTORY)
"""The suffixes that say which format logits are written in."""


def logit_suffix(path: str | os.PathLike[str], *others: str) -> str:
    """Return the suffix that says the format, or raise `ValueError` if it is none of ours."""
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    known = (*LOGIT_SUFFIXES, *others)
    if suffix not in known:
        raise ValueError(
            f"the output's suffix says its format, and that of {os.fspath(path)!r} is none of "
            f"{', '.join(known)}"
        )
    return suffix


@contextmanager
def open_logit_sink(path: str, what: LogitsToWrite, *, force: bool) -> Iterator[WriteLogits]:
    """Write logits to a file that appears whole or not at all.

    Parameters
    ----------
    path : str
        The output; its suffix says the format, see `LOGIT_SUFFIXES`.
    what : LogitsToWrite
        What is to be written.
    force : bool
        Whether an output that is there is replaced.

    Yields
    ------
    callable
        Writes the next rows, of the stored dtype. A file without names, ``.npy``, has no targets.

    Raises
    ------
    OSError
        If the output exists and not `force`, or cannot be written.
    ModuleNotFoundError
        If the format needs a package that is not installed.
    """
    suffix = logit_suffix(path)
    if suffix == _DIRECTORY:
        with atomic_directory(path, force=force) as folder, zarr.logits_writer(folder, what) as to:
            yield to
        return
    with atomic_output(path, force=force) as file, _WRITERS[suffix](file, what) as write:
        yield write
