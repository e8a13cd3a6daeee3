"""The header of a safetensors file.

Eight bytes with the header's length (little-endian), the header (JSON: a name for each tensor
with ``dtype``, ``shape`` and ``data_offsets``, which count from the header's end), the data.
Source: the format section of https://github.com/huggingface/safetensors. Read here instead of
through its package because that copies each tensor into memory and knows no bfloat16 without
ml_dtypes.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from logitkit.io.errors import DataError, quoted
from logitkit.io.random_access import RandomAccessFile
from logitkit.io.tensor import Tensor, write_array

if TYPE_CHECKING:
    from logitkit.io.logit_sink import LogitsToWrite, WriteLogits

MAX_HEADER_BYTES: Final = 100_000_000
"""The format's own limit."""

_MAX_DIMENSIONS: Final = 64
_MAX_LENGTH: Final = 2**63 - 1

# The element's name here, how NumPy sees it, and its size in bits.
_DTYPES: Final[dict[str, tuple[str, str | None, int]]] = {
    "F64": ("float64", "<f8", 64),
    "F32": ("float32", "<f4", 32),
    "F16": ("float16", "<f2", 16),
    "BF16": ("bfloat16", "<u2", 16),
    "I64": ("int64", "<i8", 64),
    "I32": ("int32", "<i4", 32),
    "I16": ("int16", "<i2", 16),
    "I8": ("int8", "i1", 8),
    "U64": ("uint64", "<u8", 64),
    "U32": ("uint32", "<u4", 32),
    "U16": ("uint16", "<u2", 16),
    "U8": ("uint8", "u1", 8),
    "BOOL": ("bool", "?", 8),
    "C64": ("complex64", "<c8", 64),
    "F8_E8M0": ("float8_e8m0fnu", None, 8),
    "F8_E5M2": ("float8_e5m2", None, 8),
    "F8_E4M3": ("float8_e4m3fn", None, 8),
    "F8_E5M2FNUZ": ("float8_e5m2fnuz", None, 8),
    "F8_E4M3FNUZ": ("float8_e4m3fnuz", None, 8),
    "F6_E3M2": ("float6_e3m2fn", None, 6),
    "F6_E2M3": ("float6_e2m3fn", None, 6),
    "F4": ("float4_e2m1fn", None, 4),
}


def read_tensors(file: RandomAccessFile) -> dict[str, Tensor]:
    """Read and check the header of a safetensors file.

    Parameters
    ----------
    file : RandomAccessFile
        The file, open.

    Returns
    -------
    dict of str to Tensor
        The tensors in the order of the header.

    Raises
    ------
    DataError
        If the header is not sound. The data must be covered by the tensors without a gap or an
        overlap, as the format demands: what is not has been cut off or put together wrongly.
    """
    try:
        header, start = _read_header(file)
        tensors = {
            name: _tensor(name, entry, start)
            for name, entry in header.items()
            if name != "__metadata__"
        }
        _check_layout(tensors.values(), start, file.size)
    except DataError as error:
        raise DataError(f"{file.path}: not a sound safetensors file: {error}") from None
    return tensors


