"""What goes wrong with files."""

import os
import reprlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class DataError(ValueError):
    """A file does not hold what it should: truncated, corrupt, of another shape, a name absent.

    A system's refusal (no such file, no permission, disk full) stays an `OSError`.
    """


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Put the file's name on a system error that carries none, as those of reads and writes."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = path
        raise


def quoted(text: object) -> str:
    """Return the `repr`, shortened: a corrupt header may hold a name of many megabytes."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = 80
    return short.repr(text)


def listed(names: Iterable[str], *, limit: int = 12) -> str:
    """Return the names for an error message, the first of them if there are many."""
    names = list(names)
    shown = ", ".join(quoted(name) for name in names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown or "none"


def display_name(path: str) -> str:
    """Return a path as valid text: a file's name may hold bytes that are none."""
    return os.fsencode(path).decode("utf-8", "replace")
