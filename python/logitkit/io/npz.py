"""Tables as NumPy archives."""

import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from logitkit.io.columns import Batch, Column, WriteBatch
from logitkit.io.corruption import corruption
from logitkit.io.errors import DataError, quoted


@contextmanager
def npz_writer(file: BinaryIO, columns: Sequence[Column], rows: int) -> Iterator[WriteBatch]:
    """Write an ``.npz`` file: one array for each column, under its name.

    A column of texts becomes two arrays: ``file`` holds integers, ``file_names`` the texts that
    they stand for. A column of lists becomes an array with a row for each.

    Parameters
    ----------
    file : binary file
        Where to.
    columns : sequence of Column
        The table's columns.
    rows : int
        How many rows will come: the length of each array.

    Yields
    ------
    callable
        Writes the next rows.

    Notes
    -----
    An archive holds one array after the other, but rows come with all columns at once. So each
    column grows in a temporary file beside the output, without a name where the system allows it,
    and the archive is put together at the end: twice the space on disk instead of all in memory.
    """
    with ExitStack() as stack:
        # Unbuffered: a batch is large, and nothing is left to be written when one is given up.
        parts = {
            column.name: stack.enter_context(
                tempfile.TemporaryFile(dir=os.path.dirname(file.name), buffering=0)
            )
            for column in columns
        }

        def write(batch: Batch) -> None:
            for column in columns:
                values = np.ascontiguousarray(batch[column.name], column.dtype)
                _write_all(parts[column.name], values.data.cast("B"))

        yield write
        with zipfile.ZipFile(file, "w") as archive:
            for column in columns:
                with _member(archive, column.name) as member:
                    descr = np.lib.format.dtype_to_descr(column.dtype)
                    shape = (rows,) if column.length is None else (rows, column.length)
                    header = {"descr": descr, "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(member, header)
                    parts[column.name].seek(0)
                    shutil.copyfileobj(parts[column.name], member, 1 << 20)
                if column.categories is not None:
                    with _member(archive, f"{column.name}_names") as member:
                        np.lib.format.write_array(member, np.array(column.categories, np.str_))


def _write_all(part: IO[bytes], data: memoryview) -> None:
    while len(data):
        data = data[part.write(data) :]


def _member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    # ZipInfo has a fixed date, as in archives that NumPy writes: equal tables are equal files.
    return archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True)


def read_arrays(path: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of an archive.

    Raises
    ------
    DataError
        If it is not sound, or holds something else than arrays of numbers or texts.
    """
    # Opened here: NumPy does not close what it has opened when it fails.
    with (
        open(path, "rb") as file,
        corruption(path, ".npz"),
        np.load(file, allow_pickle=False) as archive,
    ):
        arrays = {name: archive[name] for name in archive}
        # What does not begin as an array does comes as it is.
        if strange := [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]:
            raise DataError(f"{path}: not a sound .npz file: {quoted(strange[0])} is no array")
        return arrays
