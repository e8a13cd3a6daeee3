"""The target tokens that belong to the logits in a file."""

import os
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from logitkit.io.errors import DataError, quoted
from logitkit.io.source import LogitSource
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
    ndarray of an integer dtype, shape (source.rows,), or None
        The targets; None without.

    Raises
    ------
    DataError
        If there are no such targets, they are no integers, not of the logits' leading shape, or
        one is out of range.
    OSError
        If the file cannot be read.
    """
    file, tensor = _find(source, targets)
    if tensor is None:
        return None
    label = f"{file.path}: {tensor}"
    if tensor.dtype is None or tensor.dtype.kind not in "iu":
        raise DataError(f"{label} cannot be targets, which are integers")
    if tensor.shape != source.leading_shape:
        raise DataError(
            f"{label} cannot be the targets of logits of shape {list(source.shape)}, which need "
            f"the shape {list(source.leading_shape)}"
        )
    with file.open() as opened:
        values = tensor.read(opened)
    _check_range(values, source.vocab, ignore_index, label)
    return values.ravel()


def is_targets_file(source: LogitSource, targets: str | os.PathLike[str]) -> bool:
    """Return whether `targets` says a file rather than a tensor beside the logits."""
    targets = os.fspath(targets)
    return targets.lower().endswith(SUFFIXES) and source.file.find(targets) is None


def _find(
    source: LogitSource, targets: str | os.PathLike[str] | None
) -> tuple[TensorFile, Tensor | None]:
    file = source.file
    if targets is None:
        return file, file.find(DEFAULT_NAME)
    targets = os.fspath(targets)
    if targets == NO_TARGETS:
        return file, None
    if not is_targets_file(source, targets):
        tensor = file.find(targets)
        if tensor is None:
            raise DataError(
                f"{file.describe()}; {quoted(targets)} is none of them, nor a file of targets "
                f"({', '.join(SUFFIXES)})"
            )
        return file, tensor
    file = open_tensor_file(targets)
    tensor = file.tensors[0] if len(file.tensors) == 1 else file.find(DEFAULT_NAME)
    if tensor is None:
        raise DataError(
            f"{file.describe()}; targets are read from a tensor {DEFAULT_NAME!r} or from a file "
            "with one only"
        )
    return file, tensor


def _check_range(values: NDArray[Any], vocab: int, ignore_index: int | None, label: str) -> None:
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
