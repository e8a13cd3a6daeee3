"""Files of candidates: what `logitkit.Candidates` is made of, by name."""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from logitkit.io.arrow import import_pyarrow
from logitkit.io.atomic import atomic_output
from logitkit.io.corruption import corruption
from logitkit.io.errors import DataError
from logitkit.io.npz import read_arrays
from logitkit.io.remote import is_url
from logitkit.io.safetensors import write_header
from logitkit.io.tensor_file import open_tensor_file

Parts: TypeAlias = dict[str, Any]

_LISTS: Final = ("ids", "logits", "log_probs")
_PER_ROW: Final = ("log_kept_mass", "valid")
_NUMBERS: Final = ("vocab", "axis")
_NAMES: Final = ("indptr", *_LISTS, *_PER_ROW, *_NUMBERS)
_EXTRAS: Final = ("logsumexp", "tail_mass", "entropy", "targets")
_KNOWN: Final = (*_NAMES, *_EXTRAS)

# Vocabularies up to this one have ids of 16 bits.
_NARROW: Final = 1 << 16
_METADATA: Final = b"logitkit.candidates"


def check_format(path: str | os.PathLike[str]) -> None:
    """Check that the suffix says one of the formats."""
    _format(path)


def save_candidates(
    path: str | os.PathLike[str],
    parts: Mapping[str, Any],
    *,
    force: bool,
    extras: Mapping[str, NDArray[Any]] | None = None,
    scratch: str | None = None,
) -> None:
    """Write the parts of candidates to a file that appears whole or not at all.

    `extras` are further arrays with a number for each row; `scratch` is a directory for temporary
    files, by default the output's.
    """
    write, _ = _format(path)
    parts = {name: parts[name] for name in _NAMES} | dict(extras or {})
    if parts["vocab"] <= _NARROW:
        parts["ids"] = parts["ids"].astype(np.uint16)
    arrays = {name: np.ascontiguousarray(part) for name, part in parts.items()}
    # NumPy makes an array of one dimension of what has none.
    arrays = {name: array.reshape(np.shape(parts[name])) for name, array in arrays.items()}
    with atomic_output(os.fspath(path), force=force, scratch=scratch) as file:
        write(file, arrays)


def is_candidates(path: str | os.PathLike[str]) -> bool:
    """Return whether a file has candidates rather than logits."""
    path = os.fspath(path)
    suffix = os.path.splitext(path)[1].lower()
    if is_url(path) or not os.path.isfile(path):
        return False
    if suffix == ".npz":
        return True
    if suffix == ".safetensors":
        names = {tensor.name for tensor in open_tensor_file(path).tensors}
        return set(_NAMES) <= names
    if suffix == ".parquet":
        import_pyarrow(".parquet", reading=True)
        import pyarrow.parquet

        with open(path, "rb") as file, corruption(path, ".parquet", pyarrow.ArrowException):
            return _METADATA in (pyarrow.parquet.read_schema(file).metadata or {})
    return False


def load_extras(path: str | os.PathLike[str]) -> tuple[Parts, Parts]:
    """Read the parts of candidates, and what `logitkit.jobs.sparsify` has put beside them."""
    _, read = _format(path)
    parts = read(os.fspath(path))
    extras: Parts = {name: parts.pop(name) for name in _EXTRAS if name in parts}
    found = _checked(path, parts)
    for name, array in extras.items():
        if array.shape != np.shape(found["valid"]):
            raise DataError(f"{os.fspath(path)}: {name} and valid of different shapes")
    return found, extras


def load_candidates(path: str | os.PathLike[str]) -> Parts:
    """Read the parts of candidates, and check that they fit each other."""
    _, read = _format(path)
    return _checked(path, read(os.fspath(path)))


def _checked(path: str | os.PathLike[str], parts: Parts) -> Parts:
    if "ids" in parts and parts["ids"].dtype == np.uint16:
        parts["ids"] = parts["ids"].astype(np.int32)
    if absent := [name for name in _NAMES if name not in parts]:
        hint = "; logits are read from .npy" if os.fspath(path).endswith(".npz") else ""
        raise DataError(f"{os.fspath(path)}: no candidates in it: {', '.join(absent)} absent{hint}")
    if wrong := _fault(parts):
        raise DataError(f"{os.fspath(path)}: not sound candidates: {wrong}")
    result: Parts = {name: parts[name][()] for name in _NAMES}
    result.update({name: int(parts[name]) for name in _NUMBERS})
    return result


def _format(path: str | os.PathLike[str]) -> tuple[Callable[..., None], Callable[[str], Parts]]:
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    if suffix not in _FORMATS:
        raise ValueError(
            f"the file's suffix says its format, and that of {os.fspath(path)!r} is none of "
            f"{', '.join(_FORMATS)}"
        )
    return _FORMATS[suffix]


