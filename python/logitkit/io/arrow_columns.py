"""Columns of Arrow tables as tensors: what a column's type says, and its values as an array.

Logits are columns of lists of one length: of the type fixed-size list, fixed-shape tensor, or list.
Arrow has no bfloat16: its bits are uint16, and the field's metadata says ``dtype: bfloat16``.
"""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from logitkit.io.errors import DataError
from logitkit.io.tensor import Tensor

DTYPE_KEY: Final = b"dtype"
"""The key of a field's metadata that says what its bits are."""

_NUMBERS: Final = (
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "halffloat", "float", "double",
)  # fmt: skip


def column_tensor(
    field: Any, records: int, length: int | None, kind: type[Tensor], **more: Any
) -> Tensor:
    """Return the tensor that a column is.

    Parameters
    ----------
    field : pyarrow.Field
        The column.
    records : int
        How many records there are.
    length : int or None
        The length of lists, where the type does not say it; None if there is none.
    kind : type
        The kind of tensor.
    **more
        What that kind needs besides.

    Returns
    -------
    Tensor
        Without a dtype if the column is none of numbers.
    """
    number, inner = _parts(field.type, length)
    shape = (records, *inner)
    if str(number) not in _NUMBERS:
        return kind(field.name, str(field.type), shape, 0, None, 0, **more)
    dtype = np.dtype(number.to_pandas_dtype())
    tensor = kind(
        field.name, dtype.name, shape, 0, dtype, math.prod(shape) * dtype.itemsize, **more
    )
    stated = (field.metadata or {}).get(DTYPE_KEY)
    if stated == b"bfloat16" and dtype == np.uint16:
        return tensor.reinterpret("bfloat16")
    return tensor


def needs_length(kind: Any) -> bool:
    """Return whether a type does not say how long its lists are."""
    import pyarrow

    return bool(pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind))


def _parts(kind: Any, length: int | None) -> tuple[Any, tuple[int, ...]]:
    """Return the type of the numbers, and the shape of a record."""
    import pyarrow

    if pyarrow.types.is_fixed_size_list(kind):
        return kind.value_type, (kind.list_size,)
    if needs_length(kind):
        return kind.value_type, (length or 0,)
    if isinstance(kind, pyarrow.FixedShapeTensorType):
        shape = tuple(kind.shape)
        if kind.permutation is None or list(kind.permutation) == list(range(len(shape))):
            return kind.value_type, shape
    return kind, ()


def column_values(array: Any, tensor: Tensor, path: str) -> NDArray[Any]:
    """Return some records of a column, of the tensor's dtype and the shape of its records.

    Raises
    ------
    DataError
        If there are nulls, or lists of another length.
    """
    label = f"{path}: column {tensor.name!r}"
    inner = tensor.shape[1:]
    records = len(array)
    if array.null_count:
        raise DataError(f"{label} has nulls; expected a number in every place")
    if hasattr(array, "storage"):
        array = array.storage
    if inner:
        lengths = array.value_lengths().to_numpy(zero_copy_only=False) if needs_length(
            array.type) else None  # fmt: skip
        if lengths is not None and (lengths != inner[0]).any():
            other = int(lengths[lengths != inner[0]][0])
            raise DataError(
                f"{label} has lists of {inner[0]} and of {other} numbers; expected the logits of "
                "one vocabulary"
            )
        array = array.flatten()
        if array.null_count:
            raise DataError(f"{label} has nulls; expected a number in every place")
    values = array.to_numpy(zero_copy_only=False)
    assert tensor.dtype is not None
    result: NDArray[Any] = np.asarray(values).view(tensor.dtype).reshape(records, *inner)
    return result
