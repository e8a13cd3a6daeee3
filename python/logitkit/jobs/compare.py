"""Compare two files of logits over the same tokens: what llama-perplexity prints, and more."""

import os
import time
from contextlib import ExitStack, closing
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from logitkit._arguments import as_ignore_index, as_pair, as_temperature, as_threads
from logitkit._compare_stats import compared
from logitkit._native import __version__
from logitkit.io import Column, DataError, LogitSource, join_logits, open_sink, read_targets
from logitkit.io.opening import Inputs
from logitkit.io.sink import output_suffix
from logitkit.jobs.blocks import Logits, Table, batches
from logitkit.jobs.comparison import Comparison, PairTally
from logitkit.jobs.parts import (
    check_resumable,
    described,
    finished_parts,
    kept_or_computed,
    scratch,
)
from logitkit.jobs.progress import progress_bar
from logitkit.jobs.rows import Bounds, selected
from logitkit.jobs.sparse_base import SparseBase, compare_rows, is_sparse
from logitkit.jobs.token_table import above_least, empty_table, index_names
from logitkit.threads import get_num_threads

_TARGET_COLUMNS: Final = {
    "base_log_prob": "p_log_prob", "log_prob": "q_log_prob", "delta_prob": "delta_prob",
}  # fmt: skip
_COLUMNS: Final = {
    "kl": "kl",
    "js": "js",
    "total_variation": "total_variation",
    "base_entropy": "p_entropy",
    "entropy": "q_entropy",
    "same_argmax": "same_argmax",
    "valid": "valid",
}
_SPARSE_COLUMNS: Final = [
    "kl_upper", "js_upper", "total_variation_upper", "base_entropy_upper", "base_tail_mass",
]  # fmt: skip


