"""How many threads a call may use.

The number is taken, at each parallel call, from the first of these that says one: the `threads`
argument, `set_num_threads`, the environment variables ``LOGITKIT_NUM_THREADS``,
``RAYON_NUM_THREADS`` and ``OMP_NUM_THREADS``, and the cores this process may run on. Results do
not depend on it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from logitkit import _native
from logitkit._arguments import as_threads


def set_num_threads(threads: int | None, /) -> None:
    """Set the number of threads for the calls of this process that do not give `threads`.

    Parameters
    ----------
    threads : int or None
        At least 1; None withdraws an earlier setting, so that the environment decides again.

    Raises
    ------
    TypeError, ValueError
        If `threads` is not an int, or is less than 1.

    See Also
    --------
    num_threads : The same for a block of code.

    Examples
    --------
    >>> import logitkit
    >>> logitkit.set_num_threads(2)
    >>> logitkit.get_num_threads()
    2
    >>> logitkit.set_num_threads(None)
    """
    _native.set_num_threads(as_threads(threads))


def get_num_threads() -> int:
    """Return the number of threads that a call uses if it does not give `threads`.

    Returns
    -------
    int
        See `show_config` for where the number comes from. Small calls use one thread whatever it
        is.

    Examples
    --------
    >>> import logitkit
    >>> logitkit.get_num_threads() >= 1
    True
    """
    return _native.num_threads()[0]


@contextmanager
def num_threads(threads: int | None, /) -> Iterator[None]:
    """Set the number of threads inside a ``with`` block, and restore the setting after it.

    The setting is one for the whole process: calls that other Python threads make meanwhile see
    it too. Give `threads` to the calls themselves where that matters.

    Parameters
    ----------
    threads : int or None
        As for `set_num_threads`.

    Returns
    -------
    context manager
        It restores what was set before, or that nothing was.

    Raises
    ------
    TypeError, ValueError
        If `threads` is not an int, or is less than 1.

    Examples
    --------
    >>> import logitkit
    >>> with logitkit.num_threads(1):
    ...     logitkit.get_num_threads()
    1
    """
    number, source = _native.num_threads()
    set_num_threads(threads)
    try:
        yield
    finally:
        _native.set_num_threads(number if source == "set_num_threads" else None)
