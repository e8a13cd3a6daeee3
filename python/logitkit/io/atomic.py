"""Files that appear whole or not at all."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from logitkit.io.errors import naming


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
    path = os.path.realpath(path)
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return path
    if not stat.S_ISREG(mode):
        raise FileExistsError(17, "the output exists and is not a regular file", path)
    if not force:
        raise FileExistsError(17, "the output exists; --force (force=True) replaces it", path)
    return path


@contextmanager
def atomic_output(path: str, *, force: bool) -> Iterator[BinaryIO]:
    """Open a file that takes its name only when it is complete and on disk.

    Parameters
    ----------
    path : str
        The output.
    force : bool
        Whether a file that is there may be replaced.

    Yields
    ------
    binary file
        A temporary file in the output's directory. It takes the output's name when the ``with``
        block ends, and vanishes if the block is left by an exception.

    Raises
    ------
    OSError
        If the output exists and not `force` (checked before and after), or cannot be written.
    """
    path = check_output(path, force=force)
    folder = os.path.dirname(path)
    # Not made from the output's name, which may be as long as the file system allows.
    temporary = os.path.join(folder, f".logitkit-{secrets.token_hex(8)}.part")
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
    _sync_directory(folder)


def _sync_directory(folder: str) -> None:
    # Windows has no such call; there a rename is durable once the journal is.
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
