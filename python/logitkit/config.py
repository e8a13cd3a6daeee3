"""What this installation is made of and how it will run."""

import json
from importlib import metadata
from typing import Any, Literal, overload

import numpy as np

from logitkit import _native

# Packages that logitkit works with where they are installed, and never needs.
_OPTIONAL_PACKAGES = (
    "pyarrow", "tqdm", "fsspec", "h5py", "zarr", "matplotlib", "tokenizers", "ml_dtypes", "torch",
    "jax",
)  # fmt: skip


@overload
def show_config(mode: Literal["stdout"] = "stdout") -> None: ...
@overload
def show_config(mode: Literal["dicts"]) -> dict[str, Any]: ...
def show_config(mode: Literal["stdout", "dicts"] = "stdout") -> dict[str, Any] | None:
    """Show versions, instruction sets and threads: what to put into a report of a problem.

    Parameters
    ----------
    mode : {"stdout", "dicts"}, default "stdout"
        Print the configuration as JSON, or return it.

    Returns
    -------
    dict or None
        With ``mode="dicts"``: "logitkit" and "numpy", their versions; "instruction sets", those
        "found" on this machine and the one "in use"; "threads", their "number" and its "source"
        (``"set_num_threads"``, the name of an environment variable, or ``"available cores"``);
        "optional packages", the version of each or None if it is not installed. None is imported
        to find that out.

    Raises
    ------
    ValueError
        If `mode` is none of these, or if ``LOGITKIT_ISA`` names an instruction set that is
        unknown or that this machine has not got.

    Examples
    --------
    >>> import logitkit
    >>> config = logitkit.show_config(mode="dicts")
    >>> config["logitkit"] == logitkit.__version__
    True
    >>> "portable" in config["instruction sets"]["found"]
    True
    """
    if mode not in ("stdout", "dicts"):
        raise ValueError(f'mode={mode!r} is not known; expected "stdout" or "dicts"')
    found, in_use = _native.instruction_sets()
    number, source = _native.num_threads()
    config = {
        "logitkit": _native.__version__,
        "instruction sets": {"found": found, "in use": in_use},
        "threads": {"number": number, "source": source},
        "numpy": np.__version__,
        "optional packages": {name: _version(name) for name in _OPTIONAL_PACKAGES},
    }
    if mode == "dicts":
        return config
    print(json.dumps(config, indent=2))
    return None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
