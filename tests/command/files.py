"""Files for the tests: written here byte by byte, so that they do not depend on what is tested."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

CODES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "uint8": "U8",
    "uint16": "U16",
    "uint64": "U64",
    "bool": "BOOL",
}
DTYPES: dict[str, Any] = {
    "float64": np.float64,
    "float32": np.float32,
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
}


def random_logits(*shape: int, dtype: str = "float32", seed: int = 0) -> NDArray[Any]:
    return (3 * np.random.default_rng(seed).standard_normal(shape)).astype(DTYPES[dtype])


def random_targets(*shape: int, vocab: int, seed: int = 1) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(vocab, size=shape)


def header(tensors: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    end = 0
    for name, array in tensors.items():
        begin, end = end, end + array.nbytes
        entries[name] = {
            "dtype": CODES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [begin, end],
        }
    return entries


def packed(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def write_safetensors(path: Path, **tensors: NDArray[Any]) -> Path:
    data = b"".join(np.ascontiguousarray(array).tobytes() for array in tensors.values())
    path.write_bytes(packed(header(tensors), data))
    return path


def write_npy(path: Path, array: NDArray[Any]) -> Path:
    np.save(path, array)
    return path


def write_sparse(path: Path, rows: int, vocab: int) -> Path:
    """Write a file of float32 zeros that takes no space on disk."""
    nbytes = 4 * rows * vocab
    entry = {"dtype": "F32", "shape": [rows, vocab], "data_offsets": [0, nbytes]}
    start = packed({"logits": entry})
    with open(path, "wb") as file:
        file.write(start)
        file.truncate(len(start) + nbytes)
    return path
