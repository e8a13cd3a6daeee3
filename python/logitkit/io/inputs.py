"""What names, patterns and directories on a command line stand for."""

import glob
import os
from collections.abc import Iterable

from logitkit.io.errors import DataError, listed
from logitkit.io.remote import expand_remote, is_url
from logitkit.io.tensor_file import SUFFIXES, is_tensor_directory


def expand_inputs(
    inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
) -> list[str]:
    """Return the files that names, patterns and directories stand for.

    Parameters
    ----------
    inputs : str, PathLike, or iterable of them
        Names of files; of directories, which stand for the files of logits that are in them, sorted
        by name; or patterns as `glob.glob` knows them (``**`` included). What exists under its
        literal name is taken as a name. The files of a pattern are sorted by name. Where fsspec is
        installed, also addresses (``s3://...``).

    Returns
    -------
    list of str
        The files, in the order given; one given twice is there twice.

    Raises
    ------
    FileNotFoundError
        If a pattern matches nothing.
    DataError
        If a directory has no file of logits.
    """
    if isinstance(inputs, str | os.PathLike):
        inputs = [inputs]
    paths: list[str] = []
    for path in [os.fspath(path) for path in inputs]:
        if is_url(path):
            paths += expand_remote(path, SUFFIXES)
        elif os.path.isdir(path) and not is_tensor_directory(path):
            paths += _files_in(path)
        elif os.path.lexists(path) or not glob.has_magic(path):
            paths.append(path)
        else:
            matches = sorted(glob.glob(path, recursive=True))
            if not matches:
                raise FileNotFoundError(2, "no file matches this pattern", path)
            paths += matches
    return paths


def _files_in(folder: str) -> list[str]:
    # Directories in it are not looked into, but for those that are a format's.
    names = sorted(
        name
        for name in os.listdir(folder)
        if not name.startswith(".")
        and (not os.path.isdir(path := os.path.join(folder, name)) or is_tensor_directory(path))
    )
    indices = [name for name in names if name.endswith(".safetensors.index.json")]
    # An index names the files beside it: taken alone they would be there twice.
    found = indices or [name for name in names if os.path.splitext(name)[1].lower() in SUFFIXES]
    if not found:
        raise DataError(
            f"{folder}: a directory without files of logits ({', '.join(SUFFIXES)}); it holds "
            f"{listed(names)}"
        )
    return [os.path.join(folder, name) for name in found]
