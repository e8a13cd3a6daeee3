"""What libraries raise for a file that is corrupt, or another one than it seems."""

import errno
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from logitkit.io.errors import DataError

_LONGEST: Final = 300
_OF_CONTENTS: Final[tuple[type[Exception], ...]] = (
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, OverflowError),
    *(RuntimeError, NotImplementedError, MemoryError, SyntaxError),
    *(zlib.error, zipfile.BadZipFile),
)


@contextmanager
def corruption(path: str, kind: str, *errors: type[Exception]) -> Iterator[None]:
    """Name the file in errors that its contents cause; let those of the system pass.

    Parameters
    ----------
    path : str
        The file.
    kind : str
        What it should be.
    *errors : type
        What a library raises besides the usual.

    Raises
    ------
    DataError
        In place of what is raised inside the ``with`` block.
    """
    try:
        yield
    except DataError:
        raise
    except OSError as error:
        # Libraries give no number for what they find in a file; a corrupt archive makes seek go to
        # no place.
        if error.errno not in (None, errno.EINVAL):
            raise
        raise DataError(f"{path}: not a sound {kind} file: {_line(error)}") from None
    except (*_OF_CONTENTS, *errors) as error:
        raise DataError(f"{path}: not a sound {kind} file: {_line(error)}") from None


def _line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
