"""Arrays of Zarr stores as tensors."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from logitkit.io.corruption import corruption
from logitkit.io.decoded import DecodedTensor, Decoder, slices
from logitkit.io.errors import DataError
from logitkit.io.groups import WholeGroups
from logitkit.io.optional import import_optional
from logitkit.io.remote import is_url
from logitkit.io.tensor import Tensor

if TYPE_CHECKING:
    from logitkit.io.logit_sink import LogitsToWrite, WriteLogits

DTYPE_ATTRIBUTE: Final = "dtype"
"""The attribute that says what the bits of an array are, as Zarr has no bfloat16."""

_CHUNK_BYTES: Final = 1 << 23
_MARKS: Final = ("zarr.json", ".zarray", ".zgroup")


def is_zarr(path: str) -> bool:
    """Return whether a directory is a Zarr store."""
    return any(os.path.isfile(os.path.join(path, mark)) for mark in _MARKS)


def read_tensors(path: str) -> tuple[list[Tensor], Any]:
    """Read what arrays a Zarr store has.

    Parameters
    ----------
    path : str
        A directory or an address: an array, or a group, whose own arrays are its tensors.

    Returns
    -------
    tensors : list of Tensor
        The arrays; that of a store which is an array itself has no name.
    opener : callable
        Opens the store to decode them.

    Raises
    ------
    DataError
        If the store is not sound.
    ModuleNotFoundError
        If zarr is not installed.
    """
    if not is_url(path):
        # zarr tells neither apart.
        os.stat(path)
        if not is_zarr(path):
            raise DataError(f"{path}: not a Zarr store; expected one of {', '.join(_MARKS)} in it")
    tensors = [_tensor(name, array) for name, array in _arrays(path).items()]
    return tensors, partial(_open, path)


def _arrays(path: str) -> dict[str | None, Any]:
    zarr = import_optional("zarr", path, "pip install 'logitkit[files]'")
    with corruption(path, "Zarr"):
        opened = zarr.open(path, mode="r")
        if isinstance(opened, zarr.Array):
            return {None: opened}
        return dict(opened.arrays())


def _tensor(name: str | None, array: Any) -> Tensor:
    dtype: np.dtype[Any] = array.dtype
    known = dtype.kind in "fiu"
    tensor = DecodedTensor(
        name=name,
        element=dtype.name if known else str(dtype),
        shape=tuple(array.shape),
        offset=0,
        # In memory: whatever the byte order in the store.
        dtype=dtype.newbyteorder("=") if known else None,
        nbytes=array.nbytes,
    )
    if array.attrs.get(DTYPE_ATTRIBUTE) == "bfloat16" and dtype.kind in "iu":
        return tensor.reinterpret("bfloat16")
    return tensor


@contextmanager
def _open(path: str) -> Iterator[Decoder]:
    yield Decoder(path, "Zarr", partial(_begin, _arrays(path)))


def _begin(
    arrays: dict[str | None, Any], tensor: Tensor, record: int
) -> tuple[int, Iterator[NDArray[Any]]]:
    array = arrays[tensor.name]
    chunk = (getattr(array, "shards", None) or array.chunks)[0] if array.shape else 1
    first, pieces = slices(tensor, chunk, record)
    assert tensor.dtype is not None
    native = tensor.dtype
    return first, (
        np.asarray(array[piece]).astype(array.dtype.newbyteorder("="), copy=False).view(native)
        for piece in pieces
    )


@contextmanager
def logits_writer(folder: str, what: "LogitsToWrite") -> Iterator["WriteLogits"]:
    """Write a Zarr group: ``logits``, in chunks of whole rows, and ``targets``."""
    zarr = import_optional("zarr", folder, "pip install 'logitkit[files]'")
    group = zarr.open_group(folder, mode="w")
    if what.targets is not None:
        group.create_array("targets", data=what.targets)
    inner = max(1, math.prod(what.shape[1:-1]))
    record = max(1, inner * what.shape[-1] * what.stored.itemsize)
    records = max(1, min(max(1, what.shape[0]), _CHUNK_BYTES // record))
    array = group.create_array(
        "logits", shape=what.shape, dtype=what.stored, chunks=(records, *what.shape[1:])
    )
    if what.element == "bfloat16":
        array.attrs[DTYPE_ATTRIBUTE] = "bfloat16"
    place = 0

    def write(rows: NDArray[Any]) -> None:
        nonlocal place
        first, last = place // inner, (place + len(rows)) // inner
        array[first:last] = rows.reshape(last - first, *what.shape[1:])
        place += len(rows)

    # Chunks are written whole: a part of one would be read, decoded and written again.
    groups = WholeGroups(records * inner, write)
    yield groups.add
    groups.flush()
