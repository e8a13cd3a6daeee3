"""Datasets of HDF5 files as tensors: read where they lie, or decoded if they are chunked."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from logitkit.io.corruption import corruption
from logitkit.io.decoded import DecodedTensor, Decoder, slices
from logitkit.io.errors import DataError
from logitkit.io.optional import import_optional
from logitkit.io.random_access import RandomAccessFile
from logitkit.io.remote import open_object, open_random_access
from logitkit.io.tensor import Tensor, write_array

if TYPE_CHECKING:
    from logitkit.io.logit_sink import LogitsToWrite, WriteLogits

_WAY_OUT: Final = "pip install 'logitkit[files]'"

DTYPE_ATTRIBUTE: Final = "dtype"
"""The attribute that says what the bits of a dataset are, as HDF5 has no bfloat16."""


def read_tensors(file: RandomAccessFile) -> tuple[list[Tensor], Any, list[Tensor]]:
    """Read what datasets an HDF5 file has.

    Parameters
    ----------
    file : RandomAccessFile
        The file, open.

    Returns
    -------
    decoded : list of Tensor
        Datasets that have to be decoded: chunked ones.
    opener : callable
        Opens it to decode them.
    as_they_are : list of Tensor
        Datasets that lie in the file in one piece.

    Raises
    ------
    DataError
        If the file is not sound.
    ModuleNotFoundError
        If h5py is not installed.
    """
    decoded: list[Tensor] = []
    plain: list[Tensor] = []
    with _opened(file) as (h5py, opened):

        def visit(name: str | bytes, item: Any) -> None:
            if isinstance(name, bytes):
                # No valid text: kept so that it can be turned back.
                name = name.decode("utf-8", "surrogateescape")
            if isinstance(item, h5py.Dataset) and item.shape is not None:
                tensor = _tensor(name, item, file)
                (decoded if isinstance(tensor, DecodedTensor) else plain).append(tensor)

        opened.visititems(visit)
    return decoded, partial(_open, file.path, file.version), plain


def _tensor(name: str, item: Any, file: RandomAccessFile) -> Tensor:
    dtype: np.dtype[Any] = item.dtype
    kind: type[Tensor] = DecodedTensor
    offset = item.id.get_offset()
    known = dtype.kind in "fiuV" and dtype.names is None
    if offset is not None and known and item.chunks is None:
        if offset + item.nbytes > file.size:
            raise DataError(
                f"{file.path}: dataset {name!r} ends at byte {offset + item.nbytes} of a file of "
                f"{file.size} bytes; truncated?"
            )
        kind = Tensor
    tensor = kind(
        name=name,
        element=dtype.name if known else str(dtype),
        shape=tuple(item.shape),
        offset=offset or 0,
        dtype=dtype if known else None,
        nbytes=item.size * dtype.itemsize,
    )
    stated = item.attrs.get(DTYPE_ATTRIBUTE)
    bits = stated in ("bfloat16", b"bfloat16") and dtype.itemsize == 2 and known
    return tensor.reinterpret("bfloat16") if bits else tensor


@contextmanager
def _opened(file: RandomAccessFile) -> Iterator[tuple[Any, Any]]:
    h5py = import_optional("h5py", file.path, _WAY_OUT)
    with (
        corruption(file.path, "HDF5"),
        open_object(file) as stream,
        h5py.File(stream, "r") as opened,
    ):
        yield h5py, opened


@contextmanager
def _open(path: str, version: tuple[Any, ...]) -> Iterator[Decoder]:
    with open_random_access(path) as file:
        file.check_version(version)
        with _opened(file) as (_, opened):
            yield Decoder(path, "HDF5", partial(_begin, opened))
        file.check_unchanged()


def _begin(opened: Any, tensor: Tensor, record: int) -> tuple[int, Iterator[NDArray[Any]]]:
    assert tensor.name is not None
    dataset = opened[tensor.name.encode("utf-8", "surrogateescape")]
    first, pieces = slices(tensor, dataset.chunks[0] if dataset.chunks else 1, record)
    assert tensor.dtype is not None
    return first, (np.asarray(dataset[piece]).view(tensor.dtype) for piece in pieces)


@contextmanager
def logits_writer(file: BinaryIO, what: "LogitsToWrite") -> Iterator["WriteLogits"]:
    """Write an HDF5 file: ``logits``, in one piece to be read where they lie, and ``targets``."""
    h5py = import_optional("h5py", file.name, _WAY_OUT)
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    # The library makes the file, with room for the logits; rows go there as they come.
    with h5py.File(file.name, "w") as opened:
        if what.targets is not None:
            opened["targets"] = what.targets
        space, kind = h5py.h5s.create_simple(what.shape), h5py.h5t.py_create(what.stored)
        dataset = h5py.Dataset(h5py.h5d.create(opened.id, b"logits", kind, space, layout))
        if what.element == "bfloat16":
            dataset.attrs[DTYPE_ATTRIBUTE] = "bfloat16"
        offset = dataset.id.get_offset()
    file.seek(offset or 0)
    yield partial(write_array, file)
