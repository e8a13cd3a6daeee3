"""Columns of Arrow and Parquet files that hold no logits, or not only."""

from pathlib import Path
from typing import Any

import logitkit
import numpy as np
import pyarrow
import pyarrow.ipc
import pyarrow.parquet
import pytest
from logitkit.io import DataError

WRONG: dict[str, tuple[Any, str]] = {
    "ragged": (pyarrow.array([[1.0, 2.0], [3.0]]), "lists of 2 and of 1 numbers"),
    "null row": (pyarrow.array([[1.0, 2.0], None]), "has nulls"),
    "null row of fixed size": (
        pyarrow.array([[1.0, 2.0], None], pyarrow.list_(pyarrow.float32(), 2)),
        "has nulls",
    ),
    "null": (pyarrow.array([[1.0, 2.0], [3.0, None]]), "has nulls"),
    "integers": (pyarrow.array([[1, 2], [3, 4]]), "not of a floating-point type"),
    "texts": (pyarrow.array(["a", "b"]), "not of a floating-point type"),
    "lists of lists": (pyarrow.array([[[1.0]], [[2.0]]]), "not of a floating-point type"),
    "empty lists": (pyarrow.array([[], []], pyarrow.list_(pyarrow.float32())), "axis is empty"),
}


def write(path: Path, column: Any) -> None:
    table = pyarrow.table({"logits": column})
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(table, path)
    else:
        with pyarrow.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
@pytest.mark.parametrize("kind", WRONG)
def test_wrong_columns(kind: str, suffix: str, tmp_path: Path) -> None:
    column, expected = WRONG[kind]
    path = tmp_path / f"a{suffix}"
    write(path, column)
    with pytest.raises(DataError, match=expected) as error:
        logitkit.open_logits(path).rows(0, 2)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_slices_and_other_columns(suffix: str, tmp_path: Path) -> None:
    """Only the columns that are asked for are read, and from where they begin."""
    logits = np.arange(40, dtype=np.float32).reshape(10, 4)
    column = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(logits.reshape(-1)), 4)
    texts = pyarrow.array([f"row {i}" for i in range(10)])
    table = pyarrow.table({"text": texts, "scores": column}).slice(3, 5)
    path = tmp_path / f"a{suffix}"
    if suffix == ".parquet":
        pyarrow.parquet.write_table(table, path)
    else:
        with pyarrow.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    source = logitkit.open_logits(path)
    assert source.shape == (5, 4)
    np.testing.assert_array_equal(source.rows(0, 5), logits[3:8])
    np.testing.assert_array_equal(logitkit.open_logits(path, key="scores").rows(1, 3), logits[4:6])
