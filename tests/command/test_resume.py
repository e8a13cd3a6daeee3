"""Runs that were stopped are continued, and end in the same bytes."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from logitkit.io import DataError
from logitkit.jobs import compare, parts, score

from .command import TIMEOUT
from .files import random_logits, random_targets, write_npy, write_safetensors

# The command, with parts so small that a file of some megabytes has many.
SMALL_PARTS = """
import sys
from logitkit.cli import main
from logitkit.jobs import parts
parts.PART_BYTES = 1 << 18
sys.exit(main())
"""
COMMANDS = {
    "score.parquet": ["score", "a.safetensors", "b.safetensors"],
    "score.npz": ["score", "a.safetensors", "b.safetensors", "--top-k", "3"],
    "compare.csv": ["compare", "a.safetensors", "c.npy"],
    "sparsify.npz": ["sparsify", "a.safetensors", "b.safetensors", "--top-n", "5"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resume")
    for seed, name in enumerate("ab"):
        rows = 1500 - 700 * seed
        logits = random_logits(rows, 1000, seed=seed)
        targets = random_targets(rows, vocab=1000)
        write_safetensors(folder / f"{name}.safetensors", logits=logits, targets=targets)
    write_npy(folder / "c.npy", random_logits(1500, 1000, seed=7))
    return folder


def begin(folder: Path, output: str, *more: str) -> "subprocess.Popen[str]":
    name = output.removeprefix("once-")
    command = [sys.executable, "-c", SMALL_PARTS, *COMMANDS[name], "-o", output, "--quiet", *more]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)


def wait(process: "subprocess.Popen[str]") -> None:
    _, complaint = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, complaint) == (0, "")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("output", COMMANDS)
def test_killed_at_any_moment(output: str, folder: Path) -> None:
    began = time.monotonic()
    wait(begin(folder, f"once-{output}"))
    took = time.monotonic() - began
    dice = random.Random(output)
    kills = 0
    # Every wait is longer than the last, so that it comes to an end.
    for attempt in range(60):
        process = begin(folder, output, "--resume")
        try:
            process.wait(timeout=took * (dice.uniform(0.5, 1.0) + 0.02 * attempt))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate(timeout=TIMEOUT)
        if (folder / output).exists() and not (folder / f"{output}.parts").exists():
            if kills:
                break
            # The machine is quicker now than it was for the first run: once more, in less time.
            (folder / output).unlink()
            took /= 2
            continue
        assert process.returncode == -signal.SIGKILL
    assert kills > 0
    assert (folder / output).read_bytes() == (folder / f"once-{output}").read_bytes()
    assert not list(folder.glob(".logitkit*"))


@pytest.mark.parametrize("stop", ["SIGINT", "SIGTERM"])
def test_stopped(stop: str, folder: Path, tmp_path: Path) -> None:
    if os.name == "nt":
        pytest.skip("Windows has no such signals")
    output = "score.npz"
    wait(begin(folder, f"once-{output}", "--force"))
    process = begin(folder, output, "--resume", "--force")
    manifest = folder / f"{output}.parts" / "manifest.jsonl"
    deadline = time.monotonic() + TIMEOUT
    while not (manifest.exists() and manifest.read_bytes().count(b"\n") > 2):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(getattr(signal, stop))
    process.communicate(timeout=TIMEOUT)
    if process.returncode:
        assert manifest.exists()
        wait(begin(folder, output, "--resume", "--force"))
    assert (folder / output).read_bytes() == (folder / f"once-{output}").read_bytes()


@pytest.fixture
def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output whose run was stopped after some parts, and one of a run that was not."""
    monkeypatch.setattr(parts, "PART_BYTES", 1 << 12)
    path = write_npy(tmp_path / "a.npy", random_logits(300, 40))
    score(path, tmp_path / "once.csv")
    put, done = parts.PartStore.put, []

    def stop(self: parts.PartStore, name: str, table: object) -> None:
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(name)
        put(self, name, table)  # type: ignore[arg-type]

    monkeypatch.setattr(parts.PartStore, "put", stop)
    with pytest.raises(KeyboardInterrupt):
        score(path, tmp_path / "o.csv", resume=True)
    monkeypatch.setattr(parts.PartStore, "put", put)
    assert not (tmp_path / "o.csv").exists()
    return tmp_path


def resume(folder: Path) -> int:
    """Finish the run; return how many parts it computed."""
    count = 0
    put = parts.PartStore.put

    def counted(self: parts.PartStore, name: str, table: object) -> None:
        nonlocal count
        count += 1
        put(self, name, table)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as context:
        context.setattr(parts.PartStore, "put", counted)
        score(folder / "a.npy", folder / "o.csv", resume=True)
    assert (folder / "o.csv").read_bytes() == (folder / "once.csv").read_bytes()
    assert not (folder / "o.csv.parts").exists()
    return count


def test_what_is_finished_is_not_computed_again(interrupted: Path) -> None:
    # 300 rows in parts of 16.
    assert resume(interrupted) == 19 - 4


