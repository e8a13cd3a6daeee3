"""A file is never in memory as a whole."""

import re
import sys
import time
from pathlib import Path

import pytest

from .command import TIMEOUT, start
from .files import random_targets, write_npy, write_sparse

MEGABYTE = 1 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="Linux says how much memory is anonymous")
def test_anonymous_memory(tmp_path: Path) -> None:
    rows, vocab = 2000, 1 << 17
    path = write_sparse(tmp_path / "a.safetensors", rows, vocab)
    targets = write_npy(tmp_path / "t.npy", random_targets(rows, vocab=vocab))
    arguments = ["--targets", targets, "--threads", 64]
    process = start("score", path, "-o", tmp_path / "o.parquet", *arguments)
    status, peak = Path(f"/proc/{process.pid}/status"), 0
    while process.poll() is None:
        found = re.search(r"RssAnon:\s*(\d+) kB", status.read_text())
        peak = max(peak, 1024 * int(found[1]) if found else 0)
        time.sleep(0.001)
    printed, complaint = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, complaint) == (0, "")
    assert re.search(rf"scored tokens +{rows}\n", printed)
    assert 10 * MEGABYTE < peak < 300 * MEGABYTE
