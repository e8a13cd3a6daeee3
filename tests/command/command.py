"""The command in a process of its own, as a user has it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TIMEOUT = 60.0


def run(*arguments: object, **options: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "logitkit", *map(str, arguments)],
        **{"capture_output": True, "text": True, "timeout": TIMEOUT} | options,
    )


def start(*arguments: object) -> "subprocess.Popen[str]":
    """Start the command, to be disturbed; a file may be open at that moment, with a warning."""
    return subprocess.Popen(
        [sys.executable, "-m", "logitkit", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def check_error(result: "subprocess.CompletedProcess[str]", status: int, *expected: object) -> None:
    """Assert that the command failed with one line that holds all that is expected."""
    assert result.returncode == status, result
    assert result.stdout == ""
    assert result.stderr.startswith("logitkit: ")
    assert result.stderr.count("\n") == 1
    assert result.stderr.endswith("\n")
    for text in expected:
        assert str(text) in result.stderr


def wait_for(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    """Wait until the condition holds while the process runs."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(f"too late: {process.communicate()}, status {process.returncode}")
        time.sleep(0.001)


def is_writing(folder: Path) -> bool:
    """Whether the command has begun: its temporary file is there."""
    return any(name.endswith(".part") for name in os.listdir(folder))
