"""A file mapped into memory that cannot be truncated meanwhile.

A map of a file saves the copy that reading it makes, which for files in the page cache takes longer
than the statistics. But whoever touches a page that has gone, because someone truncated the file or
because the disk fails, is killed by SIGBUS. Two things of Linux exclude that:

* a read lease (``F_SETLEASE``): whoever opens the file for writing, or truncates it, waits until
  the lease is given back. It is only granted where nobody has the file open for writing, and only
  to the file's owner and to root. That someone waits is looked up before each use of the map; then
  the map is not used any more, and once nobody uses it the lease is given back, long before the
  system takes it away (45 s).
* ``MADV_POPULATE_READ``: brings pages in beforehand, and fails where a page cannot be read.

Where either is not to be had the file is read, as everywhere else.
"""

import mmap
import os
import signal
import sys
from contextlib import suppress
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

if sys.platform == "linux":
    import fcntl

# Not in Python's module. EINVAL where Linux is older than 5.14.
_POPULATE_READ: Final = 22


class LeasedMap:
    """A file mapped under a lease; see `lease`."""

    def __init__(self, descriptor: int, memory: mmap.mmap) -> None:
        self._descriptor = descriptor
        self._memory = memory
        self._bytes = np.frombuffer(memory, np.uint8)
        self._lock = Lock()
        self._lent = 0
        self._over = False

    def lend(self, offset: int, size: int) -> NDArray[np.uint8] | None:
        """Return some bytes of the file, to be given back by `take_back`.

        Parameters
        ----------
        offset, size : int
            Which bytes.

        Returns
        -------
        ndarray of uint8 or None
            A view of the map; None if it cannot be used, or not any more: then the bytes are to be
            read.
        """
        with self._lock:
            if not self._over and not self._undisturbed():
                self._end()
            if self._over:
                return None
            self._lent += 1
        first = offset // mmap.PAGESIZE * mmap.PAGESIZE
        try:
            self._memory.madvise(_POPULATE_READ, first, offset + size - first)
        except OSError:
            # Reading it will say what is wrong.
            self.take_back(offset, 0)
            with self._lock:
                self._end()
            return None
        return self._bytes[offset : offset + size]

    def take_back(self, offset: int, size: int) -> None:
        """Take back what was lent: nobody looks at it any more."""
        # They stay in the system's cache. The pages at the ends may be in use by others.
        first = -(-offset // mmap.PAGESIZE) * mmap.PAGESIZE
        last = (offset + size) // mmap.PAGESIZE * mmap.PAGESIZE
        if first < last:
            self._memory.madvise(mmap.MADV_DONTNEED, first, last - first)
        with self._lock:
            self._lent -= 1
            if self._over:
                self._end()

    def close(self) -> None:
        """Give the lease back, and the map, if nobody holds a view of it."""
        with self._lock:
            self._over, self._lent = True, 0
            self._end()
        del self._bytes
        with suppress(BufferError):
            self._memory.close()

    def _undisturbed(self) -> bool:
        return fcntl.fcntl(self._descriptor, fcntl.F_GETLEASE) == fcntl.F_RDLCK

    def _end(self) -> None:
        self._over = True
        if not self._lent:
            with suppress(OSError):
                fcntl.fcntl(self._descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def lease(descriptor: int, size: int) -> LeasedMap | None:
    """Map a file under a lease.

    Parameters
    ----------
    descriptor : int
        The file, open for reading.
    size : int
        Its size in bytes.

    Returns
    -------
    LeasedMap or None
        None where the system or the file system has no leases or does not grant one.
    """
    if sys.platform != "linux" or not size:
        return None
    try:
        # The signal that tells of someone waiting; by default it is ignored, unlike SIGIO.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        # Now nobody can change the size any more.
        if os.fstat(descriptor).st_size == size:
            memory: Any = mmap.mmap(descriptor, size, prot=mmap.PROT_READ)
            return LeasedMap(descriptor, memory)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except (OSError, ValueError):
        pass
    return None
