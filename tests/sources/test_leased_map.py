"""Files in memory without a copy: lent while nobody can change them, and given back at once."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import logitkit
import numpy as np
import pytest
from logitkit.io.leased_map import LeasedMap, lease
from logitkit.io.random_access import RandomAccessFile
from logitkit.jobs import score

from ..command.files import random_logits, write_npy
from ..command.tables import read_table

SIZE = 1 << 20
CONTENT = np.random.default_rng(0).integers(256, size=SIZE, dtype=np.uint8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "a").write_bytes(CONTENT.tobytes())
    return tmp_path / "a"


@pytest.fixture
def leased(path: Path) -> Iterator[LeasedMap]:
    descriptor = os.open(path, os.O_RDONLY)
    found = lease(descriptor, SIZE)
    if found is None:
        pytest.skip("NOT TESTED, maps under a lease: this system or file system grants none")
    yield found
    found.close()
    os.close(descriptor)


def write_in_another_process(path: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", f"open({str(path)!r}, 'r+b').truncate(5000)"])


def test_bytes_are_those_of_the_file(leased: LeasedMap) -> None:
    for offset, size in ((0, SIZE), (1, 10), (4095, 4098), (SIZE - 1, 1), (12345, 0)):
        found = leased.lend(offset, size)
        assert found is not None
        np.testing.assert_array_equal(found, CONTENT[offset : offset + size])
        assert not found.flags.writeable
        del found
        leased.take_back(offset, size)


def test_a_writer_waits_for_what_is_lent_and_no_longer(leased: LeasedMap, path: Path) -> None:
    lent = leased.lend(0, SIZE)
    assert lent is not None
    writer = write_in_another_process(path)
    deadline = time.monotonic() + 20
    while (more := leased.lend(0, 100)) is not None:
        assert time.monotonic() < deadline
        leased.take_back(0, len(more))
        time.sleep(0.01)
    time.sleep(0.5)
    assert writer.poll() is None
    # What is lent is there, whole; nothing more is lent.
    np.testing.assert_array_equal(lent, CONTENT)
    assert leased.lend(0, 100) is None
    assert path.stat().st_size == SIZE
    leased.take_back(0, SIZE)
    assert writer.wait(10) == 0
    assert path.stat().st_size == 5000
    assert leased.lend(0, 100) is None


def test_a_writer_need_not_wait_where_nothing_is_lent(leased: LeasedMap, path: Path) -> None:
    writer = write_in_another_process(path)
    deadline = time.monotonic() + 20
    while writer.poll() is None:
        assert time.monotonic() < deadline
        if (lent := leased.lend(0, 100)) is not None:
            leased.take_back(0, len(lent))
        time.sleep(0.01)
    assert path.stat().st_size == 5000


def test_none_beside_a_writer(path: Path) -> None:
    with open(path, "r+b"), open(path, "rb") as file:
        assert lease(file.fileno(), SIZE) is None


def test_none_of_another_size(path: Path) -> None:
    with open(path, "rb") as file:
        assert lease(file.fileno(), SIZE + 1) is None
        assert lease(file.fileno(), 0) is None
    # The lease was given back.
    with open(path, "r+b"):
        pass


def test_a_page_that_cannot_be_had_is_read(
    leased: LeasedMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No such advice: as where Linux does not know it yet.
    monkeypatch.setattr("logitkit.io.leased_map._POPULATE_READ", 12345)
    assert leased.lend(0, 100) is None
    monkeypatch.undo()
    assert leased.lend(0, 100) is None


def test_nothing_is_held_after_the_end(path: Path) -> None:
    with RandomAccessFile(str(path)) as file:
        lent = file.lend(100, 0)
        if lent is None:
            pytest.skip("NOT TESTED, maps under a lease: this system or file system grants none")
    # Still held by someone, as by a traceback, but a writer does not wait for that.
    assert lent[0] == CONTENT[0]
    began = time.monotonic()
    with open(path, "r+b"):
        pass
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("mapped", [True, False])
def test_scores_are_the_same(mapped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not mapped:
        monkeypatch.setattr("logitkit.io.random_access.lease", lambda *arguments: None)
    monkeypatch.setattr("logitkit.jobs.blocks._TASK_BYTES", 50_000)
    logits = random_logits(500, 333)
    score(write_npy(tmp_path / "a.npy", logits), tmp_path / "o.npz", threads=3)
    expected = logitkit.token_stats(logits).entropy
    np.testing.assert_array_equal(read_table(tmp_path / "o.npz")["entropy"], expected)


def test_from_many_threads(leased: LeasedMap) -> None:
    wrong = []

    def use(seed: int) -> None:
        dice = np.random.default_rng(seed)
        for _ in range(300):
            offset = int(dice.integers(SIZE))
            size = int(dice.integers(SIZE - offset + 1))
            lent = leased.lend(offset, size)
            if lent is None or not np.array_equal(lent, CONTENT[offset : offset + size]):
                wrong.append(offset)
            leased.take_back(offset, size)

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
