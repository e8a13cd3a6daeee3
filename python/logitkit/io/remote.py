"""Files that have an address instead of a path, through fsspec."""

import os
import posixpath
import re
from typing import Any

from logitkit.io.errors import DataError
from logitkit.io.optional import import_optional
from logitkit.io.random_access import RandomAccessFile

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(::.*)?://")


def is_url(path: str) -> bool:
    """Return whether `path` is an address, such as ``s3://bucket/logits.npy``."""
    return _URL.match(path) is not None


def open_random_access(path: str) -> RandomAccessFile:
    """Open a file by its path, or by its address."""
    return RemoteFile(path) if is_url(path) else RandomAccessFile(path)


def file_system(url: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path there.

    Raises
    ------
    ModuleNotFoundError
        If fsspec, or what it needs for this kind of address, is not installed.
    """
    fsspec = import_optional("fsspec", f"reading {url}", "pip install fsspec")
    try:
        return fsspec.core.url_to_fs(url)  # type: ignore[no-any-return]
    except ImportError as error:
        raise ModuleNotFoundError(f"reading {url}: {error}") from None
    except ValueError as error:
        raise DataError(f"{url}: {error}") from None


class RemoteFile(RandomAccessFile):
    """A file with an address, open for reads into the caller's buffers.

    Parameters
    ----------
    path : str
        The address.

    Raises
    ------
    OSError
        If it cannot be read.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._files, self._place = file_system(path)
        self.version = self._version()

    def _version(self) -> tuple[Any, ...]:
        try:
            info = self._files.info(self._place)
        except FileNotFoundError:
            raise FileNotFoundError(2, "no such file", self.path) from None
        if info.get("type") == "directory":
            raise DataError(f"{self.path}: a directory, not a file")
        size = info.get("size")
        if size is None:
            raise DataError(f"{self.path}: its size is not known, so it cannot be read in parts")
        # File systems tell versions apart by one or the other.
        marks = ("ETag", "etag", "mtime", "LastModified", "last_modified", "created")
        return (*("",) * 2, int(size), str([info[mark] for mark in marks if mark in info]))

    def _read_some(self, view: memoryview, offset: int) -> int:
        found = self._files.cat_file(self._place, start=offset, end=offset + len(view))
        view[: len(found)] = found
        return len(found)

    def lend(self, size: int, offset: int) -> None:
        """Return None: there are no bytes to be had but by reading."""

    def will_read(self, size: int, offset: int) -> None:
        """Do nothing: there is no system in between that could read ahead."""

    def close(self) -> None:
        """Do nothing: nothing is held open."""

    def open(self) -> Any:
        """Return a file object, for libraries that take one."""
        return self._files.open(self._place, "rb")


def open_object(file: RandomAccessFile) -> Any:
    """Return a file, local or not, as a file object."""
    return file.open() if isinstance(file, RemoteFile) else open(file.path, "rb")


def expand_remote(url: str, suffixes: tuple[str, ...]) -> list[str]:
    """Return the addresses that a pattern or a directory stands for, sorted."""
    files, place = file_system(url)
    if any(mark in place for mark in "*?["):
        found = sorted(files.glob(place))
        if not found:
            raise FileNotFoundError(2, "no file matches this pattern", url)
        return [files.unstrip_protocol(name) for name in found]
    suffix = posixpath.splitext(place.rstrip("/"))[1].lower()
    if suffix in suffixes or not files.isdir(place):
        return [url]
    names = sorted(
        name
        for name in files.ls(place, detail=False)
        if os.path.splitext(name.rstrip("/"))[1].lower() in suffixes
    )
    if not names:
        raise DataError(f"{url}: a directory without files of logits ({', '.join(suffixes)})")
    return [files.unstrip_protocol(name) for name in names]


def upload(path: str, url: str) -> None:
    """Put a local file at an address."""
    files, place = file_system(url)
    files.makedirs(posixpath.dirname(place), exist_ok=True)
    files.put_file(path, place)


def remote_exists(url: str) -> bool:
    """Return whether there is something at an address."""
    files, place = file_system(url)
    return bool(files.exists(place))
