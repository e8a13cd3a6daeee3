"""Columns of Arrow tables as tensors: what a column's type says, and its values as an array.

Logits are columns of lists of one length: of the type fixed-size list, fixed-shape tensor, or list.
Arrow has no bfloat16: its bits are uint16, and the field's metadata says ``dtype: bfloat16``.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from logitkit.io.arrow import closed, import_pyarrow
from logitkit.io.errors import DataError
from logitkit.io.groups import WholeGroups
from logitkit.io.tensor import Tensor

if TYPE_CHECKING:
    from logitkit.io.logit_sink import LogitsToWrite, WriteLogits

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
        if needs_length(array.type):
            lengths = array.value_lengths().to_numpy(zero_copy_only=False)
            if len(others := lengths[lengths != inner[0]]):
                raise DataError(
                    f"{label} has lists of {inner[0]} and of {others[0]} numbers; expected the "
                    "logits of one vocabulary"
                )
        array = array.flatten()
        if array.null_count:
            raise DataError(f"{label} has nulls; expected a number in every place")
    values = array.to_numpy(zero_copy_only=False)
    assert tensor.dtype is not None
    result: NDArray[Any] = np.asarray(values).view(tensor.dtype).reshape(records, *inner)
    return result


@contextmanager
def parquet_logits_writer(file: BinaryIO, what: "LogitsToWrite") -> Iterator["WriteLogits"]:
    """Write a Parquet file: a column of fixed-size lists, compressed with zstd, and targets."""
    import_pyarrow(".parquet")
    import pyarrow.parquet

    schema = _schema(what)
    # Logits hardly repeat: a dictionary would only take time.
    with closed(
        pyarrow.parquet.ParquetWriter(file, schema, compression="zstd", use_dictionary=False)
    ) as writer:
        yield _Batches(writer, schema, what).write


@contextmanager
def arrow_logits_writer(file: BinaryIO, what: "LogitsToWrite") -> Iterator["WriteLogits"]:
    """Write an Arrow IPC file: a column of fixed-size lists, as they are, and targets."""
    pyarrow = import_pyarrow(".arrow")
    schema = _schema(what)
    with closed(pyarrow.ipc.new_file(file, schema)) as writer:
        yield _Batches(writer, schema, what).write


def _schema(what: "LogitsToWrite") -> Any:
    import pyarrow

    bits = {DTYPE_KEY: b"bfloat16"} if what.element == "bfloat16" else None
    inner = what.shape[1:]
    if len(inner) > 1:
        kind = pyarrow.fixed_shape_tensor(pyarrow.from_numpy_dtype(what.stored), inner)
    elif len(inner) == 1:
        kind = pyarrow.list_(pyarrow.from_numpy_dtype(what.stored), inner[0])
    else:
        raise ValueError("a single row of logits without another axis; expected a table of them")
    fields = [pyarrow.field("logits", kind, metadata=bits)]
    if what.targets is not None:
        targets = pyarrow.int64()
        for length in what.targets.shape[:0:-1]:
            targets = pyarrow.list_(targets, length)
        fields.append(pyarrow.field("targets", targets))
    return pyarrow.schema(fields)


class _Batches:
    """Writes rows as record batches, whole records each, with their targets."""

    def __init__(self, writer: Any, schema: Any, what: "LogitsToWrite") -> None:
        self._writer = writer
        self._schema = schema
        self._targets = what.targets
        self._inner = math.prod(what.shape[1:-1])
        self._record = 0
        self.write = WholeGroups(self._inner, self._write).add

    def _write(self, rows: NDArray[Any]) -> None:
        import pyarrow

        count = len(rows) // self._inner
        columns = [_nested(rows.reshape(-1), self._schema.field("logits").type)]
        if self._targets is not None:
            some = self._targets[self._record : self._record + count].reshape(-1)
            columns.append(_nested(some.astype(np.int64), self._schema.field("targets").type))
        self._writer.write_batch(pyarrow.RecordBatch.from_arrays(columns, schema=self._schema))
        self._record += count


def _nested(values: NDArray[Any], kind: Any) -> Any:
    import pyarrow

    if isinstance(kind, pyarrow.FixedShapeTensorType):
        return pyarrow.ExtensionArray.from_storage(kind, _nested(values, kind.storage_type))
    if pyarrow.types.is_fixed_size_list(kind):
        return pyarrow.FixedSizeListArray.from_arrays(_nested(values, kind.value_type), type=kind)
    return pyarrow.array(values)
