"""Scripts in a fresh interpreter with a watchdog, for what could hang pytest or change it."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

# The settings under test; a script sees those alone that a test gives it.
_SETTINGS = ("LOGITKIT_ISA", "LOGITKIT_NUM_THREADS", "RAYON_NUM_THREADS", "OMP_NUM_THREADS")


def run_script(
    *parts: str, environment: dict[str, str] | None = None, timeout: float = 60.0
) -> list[str]:
    """Run the parts as one script and give the lines it prints.

    The test fails if the script does, or if it takes longer than `timeout` seconds.
    """
    script = "\n".join(map(textwrap.dedent, parts))
    inherited = {name: value for name, value in os.environ.items() if name not in _SETTINGS}
    process = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", script],
        env=inherited | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        printed, complaint = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        _end(process)
        printed, complaint = process.communicate()
        pytest.fail(f"the script hung for {timeout} s; it had printed {printed!r}\n{complaint}")
    if process.returncode != 0:
        pytest.fail(f"the script ended with {process.returncode}\n{printed}\n{complaint}")
    return printed.splitlines()


def _end(process: "subprocess.Popen[str]") -> None:
    """End the script and, where there are sessions, all the processes that it forked."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
