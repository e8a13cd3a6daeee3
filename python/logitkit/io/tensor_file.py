"""A file that holds tensors, whatever its format."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from logitkit.io import arrow_input, hdf5, index, kld, npy, parquet_input, safetensors, zarr
from logitkit.io.errors import DataError, listed
from logitkit.io.remote import is_url, open_random_access
from logitkit.io.tensor import Tensor

SUFFIXES: Final = (
    ".safetensors", ".npy", kld.SUFFIX, ".parquet", ".arrow", ".h5", ".hdf5", ".zarr",
)  # fmt: skip
"""What the formats' files are called."""

# Formats that are read by unpickling, or mostly.
_PICKLES: Final = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill")

Opener = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class TensorFile:
    """A file that holds tensors; its header is read, the file closed.

    Attributes
    ----------
    path : str
        The file.
    tensors : tuple of Tensor
        What it holds, in the header's order.
    version : tuple
        What tells it from another file of the name: device, inode, size and time of change.
    opener : callable, optional
        Opens it for its tensors to read from; None for a file of bytes.
    homes : mapping of str to TensorFile
        The files that tensors lie in which are read in another way, or from elsewhere.
    """

    path: str
    tensors: tuple[Tensor, ...]
    version: tuple[Any, ...]
    opener: Opener | None = None
    homes: Mapping[str, "TensorFile"] = field(default_factory=dict)

    def find(self, name: str) -> Tensor | None:
        """Return the tensor of this name, None if there is none."""
        return next((tensor for tensor in self.tensors if tensor.name == name), None)

    def home(self, tensor: Tensor) -> "TensorFile":
        """Return the file to open to read a tensor."""
        return self if tensor.name is None else self.homes.get(tensor.name, self)

    @property
    def mappable(self) -> bool:
        """Whether its bytes can be mapped into memory."""
        return self.opener is None and not is_url(self.path)

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
    def open(self) -> Iterator[Any]:
        """Open the file again to read its tensors.

        Raises
        ------
        DataError
            If it is not the file whose header was read, at the start or at the end.
        """
        if self.opener is not None:
            with self.opener() as handle:
                yield handle
            return
        with open_random_access(self.path) as file:
            file.check_version(self.version)
            yield file
            file.check_unchanged()


def is_tensor_directory(path: str) -> bool:
    """Return whether a directory is one of a format rather than one of files."""
    return zarr.is_zarr(path)


def open_tensor_file(path: str | os.PathLike[str]) -> TensorFile:
    """Read the header of a file of tensors.

    Parameters
    ----------
    path : str or PathLike
        The file; its suffix decides on the format, see `SUFFIXES`.

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
    ModuleNotFoundError
        If the format needs a package that is not installed.
    """
    path = os.fspath(path)
    if path.endswith(index.SUFFIX):
        return _indexed(path)
    suffix = os.path.splitext(path.rstrip("/"))[1].lower()
    if suffix == ".zarr" or (not is_url(path) and is_tensor_directory(path)):
        tensors, opener = zarr.read_tensors(path)
        return TensorFile(path, tuple(tensors), (), opener)
    if suffix in _PICKLES:
        raise DataError(
            f"{path}: {suffix} files are read by unpickling, which runs whatever code is in them; "
            "save the logits as .safetensors or .npy"
        )
    if suffix not in SUFFIXES:
        raise DataError(f"{path}: unknown kind of file; known are {', '.join(SUFFIXES)}")
    with open_random_access(path) as file:
        if suffix == ".npy":
            return TensorFile(path, (npy.read_tensor(file),), file.version)
        if suffix == kld.SUFFIX:
            return TensorFile(path, tuple(kld.read_tensors(file)), file.version)
        if suffix == ".safetensors":
            tensors = list(safetensors.read_tensors(file).values())
            return TensorFile(path, tuple(tensors), file.version)
        read = {".parquet": parquet_input, ".arrow": arrow_input}.get(suffix, hdf5).read_tensors
        decoded, opener, as_they_are = read(file)
        bytewise = TensorFile(path, tuple(as_they_are), file.version)
        homes = {str(tensor.name): bytewise for tensor in as_they_are}
        return TensorFile(path, (*decoded, *as_they_are), file.version, opener, homes)


def _indexed(path: str) -> TensorFile:
    with open_random_access(path) as file:
        names = index.read_index(file)
        version = file.version
    files = {name: open_tensor_file(name) for name in dict.fromkeys(names.values())}
    homes: dict[str, TensorFile] = {}
    tensors: list[Tensor] = []
    for name, shard in names.items():
        tensor = files[shard].find(name)
        if tensor is None:
            raise DataError(f"{path}: says that {name!r} is in {shard}, but {shard} has none")
        tensors.append(tensor)
        homes[name] = files[shard]
    return TensorFile(path, tuple(tensors), version, None, homes)
