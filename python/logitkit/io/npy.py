"""The header of a NumPy ``.npy`` file."""

import io
import math
import tokenize
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from logitkit.io.errors import DataError
from logitkit.io.random_access import RandomAccessFile
from logitkit.io.tensor import Tensor, write_array

if TYPE_CHECKING:
    from logitkit.io.logit_sink import LogitsToWrite, WriteLogits

# Longer headers belong to records with thousands of fields. The limit keeps a corrupt length
# from reading gigabytes.
_MAX_HEADER_BYTES: Final = 1 << 17


def read_tensor(file: RandomAccessFile) -> Tensor:
    """Read and check the header of a ``.npy`` file.

    Parameters
    ----------
    file : RandomAccessFile
        The file, open.

    Returns
    -------
    Tensor
        The file's one array, without a name.

    Raises
    ------
    DataError
        If the header is not sound, the file is shorter than the header says, or the array is one
        of Python objects, which only unpickling could read.
    """
    stream = io.BytesIO(file.read(min(file.size, _MAX_HEADER_BYTES), 0))
    try:
        shape, fortran_order, dtype = _read_header(stream)
    # NumPy parses the header as Python source, whose tokenizer and parser have errors of their own.
    except (ValueError, SyntaxError, TypeError, tokenize.TokenError, RecursionError) as error:
        raise DataError(f"{file.path}: not a sound .npy file: {error}") from None
    if dtype.hasobject:
        raise DataError(
            f"{file.path}: an array of Python objects; reading it would run code from the file. "
            "Save the logits as an array of numbers"
        )
    offset, nbytes = stream.tell(), math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0:
        raise DataError(f"{file.path}: not a sound .npy file: a negative length in shape {shape}")
    if offset + nbytes > file.size:
        raise DataError(
            f"{file.path}: an array of {nbytes} bytes (shape {list(shape)}, {dtype.name}) in a "
            f"file of {file.size} bytes; truncated? {offset + nbytes - file.size} bytes are missing"
        )
    return Tensor(
        name=None,
        element=dtype.name,
        shape=shape,
        offset=offset,
        dtype=dtype,
        nbytes=nbytes,
        # With one length above 1 both orders are the same.
        fortran_order=fortran_order and sum(length > 1 for length in shape) > 1,
    )


def _read_header(stream: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    with warnings.catch_warnings():
        # Files from Python 2 are read right, with a warning that does not help the user.
        warnings.simplefilter("ignore", UserWarning)
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(stream)
        if version == (2, 0):
            return np.lib.format.read_array_header_2_0(stream)
    raise ValueError(f"version {version} of the format holds no plain array")


@contextmanager
def logits_writer(file: BinaryIO, what: "LogitsToWrite") -> Iterator["WriteLogits"]:
    """Write a ``.npy`` file: the header, then rows as they come. bfloat16 is there as uint16."""
    descr = np.lib.format.dtype_to_descr(what.stored)
    header = {"descr": descr, "fortran_order": False, "shape": what.shape}
    np.lib.format.write_array_header_1_0(file, header)
    yield partial(write_array, file)
