"""Score files of logits: a table with one row for each token."""

import math
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from numpy.typing import NDArray

from logitkit._arguments import as_count, as_ignore_index, as_scale, as_temperature, as_threads
from logitkit._native import __version__
from logitkit.io import (
    DataError,
    LogitSource,
    expand_inputs,
    open_logits,
    open_sink,
    read_targets,
)
from logitkit.io.errors import display_name
from logitkit.io.sink import output_suffix
from logitkit.io.targets import NO_TARGETS, is_targets_file
from logitkit.jobs.parts import (
    Compute,
    check_resumable,
    described,
    finished_parts,
    kept_or_computed,
    scratch,
)
from logitkit.jobs.progress import progress_bar
from logitkit.jobs.rows import Bounds, selected
from logitkit.jobs.sparse_base import SparseBase, is_sparse
from logitkit.jobs.summary import ScoreSummary, Tally
from logitkit.jobs.token_table import (
    Options,
    real_dtype,
    sparse_batches,
    token_batches,
    token_columns,
)
from logitkit.threads import get_num_threads


def score(
    inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    logits: str | None = None,
    targets: str | os.PathLike[str] | None = None,
    dtype: str | None = None,
    temperature: float = 1.0,
    base: float | None = None,
    ignore_index: int | None = None,
    top_k: int | None = None,
    rows: str | Bounds | None = None,
    shard: str | tuple[int, int] | None = None,
    resume: bool = False,
    threads: int | None = None,
    force: bool = False,
    progress: bool = False,
) -> ScoreSummary:
    r"""Score files of logits and write a table with one row for each token.

    The files are read block by block, so they may be far larger than memory. The statistics are
    those of `logitkit.token_stats`, bit for bit.

    Parameters
    ----------
    inputs : str, PathLike, or iterable of them
        Files of logits, directories of them, or patterns (``shard-*.npy``), as
        `logitkit.open_logits` takes them. All must have the same vocabulary, element type and
        number of dimensions.
    output : str or PathLike
        The table; ``.parquet``, ``.arrow``, ``.csv``, ``.jsonl`` or ``.npz``. It appears whole or
        not at all.
    logits : str, optional
        The tensor with the logits. By default the tensor ``logits``, else the only tensor of 2 or
        3 dimensions with a floating-point type.
    targets : str or PathLike, optional
        The target tokens: a tensor beside the logits, or a file (``.npy``, ``.safetensors``) for a
        single input, or "none". By default the tensor ``targets`` beside the logits, if there is
        one. Integers, of the logits' shape without the vocabulary.
    dtype : {"float64", "float32", "float16", "bfloat16"}, optional
        What the bytes of the logits are, where the file holds raw bits.
    temperature : float, default 1.0
        Statistics are of softmax(logits / temperature); greater than 0.
    base : float, optional
        Base of the logarithm for ``entropy``, ``varentropy``, ``log_prob`` and ``top_log_probs``;
        greater than 1. Default: nats.
    ignore_index : int, optional
        The target of rows that have none.
    top_k : int, optional
        Also list the tokens with the k largest logits of each row, and their log-probabilities.
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
    ScoreSummary
        Means and quantiles over the table.

    Raises
    ------
    DataError
        If a file does not hold what it should. A `ValueError`.
    OSError
        If a file cannot be read or written, or the output exists and not `force`.
    TypeError, ValueError
        If an argument is not what it should be.
    ModuleNotFoundError
        If the output's format needs pyarrow, and it is not installed.

    Notes
    -----
    The table's columns: ``file``; ``row`` (within the file, through all leading axes);
    ``sequence`` and ``position`` for logits of three dimensions (``index_0``, ``index_1``,... for
    more); with targets ``target``, ``log_prob`` and ``rank``; ``entropy``, ``varentropy``,
    ``logsumexp``, ``max``, ``argmax``, ``max_prob``, ``valid``; with `top_k` ``top_ids`` and
    ``top_log_probs``, columns of lists, in CSV one column for each place (``top_ids_0``,
    ``top_ids_1``...), in an ``.npz`` file arrays with a row for each. Real columns are float32,
    float64 for float64 logits. See `logitkit.TokenStats` for what they mean.

    Inputs may be files of `logitkit.jobs.sparsify`, too, with the targets that are in them. Then
    ``entropy`` is a lower bound and ``entropy_upper`` an upper one, unless it was kept,
    ``varentropy`` is NaN, and ``tail_mass`` is what was left out; see `logitkit.jobs.sparse_base`.
    ``exact`` is False where ``log_prob`` is no more than an upper bound, and ``rank`` a lower one:
    for targets that were not kept. A ``.kld`` file says as little of tokens with its least code;
    its table has that column, too.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from logitkit.jobs import score
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = pathlib.Path(name)
    ...     np.save(folder / "logits.npy", np.log([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]))
    ...     np.save(folder / "targets.npy", np.array([0, 2]))
    ...     summary = score(
    ...         folder / "logits.npy", folder / "o.csv", targets=folder / "targets.npy", base=2
    ...     )
    ...     table = (folder / "o.csv").read_text()
    >>> table.splitlines()[0]
    'file,row,target,log_prob,rank,entropy,varentropy,logsumexp,max,argmax,max_prob,valid'
    >>> summary.rows, summary.scored_tokens, round(summary.mean_negative_log_prob, 12)
    (2, 2, 1.5)
    >>> round(summary.entropy_mean, 12), summary.top1_accuracy
    (1.5, 0.5)
    """
    began = time.perf_counter()
    output = os.fspath(output)
    output_suffix(output)
    options = _options(temperature, base, ignore_index, threads, top_k)
    paths = expand_inputs(inputs)
    if not paths:
        raise ValueError("no inputs are given")
    _check_not_input(output, paths if targets is None else [*paths, os.fspath(targets)])
    check_resumable(output, resume=resume, force=force)
    sources = [_opened(path, logits, dtype, options) for path in paths]
    _check_alike(sources)
    with_targets = _check_targets(sources, targets, ignore_index)
    first = sources[0]
    if options.top_k is not None and options.top_k > first.vocab:
        raise ValueError(
            f"top_k={options.top_k}; expected 1 <= top_k <= {first.vocab}, the vocabulary of "
            f"{first.name}"
        )

    names = list(dict.fromkeys(display_name(path) for path in paths))
    columns = token_columns(
        names,
        first,
        with_targets=with_targets,
        top_k=options.top_k,
        saturates=any(isinstance(s, LogitSource) and s.saturates for s in sources),
    )
    wanted = selected([source.row_count for source in sources], rows, shard)
    count = sum(map(len, wanted))
    nbytes = sum(s.row_bytes * len(some) for s, some in zip(sources, wanted, strict=True))
    tally = Tally(count, real_dtype(first))
    job = {
        "command": "score",
        "version": __version__,
        "inputs": [described(source) for source in sources],
        "targets": None if targets is None else os.fspath(targets),
        "options": asdict(replace(options, threads=0)),
        "rows": [[some.start, some.stop] for some in wanted],
    }
    with (
        finished_parts(output, job, resume=resume, force=force) as store,
        open_sink(
            output, columns, count, force=force or store is not None, scratch=scratch(store)
        ) as write,
        progress_bar(nbytes, wanted=progress) as advance,
    ):
        for number, (source, some) in enumerate(zip(sources, wanted, strict=True)):
            file = names.index(display_name(source.name))
            tokens = _targets(source, targets, ignore_index)
            compute: Compute
            if isinstance(source, SparseBase):
                compute = partial(sparse_batches, source, columns, file, tokens, options)
            else:
                compute = partial(token_batches, source, columns, file, tokens, options, advance)
            batches = kept_or_computed(
                compute, some, source.row_bytes, f"{number:06d}", store, advance
            )
            # Closed at once when writing fails: it holds threads.
            with closing(batches):
                for batch in batches:
                    tally.add(batch)
                    write(batch)
    seconds = time.perf_counter() - began
    return ScoreSummary(
        output=output,
        files=len(sources),
        vocab=first.vocab,
        dtype=first.dtype,
        base=options.base or math.e,
        seconds=seconds,
        gigabytes_per_second=nbytes / seconds / 1e9,
        **tally.fields(options.base or math.e, with_targets=with_targets),
    )