def compare(
    base: Inputs,
    other: Inputs,
    output: str | os.PathLike[str] | None = None,
    *,
    logits: str | None = None,
    targets: str | os.PathLike[str] | None = None,
    dtype: str | None = None,
    temperature: float = 1.0,
    ignore_index: int | None = None,
    rows: str | Bounds | None = None,
    shard: str | tuple[int, int] | None = None,
    resume: bool = False,
    threads: int | None = None,
    force: bool = False,
    progress: bool = False,
) -> Comparison:
    r"""Compare the logits of two models for the same tokens, from files.

    The files are read side by side, block by block, so they may be far larger than memory; for each
    token a few numbers are kept. Divergences are those of the other model from the base, of
    `logitkit.compare_stats`; everything is in nats.

    Parameters
    ----------
    base, other : str, PathLike, or sequence of them
        Files of logits, directories of them or patterns, as `logitkit.open_logits` takes them, of
        the same shape each in all. Element types may differ, and so may the files' lengths. The
        base may be a file of `logitkit.jobs.sparsify`, too.
    output : str or PathLike, optional
        A table with one row for each token; ``.parquet``, ``.arrow``, ``.csv``, ``.jsonl`` or
        ``.npz``. It appears whole or not at all.
    logits : str, optional
        The tensor with the logits, in both files. By default the tensor ``logits``, else the only
        tensor of 2 or 3 dimensions with a floating-point type.
    targets : str or PathLike, optional
        The target tokens: a tensor beside the base's logits, or a file (``.npy``,
        ``.safetensors``), or "none". By default the tensor ``targets`` beside the base's logits, if
        there is one. If the other file has such a tensor, too, it must be the same.
    dtype : {"float64", "float32", "float16", "bfloat16"}, optional
        What the bytes of the logits are, where a file holds raw bits.
    temperature : float, default 1.0
        Of both softmaxes; greater than 0.
    ignore_index : int, optional
        The target of rows that have none.
    rows : str or tuple, optional
        Only some rows: "a:b" or (a, b), counted from 0 through all inputs, b not included.
    shard : str or tuple, optional
        Only one of n shares of the rows: "i/n" or (i, n), 1 <= i <= n. Shares follow each other,
        and are all rows together.
    resume : bool, default False
        Keep finished parts beside the output, in ``OUTPUT.parts``, and continue from those that a
        run which was stopped has left. Asked for from the first run on. The output is the same to
        the byte, and then the parts go.
    threads : int, optional
        Number of threads. Default: as `logitkit.set_num_threads` or the environment say.
    force : bool, default False
        Replace the output if it exists.
    progress : bool, default False
        Show a bar on standard error if that is a terminal and tqdm is installed.

    Returns
    -------
    Comparison
        What the comparison comes to.

    Raises
    ------
    DataError
        If a file does not hold what it should, or the two do not fit. A `ValueError`.
    OSError
        If a file cannot be read or written, or the output exists and not `force`.
    TypeError, ValueError
        If an argument is not what it should be.
    ModuleNotFoundError
        If the output's format needs pyarrow, and it is not installed.

    Notes
    -----
    The table's columns: ``row``; ``sequence`` and ``position`` for logits of three dimensions
    (``index_0``, ``index_1``,... for more); with targets ``target``, ``base_log_prob``,
    ``log_prob`` and ``delta_prob``, the probability of the target in the other model less that in
    the base; ``kl``, ``js``, ``total_variation``, ``base_entropy``, ``entropy``, ``same_argmax``
    and ``valid``. Real columns are float64.

    A base may be a file of `logitkit.jobs.sparsify`. Then ``kl``, ``js``, ``total_variation`` and
    ``base_entropy`` are lower bounds (the entropy is exact where it was kept), and there are
    ``kl_upper``, ``js_upper``, ``total_variation_upper``, ``base_entropy_upper`` and
    ``base_tail_mass``, the mass that was left out; see `logitkit.jobs.sparse_base` for what they
    follow from. ``base_exact`` is False where ``base_log_prob`` is no more than an upper bound: for
    targets that were not kept. A ``.kld`` file says as little of tokens with its least code; for
    such a base there is that column, too.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from logitkit.jobs import compare
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = pathlib.Path(name)
    ...     np.save(folder / "base.npy", np.log([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]))
    ...     np.save(folder / "other.npy", np.log([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]))
    ...     np.save(folder / "targets.npy", np.array([0, 2]))
    ...     found = compare(
    ...         folder / "base.npy", folder / "other.npy", targets=folder / "targets.npy"
    ...     )
    >>> found.rows, found.same_argmax.value, round(found.kl.mean.value / float(np.log(2)), 12)
    (2, 0.5, 0.125)
    """
    began = time.perf_counter()
    # Refused here, before any work, as compare_stats would refuse them.
    as_temperature(temperature, ())
    ignore = as_ignore_index(ignore_index)
    workers = as_threads(threads) or get_num_threads()
    if output is not None:
        output = os.fspath(output)
        output_suffix(output)
        check_resumable(output, resume=resume, force=force)
    elif resume:
        raise ValueError("resume without an output; expected one, which parts are kept beside")
    second = join_logits(other, key=logits, dtype=dtype)
    first: LogitSource | SparseBase
    if is_sparse(base):
        if temperature != 1.0:
            raise ValueError(f"temperature={temperature} with a sparse base; expected 1")
        first = SparseBase.load(base)  # type: ignore[arg-type]
        sources, inputs = [second], [described(first), described(second)]
        score = partial(compare_rows, first, second, ignore)
    else:
        first = join_logits(base, key=logits, dtype=dtype)
        sources, inputs = [first, second], [described(first), described(second)]
        score = partial(_score, sources, temperature, ignore)
    _check_alike(first, second)
    tokens = _targets(first, second, targets, ignore)
    columns = _columns(
        second,
        with_targets=tokens is not None,
        sparse=isinstance(first, SparseBase),
        saturates=isinstance(first, LogitSource) and first.saturates,
    )
    (wanted,) = selected([second.row_count], rows, shard)
    tally = PairTally(
        second, wanted, [column.name for column in columns], with_targets=tokens is not None
    )
    row_bytes = sum(source.row_bytes for source in sources)
    nbytes = row_bytes * len(wanted)
    job = {
        "command": "compare",
        "version": __version__,
        "inputs": inputs,
        "targets": None if targets is None else os.fspath(targets),
        "options": {"temperature": float(temperature), "ignore_index": ignore},
        "rows": [wanted.start, wanted.stop],
    }

    def start(begin: int, end: int) -> Table:
        return empty_table(second, columns, tokens, begin, end)

    with ExitStack() as stack:
        write, store = None, None
        if output is not None:
            kept = finished_parts(output, job, resume=resume, force=force)
            store = stack.enter_context(kept)
            sink = open_sink(
                output, columns, len(wanted), force=force or resume, scratch=scratch(store)
            )
            write = stack.enter_context(sink)
        advance = stack.enter_context(progress_bar(nbytes, wanted=progress))
        compute = partial(batches, sources, start, score, workers, advance)
        work = kept_or_computed(compute, wanted, row_bytes, "pairs", store, advance)
        # Closed at once when writing fails: it holds threads.
        for batch in stack.enter_context(closing(work)):
            tally.add(batch)
            if write is not None:
                write(batch)
    seconds = time.perf_counter() - began
    return tally.comparison(
        base=first.name,
        other=second.name,
        output=output,
        seconds=seconds,
        gigabytes_per_second=nbytes / seconds / 1e9,
    )


