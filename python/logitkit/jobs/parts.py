"""Finished parts of a job on disk, so that a run that was stopped can be continued.

Beside the output OUT there is then a directory OUT.parts: a file for each finished part, and
``manifest.jsonl``, whose first line says what the job is and each other one the checksum of a part.
A part counts once its line is there whole. When the output is complete the directory goes.
"""

import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from logitkit.io import LogitSource
from logitkit.io.atomic import atomic_output, check_output, sync_folder
from logitkit.io.errors import DataError, display_name, naming
from logitkit.io.remote import is_url
from logitkit.jobs.blocks import BATCH_ROWS, Table
from logitkit.jobs.sparse_base import SparseBase

_MANIFEST: Final = "manifest.jsonl"
# Parts, and temporary files of runs that were killed.
_OWN: Final = r"\w+-\d+-\d+\.npz|\.logitkit-[0-9a-f]+\.part"
# At the speed of memory less than a tenth of a second, and far more than it takes to keep a part.
PART_BYTES: Final = 1 << 30


def parts_folder(output: str) -> str:
    """Return the directory for the parts of an output."""
    return f"{output}.parts"


Compute: TypeAlias = Callable[[range], Generator[Table, None, None]]
"""What computes the tables of a range of rows, `BATCH_ROWS` rows each or what is left."""


def described(source: LogitSource | SparseBase) -> list[list[Any]]:
    """Return what tells the files of a source from others: names, sizes and times of change."""
    if isinstance(source, SparseBase):
        return [[source.name, source.size, source.changed]]
    # An index has one file for many parts.
    files = {part.home.path: part.home for part in source.parts}
    return [[display_name(path), *file.version[2:]] for path, file in files.items()]


def check_resumable(output: str, *, resume: bool, force: bool) -> None:
    """Raise `FileExistsError` if the output exists, and neither `force` nor parts of it are there.

    A run that was stopped between completing its output and removing its parts is finished by
    another.
    """
    if resume and is_url(output):
        raise ValueError(f"resume with the output {output}; expected a local one, to be copied")
    check_output(output, force=force or (resume and os.path.exists(parts_folder(output))))


@contextmanager
def finished_parts(
    output: str, job: Mapping[str, Any], *, resume: bool, force: bool
) -> Iterator["PartStore | None"]:
    """Keep the parts of a job, as `part_store` does, if `resume`; else yield None."""
    if not resume:
        yield None
        return
    with part_store(os.path.realpath(output), job, force=force) as store:
        yield store


def scratch(store: "PartStore | None") -> str | None:
    """Return where temporary files go that a later run may clear away; None: beside the output."""
    return None if store is None else store.folder


@contextmanager
def part_store(output: str, job: Mapping[str, Any], *, force: bool) -> Iterator["PartStore"]:
    """Keep the parts of a job beside its output, as long as it is not complete.

    Parameters
    ----------
    output : str
        The output.
    job : mapping
        What decides on the parts, as JSON: inputs, options, rows.
    force : bool
        Whether parts of another job are thrown away.

    Yields
    ------
    PartStore
        The parts that are there, and room for more. They are removed when the ``with`` block ends,
        and stay if it is left by an exception.

    Raises
    ------
    DataError
        If there are parts of another job and not `force`.
    OSError
        If the directory cannot be used, or another run is using it.
    """
    folder = parts_folder(output)
    path = os.path.join(folder, _MANIFEST)
    with naming(folder):
        os.makedirs(folder, exist_ok=True)
        if not os.path.exists(path) and os.listdir(folder):
            raise FileExistsError(17, "the directory for parts has something else in it", folder)
        manifest = open(path, "a+b")  # noqa: SIM115 - closed below
    # Held open, and locked: the lock of a process that is killed goes with it.
    with manifest:
        _lock(manifest, folder)
        store = PartStore(folder, manifest)
        store.load(dict(job), force=force)
        yield store
        store.remove()


