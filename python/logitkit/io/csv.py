"""Tables as CSV."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from logitkit.io.columns import Batch, Column, WriteBatch, as_texts, flat_columns


@contextmanager
def csv_writer(file: BinaryIO, columns: Sequence[Column], rows: int) -> Iterator[WriteBatch]:
    """Write CSV: a line of names, then a line for each row.

    Numbers have the fewest digits that read back equal; "nan", "inf" and "-inf" stand where there
    is none; truth values are "true" and "false". A column of lists becomes one column for each
    place: ``top_ids_0``, ``top_ids_1``... UTF-8, lines end with a line feed.

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
    flat = flat_columns(columns)

    def write(batch: Batch) -> None:
        texts = []
        for own, column, place in flat:
            values = batch[column.name]
            texts.append(as_texts(own, values if place is None else values[:, place]))
        file.write(_lines(zip(*texts, strict=True)))

    file.write(_lines([[own.name for own, _, _ in flat]]))
    yield write


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8")
