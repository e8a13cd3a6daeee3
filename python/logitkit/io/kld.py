"""llama.cpp's files of log-probabilities: ``--kl-divergence-base``, ``--save-all-logits``.

After the eight bytes ``_logits_`` come three int32, the length of the context, that of the
vocabulary and the number of chunks; then the int32 tokens of the chunks; then, for each chunk, a
row for each position of its second half but the last [1]_. Row i is of position ``n_ctx // 2 + i``
and predicts the token after it. A row has a float32 scale, the least log-probability as float32,
and a 16-bit code for each token, filled up to an even number of them:

    log_prob = scale * code + least

Code 0 stands for that least one and everything below it: llama.cpp cuts the logits off 16 below the
largest. So what a row says of such tokens is an upper bound, and of others is within 1.3e-4 nats.
Nothing in the file says how bytes are ordered; little-endian is what is read and written.

References
----------
.. [1] ggml-org/llama.cpp, ``tools/perplexity/perplexity.cpp``.
"""

import os
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit.io.atomic import atomic_output
from logitkit.io.errors import DataError
from logitkit.io.random_access import RandomAccessFile
from logitkit.io.tensor import Tensor

SUFFIX: Final = ".kld"

_MAGIC: Final = b"_logits_"
_HEADER_BYTES: Final = 20
# llama.cpp's cut below the largest logit; others have used 24.
_RANGE: Final = np.float32(16.0)
_MOST: Final = np.float32(65535.0)


@dataclass(frozen=True)
class CodedTensor(Tensor):
    """Rows of 16-bit codes, read as float32."""

    @property
    def row_bytes(self) -> int:
        """Room for a row: its codes, and what they stand for."""
        return self.stored_row_bytes + 4 * self.shape[-1]

    @property
    def saturates(self) -> bool:
        """Code 0 is an upper bound."""
        return True

    @property
    def as_stored(self) -> bool:
        """Rows are decoded."""
        return False

    @property
    def stored_row_bytes(self) -> int:
        """What a row takes in the file."""
        return _row_bytes(self.shape[-1])

    def read_rows(
        self, file: RandomAccessFile, start: int, stop: int, buffer: NDArray[np.uint8]
    ) -> NDArray[Any]:
        """Return the rows from `start` to `stop`, decoded, as a view of `buffer`."""
        rows, vocab, stored = stop - start, self.shape[-1], self.stored_row_bytes
        used = buffer[: rows * stored]
        file.read_into(used, self.offset + start * stored)
        coded = used.reshape(rows, stored)
        scale, least = (coded[:, part : part + 4].copy().view("<f4") for part in (0, 4))
        values = buffer[rows * stored : rows * (stored + 4 * vocab)].view(np.float32)
        values = values.reshape(rows, vocab)
        # In float32 and in this order, as llama.cpp reads it: bit for bit the same numbers.
        codes = coded[:, 8 : 8 + 2 * vocab].view("<u2")
        # What a file says that is not sound is for whoever computes on it to tell.
        with np.errstate(all="ignore"):
            np.multiply(codes, scale, out=values, dtype=np.float32)
            values += least
        return values


@dataclass(frozen=True)
class NextTokens(Tensor):
    """The tokens that rows predict: some of those of each chunk."""

    context: int = 0

    def read(self, file: RandomAccessFile) -> NDArray[Any]:
        """Return the tokens, a row for each chunk."""
        chunks, rows = self.shape
        buffer = np.empty(chunks * self.context * 4, np.uint8)
        file.read_into(buffer, self.offset)
        first = self.context // 2 + 1
        return buffer.view("<i4").reshape(chunks, self.context)[:, first : first + rows]


