"""A process that ends right after it was given a file that is not sound."""

import subprocess
import sys
from pathlib import Path

import pytest

PROCESSES = 6

# Whoever waits for the interpreter when the error comes gets it when the process ends, not before.
PROGRAM = """
import sys, time
from logitkit.io.errors import DataError
from logitkit.io.opening import open_logits
from logitkit.io.table import read_table

try:
    {}(sys.argv[1])
except DataError:
    sys.setswitchinterval(1000)
    end = time.perf_counter() + 0.02
    while time.perf_counter() < end:
        pass
else:
    raise AssertionError
"""


CALLS = [("open_logits", ""), ("open_logits", "file://"), ("read_table", "")]


@pytest.mark.parametrize(("call", "prefix"), CALLS)
def test_threads_have_let_go(call: str, prefix: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.arrow"
    path.write_bytes(b"nonsense and more of it")
    command = [sys.executable, "-c", PROGRAM.format(call), f"{prefix}{path}"]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(PROCESSES)]
    try:
        ends = [(p.communicate(timeout=60)[1], p.returncode) for p in processes]
    finally:
        for process in processes:
            process.kill()
    assert ends == [(b"", 0)] * PROCESSES
