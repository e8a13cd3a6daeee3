"""How far a job has come, on the terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(total: int, *, wanted: bool) -> Iterator[Callable[[int], object]]:
    """Show a bar with rate and remaining time on standard error.

    Parameters
    ----------
    total : int
        How many bytes there are to do.
    wanted : bool
        Whether to show one at all. None is shown either where standard error is no terminal or
        tqdm is not installed.

    Yields
    ------
    callable
        Takes the number of bytes that have been done since the last call.
    """
    if not wanted or not sys.stderr.isatty():
        yield lambda done: None
        return
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        yield lambda done: None
        return
    with tqdm(total=total, unit="B", unit_scale=True, leave=False, dynamic_ncols=True) as bar:
        yield bar.update