def read_tensors(file: RandomAccessFile) -> list[Tensor]:
    """Read and check the header of a ``.kld`` file.

    Parameters
    ----------
    file : RandomAccessFile
        The file, open.

    Returns
    -------
    list of Tensor
        ``logits``, log-probabilities of shape (chunks, rows, vocab); ``targets``, the tokens that
        they predict; ``tokens``, all tokens of the chunks.

    Raises
    ------
    DataError
        If the header is not sound, or there is not even one chunk. A file that ends early, as those
        of runs that were stopped do, is read up to its last whole chunk, with a warning.
    """
    if file.size < _HEADER_BYTES:
        raise DataError(f"{file.path}: not a .kld file: {file.size} bytes are less than a header")
    header = file.read(_HEADER_BYTES, 0)
    if header[:8] != _MAGIC:
        raise DataError(f"{file.path}: not a .kld file: it begins with {header[:8]!r}")
    context, vocab, chunks = np.frombuffer(header, "<i4", 3, 8).tolist()
    rows = _rows(context)
    if min(vocab, chunks, rows) < 1:
        raise DataError(
            f"{file.path}: not a sound .kld file: a context of {context}, a vocabulary of {vocab} "
            f"and {chunks} chunks"
        )
    begin = _HEADER_BYTES + 4 * context * chunks
    chunk_bytes = rows * _row_bytes(vocab)
    whole = min(chunks, max(0, file.size - begin) // chunk_bytes)
    if whole == 0:
        raise DataError(
            f"{file.path}: {file.size} bytes hold no chunk of {rows} rows (context {context}, "
            f"vocabulary {vocab}); truncated? the first ends after {begin + chunk_bytes} bytes"
        )
    if whole < chunks:
        warnings.warn(
            f"{file.path}: truncated: {whole} of {chunks} chunks are whole, and read",
            stacklevel=2,
        )
    tokens = np.dtype("<i4")
    return [
        CodedTensor(
            "logits", "float32", (whole, rows, vocab), begin, np.dtype(np.float32),
            whole * chunk_bytes,
        ),
        NextTokens(
            "targets", "int32", (whole, rows), _HEADER_BYTES, tokens, 4 * whole * rows,
            context=context,
        ),
        Tensor("tokens", "int32", (whole, context), _HEADER_BYTES, tokens, 4 * whole * context),
    ]  # fmt: skip


def write_kld(
    path: str | os.PathLike[str],
    logits: ArrayLike | Iterable[ArrayLike],
    tokens: ArrayLike,
    *,
    force: bool = False,
) -> None:
    """Write a ``.kld`` file, as the base of ``llama-perplexity --kl-divergence``.

    Parameters
    ----------
    path : str or PathLike
        The file; it appears whole or not at all.
    logits : array_like of float, shape (chunks, rows, vocab), or an iterable of its chunks
        For each chunk the logits of its positions from ``n_ctx // 2`` to the last but one: so there
        are ``n_ctx - 1 - n_ctx // 2`` rows. Computed in float32. An iterable is asked for one
        chunk after the other, which need not fit into memory together.
    tokens : array_like of int, shape (chunks, n_ctx)
        The tokens of the chunks.
    force : bool, default False
        Replace the file if it exists.

    Raises
    ------
    ValueError
        If shapes do not go together, or a row has a NaN, +inf or nothing finite.
    OSError
        If the file cannot be written, or exists and not `force`.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from logitkit.io import open_logits, write_kld
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "base.kld")
    ...     write_kld(path, np.log([[[0.5, 0.25, 0.25]]]), [[0, 1, 2]])
    ...     source = open_logits(path)
    ...     [(_, rows)] = source.blocks()
    ...     print(source.shape, np.exp(rows).round(4))
    (1, 1, 3) [[0.5  0.25 0.25]]
    """
    ids = np.asarray(tokens)
    if ids.ndim != 2 or ids.dtype.kind not in "iu" or 0 in ids.shape:
        raise ValueError(
            f"tokens of shape {ids.shape} and dtype {ids.dtype}; expected integers of shape "
            "(chunks, n_ctx)"
        )
    chunks, context = ids.shape
    expected = _rows(context)
    if expected < 1:
        raise ValueError(f"n_ctx={context}, the length of tokens; expected 3 or more")
    path = os.fspath(path)
    if os.path.splitext(path)[1].lower() != SUFFIX:
        raise ValueError(f"path={path!r}; expected a name that ends in {SUFFIX}")
    with atomic_output(path, force=force) as file:
        written, vocab = 0, 0
        for chunk in logits if isinstance(logits, Iterable) else np.asarray(logits):
            rows = np.asarray(chunk, np.float32)
            if rows.ndim != 2 or len(rows) != expected or (written and rows.shape[1] != vocab):
                raise ValueError(
                    f"chunk {written} of logits has shape {rows.shape}; expected "
                    f"({expected}, {vocab or 'vocab'}) for n_ctx={context}"
                )
            if not written:
                vocab = rows.shape[1]
                if ids.min() < 0 or ids.max() >= vocab:
                    raise ValueError(f"tokens are not all in the vocabulary of {vocab}")
                file.write(_MAGIC + np.array([context, vocab, chunks], "<i4").tobytes())
                file.write(ids.astype("<i4").tobytes())
            for row in _encoded(rows):
                file.write(row)
            written += 1
        if written != chunks:
            raise ValueError(f"{written} chunks of logits for {chunks} of tokens")


def _encoded(rows: NDArray[np.float32]) -> Iterator[bytes]:
    """Encode rows as llama.cpp does, step for step in the types that it has."""
    vocab = rows.shape[1]
    for row in rows:
        largest = row.max()
        if not np.isfinite(largest):
            raise ValueError(f"a row of logits has {largest}; expected a finite largest logit")
        least = max(row.min(), largest - _RANGE)
        with np.errstate(under="ignore"):
            total = np.exp(row - largest).sum(dtype=np.float64)
        least_log_prob = least - largest - np.float32(np.log(total))
        scale = (largest - least) / _MOST
        coded = np.zeros(4 + vocab + vocab % 2, "<u2")
        coded[:4] = np.array([scale, least_log_prob], "<f4").view("<u2")
        if scale > 0.0:
            with np.errstate(invalid="ignore"):
                steps = np.rint((np.float32(1.0) / scale) * (row - least))
            coded[4 : 4 + vocab] = np.where(row > least, steps, 0.0)
        yield coded.tobytes()


def _rows(context: int) -> int:
    """Return how many rows a chunk has."""
    return context - 1 - context // 2


def _row_bytes(vocab: int) -> int:
    return 2 * (2 * ((vocab + 1) // 2) + 4)
