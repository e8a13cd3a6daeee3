"""Tables as lines of JSON."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from logitkit.io.columns import Batch, Column, WriteBatch, as_texts


@contextmanager
def jsonl_writer(file: BinaryIO, columns: Sequence[Column], rows: int) -> Iterator[WriteBatch]:
    """Write one JSON object a line.

    Strict JSON knows no NaN and no infinity: they become null. Of a table of scores nothing is
    lost by that but the sign of an infinite logit: rows with ``valid`` false have no statistics;
    among the others a null ``log_prob`` with ``rank`` 0 has no target, and one with another rank
    is minus infinity. Columns of lists hold arrays.

    Parameters
    ----------
    file : binary file
        Where to.
    columns : sequence of Column
        The table's columns.
    rows : int
        How many rows will come; not needed here.

    Yields
    ------
    callable
        Writes the next rows.
    """
    names = (json.dumps(column.name, ensure_ascii=False) for column in columns)
    pairs = ", ".join(f"{name.replace('%', '%%')}: %s" for name in names)
    line = f"{{{pairs}}}\n"

    def write(batch: Batch) -> None:
        texts = [_as_json(column, batch[column.name]) for column in columns]
        file.write("".join(map(line.__mod__, zip(*texts, strict=True))).encode("utf-8"))

    yield write


def _as_json(column: Column, values: NDArray[Any]) -> list[str]:
    if column.categories is not None:
        texts = [json.dumps(text, ensure_ascii=False) for text in column.categories]
        return [texts[value] for value in values.tolist()]
    if column.length is not None:
        numbers = Column(column.name, column.dtype)
        items = [_as_json(numbers, values[:, place]) for place in range(column.length)]
        return [f"[{', '.join(row)}]" for row in zip(*items, strict=True)]
    texts = as_texts(column, values)
    if values.dtype.kind == "f":
        for place in np.flatnonzero(~np.isfinite(values)).tolist():
            texts[place] = "null"
    return texts
