"""Reads at any place of a file, from any thread."""

import os
import stat
import threading
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from logitkit.io.errors import DataError, naming
from logitkit.io.leased_map import LeasedMap, lease

# Some systems refuse a single read of 2 GiB or more.
_MAX_READ = 1 << 30


class RandomAccessFile:
    """A regular file, open for reads into the caller's buffers.

    Parameters
    ----------
    path : str
        The file.

    Raises
    ------
    OSError
        If it cannot be opened or read.
    DataError
        If it is not a regular file, ends early, or is changed by someone while it is read.

    Notes
    -----
    A map of a file that someone truncates, or whose disk fails, kills the process with SIGBUS. So
    the file is read, which costs a copy, unless it can be mapped in a way that excludes that.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        # Before the open, which for a pipe would wait for a writer.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise DataError(f"{path}: not a regular file")
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by close()
        self._lock = threading.Lock()
        self._map: LeasedMap | None = None
        self._asked = False
        self.version = self._version()

    @property
    def size(self) -> int:
        """The size in bytes when the file was opened."""
        return int(self.version[2])

    def _version(self) -> tuple[Any, ...]:
        status = os.fstat(self._file.fileno())
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

    def check_version(self, version: tuple[Any, ...]) -> None:
        """Raise `DataError` if the file is not the one that had this version."""
        if self.version != version:
            raise DataError(f"{self.path}: the file was changed after its header was read")

    def check_unchanged(self) -> None:
        """Raise `DataError` if the file was written to since it was opened."""
        if self._version() != self.version:
            raise DataError(f"{self.path}: the file was changed while it was being read")

    def read_into(self, buffer: NDArray[np.uint8], offset: int) -> None:
        """Fill a contiguous buffer with the bytes from `offset` on.

        Parameters
        ----------
        buffer : ndarray of uint8
            Filled whole.
        offset : int
            From the start of the file.
        """
        view = buffer.data.cast("B")
        with naming(self.path):
            while len(view):
                count = self._read_some(view[:_MAX_READ], offset)
                if count == 0:
                    raise DataError(
                        f"{self.path}: the file ends at byte {offset}, {len(view)} bytes early; "
                        "it was truncated while it was being read"
                    )
                view, offset = view[count:], offset + count

    def _read_some(self, view: memoryview, offset: int) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self._file.fileno(), [view], offset)
        with self._lock:
            self._file.seek(offset)
            return self._file.readinto(view)

    def read(self, size: int, offset: int) -> bytes:
        """Return `size` bytes from `offset` on."""
        buffer = np.empty(size, np.uint8)
        self.read_into(buffer, offset)
        return buffer.tobytes()

    def will_read(self, size: int, offset: int) -> None:
        """Ask the system to have these bytes at hand soon."""
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._file.fileno(), offset, size, os.POSIX_FADV_WILLNEED)

    def lend(self, size: int, offset: int) -> NDArray[np.uint8] | None:
        """Return bytes of the file where they are, to be given back; None: they are to be read."""
        with self._lock:
            if not self._asked:
                self._asked = True
                self._map = lease(self._file.fileno(), self.size)
        return None if self._map is None else self._map.lend(offset, size)

    def take_back(self, size: int, offset: int) -> None:
        """Take back what `lend` has returned."""
        assert self._map is not None
        self._map.take_back(offset, size)

    def close(self) -> None:
        """Close the file."""
        if self._map is not None:
            self._map.close()
            self._map = None
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
