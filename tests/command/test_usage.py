"""Arguments, exit statuses, and the other commands."""

import json
import os
import subprocess
import sys
from pathlib import Path

import logitkit
import pytest

from .command import check_error, run
from .files import random_logits, random_targets, write_npy, write_safetensors


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_safetensors(
        tmp_path / "a.safetensors",
        logits=random_logits(2, 3, 8, dtype="bfloat16"),
        targets=random_targets(2, 3, vocab=8),
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "COMMAND"),
        (["scores"], "'scores'"),
        (["score"], "INPUT"),
        (["score", "{path}"], "--output"),
        (["score", "{path}", "-o", "o.txt"], ".parquet, .arrow, .csv, .jsonl, .npz"),
        (["score", "{path}", "-o", "o"], ".parquet, .arrow, .csv, .jsonl, .npz"),
        (["score", "{path}", "-o", "o.csv", "--temperature", "0"], "temperature"),
        (["score", "{path}", "-o", "o.csv", "--temperature", "nan"], "temperature"),
        (["score", "{path}", "-o", "o.csv", "--temperature", "warm"], "'warm'"),
        (["score", "{path}", "-o", "o.csv", "--base", "1"], "base"),
        (["score", "{path}", "-o", "o.csv", "--base", "two"], "'two'"),
        (["score", "{path}", "-o", "o.csv", "--threads", "0"], "threads"),
        (["score", "{path}", "-o", "o.csv", "--dtype", "int8"], "bfloat16"),
        (["score", "{path}", "-o", "o.csv", "--temp", "1"], "--temp"),
        (["score", "{path}", "{path}", "-o", "o.csv", "--targets", "t.npy"], "one file of targets"),
    ],
)
def test_wrong_arguments(arguments: list[str], expected: str, path: Path, tmp_path: Path) -> None:
    result = run(*(text.format(path=path) for text in arguments), cwd=tmp_path)
    check_error(result, 2, expected)
    assert os.listdir(tmp_path) == [path.name]


def test_output_is_an_input(tmp_path: Path) -> None:
    # A table of one column would be no input, but a hard link may have any name.
    path = write_npy(tmp_path / "a.npy", random_logits(2, 3))
    os.link(path, tmp_path / "a.npz")
    before = path.read_bytes()
    result = run("score", path, "-o", tmp_path / "a.npz", "--force")
    check_error(result, 2, "a.npz", "also an input")
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["score", "absent.npy", "-o", "o.csv"], "absent.npy: No such file"),
        (["score", "absent*.npy", "-o", "o.csv"], "absent*.npy: no file matches"),
        (["score", "folder.npy", "-o", "o.csv"], "folder.npy: a directory without files of logits"),
        (["score", "{path}", "-o", "absent/o.csv"], "absent/o.csv: No such file"),
        (["score", "{path}", "-o", "folder.csv"], "folder.csv: the output exists and is not"),
        (["score", "{path}", "-o", "o.csv", "--logits", "x"], "'logits', 'targets', not 'x'"),
        (["score", "{path}", "-o", "o.csv", "--targets", "x"], "'x'"),
        (["info", "absent.npy"], "absent.npy: No such file"),
    ],
)
def test_wrong_files(arguments: list[str], expected: str, path: Path, tmp_path: Path) -> None:
    (tmp_path / "folder.npy").mkdir()
    (tmp_path / "folder.csv").mkdir()
    result = run(*(text.format(path=path) for text in arguments), cwd=tmp_path)
    check_error(result, 1, expected)
    assert sorted(os.listdir(tmp_path)) == ["a.safetensors", "folder.csv", "folder.npy"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.npy")
    check_error(run("info", tmp_path / "a.npy"), 1, "not a regular file")


@pytest.mark.parametrize("missing", ["pyarrow", "tqdm"])
def test_without_extras(missing: str, path: Path, tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / f"{missing}.py").write_text(
        f"raise ModuleNotFoundError('No module named {missing!r}', name={missing!r})".replace(
            f"{missing!r}'", f"{missing}'"
        )
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "hidden")}
    arguments = ["score", path, "-o", tmp_path / "o.parquet"]
    result = run(*arguments, env=environment)
    if missing == "pyarrow":
        check_error(result, 1, "needs pyarrow", "logitkit[cli]", ".csv")
        assert sorted(os.listdir(tmp_path)) == ["a.safetensors", "hidden"]
    else:
        assert (result.returncode, result.stderr) == (0, "")
    assert run(*arguments[:-1], tmp_path / "o.csv", env=environment).returncode == 0


def test_version_and_help() -> None:
    assert run("--version").stdout == f"logitkit {logitkit.__version__}\n"
    for arguments in (["--help"], ["score", "--help"], ["info", "--help"]):
        result = run(*arguments)
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.startswith("usage: logitkit")


def test_info(path: Path, tmp_path: Path) -> None:
    other = write_npy(tmp_path / "b.npy", random_logits(4, 5))
    result = run("info", path, other)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == (
        f"{path}\n"
        "  logits   bfloat16  [2, 3, 8]  96 bytes\n"
        "  targets  int64     [2, 3]     48 bytes\n"
        "\n"
        f"{other}\n"
        "    float32  [4, 5]  80 bytes\n"
    )
    listing = json.loads(run("info", "--json", tmp_path / "*").stdout)
    assert listing == [
        {
            "file": str(path),
            "tensors": [
                {"name": "logits", "dtype": "bfloat16", "shape": [2, 3, 8], "bytes": 96},
                {"name": "targets", "dtype": "int64", "shape": [2, 3], "bytes": 48},
            ],
        },
        {
            "file": str(other),
            "tensors": [{"name": None, "dtype": "float32", "shape": [4, 5], "bytes": 80}],
        },
    ]


def test_info_of_a_file_without_tensors(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "a.safetensors")
    assert run("info", path).stdout == f"{path}\n"


@pytest.mark.parametrize("command", ["score", "info"])
def test_reader_gone(command: str, path: Path, tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    arguments = [command, path] + (["-o", tmp_path / "o.csv"] if command == "score" else [])
    result = run(*arguments, capture_output=False, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (result.returncode, result.stderr) == (141, "")
    assert (tmp_path / "o.csv").exists() == (command == "score")


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is a Linux device")
def test_standard_output_full(path: Path) -> None:
    with open("/dev/full", "w") as full:
        result = run("info", path, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert result.returncode == 1
    assert result.stderr == "logitkit: standard output: No space left on device\n"
