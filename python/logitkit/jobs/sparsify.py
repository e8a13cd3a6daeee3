"""Full logits to the tokens that hold most of the mass: the form that distillation stores."""

import math
import os
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from logitkit._arguments import as_ignore_index, as_threads
from logitkit._candidates import Candidates
from logitkit._native import __version__
from logitkit.filters import candidates
from logitkit.io import LogitSource, join_logits, read_targets
from logitkit.io.atomic import file_size
from logitkit.io.candidates import check_format, save_candidates
from logitkit.io.opening import Inputs
from logitkit.jobs.blocks import Logits, Table, batches
from logitkit.jobs.lines import aligned
from logitkit.jobs.parts import (
    check_resumable,
    described,
    finished_parts,
    kept_or_computed,
    scratch,
)
from logitkit.jobs.progress import progress_bar
from logitkit.jobs.rows import Bounds, selected
from logitkit.stats import entropy
from logitkit.steps import Step, TopK, TopP
from logitkit.threads import get_num_threads


@dataclass(frozen=True)
class SparseSummary:
    """What became of a file of logits; fields may be added, so use them by name.

    Attributes
    ----------
    output : str
        The file.
    rows, vocab : int
        Number of rows, and their length.
    invalid_rows : int
        Rows with a NaN, +inf or nothing finite, of which nothing is kept.
    kept : int
        Tokens in all.
    mass_mean, mass_min : float
        Mass of the kept tokens of a row.
    input_bytes, output_bytes : int
        Size of the logits, and of the output.
    seconds, gigabytes_per_second : float
        Time taken, and the size of the logits over it in 10^9 bytes a second.
    """

    output: str
    rows: int
    vocab: int
    invalid_rows: int
    kept: int
    mass_mean: float
    mass_min: float
    input_bytes: int
    output_bytes: int
    seconds: float
    gigabytes_per_second: float

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON: numbers that are not finite are None."""
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(self).items()
        }

    def __str__(self) -> str:
        share = self.output_bytes / max(1, self.input_bytes)
        lines = [
            ("output", self.output),
            ("rows", f"{self.rows} of vocabulary {self.vocab}, {self.invalid_rows} invalid"),
            ("kept tokens", f"{self.kept}, {self.kept / max(self.rows, 1):.4g} of a row"),
            ("kept mass", f"{self.mass_mean:.6g} in the mean, {self.mass_min:.6g} at least"),
            ("size", f"{self.output_bytes} bytes, {share:.3%} of the logits"),
            ("time", f"{self.seconds:.3g} s, {self.gigabytes_per_second:.3g} GB/s"),
        ]
        return aligned(lines)


def sparsify(
    inputs: Inputs,
    output: str | os.PathLike[str],
    *,
    top_n: int | None = None,
    top_p: float | None = None,
    keep_entropy: bool = False,
    logits: str | None = None,
    targets: str | os.PathLike[str] | None = None,
    ignore_index: int | None = None,
    dtype: str | None = None,
    rows: str | Bounds | None = None,
    shard: str | tuple[int, int] | None = None,
    resume: bool = False,
    threads: int | None = None,
    force: bool = False,
    progress: bool = False,
) -> SparseSummary:
    r"""Keep the largest logits of each row, and what they leave out.

    What is kept of a row are the tokens of `logitkit.candidates`, with their logits and
    log-probabilities, and the logarithm of the mass that they have among all tokens. So nothing of
    the distribution is lost but how the rest, :math:`1 - e^{m}` with m that logarithm, is shared
    out: ``log_probs + log_kept_mass`` are the log-probabilities under all tokens, and a logit less
    its log-probability is the log-sum-exp. The file is read block by block, so it may be far larger
    than memory; what is kept has to fit. Besides the candidates the output has, for each row, the
    ``logsumexp`` of all its logits and the ``tail_mass`` of what is left out. `logitkit.jobs.score`
    and `logitkit.jobs.compare` take it in place of the logits, with bounds for what is not known.

    Parameters
    ----------
    inputs : str, PathLike, or sequence of them
        Files of logits, directories of them or patterns, as `logitkit.open_logits` takes them: one
        source.
    output : str or PathLike
        ``.npz``, ``.safetensors`` or ``.parquet``, for `logitkit.Candidates.load`. It appears whole
        or not at all. Token ids are 16 bits wide where the vocabulary allows.
    top_n : int, optional
        Keep so many tokens of each row.
    top_p : float, optional
        Keep the tokens that hold this mass. One of the two is needed; with both, tokens have to be
        among both.
    keep_entropy : bool, default False
        Also keep the entropy of each full row, in nats, as ``entropy``.
    logits : str, optional
        The tensor with the logits. By default the tensor ``logits``, else the only tensor of 2 or
        3 dimensions with a floating-point type.
    targets : str or PathLike, optional
        The target tokens, which are kept as ``targets``: a tensor beside the logits, a file, or
        "none". By default the tensor ``targets`` beside the logits, if there is one.
    ignore_index : int, optional
        The target of rows that have none.
    dtype : {"float64", "float32", "float16", "bfloat16"}, optional
        What the bytes of the logits are, where the file holds raw bits.
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
    SparseSummary
        How much was kept.

    Raises
    ------
    DataError
        If the file does not hold what it should. A `ValueError`.
    OSError
        If a file cannot be read or written, or the output exists and not `force`.
    TypeError, ValueError
        If an argument is not what it should be.
    ModuleNotFoundError
        If the output's format needs pyarrow, and it is not installed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import logitkit
    >>> import numpy as np
    >>> from logitkit.jobs import sparsify
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = pathlib.Path(name)
    ...     np.save(folder / "logits.npy", np.log([[0.5, 0.25, 0.125, 0.125]]))
    ...     summary = sparsify(folder / "logits.npy", folder / "top.npz", top_n=2)
    ...     kept = logitkit.Candidates.load(folder / "top.npz")
    >>> summary.kept, round(summary.mass_mean, 12)
    (2, 0.75)
    >>> np.exp(kept.log_probs + kept.log_kept_mass).round(12)
    array([0.5 , 0.25])
    """
    began = time.perf_counter()
    if top_n is None and top_p is None:
        raise ValueError("neither top_n nor top_p is given; expected one of them")
    steps: list[Step] = [] if top_n is None else [TopK(_as_top_n(top_n))]
    steps += [] if top_p is None else [TopP(_as_top_p(top_p))]
    path = os.fspath(output)
    check_format(path)
    check_resumable(path, resume=resume, force=force)
    source = join_logits(inputs, key=logits, dtype=dtype)
    (wanted,) = selected([source.row_count], rows, shard)
    leading = source.leading_shape if len(wanted) == source.row_count else (len(wanted),)
    tokens = read_targets(source, targets, ignore_index=as_ignore_index(ignore_index))
    tokens = None if tokens is None else tokens[wanted.start : wanted.stop]
    workers = as_threads(threads) or get_num_threads()
    job = {
        "command": "sparsify",
        "version": __version__,
        "inputs": described(source),
        "options": {"top_n": top_n, "top_p": top_p, "keep_entropy": keep_entropy},
        "rows": [wanted.start, wanted.stop],
    }
    with (
        finished_parts(path, job, resume=resume, force=force) as store,
        progress_bar(source.row_bytes * len(wanted), wanted=progress) as advance,
    ):
        compute = partial(_kept, source, steps, workers, advance, keep_entropy=keep_entropy)
        tables = kept_or_computed(compute, wanted, source.row_bytes, "rows", store, advance)
        with closing(tables):
            parts = _joined(list(tables), source, leading)
        save_candidates(
            path,
            {name: parts[name] for name in Candidates.__slots__},
            force=force or resume,
            extras=_extras(parts, tokens, leading, keep_entropy=keep_entropy),
            scratch=scratch(store),
        )
    seconds = time.perf_counter() - began
    mass = np.exp(parts["log_kept_mass"].astype(np.float64))[parts["valid"]]
    nbytes = source.nbytes // max(1, source.row_count) * len(wanted)
    return SparseSummary(
        output=path,
        rows=len(wanted),
        vocab=source.vocab,
        invalid_rows=len(wanted) - mass.size,
        kept=int(parts["ids"].size),
        mass_mean=float(mass.mean()) if mass.size else math.nan,
        mass_min=float(mass.min()) if mass.size else math.nan,
        input_bytes=nbytes,
        output_bytes=file_size(path),
        seconds=seconds,
        gigabytes_per_second=nbytes / seconds / 1e9,
    )


def _as_top_n(top_n: int) -> int:
    if isinstance(top_n, bool) or not isinstance(top_n, int | np.integer) or top_n < 1:
        raise ValueError(f"top_n={top_n!r}; expected an int >= 1")
    return int(top_n)


def _as_top_p(top_p: float) -> float:
    if not 0.0 < top_p < 1.0:
        raise ValueError(f"top_p={top_p!r}; expected a mass above 0 and below 1")
    return float(top_p)


def _extras(
    parts: Table, tokens: NDArray[Any] | None, leading: tuple[int, ...], *, keep_entropy: bool
) -> dict[str, NDArray[Any]]:
    """Return what is kept of each row besides its candidates."""
    valid, mass = parts["valid"], parts["log_kept_mass"]
    lse = np.full(valid.shape, np.nan, mass.dtype)
    firsts = parts["indptr"][:-1][valid.reshape(-1)]
    # In float64: a sum of the three in float32 would have three roundings.
    logit, log_prob = (parts[name][firsts].astype(np.float64) for name in ("logits", "log_probs"))
    lse[valid] = logit - log_prob - mass[valid]
    extras = {"logsumexp": lse, "tail_mass": np.maximum(-np.expm1(mass), 0)}
    if keep_entropy:
        extras["entropy"] = parts["entropy"]
    if tokens is not None:
        extras["targets"] = tokens.astype(np.int64).reshape(leading)
    return extras


_LISTS: Final = ("ids", "logits", "log_probs")
_PER_ROW: Final = ("counts", "log_kept_mass", "valid")


def _kept(
    source: LogitSource,
    steps: list[Step],
    threads: int,
    advance: Callable[[int], object],
    rows: range,
    *,
    keep_entropy: bool,
) -> Generator[Table, None, None]:
    """Filter rows; yield what is kept of `BATCH_ROWS` of them, and how much of each."""
    blocks: dict[int, Table] = {}

    def start(first: int, last: int) -> Table:
        return {"row": np.arange(first, last)}

    # Blocks are filtered by several threads, in no order.
    def score(table: Table, some: slice, logits: Logits, threads: int) -> None:
        options: dict[str, Any] = {"dtype": source.bits, "threads": threads}
        kept = candidates(logits[0], steps, on_invalid="mark", **options)
        block = {name: getattr(kept, name) for name in (*_LISTS, *_PER_ROW[1:])}
        block["counts"] = np.diff(kept.indptr)
        if keep_entropy:
            block["entropy"] = entropy(logits[0], **options)
        # One assignment: no thread sees half of it.
        blocks[int(table["row"][some][0])] = block

    for table in batches([source], start, score, threads, advance, rows):
        firsts = sorted(first for first in blocks if first <= table["row"][-1])
        done = [blocks.pop(first) for first in firsts]
        yield {name: np.concatenate([block[name] for block in done]) for name in done[0]}


def _joined(tables: list[Table], source: LogitSource, leading: tuple[int, ...]) -> Table:
    """Put together what is kept of all rows: what `logitkit.Candidates` is made of."""
    real = np.float64 if source.dtype == "float64" else np.float32
    nothing = {name: np.empty(0, real) for name in (*_LISTS, *_PER_ROW, "entropy")} | {
        "ids": np.empty(0, np.int32), "counts": np.empty(0, np.int64), "valid": np.empty(0, bool)
    }  # fmt: skip
    tables = tables or [nothing]
    parts = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    per_row: dict[str, Any] = {
        name: parts[name].reshape(leading) for name in ("log_kept_mass", "valid", "entropy")
        if name in parts
    }  # fmt: skip
    ends = np.concatenate([np.zeros(1, np.int64), parts.pop("counts").cumsum()])
    about: dict[str, Any] = {"indptr": ends, "vocab": source.vocab, "axis": len(leading)}
    return {**parts, **per_row, **about}
