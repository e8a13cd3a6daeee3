"""Full logits to the tokens that hold most of the mass: the form that distillation stores."""

import math
import os
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logitkit._arguments import as_threads
from logitkit._candidates import Candidates
from logitkit.filters import candidates
from logitkit.io import LogitSource, open_logits
from logitkit.io.atomic import check_output
from logitkit.io.candidates import check_format, save_candidates
from logitkit.jobs.blocks import Logits, Table, batches
from logitkit.jobs.progress import progress_bar
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
        share = self.output_bytes / self.input_bytes
        lines = [
            ("output", self.output),
            ("rows", f"{self.rows} of vocabulary {self.vocab}, {self.invalid_rows} invalid"),
            ("kept tokens", f"{self.kept}, {self.kept / max(self.rows, 1):.4g} of a row"),
            ("kept mass", f"{self.mass_mean:.6g} in the mean, {self.mass_min:.6g} at least"),
            ("size", f"{self.output_bytes} bytes, {share:.3%} of the logits"),
            ("time", f"{self.seconds:.3g} s, {self.gigabytes_per_second:.3g} GB/s"),
        ]
        width = max(len(label) for label, _ in lines)
        return "\n".join(f"{label:<{width}}  {value}" for label, value in lines)


def sparsify(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    top_n: int | None = None,
    top_p: float | None = None,
    keep_entropy: bool = False,
    logits: str | None = None,
    dtype: str | None = None,
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
    than memory; what is kept has to fit.

    Parameters
    ----------
    source : str or PathLike
        The file of logits (``.safetensors``, ``.npy``, ``.kld``).
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
    dtype : {"float64", "float32", "float16", "bfloat16"}, optional
        What the bytes of the logits are, where the file holds raw bits.
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
    check_output(path, force=force)
    opened = open_logits(source, name=logits, dtype=dtype)
    work = _Work(opened, steps, keep_entropy=keep_entropy)
    workers = as_threads(threads) or get_num_threads()
    with (
        progress_bar(opened.nbytes, wanted=progress) as advance,
        closing(batches([opened], work.start, work.score, workers, advance)) as tables,
    ):
        for _ in tables:
            pass
    kept = work.kept()
    parts = {name: getattr(kept, name) for name in Candidates.__slots__}
    extras = {"entropy": work.entropy.reshape(opened.leading_shape)} if keep_entropy else {}
    save_candidates(path, parts, force=force, extras=extras)
    seconds = time.perf_counter() - began
    mass = np.exp(np.asarray(kept.log_kept_mass, np.float64))[np.asarray(kept.valid)]
    return SparseSummary(
        output=path,
        rows=opened.rows,
        vocab=opened.vocab,
        invalid_rows=opened.rows - mass.size,
        kept=int(kept.ids.size),
        mass_mean=float(mass.mean()) if mass.size else math.nan,
        mass_min=float(mass.min()) if mass.size else math.nan,
        input_bytes=opened.nbytes,
        output_bytes=os.stat(path).st_size,
        seconds=seconds,
        gigabytes_per_second=opened.nbytes / seconds / 1e9,
    )


def _as_top_n(top_n: int) -> int:
    if isinstance(top_n, bool) or not isinstance(top_n, int | np.integer) or top_n < 1:
        raise ValueError(f"top_n={top_n!r}; expected an int >= 1")
    return int(top_n)


def _as_top_p(top_p: float) -> float:
    if not 0.0 < top_p < 1.0:
        raise ValueError(f"top_p={top_p!r}; expected a mass above 0 and below 1")
    return float(top_p)


class _Work:
    """Filters blocks, in whatever thread and order, and puts together what is left."""

    def __init__(self, source: LogitSource, steps: list[Step], *, keep_entropy: bool) -> None:
        self._source = source
        self._steps = steps
        self._keep_entropy = keep_entropy
        self._blocks: dict[int, Candidates] = {}
        real = np.float64 if source.dtype_name == "float64" else np.float32
        self.entropy: NDArray[Any] = np.empty(source.rows if keep_entropy else 0, real)

    def start(self, first: int, last: int) -> Table:
        return {"row": np.arange(first, last)}

    def score(self, table: Table, rows: slice, logits: Logits, threads: int) -> None:
        (block,) = logits
        own = table["row"][rows]
        options: dict[str, Any] = {"dtype": self._source.dtype, "threads": threads}
        # One assignment: of several threads none sees half of it.
        self._blocks[int(own[0])] = candidates(block, self._steps, on_invalid="mark", **options)
        if self._keep_entropy:
            self.entropy[own] = entropy(block, **options)

    def kept(self) -> Candidates:
        """Return what is left of all rows, in their order."""
        blocks = [self._blocks[first] for first in sorted(self._blocks)]
        leading = self._source.leading_shape
        counts = np.concatenate([np.diff(block.indptr) for block in blocks] or [np.empty(0, int)])
        nothing = candidates(np.zeros((0, 1), np.float32))
        joined = {
            name: np.concatenate([getattr(block, name) for block in blocks or [nothing]])
            for name in ("ids", "logits", "log_probs", "log_kept_mass", "valid")
        }
        return Candidates(
            indptr=np.concatenate([[0], counts.cumsum()]),
            ids=joined["ids"],
            logits=joined["logits"],
            log_probs=joined["log_probs"],
            log_kept_mass=joined["log_kept_mass"].reshape(leading)[()],
            valid=joined["valid"].reshape(leading)[()],
            vocab=self._source.vocab,
            axis=len(leading),
        )