@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_a_damaged_part_is_computed_again(damage: str, interrupted: Path) -> None:
    part = sorted((interrupted / "o.csv.parts").glob("*.npz"))[1]
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "gone":
        part.unlink()
    else:
        part.write_bytes(content if damage == "changed" else content[:100])
    assert resume(interrupted) == 19 - 3


def test_a_torn_manifest(interrupted: Path) -> None:
    manifest = interrupted / "o.csv.parts" / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes()[:-9])
    assert resume(interrupted) == 19 - 3


def test_an_empty_manifest(interrupted: Path) -> None:
    (interrupted / "o.csv.parts" / "manifest.jsonl").write_bytes(b"")
    assert resume(interrupted) == 19


@pytest.mark.parametrize(
    ("options", "name"),
    [({"temperature": 2.0}, "options"), ({"rows": "1:"}, "rows"), ({"base": 2.0}, "options")],
)
def test_parts_of_another_run(options: dict[str, object], name: str, interrupted: Path) -> None:
    source, output = interrupted / "a.npy", interrupted / "o.csv"
    with pytest.raises(DataError, match=rf"parts of another run: {name} was .* begins anew"):
        score(source, output, resume=True, **options)  # type: ignore[arg-type]
    assert resume(interrupted) == 19 - 4


def test_another_run_may_take_the_place(interrupted: Path) -> None:
    source, output = interrupted / "a.npy", interrupted / "o.csv"
    score(source, output, resume=True, force=True, temperature=2.0)
    score(source, interrupted / "p.csv", temperature=2.0)
    assert output.read_bytes() == (interrupted / "p.csv").read_bytes()


def test_an_input_that_has_changed(interrupted: Path) -> None:
    write_npy(interrupted / "a.npy", random_logits(301, 40))
    with pytest.raises(DataError, match="parts of another run: inputs was"):
        score(interrupted / "a.npy", interrupted / "o.csv", resume=True)


def test_threads_may_differ(interrupted: Path) -> None:
    score(interrupted / "a.npy", interrupted / "o.csv", resume=True, threads=5)
    assert (interrupted / "o.csv").read_bytes() == (interrupted / "once.csv").read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such locks")
def test_two_runs_at_a_time(interrupted: Path) -> None:
    import fcntl

    with open(interrupted / "o.csv.parts" / "manifest.jsonl", "rb") as manifest:
        fcntl.flock(manifest, fcntl.LOCK_EX)
        with pytest.raises(FileExistsError, match="another run is at work"):
            score(interrupted / "a.npy", interrupted / "o.csv", resume=True)
    assert resume(interrupted) == 19 - 4


def test_the_manifest_says_what_there_is(interrupted: Path) -> None:
    first, *others = (interrupted / "o.csv.parts" / "manifest.jsonl").read_text().splitlines()
    assert json.loads(first)["job"]["command"] == "score"
    assert [json.loads(line)["part"] for line in others] == [
        f"000000-{row}-{row + 16}.npz" for row in (0, 16, 32, 48)
    ]


def test_an_output_that_exists(interrupted: Path) -> None:
    resume(interrupted)
    with pytest.raises(FileExistsError, match="--force"):
        score(interrupted / "a.npy", interrupted / "o.csv", resume=True)


def test_a_directory_of_something_else(tmp_path: Path) -> None:
    path = write_npy(tmp_path / "a.npy", random_logits(30, 40))
    (tmp_path / "o.csv.parts").mkdir()
    (tmp_path / "o.csv.parts" / "letters.txt").write_text("dear")
    with pytest.raises(FileExistsError, match="has something else in it"):
        score(path, tmp_path / "o.csv", resume=True)
    assert (tmp_path / "o.csv.parts" / "letters.txt").read_text() == "dear"


def test_what_others_put_there_stays(interrupted: Path) -> None:
    note = interrupted / "o.csv.parts" / "note.txt"
    note.write_text("do not touch")
    left = interrupted / "o.csv.parts" / ".logitkit-00ff.part"
    left.write_text("of a run that was killed")
    score(interrupted / "a.npy", interrupted / "o.csv", resume=True)
    assert list((interrupted / "o.csv.parts").iterdir()) == [note]


def test_compare_needs_an_output(interrupted: Path) -> None:
    source = interrupted / "a.npy"
    with pytest.raises(ValueError, match="resume without an output"):
        compare(source, source, resume=True)


def test_many_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts make up whole batches, so a table has the same row groups."""
    monkeypatch.setattr(parts, "PART_BYTES", 1 << 12)
    monkeypatch.setattr(parts, "BATCH_ROWS", 64)
    monkeypatch.setattr("logitkit.jobs.blocks.BATCH_ROWS", 64)
    path = write_npy(tmp_path / "a.npy", random_logits(300, 40))
    for suffix in (".parquet", ".arrow", ".npz"):
        score(path, tmp_path / f"once{suffix}")
        score(path, tmp_path / f"o{suffix}", resume=True)
        once, resumed = ((tmp_path / f"{n}{suffix}").read_bytes() for n in ("once", "o"))
        assert once == resumed
    assert np.load(tmp_path / "o.npz")["row"].size == 300
