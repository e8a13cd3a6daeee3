"""Packages that are imported where they are used, if they are installed."""

from importlib import import_module
from typing import Any


def import_optional(package: str, what: str, way_out: str) -> Any:
    """Return a package.

    Parameters
    ----------
    package : str
        Its name.
    what : str
        What needs it, for the error.
    way_out : str
        What to do where it is not installed, for the error.

    Raises
    ------
    ModuleNotFoundError
        If it is not installed.
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{what} needs {package} ({error}): {way_out}", name=error.name
        ) from None