def _score(
    sources: list[LogitSource],
    temperature: float,
    ignore_index: int | None,
    table: Table,
    rows: slice,
    logits: Logits,
    threads: int,
) -> None:
    bits = "bfloat16" if "bfloat16" in (source.bits for source in sources) else None
    base, other = logits
    p, q = as_pair(base, other, -1, bits)
    # In float64: the perplexities of nearly equal models differ in late digits.
    stats = compared(
        p,
        q,
        (temperature, temperature),
        table["target"][rows] if "target" in table else None,
        ignore_index,
        1.0,
        threads,
        wide=True,
    )
    for name, field in (_COLUMNS | _TARGET_COLUMNS).items():
        if name in table:
            table[name][rows] = getattr(stats, field)
    if "base_exact" in table:
        table["base_exact"][rows] = above_least(base, table["target"][rows])


def _columns(
    other: LogitSource, *, with_targets: bool, sparse: bool, saturates: bool
) -> tuple[Column, ...]:
    real = np.dtype(np.float64)
    statistics = [*(_TARGET_COLUMNS if with_targets else ()), *_COLUMNS]
    integers = ("row", *index_names(other), *(("target",) if with_targets else ()))
    flags = {"same_argmax", "valid", "base_exact"}
    if sparse:
        statistics += _SPARSE_COLUMNS
    if with_targets and (sparse or saturates):
        statistics.append("base_exact")
    return (
        *(Column(name, np.dtype(np.int64)) for name in integers),
        *(Column(name, np.dtype(np.bool_) if name in flags else real) for name in statistics),
    )


def _check_alike(base: LogitSource | SparseBase, other: LogitSource) -> None:
    shape = (*base.leading_shape, base.vocab)
    if shape != other.shape:
        raise DataError(
            f"{other.name} has logits of shape {other.shape}, {base.name} of {shape}; "
            "expected the logits of two models for the same tokens"
        )


def _targets(
    base: LogitSource | SparseBase,
    other: LogitSource,
    targets: str | os.PathLike[str] | None,
    ignore_index: int | None,
) -> NDArray[Any] | None:
    """Return the targets: those asked for, the base's, or the other's if the base is sparse."""
    if isinstance(base, SparseBase):
        if targets is not None:
            return read_targets(other, targets, ignore_index=ignore_index)
        tokens = base.targets(ignore_index)
        own = read_targets(other, None, ignore_index=ignore_index)
        if tokens is None:
            return own
    else:
        tokens = read_targets(base, targets, ignore_index=ignore_index)
        if tokens is None or targets is not None:
            return tokens
        own = read_targets(other, None, ignore_index=ignore_index)
    if own is not None and not np.array_equal(own, tokens):
        row = int(np.flatnonzero(own != tokens)[0])
        raise DataError(
            f"{other.name} has target {own[row]} in row {row}, the base has {tokens[row]}; "
            "expected the logits of two models for the same tokens (name the targets to use the "
            "base's)"
        )
    return tokens