def _read_header(file: RandomAccessFile) -> tuple[dict[str, Any], int]:
    if file.size < 8:
        raise DataError(f"{file.size} bytes are too few for a header")
    length = int.from_bytes(file.read(8, 0), "little")
    if length > MAX_HEADER_BYTES:
        raise DataError(f"a header of {length} bytes, more than the allowed {MAX_HEADER_BYTES}")
    if 8 + length > file.size:
        raise DataError(f"a header of {length} bytes in a file of {file.size} bytes; truncated?")
    try:
        header = json.loads(
            file.read(length, 8).decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
        )
    except DataError:
        raise
    except (ValueError, RecursionError) as error:
        raise DataError(f"the header is not JSON: {error}") from None
    if not isinstance(header, dict):
        raise DataError("the header is not a JSON object")
    metadata = header.get("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise DataError("'__metadata__' does not map names to texts")
    return header, 8 + length


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise DataError(f"the name {quoted(twice)} stands twice in the header")
    return entries


def _refuse_constant(text: str) -> None:
    raise DataError(f"{text} in the header")


def _tensor(name: str, entry: object, start: int) -> Tensor:
    label = f"tensor {quoted(name)}"
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise DataError(f"{label} is not described by 'dtype', 'shape' and 'data_offsets'")
    code = entry["dtype"]
    if not isinstance(code, str) or code not in _DTYPES:
        raise DataError(f"{label} has the unknown dtype {quoted(code)}")
    element, dtype, bits = _DTYPES[code]
    shape = _lengths(entry["shape"], f"the shape of {label}")
    if len(shape) > _MAX_DIMENSIONS:
        raise DataError(f"{label} has {len(shape)} dimensions, more than {_MAX_DIMENSIONS}")
    offsets = _lengths(entry["data_offsets"], f"the data offsets of {label}")
    if len(offsets) != 2 or offsets[0] > offsets[1]:
        raise DataError(f"the data offsets of {label} are not a begin and an end: {offsets}")
    size = math.prod(shape)
    begin, end = offsets
    if size * bits != 8 * (end - begin):
        raise DataError(
            f"{label} of dtype {code} and shape {shape} takes {math.ceil(size * bits / 8)} bytes, "
            f"but its data offsets {offsets} span {end - begin}"
        )
    return Tensor(
        name=name,
        element=element,
        shape=tuple(shape),
        offset=start + begin,
        dtype=None if dtype is None else np.dtype(dtype),
        nbytes=end - begin,
    )


def _lengths(value: object, label: str) -> list[int]:
    # bool is an int to Python, but not to JSON.
    if not isinstance(value, list) or not all(
        type(length) is int and 0 <= length <= _MAX_LENGTH for length in value
    ):
        raise DataError(f"{label} is not a list of non-negative integers: {quoted(value)}")
    return value


def _check_layout(tensors: Any, start: int, file_size: int) -> None:
    end, last = start, "the header"
    for tensor in sorted(tensors, key=lambda tensor: (tensor.offset, tensor.nbytes)):
        label = f"tensor {quoted(tensor.name)}"
        if tensor.offset < end:
            raise DataError(f"{label} overlaps {last}")
        if tensor.offset > end:
            raise DataError(f"{tensor.offset - end} bytes between {last} and {label} are no one's")
        end, last = tensor.offset + tensor.nbytes, label
    if end > file_size:
        raise DataError(
            f"{last} ends at byte {end} of a file of {file_size} bytes; truncated? "
            f"{end - file_size} bytes are missing"
        )
    if end < file_size:
        raise DataError(f"{file_size - end} bytes after {last} are no one's")


def write_header(file: BinaryIO, arrays: Mapping[str, tuple[str, Sequence[int], int]]) -> None:
    """Write the header of a file whose arrays follow each other in this order.

    Parameters
    ----------
    file : binary file
        Where to.
    arrays : mapping
        For each array its element type, by the name here, its shape and its size in bytes.
    """
    codes = {element: code for code, (element, _, _) in _DTYPES.items()}
    header: dict[str, Any] = {}
    end = 0
    for name, (element, shape, nbytes) in arrays.items():
        begin, end = end, end + nbytes
        header[name] = {
            "dtype": codes[element],
            "shape": list(shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    # Data begin at a multiple of eight bytes.
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)


@contextmanager
def logits_writer(file: BinaryIO, what: "LogitsToWrite") -> Iterator["WriteLogits"]:
    """Write a safetensors file: ``targets`` if there are such, then ``logits`` as they come."""
    arrays: dict[str, tuple[str, Sequence[int], int]] = {}
    targets = None if what.targets is None else what.targets.astype("<i8")
    if targets is not None:
        arrays["targets"] = ("int64", targets.shape, targets.nbytes)
    arrays["logits"] = (what.element, what.shape, what.nbytes)
    write_header(file, arrays)
    if targets is not None:
        file.write(targets.tobytes())
    yield partial(write_array, file)
