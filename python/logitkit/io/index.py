"""The index of tensors that are spread over several safetensors files.

A JSON object whose ``weight_map`` gives, for each tensor, the file that holds it, beside the index:
as Hugging Face's libraries write it, ``model.safetensors.index.json``.
"""

import json
import posixpath
from typing import Final

from logitkit.io.errors import DataError, quoted
from logitkit.io.random_access import RandomAccessFile

SUFFIX: Final = ".safetensors.index.json"

_MAX_BYTES: Final = 100_000_000


def read_index(file: RandomAccessFile) -> dict[str, str]:
    """Return the path of the file that holds each tensor.

    Raises
    ------
    DataError
        If the index is not sound, or names a file outside its directory.
    """
    if file.size > _MAX_BYTES:
        raise DataError(f"{file.path}: an index of {file.size} bytes, more than {_MAX_BYTES}")
    try:
        content = json.loads(file.read(file.size, 0).decode("utf-8"))
        names = content["weight_map"]
        sound = (
            isinstance(names, dict) and names and all(isinstance(v, str) for v in names.values())
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        sound = False
    if not sound:
        raise DataError(
            f"{file.path}: not a sound index; expected a JSON object with 'weight_map', which maps "
            "names of tensors to names of files"
        )
    folder = posixpath.dirname(file.path.replace("\\", "/"))
    for name in names.values():
        if "/" in name or "\\" in name or not name.endswith(".safetensors"):
            raise DataError(
                f"{file.path}: names the file {quoted(name)}; expected one beside it, .safetensors"
            )
    return {tensor: posixpath.join(folder, name) for tensor, name in names.items()}
