"""Tables of scores, as the sinks write them, read back."""

import csv
import json
import os
import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from logitkit.io.arrow import import_pyarrow
from logitkit.io.corruption import corruption
from logitkit.io.errors import DataError
from logitkit.io.npz import read_arrays

ScoreTable: TypeAlias = dict[str, NDArray[Any]]

_LISTS: Final = ("top_ids", "top_log_probs")
_TEXTS: Final = ("file",)
_TRUTHS: Final = ("valid", "same_argmax", "exact", "base_exact")
_INTEGERS: Final = ("row", "sequence", "position", "target", "rank", "argmax", "top_ids")


def read_table(path: str | os.PathLike[str]) -> ScoreTable:
    """Read a table that ``logitkit score`` or ``logitkit compare`` has written.

    Parameters
    ----------
    path : str or PathLike
        ``.parquet``, ``.arrow``, ``.csv``, ``.jsonl`` or ``.npz``.

    Returns
    -------
    dict of str to ndarray
        The columns, each with an entry for each row; columns of lists have a second axis.

    Raises
    ------
    DataError
        If the suffix is another one, or there is no such table in the file.
    OSError
        If the file cannot be read.
    ModuleNotFoundError
        If the format needs pyarrow, and it is not installed.
    """
    path = os.fspath(path)
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in _READERS:
        raise DataError(f"{path}: unknown kind of table; known are {', '.join(_READERS)}")
    with corruption(path, suffix):
        table = _READERS[suffix](path)
        if "row" not in table or len({len(column) for column in table.values()}) != 1:
            raise DataError(f"{path}: no table of scores: it has no column 'row' like others")
        return table


def _read_parquet(path: str) -> ScoreTable:
    import_pyarrow(".parquet", reading=True)
    import pyarrow.parquet

    with corruption(path, ".parquet", pyarrow.ArrowException), open(path, "rb") as file:
        return _from_arrow(pyarrow.parquet.read_table(file))


def _read_arrow(path: str) -> ScoreTable:
    pyarrow = import_pyarrow(".arrow", reading=True)
    with (
        corruption(path, ".arrow", pyarrow.ArrowException),
        open(path, "rb") as stream,
        # Of memory: a thread of Arrow's would read the stream, and need the interpreter once more
        # to let go of what it got; if the process is ending by then, it is aborted.
        pyarrow.ipc.open_file(pyarrow.py_buffer(stream.read())) as file,
    ):
        return _from_arrow(file.read_all())


def _from_arrow(table: Any) -> ScoreTable:
    import pyarrow

    # Arrow takes lengths and offsets from a file on trust.
    table.validate(full=True)
    columns: ScoreTable = {}
    for name in table.column_names:
        column = pyarrow.concat_arrays(_plain(table[name]).chunks)
        if name in _TEXTS:
            columns[name] = np.array(column.to_pylist(), np.str_)
        elif name in _LISTS:
            columns[name] = column.flatten().to_numpy().reshape(len(column), -1)
        else:
            columns[name] = column.to_numpy(zero_copy_only=False)
    return columns


def _plain(column: Any) -> Any:
    """Return a column with at least one chunk, of texts instead of a dictionary's numbers."""
    import pyarrow

    if pyarrow.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column if column.num_chunks else pyarrow.chunked_array([pyarrow.array([], column.type)])


def _read_npz(path: str) -> ScoreTable:
    table = read_arrays(path)
    for name in _TEXTS:
        if f"{name}_names" in table:
            table[name] = table.pop(f"{name}_names")[table[name]]
    return table


def _read_csv(path: str) -> ScoreTable:
    with open(path, newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file)
    texts = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}
    flat = {name: _column(name, list(texts.get(name, ()))) for name in names}
    table: ScoreTable = {}
    for name, column in flat.items():
        match = re.fullmatch(r"(.+)_(\d+)", name)
        if match and match[1] in _LISTS:
            if match[1] not in table:
                places = [n for n in flat if re.fullmatch(match[1] + r"_\d+", n)]
                table[match[1]] = np.stack([flat[n] for n in places], axis=1)
        else:
            table[name] = column
    return table


def _read_jsonl(path: str) -> ScoreTable:
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    names = list(rows[0]) if rows else ["row"]
    table = {name: _column(name, [row[name] for row in rows]) for name in names}
    if "log_prob" in table:
        # JSON has no infinity; see `logitkit.io.jsonl`.
        infinite = np.isnan(table["log_prob"]) & table["valid"] & (table["rank"] > 0)
        table["log_prob"][infinite] = -np.inf
    return table


def _column(name: str, values: list[Any]) -> NDArray[Any]:
    base = re.sub(r"_\d+$", "", name)
    if name in _TEXTS:
        return np.array(values, np.str_)
    if name in _TRUTHS:
        return np.array([value in (True, "true") for value in values], np.bool_)
    if base in _INTEGERS or base == "index":
        return np.array(values, np.int64)
    if name in _LISTS:
        return np.array([[np.nan if v is None else v for v in row] for row in values], np.float64)
    return np.array([np.nan if value is None else value for value in values], np.float64)


_READERS: Final[dict[str, Callable[[str], ScoreTable]]] = {
    ".parquet": _read_parquet,
    ".arrow": _read_arrow,
    ".csv": _read_csv,
    ".jsonl": _read_jsonl,
    ".npz": _read_npz,
}

TABLE_SUFFIXES: Final = tuple(_READERS)
"""The formats of tables."""
