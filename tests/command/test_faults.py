"""What goes wrong while the command runs leaves one line, and nothing half-written."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from logitkit.io.random_access import RandomAccessFile
from logitkit.jobs import score

from .command import TIMEOUT, check_error, is_writing, run, start, wait_for
from .files import random_logits, write_npy, write_sparse
from .tables import SUFFIXES

LONG = (1 << 17, 1 << 17)
"""Rows and vocabulary of a file of 64 GB: no test waits for its end."""


def finish(process: "subprocess.Popen[str]") -> "subprocess.CompletedProcess[str]":
    printed, complaint = process.communicate(timeout=TIMEOUT)
    return subprocess.CompletedProcess([], process.returncode, printed, complaint)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("number", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_signals(number: str, status: int, suffix: str, tmp_path: Path) -> None:
    if not hasattr(signal, number):
        pytest.skip(f"this system has no {number}")
    path = write_sparse(tmp_path / "a.safetensors", *LONG)
    # A process inherits what its parent ignores: SIGHUP, if the tests run under nohup.
    before = signal.signal(getattr(signal, number), signal.SIG_DFL)
    process = start("score", path, "-o", tmp_path / f"o{suffix}")
    signal.signal(getattr(signal, number), before)
    wait_for(lambda: is_writing(tmp_path), process)
    process.send_signal(getattr(signal, number))
    result = finish(process)
    assert result.returncode == status
    assert result.stdout == ""
    assert result.stderr == ("logitkit: interrupted\n" if number == "SIGINT" else "")
    assert list(tmp_path.iterdir()) == [path]


def test_truncated_while_read(tmp_path: Path) -> None:
    path = write_sparse(tmp_path / "a.safetensors", *LONG)
    process = start("score", path, "-o", tmp_path / "o.csv")
    wait_for(lambda: is_writing(tmp_path), process)
    time.sleep(0.3)
    os.truncate(path, 1000)
    check_error(finish(process), 1, path, "truncated while it was being read")
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def no_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read, as where the system grants no lease."""
    monkeypatch.setattr("logitkit.io.random_access.lease", lambda *arguments: None)


@pytest.fixture(params=["mapped", "read"])
def access(request: pytest.FixtureRequest) -> None:
    """Files are mapped where the system grants a lease, then read."""
    if request.param == "read":
        request.getfixturevalue("no_maps")


@pytest.mark.usefixtures("access")
@pytest.mark.parametrize("change", ["truncated", "changed"])
def test_changed_while_read(change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_sparse(tmp_path / "a.safetensors", 4096, 1 << 17)
    announce, threads = RandomAccessFile.will_read, []

    def interfere() -> None:
        with open(path, "r+b") as file:
            if change == "truncated":
                file.truncate(20_000_000)
            else:
                file.seek(5000)
                file.write(b"new")

    def watch(self: RandomAccessFile, size: int, offset: int) -> None:
        announce(self, size, offset)
        if not threads:
            # Whoever writes waits for the file to be given back: not in this thread.
            threads.append(threading.Thread(target=interfere))
            threads[0].start()

    monkeypatch.setattr(RandomAccessFile, "will_read", watch)
    with pytest.raises(ValueError, match=f"{change} while it was being read"):
        score(path, tmp_path / "o.csv")
    threads[0].join(5)
    assert not threads[0].is_alive()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("no_maps")
def test_input_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_npy(tmp_path / "a.npy", random_logits(20, 1000))

    def fail(*arguments: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(RandomAccessFile, "will_read", lambda *arguments: patch())

    def patch() -> None:
        monkeypatch.setattr(RandomAccessFile, "_read_some", fail)

    with pytest.raises(OSError, match="Input/output error") as error:
        score(path, tmp_path / "o.csv")
    assert error.value.filename == str(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("no_maps")
def test_without_positioned_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logits = random_logits(300, 1000)
    path = write_npy(tmp_path / "a.npy", logits)
    score(path, tmp_path / "o.csv", threads=4)
    monkeypatch.delattr(os, "preadv", raising=False)
    monkeypatch.delattr(os, "posix_fadvise", raising=False)
    score(path, tmp_path / "p.csv", threads=4)
    assert (tmp_path / "o.csv").read_bytes() == (tmp_path / "p.csv").read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_file_size_limit(suffix: str, tmp_path: Path) -> None:
    import resource

    path = write_npy(tmp_path / "a.npy", random_logits(5000, 8))

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    output = tmp_path / f"o{suffix}"
    result = run("score", path, "-o", output, preexec_fn=limit)
    check_error(result, 1, output, "File too large")
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    mount = shutil.which("mount")
    if sys.platform != "linux" or mount is None or os.geteuid() != 0:
        pytest.skip("NOT TESTED, a full disk: only root on Linux can mount a small one")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = [mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"NOT TESTED, a full disk: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_full_disk(suffix: str, small_disk: Path, tmp_path: Path) -> None:
    path = write_npy(tmp_path / "a.npy", random_logits(5000, 8))
    output = small_disk / f"o{suffix}"
    check_error(run("score", path, "-o", output), 1, output, "No space left on device")
    assert list(small_disk.iterdir()) == []


def test_output_is_kept_when_a_new_one_fails(small_disk: Path, tmp_path: Path) -> None:
    path = write_npy(tmp_path / "a.npy", random_logits(5000, 8))
    output = small_disk / "o.csv"
    output.write_text("precious")
    check_error(run("score", path, "-o", output, "--force"), 1, output)
    assert output.read_text() == "precious"
    assert list(small_disk.iterdir()) == [output]


# Root may do everything, so the command becomes someone else; it may not read its modules then,
# so it has them before.
AS_NOBODY = """
import os, sys
from logitkit.cli import main
if os.geteuid() == 0:
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
sys.exit(main())
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights elsewhere")
@pytest.mark.parametrize("what", ["input", "output"])
def test_no_permission(what: str) -> None:
    # The folders that pytest makes are closed to others.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        path = write_npy(folder / "a.npy", random_logits(2, 3))
        output = folder / "out" / "o.csv"
        output.parent.mkdir()
        path.chmod(0o000 if what == "input" else 0o644)
        output.parent.chmod(0o555 if what == "output" else 0o777)
        command = [sys.executable, "-c", AS_NOBODY, "score", str(path), "-o", str(output)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
        check_error(result, 1, path if what == "input" else output, "Permission denied")
        assert list(output.parent.iterdir()) == []


def test_options_are_checked_first(tmp_path: Path) -> None:
    # The output's folder is not there, but that is not what the error is about.
    path = write_npy(tmp_path / "a.npy", np.zeros((2, 3), np.float32))
    for wrong in ({"temperature": -1.0}, {"base": 1.0}, {"threads": 0}, {"temperature": "warm"}):
        with pytest.raises((ValueError, TypeError), match=next(iter(wrong))):
            score(path, tmp_path / "absent" / "o.csv", **wrong)  # type: ignore[arg-type]
