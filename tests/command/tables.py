"""Reads the tables that the command writes, each with the reader that its users have."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.ipc
import pyarrow.parquet
from numpy.typing import NDArray

SUFFIXES = (".parquet", ".arrow", ".csv", ".jsonl", ".npz")

_LISTS = {"top_ids", "top_log_probs"}
_INTEGERS = {"row", "sequence", "position", "target", "rank", "argmax"}


def read_table(path: Path) -> dict[str, NDArray[Any]]:
    return {
        ".parquet": _read_parquet,
        ".arrow": _read_arrow,
        ".csv": _read_csv,
        ".jsonl": _read_jsonl,
        ".npz": _read_npz,
    }[path.suffix](path)


def _read_parquet(path: Path) -> dict[str, NDArray[Any]]:
    return _from_arrow(pyarrow.parquet.read_table(path))


def _read_arrow(path: Path) -> dict[str, NDArray[Any]]:
    with pyarrow.ipc.open_file(path) as file:
        return _from_arrow(file.read_all())


def _from_arrow(table: Any) -> dict[str, NDArray[Any]]:
    return {
        name: np.array(column.to_pylist()) if name in {"file", *_LISTS} else column.to_numpy()
        for name, column in zip(table.column_names, table.columns, strict=True)
    }


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path) as archive:
        table = dict(archive)
    names = table.pop("file_names")
    return table | {"file": names[table["file"]]}


def _read_csv(path: Path) -> dict[str, NDArray[Any]]:
    with open(path, newline="", encoding="utf-8") as file:
        return _from_rows(list(csv.DictReader(file)))


def _read_jsonl(path: Path) -> dict[str, NDArray[Any]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return _from_rows([json.loads(line, parse_constant=_refuse) for line in lines])


def _refuse(text: str) -> None:
    raise AssertionError(f"{text} is not JSON")


def _from_rows(rows: list[dict[str, Any]]) -> dict[str, NDArray[Any]]:
    table = {name: [row[name] for row in rows] for name in rows[0]}
    return {name: _as_column(name, values) for name, values in table.items()}


def _as_column(name: str, values: list[Any]) -> NDArray[Any]:
    if name == "file":
        return np.array(values)
    if name in ("valid", "same_argmax", "exact", "base_exact"):
        return np.array([value in (True, "true") for value in values])
    if name in _LISTS:
        return np.array(values, np.float64)
    if name in _INTEGERS or name.startswith("index_"):
        return np.array([int(value) for value in values])
    return np.array([np.nan if value is None else value for value in values], np.float64)
