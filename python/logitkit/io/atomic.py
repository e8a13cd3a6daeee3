"""Files that appear whole or not at all."""

import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, Final

from logitkit.io.errors import naming
from logitkit.io.remote import is_url, open_random_access, remote_exists, upload

_EXISTS: Final = "the output exists; --force (force=True) replaces it"


def check_output(path: str, *, force: bool) -> str:
    """Return the path behind all symbolic links, if an output may be written there.

    Parameters
    ----------
    path : str
        The output.
    force : bool
        Whether a file that is there may be replaced.

    Returns
    -------
    str
        What to replace: a link's target rather than the link.

    Raises
    ------
    FileExistsError
        If there is a file and not `force`, or anything but a file.
    """
    if is_url(path):
        if not force and remote_exists(path):
            raise FileExistsError(17, _EXISTS, path)
        return path
    path = os.path.realpath(path)
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return path
    if not stat.S_ISREG(mode):
        raise FileExistsError(17, "the output exists and is not a regular file", path)
    if not force:
        raise FileExistsError(17, _EXISTS, path)
    return path


@contextmanager
def atomic_output(path: str, *, force: bool, scratch: str | None = None) -> Iterator[BinaryIO]:
    """Open a file that takes its name only when it is complete and on disk.

    Parameters
    ----------
    path : str
        The output.
    force : bool
        Whether a file that is there may be replaced.
    scratch : str, optional
        A directory on the same file system for the temporary file; default: the output's. An
        output with an address, such as ``s3://...``, is put there from a temporary file.

    Yields
    ------
    binary file
        A temporary file. It takes the output's name when the ``with``
        block ends, and vanishes if the block is left by an exception.

    Raises
    ------
    OSError
        If the output exists and not `force` (checked before and after), or cannot be written.
    """
    if is_url(path):
        with _uploaded(path, force=force) as file:
            yield file
        return
    path = check_output(path, force=force)
    folder = os.path.dirname(path)
    # Not made from the output's name, which may be as long as the file system allows.
    temporary = os.path.join(scratch or folder, f".logitkit-{secrets.token_hex(8)}.part")
    try:
        with naming(path), open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        check_output(path, force=force)
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        # The user knows the output, not the temporary file.
        if isinstance(error, OSError) and error.filename == temporary:
            error.filename, error.filename2 = path, None
        raise
    sync_folder(folder)


@contextmanager
def atomic_directory(path: str, *, force: bool) -> Iterator[str]:
    """Make a directory that takes its name only when it is complete.

    Parameters
    ----------
    path : str
        The output.
    force : bool
        Whether a directory that is there may be replaced.

    Yields
    ------
    str
        A temporary directory beside it. It takes the output's name when the ``with`` block ends,
        and vanishes if the block is left by an exception.

    Raises
    ------
    OSError
        If the output exists and not `force`, or is a file, or cannot be written.
    """
    path = os.path.realpath(path)
    if os.path.lexists(path) and not (force and os.path.isdir(path)):
        raise FileExistsError(17, _EXISTS, path)
    unique = os.path.join(os.path.dirname(path), f".logitkit-{secrets.token_hex(8)}")
    temporary, old = f"{unique}.part", f"{unique}.old"
    try:
        with naming(path):
            os.mkdir(temporary)
            yield temporary
        # A directory can't be replaced in one step: for a moment there is none of this name.
        if os.path.lexists(path):
            os.rename(path, old)
        os.rename(temporary, path)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError) and error.filename == temporary:
            error.filename, error.filename2 = path, None
        raise
    shutil.rmtree(old, ignore_errors=True)


def file_size(path: str) -> int:
    """Return the size of a file, by its path or address, in bytes."""
    if is_url(path):
        with open_random_access(path) as file:
            return file.size
    return os.stat(path).st_size


@contextmanager
def _uploaded(url: str, *, force: bool) -> Iterator[BinaryIO]:
    check_output(url, force=force)
    with tempfile.TemporaryDirectory(prefix="logitkit-") as folder:
        temporary = os.path.join(folder, "output")
        with naming(url), open(temporary, "xb") as file:
            yield file
        check_output(url, force=force)
        upload(temporary, url)


def sync_folder(folder: str) -> None:
    """Make renames and removals in a directory last."""
    # Windows has no such call; there a rename is durable once the journal is.
    if os.name == "nt":
        return
    handle = os.open(folder or ".", os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
