"""Finds the logits in files."""

import os
import re
from collections.abc import Sequence
from typing import Final, TypeAlias

from logitkit.io.errors import DataError, listed, quoted
from logitkit.io.inputs import expand_inputs
from logitkit.io.source import LogitSource, Part, check_alike
from logitkit.io.tensor import Tensor
from logitkit.io.tensor_file import TensorFile, open_tensor_file

Inputs: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""Files, directories and patterns that are one source."""

DEFAULT_KEY: Final = "logits"
"""The tensor that holds the logits, if the file has one of this name."""


def open_logits(
    path: str | os.PathLike[str], *, key: str | None = None, dtype: str | None = None
) -> LogitSource:
    """Find the logits in a file, or in many that are one source.

    Parameters
    ----------
    path : str or PathLike
        A file: ``.safetensors`` (also an index of several, ``.safetensors.index.json``), ``.npy``,
        ``.kld`` (of llama.cpp), ``.parquet`` and ``.arrow`` (with pyarrow), ``.h5`` and ``.hdf5``
        (with h5py), ``.zarr`` (with zarr). Or a directory of such files or a pattern
        (``shard-*.npy``), whose rows follow each other in the order of the files' names. Where
        fsspec is installed, addresses as ``s3://bucket/logits.npy`` too. Only headers are read.
    key : str, optional
        The name of the tensor, column or dataset. By default ``logits``; else tensors called
        ``logits.0``, ``logits.1``..., one after the other; else the only one of 2 or 3 dimensions
        with a floating-point type. A ``.npy`` file holds one array and no name.
    dtype : {"float64", "float32", "float16", "bfloat16"}, optional
        What the bytes are, for files that hold raw bits: bfloat16 saved as uint16, or by NumPy,
        which knows it as two bytes of anything (``|V2``).

    Returns
    -------
    LogitSource
        The logits: ``shape``, ``dtype``, ``vocab``, ``targets``, and ``blocks(max_bytes)`` and
        ``rows(start, stop)`` to read them.

    Raises
    ------
    DataError
        If a header is not sound, no tensor or more than one fits, it holds no logits, or files do
        not fit together. Files that only unpickling could read (``.pt``, ``.pkl``...) are refused:
        it would run code from them. A `ValueError`.
    OSError
        If a file cannot be read.
    ModuleNotFoundError
        If the format needs a package that is not installed.

    Examples
    --------
    >>> import os, tempfile
    >>> import logitkit
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "logits.npy")
    ...     np.save(path, np.zeros((3, 4), np.float32))
    ...     source = logitkit.open_logits(path)
    ...     blocks = [(start, logits.shape) for start, logits in source.blocks(max_bytes=32)]
    ...     last = np.array(source.rows(2, 3))
    >>> source.shape, source.vocab, source.dtype, source.targets
    ((3, 4), 4, 'float32', None)
    >>> blocks
    [(0, (2, 4)), (2, (1, 4))]
    >>> last
    array([[0., 0., 0., 0.]], dtype=float32)
    """
    return join_logits(path, key=key, dtype=dtype)


def join_logits(inputs: Inputs, *, key: str | None = None, dtype: str | None = None) -> LogitSource:
    """Find the logits in many files, directories and patterns that are one source.

    Parameters
    ----------
    inputs : str, PathLike, or sequence of them
        Each as `open_logits` takes one.
    key, dtype : str, optional
        See `open_logits`.

    Returns
    -------
    LogitSource
        All rows, in the order of the inputs.
    """
    inputs = [inputs] if isinstance(inputs, str | os.PathLike) else inputs
    files = expand_inputs(inputs)
    parts = [part for file in files for part in _parts(open_tensor_file(file), key, dtype)]
    check_alike(parts)
    name = os.fspath(inputs[0]) if len(inputs) == 1 else f"{files[0]} and {len(files) - 1} more"
    return LogitSource(name, parts)


def _parts(file: TensorFile, key: str | None, dtype: str | None) -> list[Part]:
    return [_part(file, tensor, dtype) for tensor in _select(file, key)]


def _part(file: TensorFile, found: Tensor, dtype: str | None) -> Part:
    tensor = found.reinterpret(dtype)
    if not tensor.is_float:
        hint = (
            "; if these are the bits of bfloat16, say dtype bfloat16"
            if tensor.element in ("uint16", "int16", "void16")
            else ""
        )
        raise DataError(f"{file.path}: {tensor} is not of a floating-point type{hint}")
    if min(tensor.shape, default=0) < 0:
        raise DataError(f"{file.path}: {tensor} has a negative length: the file is not sound")
    if not tensor.shape or tensor.shape[-1] == 0:
        raise DataError(f"{file.path}: {tensor} has no logits in a row: the last axis is empty")
    if tensor.fortran_order and sum(length > 1 for length in tensor.shape[:-1]) > 1:
        raise DataError(
            f"{file.path}: {tensor} is in Fortran order, which is read for 2 dimensions only; "
            "save numpy.ascontiguousarray of it"
        )
    return Part(file, tensor)


def _select(file: TensorFile, key: str | None) -> list[Tensor]:
    if key is None and file.find("log_kept_mass") and file.find("ids"):
        raise DataError(
            f"{file.path}: sparse rows, as logitkit sparsify writes them; expected logits. "
            "logitkit.Candidates.load reads it, score and compare take it as it is"
        )
    unnamed = next((tensor for tensor in file.tensors if tensor.name is None), None)
    if unnamed is not None:
        if key is not None:
            raise DataError(f"{file.path}: holds one array without a name, not {quoted(key)}")
        return [unnamed]
    found = file.find(DEFAULT_KEY if key is None else key)
    if found is not None:
        return [found]
    numbered = _numbered(file, DEFAULT_KEY if key is None else key)
    if numbered:
        return numbered
    if key is not None:
        raise DataError(f"{file.describe()}, not {quoted(key)}")
    fitting = [tensor for tensor in file.tensors if tensor.is_float and len(tensor.shape) in (2, 3)]
    if len(fitting) != 1:
        raise DataError(
            f"{file.describe()}; none is called {DEFAULT_KEY!r}, and {len(fitting)} have 2 or 3 "
            "dimensions and a floating-point type: name the one with the logits"
        )
    return fitting


def _numbered(file: TensorFile, key: str) -> list[Tensor]:
    """Return the tensors ``key.0``, ``key.1``..., in order."""
    found: dict[int, Tensor] = {}
    for tensor in file.tensors:
        match = re.fullmatch(re.escape(key) + r"\.(\d{1,9})", tensor.name or "")
        if match:
            found[int(match[1])] = tensor
    if sorted(found) != list(range(len(found))):
        raise DataError(
            f"{file.path}: holds {key}.i for i = {listed(map(str, sorted(found)))}; expected all "
            f"from 0 to {len(found) - 1}: some are missing"
        )
    return [found[number] for number in sorted(found)]
