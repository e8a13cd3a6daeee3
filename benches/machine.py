"""What a record says of the machine and the versions: enough to compare, nothing private."""

import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any

import logitkit
from logitkit import _native

_PACKAGES = ("numpy", "scipy", "torch", "jax")


def describe() -> dict[str, Any]:
    found, chosen = _native.instruction_sets()
    return {
        "cpu": cpu_name(),
        "cores": cores(),
        "last_level_cache": last_level_cache(),
        "instruction_sets": found,
        "instruction_set": chosen,
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {
            "python": platform.python_version(),
            "logitkit": logitkit.__version__,
            **_installed(),
        },
    }


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_name() -> str:
    """The model's name; on a virtual machine, where names are vague, with family and model."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    pairs = (line.partition(":") for line in lines)
    fields = {name.strip(): value.strip() for name, _, value in pairs}
    name = fields.get("model name")
    if name is None:
        return platform.machine()
    return f"{name} (family {fields.get('cpu family')}, model {fields.get('model')})"


def last_level_cache() -> int | None:
    """Its size in bytes, None where the system does not say."""
    sizes = Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")
    units = {"K": 1 << 10, "M": 1 << 20}
    found = [text.read_text().strip() for text in sizes]
    return max((int(size[:-1]) * units[size[-1]] for size in found if size), default=None)


def slug(name: str) -> str:
    """A name as a folder: lower case, hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _installed() -> dict[str, str]:
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