def _lock(manifest: Any, folder: str) -> None:
    try:
        import fcntl
    except ModuleNotFoundError:
        return
    try:
        fcntl.flock(manifest, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise FileExistsError(17, "another run is at work on these parts", folder) from None


class PartStore:
    """The finished parts of a job, by name; see `part_store`."""

    def __init__(self, folder: str, manifest: Any) -> None:
        self.folder = folder
        self._manifest = manifest
        self._checksums: dict[str, str] = {}

    def load(self, job: dict[str, Any], *, force: bool) -> None:
        """Take in the manifest, and begin one if there is none of this job."""
        self._manifest.seek(0)
        lines = self._manifest.read().split(b"\n")
        # What is not followed by a newline was being written when the run was stopped.
        entries = [entry for line in lines[:-1] if (entry := _parsed(line)) is not None]
        job = json.loads(json.dumps(job))
        if entries and entries[0] == {"job": job}:
            self._checksums = {e["part"]: e["sha256"] for e in entries[1:] if e.keys() == _ENTRY}
            self._append(b"\n" if lines[-1] else b"")
            return
        if entries and not force:
            raise DataError(
                f"{self.folder}: parts of another run: {_difference(entries[0], job)}; --force "
                "(force=True) begins anew"
            )
        self._manifest.truncate(0)
        self._append(_line({"job": job}))

    def get(self, name: str) -> Table | None:
        """Return a finished part; None if there is none, or it is not as it was written."""
        if name not in self._checksums:
            return None
        with suppress(OSError), open(os.path.join(self.folder, name), "rb") as file:
            content = file.read()
            if hashlib.sha256(content).hexdigest() == self._checksums[name]:
                with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                    return {key.removeprefix(_PREFIX): archive[key] for key in archive}
        return None

    def put(self, name: str, table: Mapping[str, NDArray[Any]]) -> None:
        """Keep a part."""
        buffer = io.BytesIO()
        columns = {_PREFIX + key: column for key, column in table.items()}
        np.savez(buffer, allow_pickle=False, **columns)
        content = buffer.getvalue()
        with atomic_output(os.path.join(self.folder, name), force=True) as file:
            file.write(content)
        checksum = hashlib.sha256(content).hexdigest()
        self._append(_line({"part": name, "sha256": checksum}))
        self._checksums[name] = checksum

    def _append(self, content: bytes) -> None:
        self._manifest.write(content)
        self._manifest.flush()
        os.fsync(self._manifest.fileno())

    def remove(self) -> None:
        """Remove the parts, the manifest last: until then they are recognised."""
        for name in os.listdir(self.folder):
            if re.fullmatch(_OWN, name):
                os.unlink(os.path.join(self.folder, name))
        # An open file can't be removed everywhere.
        if os.name == "nt":
            self._manifest.close()
        os.unlink(os.path.join(self.folder, _MANIFEST))
        # Whatever else someone has put there stays.
        with suppress(OSError):
            os.rmdir(self.folder)
        sync_folder(os.path.dirname(self.folder) or ".")


# The function of NumPy has arguments of its own, such as "file".
_PREFIX: Final = "column "

_ENTRY: Final = {"part", "sha256"}


def _line(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _difference(entry: Mapping[str, Any], job: Mapping[str, Any]) -> str:
    other = entry.get("job")
    if not isinstance(other, dict):
        return "its manifest says nothing of it"
    for name, value in job.items():
        if other.get(name) != value:
            return f"{name} was {other.get(name)!r}, and is {value!r}"
    return "its manifest says more than this version knows"


def kept_or_computed(
    compute: Compute,
    rows: range,
    row_bytes: int,
    name: str,
    store: PartStore | None,
    advance: Callable[[int], object],
) -> Generator[Table, None, None]:
    """Go through the tables of some rows, taking from the store what is finished.

    Parameters
    ----------
    compute : callable
        See `Compute`.
    rows : range
        The rows.
    row_bytes : int
        How large a row of logits is.
    name : str
        What sets the names of these parts apart from those of other inputs.
    store : PartStore or None
        None if nothing is kept.
    advance : callable
        Called with the number of bytes of parts that need not be computed.

    Yields
    ------
    dict of str to ndarray
        The tables that `compute` gives for all rows.
    """
    if store is None:
        yield from compute(rows)
        return
    # A power of two, so that parts make up whole batches.
    step = 1 << (max(1, min(BATCH_ROWS, PART_BYTES // row_bytes)).bit_length() - 1)
    waiting: list[Table] = []
    for first in range(rows.start, rows.stop, step):
        some = range(first, min(first + step, rows.stop))
        part = f"{name}-{some.start}-{some.stop}.npz"
        table = store.get(part)
        if table is None:
            with closing(compute(some)) as computed:
                (table,) = computed
            store.put(part, table)
        else:
            advance(len(some) * row_bytes)
        waiting.append(table)
        if len(waiting) * step == BATCH_ROWS or some.stop == rows.stop:
            yield {key: np.concatenate([each[key] for each in waiting]) for key in table}
            waiting = []
