"""Tables as CSV."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from logitkit.io.columns import Batch, Column, WriteBatch, as_texts


@contextmanager
def csv_writer(file: BinaryIO, columns: Sequence[Column], rows: int) -> Iterator[WriteBatch]:
    """Write CSV: a line of names, then a line for each row.

    Numbers have the fewest digits that read back equal; "nan", "inf" and "-inf" stand where there
    is none; truth values are "true" and "false". UTF-8, lines end with a line feed.

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

    def write(batch: Batch) -> None:
        texts = [as_texts(column, batch[column.name]) for column in columns]
        file.write(_lines(zip(*texts, strict=True)))

    file.write(_lines([[column.name for column in columns]]))
    yield write


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8")
