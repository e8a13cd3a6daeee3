"""Files of logits in one format to a file in another."""

import math
import os
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from logitkit._arguments import as_ignore_index
from logitkit.io import DataError, LogitSource, join_logits, read_targets, write_kld
from logitkit.io import kld as kld_format
from logitkit.io.atomic import check_output, file_size
from logitkit.io.elements import convert_elements
from logitkit.io.logit_sink import LogitsToWrite, logit_suffix, open_logit_sink
from logitkit.io.opening import Inputs
from logitkit.io.tensor import LOGIT_ELEMENTS
from logitkit.jobs.lines import aligned
from logitkit.jobs.progress import progress_bar
from logitkit.jobs.rows import Bounds, selected

# A row group of a Parquet file, a batch of an Arrow file.
_BLOCK_BYTES: Final = 1 << 25


@dataclass(frozen=True)
class ConvertSummary:
    """What was written; fields may be added, so use them by name.

    Attributes
    ----------
    output : str
        The file.
    shape : tuple of int
        The shape of the logits in it.
    dtype : str
        Their element type.
    targets : bool
        Whether there are targets beside them.
    input_bytes, output_bytes : int
        Size of the logits that were read, and of the output.
    seconds, gigabytes_per_second : float
        Time taken, and the size of the logits over it in 10^9 bytes a second.
    """

    output: str
    shape: tuple[int, ...]
    dtype: str
    targets: bool
    input_bytes: int
    output_bytes: int
    seconds: float
    gigabytes_per_second: float

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [
            ("output", self.output),
            ("shape", str(list(self.shape))),
            ("dtype", self.dtype),
            ("targets", "yes" if self.targets else "no"),
            ("size", f"{self.output_bytes} bytes"),
            ("time", f"{self.seconds:.3g} s, {self.gigabytes_per_second:.3g} GB/s"),
        ]
        return aligned(lines)


