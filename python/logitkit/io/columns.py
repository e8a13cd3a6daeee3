"""The columns of a table, and their text form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Batch: TypeAlias = Mapping[str, NDArray[Any]]
"""Some consecutive rows of a table: an array for each column, all of one length."""

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
    """

    name: str
    dtype: np.dtype[Any]
    categories: tuple[str, ...] | None = None


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