def _opened(
    path: str, key: str | None, dtype: str | None, options: Options
) -> LogitSource | SparseBase:
    if not is_sparse(path):
        return open_logits(path, key=key, dtype=dtype)
    if options.temperature != 1.0:
        raise ValueError(f"temperature={options.temperature} with the sparse {path}; expected 1")
    return SparseBase.load(path)


def _targets(
    source: LogitSource | SparseBase,
    targets: str | os.PathLike[str] | None,
    ignore_index: int | None,
) -> NDArray[Any] | None:
    if isinstance(source, LogitSource):
        return read_targets(source, targets, ignore_index=ignore_index)
    if targets not in (None, NO_TARGETS):
        raise ValueError(
            f"targets={os.fspath(targets or '')!r} for the sparse {source.name}; expected those "
            "that sparsify has put into it, or 'none'"
        )
    return source.targets(ignore_index) if targets is None else None


def _options(
    temperature: float,
    base: float | None,
    ignore_index: int | None,
    threads: int | None,
    top_k: int | None,
) -> Options:
    # Refused here, before any work, as token_stats would refuse them.
    as_temperature(temperature, ())
    as_scale(base)
    return Options(
        float(temperature),
        None if base is None else float(base),
        as_ignore_index(ignore_index),
        as_threads(threads) or get_num_threads(),
        None if top_k is None else as_count(top_k, None, "top_k"),
    )


def _check_not_input(output: str, inputs: Sequence[str]) -> None:
    for path in inputs:
        if os.path.exists(path) and os.path.exists(output) and os.path.samefile(path, output):
            raise ValueError(f"the output {output!r} is also an input")


def _check_alike(sources: Sequence[LogitSource | SparseBase]) -> None:
    def kind(source: LogitSource | SparseBase) -> str:
        axes = len(source.leading_shape) + 1
        what = "sparse rows" if isinstance(source, SparseBase) else source.dtype
        return f"{axes} dimensions of {what} and a vocabulary of {source.vocab}"

    for source in sources[1:]:
        if kind(source) != kind(sources[0]):
            raise DataError(
                f"{source.name} has {kind(source)}, {sources[0].name} has {kind(sources[0])}: "
                "score them in runs of their own"
            )


def _check_targets(
    sources: Sequence[LogitSource | SparseBase],
    targets: str | os.PathLike[str] | None,
    ignore_index: int | None,
) -> bool:
    first = sources[0]
    beside = targets is None or isinstance(first, SparseBase) or not is_targets_file(first, targets)
    if len(sources) > 1 and not beside:
        raise ValueError(
            f"one file of targets, {targets!s}, for {len(sources)} inputs: score them "
            "one by one, or name a tensor that stands beside the logits in each"
        )
    # All targets are looked at before the logits of the first file, which take far longer.
    found = [_targets(source, targets, ignore_index) is not None for source in sources]
    if any(found) and not all(found):
        raise DataError(
            f"{sources[found.index(True)].name} has targets, {sources[found.index(False)].name} "
            "has none: score them in runs of their own, or say targets 'none'"
        )
    return found[0]
