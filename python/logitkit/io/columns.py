"""The columns of a table, and their text form."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Batch: TypeAlias = Mapping[str, NDArray[Any]]
"""Some consecutive rows of a table: an array for each column, all of one length; that of a column
of lists has a second axis."""

WriteBatch: TypeAlias = Callable[[Batch], None]
"""What writes the next rows of a table."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
        Its name.
    dtype : numpy.dtype
        What its values are: integers, float32, float64 or bool.
    categories : tuple of str, optional
        The texts that its values stand for, if it is a column of texts: value i is
        ``categories[i]``.
    length : int, optional
        How many numbers each value has, if it is a column of lists.
    """

    name: str
    dtype: np.dtype[Any]
    categories: tuple[str, ...] | None = None
    length: int | None = None


def flat_columns(columns: Sequence[Column]) -> list[tuple[Column, Column, int | None]]:
    """Return the columns of a format without lists: one for each place of a list.

    Parameters
    ----------
    columns : sequence of Column
        The table's columns.

    Returns
    -------
    list of (Column, Column, int or None)
        The flat column, the table's that it is of, and its place there; None if that is no list.

    Examples
    --------
    >>> import numpy as np
    >>> from logitkit.io.columns import Column, flat_columns
    >>> table = [Column("row", np.dtype(int)), Column("top_ids", np.dtype(int), length=2)]
    >>> [flat.name for flat, column, place in flat_columns(table)]
    ['row', 'top_ids_0', 'top_ids_1']
    """
    flat: list[tuple[Column, Column, int | None]] = []
    for column in columns:
        if column.length is None:
            flat.append((column, column, None))
        for place in range(column.length or 0):
            flat.append((Column(f"{column.name}_{place}", column.dtype), column, place))
    return flat


def as_texts(column: Column, values: NDArray[Any]) -> list[str]:
    """Return the values as texts: "true" and "false", and the fewest digits that read back equal.

    Parameters
    ----------
    column : Column
        The column that the values belong to.
    values : ndarray
        Values of it.

    Returns
    -------
    list of str
        One text each; "nan", "inf" and "-inf" where there is no number.

    Examples
    --------
    >>> import numpy as np
    >>> from logitkit.io.columns import Column, as_texts
    >>> values = np.array([0.1, -np.inf, np.nan], np.float32)
    >>> as_texts(Column("entropy", values.dtype), values)
    ['0.1', '-inf', 'nan']
    """
    if column.categories is not None:
        return [column.categories[value] for value in values.tolist()]
    if values.dtype.kind == "b":
        values = np.where(values, "true", "false")
    return list(values.astype(str).tolist())
