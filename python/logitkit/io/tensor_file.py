"""A file that holds tensors, whatever its format."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from logitkit.io import kld, npy, safetensors
from logitkit.io.errors import DataError, listed
from logitkit.io.random_access import RandomAccessFile
from logitkit.io.tensor import Tensor

SUFFIXES = (".safetensors", ".npy", kld.SUFFIX)
"""What the formats' files are called."""


@dataclass(frozen=True)
class TensorFile:
    """A file that holds tensors; its header is read, the file closed.

    Attributes
    ----------
    path : str
        The file.
    tensors : tuple of Tensor
        What it holds, in the header's order.
    version : tuple of int
        Device, inode, size and time of change when the header was read.
    """

    path: str
    tensors: tuple[Tensor, ...]
    version: tuple[int, int, int, int]

    def find(self, name: str) -> Tensor | None:
        """Return the tensor of this name, None if there is none."""
        return next((tensor for tensor in self.tensors if tensor.name == name), None)

    def describe(self) -> str:
        """Return what the file holds, for an error message."""
        return f"{self.path} holds {listed(t.name for t in self.tensors if t.name is not None)}"

    def as_dict(self) -> dict[str, Any]:
        """Return what the file holds, for JSON."""
        return {
            "file": self.path,
            "tensors": [
                {
                    "name": tensor.name,
                    "dtype": tensor.element,
                    "shape": list(tensor.shape),
                    "bytes": tensor.nbytes,
                }
                for tensor in self.tensors
            ],
        }

    @contextmanager
    def open(self) -> Iterator[RandomAccessFile]:
        """Open the file again to read its tensors.

        Raises
        ------
        DataError
            If it is not the file whose header was read, at the start or at the end.
        """
        with RandomAccessFile(self.path) as file:
            if file.version != self.version:
                raise DataError(f"{self.path}: the file was changed after its header was read")
            yield file
            file.check_unchanged()


def open_tensor_file(path: str | os.PathLike[str]) -> TensorFile:
    """Read the header of a file of tensors.

    Parameters
    ----------
    path : str or PathLike
        A ``.safetensors``, ``.npy`` or ``.kld`` file; the suffix decides.

    Returns
    -------
    TensorFile
        Its tensors.

    Raises
    ------
    DataError
        If the suffix is another one or the header is not sound.
    OSError
        If the file cannot be read.
    """
    path = os.fspath(path)
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in SUFFIXES:
        raise DataError(f"{path}: unknown kind of file; known are {', '.join(SUFFIXES)}")
    with RandomAccessFile(path) as file:
        if suffix == ".npy":
            tensors = [npy.read_tensor(file)]
        elif suffix == kld.SUFFIX:
            tensors = kld.read_tensors(file)
        else:
            tensors = list(safetensors.read_tensors(file).values())
        return TensorFile(path, tuple(tensors), file.version)
