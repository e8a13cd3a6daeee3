"""Files of logits in every format, written with the library that its users have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np
import pyarrow
import pyarrow.ipc
import pyarrow.parquet
import zarr
from numpy.typing import NDArray

from ..command.files import write_npy, write_safetensors

Write = Callable[[Path, NDArray[Any], NDArray[Any]], Path]


def _bits(logits: NDArray[Any]) -> tuple[NDArray[Any], dict[bytes, bytes]]:
    """What Arrow holds of an array, and the metadata that says so."""
    if logits.dtype == ml_dtypes.bfloat16:
        return logits.view(np.uint16), {b"dtype": b"bfloat16"}
    return logits, {}


def fixed_size_lists(logits: NDArray[Any]) -> tuple[Any, dict[bytes, bytes]]:
    values, metadata = _bits(logits)
    flat = pyarrow.array(values.reshape(-1))
    return pyarrow.FixedSizeListArray.from_arrays(flat, values.shape[-1]), metadata


def lists(logits: NDArray[Any]) -> tuple[Any, dict[bytes, bytes]]:
    values, metadata = _bits(logits)
    ends = np.arange(0, values.size + 1, values.shape[-1], dtype=np.int32)
    return pyarrow.ListArray.from_arrays(ends, pyarrow.array(values.reshape(-1))), metadata


def tensors(logits: NDArray[Any]) -> tuple[Any, dict[bytes, bytes]]:
    values, metadata = _bits(logits)
    return pyarrow.FixedShapeTensorArray.from_numpy_ndarray(values), metadata


def _table(column: tuple[Any, dict[bytes, bytes]], targets: NDArray[Any]) -> Any:
    values, metadata = column
    schema = pyarrow.schema(
        [
            pyarrow.field("logits", values.type, metadata=metadata),
            pyarrow.field("targets", pyarrow.int64()),
        ]
    )
    return pyarrow.table([values, pyarrow.array(targets.reshape(-1))], schema=schema)


def _parquet(as_column: Any) -> Write:
    def write(path: Path, logits: NDArray[Any], targets: NDArray[Any]) -> Path:
        path = path.with_suffix(".parquet")
        pyarrow.parquet.write_table(_table(as_column(logits), targets), path, row_group_size=7)
        return path

    return write


def _arrow(as_column: Any, compression: str | None = None) -> Write:
    def write(path: Path, logits: NDArray[Any], targets: NDArray[Any]) -> Path:
        path = path.with_suffix(".arrow")
        table = _table(as_column(logits), targets)
        options = pyarrow.ipc.IpcWriteOptions(compression=compression)
        with pyarrow.ipc.new_file(path, table.schema, options=options) as writer:
            writer.write_table(table, max_chunksize=7)
        return path

    return write


def _hdf5(**options: Any) -> Write:
    def write(path: Path, logits: NDArray[Any], targets: NDArray[Any]) -> Path:
        path = path.with_suffix(".h5")
        values, metadata = _bits(logits)
        with h5py.File(path, "w") as file:
            dataset = file.create_dataset("logits", data=values, **options)
            if metadata:
                dataset.attrs["dtype"] = "bfloat16"
            file["targets"] = targets
        return path

    return write


def _zarr(**options: Any) -> Write:
    def write(path: Path, logits: NDArray[Any], targets: NDArray[Any]) -> Path:
        path = path.with_suffix(".zarr")
        values, metadata = _bits(logits)
        group = zarr.open_group(path, mode="w")
        array = group.create_array("logits", data=values, **options)
        if metadata:
            array.attrs["dtype"] = "bfloat16"
        group.create_array("targets", data=targets)
        return path

    return write


def _safetensors(path: Path, logits: NDArray[Any], targets: NDArray[Any]) -> Path:
    return write_safetensors(path.with_suffix(".safetensors"), logits=logits, targets=targets)


def _npy(path: Path, logits: NDArray[Any], targets: NDArray[Any]) -> Path:
    return write_npy(path.with_suffix(".npy"), logits)


FORMATS: dict[str, Write] = {
    "npy": _npy,
    "safetensors": _safetensors,
    "parquet of fixed-size lists": _parquet(fixed_size_lists),
    "parquet of lists": _parquet(lists),
    "parquet of tensors": _parquet(tensors),
    "arrow of fixed-size lists": _arrow(fixed_size_lists),
    "arrow of lists": _arrow(lists),
    "arrow of tensors": _arrow(tensors),
    "compressed arrow": _arrow(fixed_size_lists, "zstd"),
    "hdf5": _hdf5(),
    "chunked hdf5": _hdf5(chunks=(5, 10), compression="gzip"),
    "zarr": _zarr(chunks=(5, 13)),
    "sharded zarr": _zarr(chunks=(5, 13), shards=(10, 39)),
}
IN_PLACE = {
    "npy", "safetensors", "arrow of fixed-size lists", "arrow of lists", "arrow of tensors", "hdf5",
}  # fmt: skip
"""Those that are read where they lie, without decoding."""