def _fault(parts: Parts) -> str | None:
    """Say what keeps the parts from being candidates."""
    indptr, ids, valid = parts["indptr"], parts["ids"], parts["valid"]
    kinds = {"indptr": "int64", "ids": "int32", "valid": "bool"}
    for name, kind in kinds.items():
        if parts[name].dtype != kind:
            return f"{name} of dtype {parts[name].dtype}, not {kind}"
    for name in ("logits", "log_probs", "log_kept_mass"):
        if parts[name].dtype not in (np.float32, np.float64):
            return f"{name} of dtype {parts[name].dtype}"
    for name in _NUMBERS:
        if parts[name].shape or parts[name].dtype.kind != "i":
            return f"{name} is not one integer"
    if indptr.shape != (valid.size + 1,):
        return f"indptr of shape {indptr.shape} for {valid.size} rows"
    if parts["log_kept_mass"].shape != valid.shape:
        return "log_kept_mass and valid of different shapes"
    if any(parts[name].shape != (int(indptr[-1]),) for name in _LISTS):
        return "ids, logits and log_probs are not as long as indptr says"
    if indptr[0] or ((counts := np.diff(indptr)) < 0).any():
        return "indptr does not ascend from 0"
    if ((counts > 0) != valid.reshape(-1)).any():
        return "rows that are valid have candidates, others none"
    if ids.size and not 0 <= ids.min() <= ids.max() < parts["vocab"]:
        return f"a token outside a vocabulary of {parts['vocab']}"
    if not 0 <= parts["axis"] <= valid.ndim:
        return f"axis {parts['axis']} of {valid.ndim + 1}"
    return None


def _write_npz(file: BinaryIO, arrays: Mapping[str, NDArray[Any]]) -> None:
    np.savez(file, allow_pickle=False, **arrays)


def _read_npz(path: str) -> Parts:
    return {name: array for name, array in read_arrays(path).items() if name in _KNOWN}


def _write_safetensors(file: BinaryIO, arrays: Mapping[str, NDArray[Any]]) -> None:
    # The widest first, so that every array begins at a multiple of its element's size.
    ordered = sorted(arrays, key=lambda name: -arrays[name].itemsize)
    write_header(
        file,
        {n: (arrays[n].dtype.name, arrays[n].shape, arrays[n].nbytes) for n in ordered},
    )
    for name in ordered:
        array = arrays[name]
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        file.write(little.tobytes())


def _read_safetensors(path: str) -> Parts:
    held = open_tensor_file(path)
    parts: Parts = {}
    with held.open() as file:
        for tensor in held.tensors:
            if tensor.name in _KNOWN and tensor.dtype is not None:
                flat = np.frombuffer(file.read(tensor.nbytes, tensor.offset), tensor.dtype)
                native = flat.astype(tensor.dtype.newbyteorder("="))
                parts[str(tensor.name)] = native.reshape(tensor.shape)
    return parts


def _write_parquet(file: BinaryIO, arrays: Mapping[str, NDArray[Any]]) -> None:
    import_pyarrow(".parquet")
    import pyarrow.parquet

    offsets = pyarrow.array(arrays["indptr"])
    columns = {
        name: pyarrow.LargeListArray.from_arrays(offsets, pyarrow.array(arrays[name]))
        for name in _LISTS
    }
    per_row = [name for name in arrays if name not in (*_LISTS, *_NUMBERS, "indptr")]
    columns |= {name: pyarrow.array(arrays[name].reshape(-1)) for name in per_row}
    shape = {name: int(arrays[name]) for name in _NUMBERS}
    metadata = json.dumps(shape | {"leading": list(arrays["valid"].shape)})
    table = pyarrow.table(columns).replace_schema_metadata({_METADATA: metadata.encode()})
    pyarrow.parquet.write_table(table, file, compression="zstd")


def _read_parquet(path: str) -> Parts:
    import_pyarrow(".parquet")
    import pyarrow.parquet

    with open(path, "rb") as file, corruption(path, ".parquet", pyarrow.ArrowException):
        table = pyarrow.parquet.read_table(file).combine_chunks()
        if _METADATA not in (table.schema.metadata or {}):
            return {}
        shape = json.loads(table.schema.metadata[_METADATA])
        lists = {name: _only_chunk(table[name]) for name in _LISTS}
        parts: Parts = {name: each.flatten().to_numpy() for name, each in lists.items()}
        offsets = lists["ids"].offsets.to_numpy().astype(np.int64)
        # An empty column has no offsets; a slice of a longer one does not begin at 0.
        parts["indptr"] = offsets - offsets[0] if offsets.size else np.zeros(1, np.int64)
        for name in (*_PER_ROW, *(name for name in _EXTRAS if name in table.column_names)):
            values = table[name].to_numpy()
            parts[name] = values.reshape([int(length) for length in shape["leading"]])
        return parts | {name: np.array(int(shape[name])) for name in _NUMBERS}


def _only_chunk(column: Any) -> Any:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


_FORMATS: Final[dict[str, tuple[Callable[..., None], Callable[[str], Parts]]]] = {
    ".npz": (_write_npz, _read_npz),
    ".safetensors": (_write_safetensors, _read_safetensors),
    ".parquet": (_write_parquet, _read_parquet),
}
