"""The target tokens that belong to the logits in a file."""

import os
import re
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from logitkit.io.errors import DataError, quoted
from logitkit.io.source import LogitSource, Part
from logitkit.io.tensor import Tensor
from logitkit.io.tensor_file import SUFFIXES, TensorFile, open_tensor_file

DEFAULT_NAME: Final = "targets"
"""The tensor that holds the targets, if the file has one of this name."""

NO_TARGETS: Final = "none"
"""What asks for no targets."""


def read_targets(
    source: LogitSource,
    targets: str | os.PathLike[str] | None = None,
    *,
    ignore_index: int | None = None,
) -> NDArray[Any] | None:
    """Read and check the target of each row of logits.

    Parameters
    ----------
    source : LogitSource
        The logits.
    targets : str or PathLike, optional
        Where they are: the name of a tensor beside the logits, or a file (``.npy``, or
        ``.safetensors`` with a tensor ``targets`` or with one only), or "none". By default the
        tensor ``targets`` beside the logits, if there is one.
    ignore_index : int, optional
        A value that is no token but marks rows without a target.

    Returns
    -------
    ndarray of an integer dtype, shape (source.row_count,), or None
        The targets; None without.

    Raises
    ------
    DataError
        If there are no such targets, they are no integers, not of the logits' leading shape, or
        one is out of range.
    OSError
        If the file cannot be read.
    """
    found = _found(source, targets)
    for label, values in found:
        check_range(values, source.vocab, ignore_index, label)
    return _joined(found)


def targets_beside(source: LogitSource) -> NDArray[Any] | None:
    """Return the targets beside the logits, whatever numbers they are; see `read_targets`."""
    return _joined(_found(source, None))


def _joined(found: list[tuple[str, NDArray[Any]]]) -> NDArray[Any] | None:
    values = [values.ravel() for _, values in found]
    return np.concatenate(values) if len(values) > 1 else values[0] if values else None


def _found(
    source: LogitSource, targets: str | os.PathLike[str] | None
) -> list[tuple[str, NDArray[Any]]]:
    """Return the targets of each part of a source, or of all in one, with what to call them."""
    if targets is not None and is_targets_file(source, targets):
        file, tensor = _in_file(os.fspath(targets))
        return [_read(file, tensor, source.leading_shape, source.vocab)]
    if targets is not None and os.fspath(targets) == NO_TARGETS:
        return []
    name = None if targets is None else os.fspath(targets)
    tensors = [_beside(part, name) for part in source.parts]
    if None in tensors:
        other = next((i for i, tensor in enumerate(tensors) if tensor is not None), None)
        if other is None:
            return []
        raise DataError(
            f"{source.parts[other].file.path} has targets, "
            f"{source.parts[tensors.index(None)].file.path} has none: score them in runs of their "
            "own, or say targets 'none'"
        )
    return [
        _read(part.file, tensor, part.tensor.shape[:-1], source.vocab)
        for part, tensor in zip(source.parts, tensors, strict=True)
        if tensor is not None
    ]


def _read(
    file: TensorFile, tensor: Tensor, shape: tuple[int, ...], vocab: int
) -> tuple[str, NDArray[Any]]:
    label = f"{file.path}: {tensor}"
    if tensor.dtype is None or tensor.dtype.kind not in "iu" or tensor.is_float:
        raise DataError(f"{label} cannot be targets, which are integers")
    if tensor.shape != shape:
        raise DataError(
            f"{label} cannot be the targets of logits of shape {[*shape, vocab]}, which need "
            f"the shape {list(shape)}"
        )
    with file.home(tensor).open() as opened:
        return label, tensor.read(opened)


def is_targets_file(source: LogitSource, targets: str | os.PathLike[str]) -> bool:
    """Return whether `targets` says a file rather than a tensor beside the logits."""
    targets = os.fspath(targets)
    return targets.lower().endswith(SUFFIXES) and source.parts[0].file.find(targets) is None


def _beside(part: Part, name: str | None) -> Tensor | None:
    """Return the targets in the file of a part; None if there are none and none are asked for."""
    file = part.file
    number = re.search(r"\.\d+$", part.tensor.name or "")
    wanted = DEFAULT_NAME if name is None else name
    # Logits in numbered tensors have numbered targets.
    tensor = (file.find(wanted + number[0]) if number else None) or file.find(wanted)
    if tensor is None and name is not None:
        raise DataError(
            f"{file.describe()}; {quoted(name)} is none of them, nor a file of targets "
            f"({', '.join(SUFFIXES)})"
        )
    return tensor


def _in_file(path: str) -> tuple[TensorFile, Tensor]:
    file = open_tensor_file(path)
    tensor = file.tensors[0] if len(file.tensors) == 1 else file.find(DEFAULT_NAME)
    if tensor is None:
        raise DataError(
            f"{file.describe()}; targets are read from a tensor {DEFAULT_NAME!r} or from a file "
            "with one only"
        )
    return file, tensor


def check_range(values: NDArray[Any], vocab: int, ignore_index: int | None, label: str) -> None:
    """Raise `DataError` if a target is not in the vocabulary, and does not mark a row without."""
    wrong = (values < 0) | (values >= vocab)
    if ignore_index is not None:
        wrong &= values != ignore_index
    if not wrong.any():
        return
    position = tuple(int(i) for i in np.argwhere(wrong)[0])
    value = values[position]
    raise DataError(
        f"{label}: the target {value} at {list(position)} is not in a vocabulary of {vocab}; "
        f"if it marks a row without a target, say ignore index {value}"
    )
