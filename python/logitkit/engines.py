"""Statistics for engines that hand rows around in batches: Ray Data, Spark, Daft, Dask and others.

None of them is imported here. What they have in common are two ways to hand over a batch: a dict of
NumPy arrays (Ray Data's `map_batches`), for which there is `RowScorer`, and an Arrow record batch
(Spark's `mapInArrow`, Daft, DuckDB, Polars), for which there is `score_arrow`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from logitkit._arguments import as_threads
from logitkit.stats import token_stats

Batch: TypeAlias = Mapping[str, NDArray[Any]]

_OF_ROWS: Final = (
    "entropy", "varentropy", "logsumexp", "max", "argmax", "max_prob", "valid",
)  # fmt: skip
_OF_TARGETS: Final = ("log_prob", "rank")


class RowScorer:
    """Adds statistics to batches of rows; can be pickled, and sent to where the rows are.

    Parameters
    ----------
    ops : iterable of str, optional
        Which statistics: "entropy", "varentropy", "logsumexp", "max", "argmax", "max_prob",
        "valid" and, with `targets`, "log_prob" and "rank", as `logitkit.token_stats` gives them.
        Default: all of them.
    column : str, default "logits"
        Where the logits are; that column is dropped from what comes out.
    targets : str, optional
        The column with the target token of each row.
    dtype : {None, "bfloat16"}
        "bfloat16" where the logits are its bits, as uint16.
    temperature : float, default 1.0
        Statistics are of softmax(logits / temperature).
    ignore_index : int, optional
        The target of rows that have none.
    threads : int, optional
        How many threads each batch may use; default: as `logitkit.set_num_threads` or the
        environment say. Engines that run a worker on every core want 1.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit
    >>> scorer = logitkit.RowScorer(["entropy", "rank"], targets="token", threads=1)
    >>> batch = {"id": np.arange(2), "logits": np.zeros((2, 4)), "token": np.array([1, 3])}
    >>> scorer(batch)["entropy"].round(4)
    array([1.3863, 1.3863])
    >>> sorted(scorer(batch))
    ['entropy', 'id', 'rank', 'token']
    """

    def __init__(
        self,
        ops: Iterable[str] | None = None,
        column: str = "logits",
        targets: str | None = None,
        dtype: Literal["bfloat16"] | None = None,
        *,
        temperature: float = 1.0,
        ignore_index: int | None = None,
        threads: int | None = None,
    ) -> None:
        known = (*_OF_ROWS, *(_OF_TARGETS if targets is not None else ()))
        if isinstance(ops, str):
            raise TypeError(f"ops={ops!r} is one string; expected a list of them: [{ops!r}]")
        self.ops = known if ops is None else tuple(ops)
        for name in self.ops:
            if name in _OF_TARGETS and targets is None:
                raise ValueError(f"ops has {name!r}, which needs targets: name their column")
            if name not in known:
                raise ValueError(f"ops has {name!r}; expected some of {', '.join(known)}")
        self.column = column
        self.targets = targets
        self.dtype = dtype
        self.temperature = temperature
        self.ignore_index = ignore_index
        self.threads = as_threads(threads)

    def __repr__(self) -> str:
        return f"RowScorer({list(self.ops)}, column={self.column!r}, targets={self.targets!r})"

    def __call__(self, batch: Batch) -> dict[str, NDArray[Any]]:
        """Return the columns of a batch without the logits, and the statistics.

        Parameters
        ----------
        batch : mapping of str to ndarray
            Columns; that of the logits of shape (rows, ..., vocab), or of dtype object with one
            array for each row.

        Returns
        -------
        dict of str to ndarray
            The other columns as they are, then the statistics.
        """
        if absent := [n for n in (self.column, self.targets) if n is not None and n not in batch]:
            raise KeyError(
                f"no column {absent[0]!r}; the batch has {', '.join(map(repr, batch)) or 'none'}"
            )
        logits = batch[self.column]
        if isinstance(logits, np.ndarray) and logits.dtype == object:
            # One array for each row, as engines have columns that they know no shape of.
            logits = np.stack([np.asarray(row) for row in logits]) if len(logits) else logits
        result = {name: column for name, column in batch.items() if name != self.column}
        if not len(logits):
            return result | {name: np.empty(0, _dtype(name)) for name in self.ops}
        stats = token_stats(
            logits,
            None if self.targets is None else batch[self.targets],
            temperature=self.temperature,
            ignore_index=self.ignore_index,
            dtype=self.dtype,
            threads=self.threads,
        )
        return result | {name: np.asarray(getattr(stats, name)) for name in self.ops}


def score_arrow(
    batch: Any,
    ops: Iterable[str] | None = None,
    column: str = "logits",
    targets: str | None = None,
    dtype: Literal["bfloat16"] | None = None,
    *,
    temperature: float = 1.0,
    ignore_index: int | None = None,
    threads: int | None = None,
) -> Any:
    """Add statistics to an Arrow record batch.

    Parameters
    ----------
    batch : pyarrow.RecordBatch
        With the logits as fixed-size lists or fixed-shape tensors of float16, float32, float64, or
        of uint16 for the bits of bfloat16; without nulls. They are read where they lie. Lists of
        any size are taken if all have the same.
    ops : iterable of str, optional
        Which statistics; see `RowScorer`.
    column : str, default "logits"
        Where the logits are; that column is dropped from what comes out.
    targets : str, optional
        The column with the target token of each row.
    dtype : {None, "bfloat16"}
        "bfloat16" where the logits are its bits, as uint16.
    temperature : float, default 1.0
        Statistics are of softmax(logits / temperature).
    ignore_index : int, optional
        The target of rows that have none.
    threads : int, optional
        How many threads to use; default: see `set_num_threads`.

    Returns
    -------
    pyarrow.RecordBatch
        The columns of `batch` without the logits, then the statistics.

    Raises
    ------
    TypeError, ValueError, KeyError
        If the logits are no such column, or as `logitkit.token_stats` does.

    Examples
    --------
    >>> import logitkit
    >>> import pyarrow as pa
    >>> rows = pa.array([[0.0, 0.0], [9.0, 0.0]], pa.list_(pa.float32(), 2))
    >>> batch = pa.record_batch({"id": pa.array([7, 8]), "logits": rows})
    >>> logitkit.score_arrow(batch, ["argmax", "valid"]).to_pydict()
    {'id': [7, 8], 'argmax': [0, 0], 'valid': [True, True]}
    """
    import pyarrow

    scorer = RowScorer(
        ops,
        column,
        targets,
        dtype,
        temperature=temperature,
        ignore_index=ignore_index,
        threads=threads,
    )
    names = batch.schema.names
    if column not in names:
        raise KeyError(f"no column {column!r}; the batch has {', '.join(map(repr, names))}")
    read = {column: _rows(batch.column(column), column)}
    if targets is not None and targets in names:
        read[targets] = batch.column(targets).to_numpy(zero_copy_only=False)
    scored = scorer(read)
    columns = {name: batch.column(name) for name in names if name != column}
    columns |= {name: pyarrow.array(scored[name]) for name in scorer.ops}
    return pyarrow.record_batch(columns)


def _rows(column: Any, name: str) -> NDArray[Any]:
    """View a column of lists as an array of rows."""
    import pyarrow

    if isinstance(column, pyarrow.ExtensionArray):
        column = column.storage
    if column.null_count:
        raise ValueError(f"column {name!r} has {column.null_count} nulls; expected logits in all")
    kind = column.type
    if pyarrow.types.is_fixed_size_list(kind):
        length = kind.list_size
    elif pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind):
        lengths = column.value_lengths().unique().to_pylist()
        if len(lengths) > 1:
            raise ValueError(f"column {name!r} has rows of {len(lengths)} lengths; expected one")
        length = lengths[0] if lengths else 0
    else:
        raise TypeError(f"column {name!r} is of type {kind}; expected lists of numbers")
    # What the lists hold of a column that is a slice of another, not all that there is.
    values = column.flatten()
    if values.null_count:
        raise ValueError(f"column {name!r} has nulls among its logits; expected numbers, or -inf")
    try:
        numbers: NDArray[Any] = values.to_numpy(zero_copy_only=True)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError):
        raise TypeError(
            f"column {name!r} is of type {kind}; expected lists of float16, float32, float64 or "
            "uint16"
        ) from None
    return numbers.reshape(len(column), length if len(column) else 1)


def _dtype(name: str) -> type:
    return {"valid": np.bool_, "argmax": np.int64, "rank": np.int64}.get(name, np.float32)