def convert(
    inputs: Inputs,
    output: str | os.PathLike[str],
    *,
    logits: str | None = None,
    targets: str | os.PathLike[str] | None = None,
    dtype: str | None = None,
    to_dtype: str | None = None,
    ignore_index: int | None = None,
    rows: str | Bounds | None = None,
    shard: str | tuple[int, int] | None = None,
    force: bool = False,
    progress: bool = False,
) -> ConvertSummary:
    r"""Convert files of logits to another format, and their targets with them.

    Bits stay what they are unless `to_dtype` says another element type. The inputs are read block
    by block, so they may be far larger than memory.

    Parameters
    ----------
    inputs : str, PathLike, or sequence of them
        Files of logits, directories of them or patterns, as `logitkit.open_logits` takes them: one
        source, and one output.
    output : str or PathLike
        ``.npy``, ``.safetensors``, ``.parquet``, ``.arrow``, ``.h5``, ``.hdf5``, ``.zarr`` or
        ``.kld``. It appears whole or not at all. A ``.npy`` file has no room for targets, and no
        bfloat16: its bits are there as uint16. A ``.kld`` file needs the tensor ``tokens`` beside
        the logits, and stores logits as codes of 16 bits, see `logitkit.io.write_kld`.
    logits : str, optional
        The tensor with the logits. By default the tensor ``logits``, else the only tensor of 2 or
        3 dimensions with a floating-point type.
    targets : str or PathLike, optional
        The target tokens: a tensor beside the logits, a file, or "none". By default the tensor
        ``targets`` beside the logits, if there is one.
    dtype : {"float64", "float32", "float16", "bfloat16"}, optional
        What the bytes of the logits are, where the file holds raw bits.
    to_dtype : {"float64", "float32", "float16", "bfloat16"}, optional
        The element type to write; rounded to nearest, ties to even. Default: as it is.
    ignore_index : int, optional
        The target of rows that have none.
    rows : str or tuple, optional
        Only some rows: "a:b" or (a, b), counted from 0 through all inputs, b not included. They
        then have one axis.
    shard : str or tuple, optional
        Only one of n shares of the rows: "i/n" or (i, n), 1 <= i <= n.
    force : bool, default False
        Replace the output if it exists.
    progress : bool, default False
        Show a bar on standard error if that is a terminal and tqdm is installed.

    Returns
    -------
    ConvertSummary
        What was written.

    Raises
    ------
    DataError
        If the inputs do not hold what they should. A `ValueError`.
    OSError
        If a file cannot be read or written, or the output exists and not `force`.
    ValueError
        If an argument is not what it should be.
    ModuleNotFoundError
        If a format needs a package that is not installed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import logitkit
    >>> import numpy as np
    >>> from logitkit.jobs import convert
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = pathlib.Path(name)
    ...     np.save(folder / "logits.npy", np.array([[2.0, 1.0], [0.5, 0.25]]))
    ...     written = convert(
    ...         folder / "logits.npy", folder / "logits.safetensors", to_dtype="bfloat16"
    ...     )
    ...     source = logitkit.open_logits(folder / "logits.safetensors")
    >>> written.shape, source.dtype
    ((2, 2), 'bfloat16')
    """
    began = time.perf_counter()
    path = os.fspath(output)
    suffix = logit_suffix(path, kld_format.SUFFIX)
    if to_dtype is not None and to_dtype not in LOGIT_ELEMENTS:
        raise ValueError(f"to_dtype={to_dtype!r}; expected one of {', '.join(LOGIT_ELEMENTS)}")
    if not os.path.isdir(path):
        check_output(path, force=force)
    source = join_logits(inputs, key=logits, dtype=dtype)
    (wanted,) = selected([source.row_count], rows, shard)
    whole = len(wanted) == source.row_count
    shape = source.shape if whole else (len(wanted), source.vocab)
    element = to_dtype or source.dtype
    blocks = _blocks(source, wanted, element)
    with progress_bar(source.row_bytes * len(wanted), wanted=progress) as advance:
        if suffix == kld_format.SUFFIX:
            if to_dtype not in (None, "float32") or not whole:
                raise ValueError("a .kld file has all rows of its chunks, and codes of its own")
            element = "float32"
            write_kld(path, _chunks(source, advance), _tokens(source), force=force)
            tokens: NDArray[Any] | None = None
        else:
            tokens = read_targets(source, targets, ignore_index=as_ignore_index(ignore_index))
            if tokens is not None and suffix == ".npy":
                tokens = None
                warnings.warn(
                    f"{path}: a .npy file holds one array, so the targets are left out",
                    stacklevel=2,
                )
            if tokens is not None:
                tokens = tokens[wanted.start : wanted.stop].reshape(shape[:-1])
            with open_logit_sink(path, LogitsToWrite(shape, element, tokens), force=force) as write:
                for block in blocks:
                    write(block)
                    advance(len(block) * source.row_bytes)
    seconds = time.perf_counter() - began
    nbytes = math.prod(shape) * (source.nbytes // max(1, math.prod(source.shape)))
    return ConvertSummary(
        output=path,
        shape=shape,
        dtype=element,
        targets=tokens is not None or suffix == kld_format.SUFFIX,
        input_bytes=nbytes,
        output_bytes=_size(path),
        seconds=seconds,
        gigabytes_per_second=nbytes / seconds / 1e9,
    )


def _blocks(source: LogitSource, rows: range, element: str) -> Iterator[NDArray[Any]]:
    step = max(1, min(len(rows), _BLOCK_BYTES // source.row_bytes))
    stored = LogitsToWrite(source.shape, element, None).stored
    buffer = np.empty(step * source.row_bytes, np.uint8)
    with source.reader() as reader:
        for start in range(rows.start, rows.stop, step):
            block = reader.read(start, min(start + step, rows.stop), buffer)
            yield convert_elements(block, source.dtype, element).astype(stored, copy=False)


def _chunks(source: LogitSource, advance: Any) -> Iterator[NDArray[Any]]:
    for chunk in range(source.shape[0]):
        rows = source.shape[1]
        found = source.rows(chunk * rows, (chunk + 1) * rows)
        yield convert_elements(found, source.dtype, "float32")
        advance(rows * source.row_bytes)


def _tokens(source: LogitSource) -> NDArray[Any]:
    found = []
    for part in source.parts:
        tensor = part.file.find("tokens")
        if len(part.tensor.shape) != 3 or tensor is None or len(tensor.shape) != 2:
            raise DataError(
                f"{part.file.path}: {part.tensor} cannot become a .kld file, which needs logits of "
                "shape (chunks, n_ctx - 1 - n_ctx // 2, vocab) and a tensor 'tokens' of shape "
                "(chunks, n_ctx) beside them; logitkit.io.write_kld takes arrays"
            )
        with part.file.home(tensor).open() as file:
            found.append(tensor.read(file))
    return np.concatenate(found)


def _size(path: str) -> int:
    if os.path.isdir(path):
        files = (os.path.join(where, name) for where, _, names in os.walk(path) for name in names)
        return sum(map(os.path.getsize, files))
    return file_size(path)
