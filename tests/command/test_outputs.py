"""Every output format holds the same table, and appears whole or not at all."""

import os
import sys
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.ipc
import pyarrow.parquet
import pytest
from logitkit.io import Column, open_sink
from logitkit.jobs import blocks, score

from .command import check_error, run
from .files import random_logits, random_targets, write_npy, write_safetensors
from .tables import SUFFIXES, read_table

COLUMNS = [
    "file", "row", "sequence", "position", "target", "log_prob", "rank", "entropy", "varentropy",
    "logsumexp", "max", "argmax", "max_prob", "valid",
]  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    logits, targets = random_logits(4, 5, 12), random_targets(4, 5, vocab=12)
    logits[0, 1] = np.nan
    logits[0, 2, 3] = np.inf
    logits[0, 3] = -np.inf
    logits[1, 0, targets[1, 0]] = -np.inf
    targets[1, 1] = -1
    return write_safetensors(tmp_path / "naïve, file.safetensors", logits=logits, targets=targets)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_formats_agree(suffix: str, path: Path, tmp_path: Path) -> None:
    score(path, tmp_path / "expected.npz", ignore_index=-1)
    score(path, tmp_path / f"o{suffix}", ignore_index=-1)
    expected, table = read_table(tmp_path / "expected.npz"), read_table(tmp_path / f"o{suffix}")
    assert set(table) == set(COLUMNS)
    for name, values in table.items():
        wanted = expected[name]
        if suffix == ".jsonl" and wanted.dtype.kind == "f":
            wanted = np.where(np.isfinite(wanted), wanted, np.nan)
        if suffix in (".csv", ".jsonl") and wanted.dtype.kind == "f":
            # Text has no precision, but the digits read back as the same float32.
            values = values.astype(np.float32)
        np.testing.assert_array_equal(values, wanted, strict=name != "file", err_msg=name)


def test_column_types(path: Path, tmp_path: Path) -> None:
    score(path, tmp_path / "o.parquet", ignore_index=-1)
    score(path, tmp_path / "o.arrow", ignore_index=-1)
    schema = pyarrow.parquet.read_schema(tmp_path / "o.parquet")
    with pyarrow.ipc.open_file(tmp_path / "o.arrow") as file:
        assert schema.equals(file.schema)
    assert schema.names == COLUMNS
    assert schema.field("file").type.value_type == pyarrow.string()
    assert {name: schema.field(name).type for name in COLUMNS[1:]} == {
        name: pyarrow.int64()
        for name in ("row", "sequence", "position", "target", "rank", "argmax")
    } | {"valid": pyarrow.bool_()} | {
        name: pyarrow.float32()
        for name in ("log_prob", "entropy", "varentropy", "logsumexp", "max", "max_prob")
    }
    # A number that is not one is not a value that is not there.
    assert pyarrow.parquet.read_table(tmp_path / "o.parquet")["entropy"].null_count == 0


def test_float64_stays(tmp_path: Path) -> None:
    path = write_npy(tmp_path / "a.npy", random_logits(3, 4, dtype="float64"))
    score(path, tmp_path / "o.parquet")
    schema = pyarrow.parquet.read_schema(tmp_path / "o.parquet")
    assert schema.field("entropy").type == pyarrow.float64()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_several_batches(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BATCH_ROWS", 8)
    paths = [write_npy(tmp_path / f"{i}.npy", random_logits(20, 3, seed=i)) for i in range(2)]
    score(paths, tmp_path / f"o{suffix}")
    table = read_table(tmp_path / f"o{suffix}")
    np.testing.assert_array_equal(table["row"], [*range(20), *range(20)])
    assert list(table["file"]) == [str(paths[0])] * 20 + [str(paths[1])] * 20


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".npz"])
def test_no_rows(suffix: str, tmp_path: Path) -> None:
    path = write_npy(tmp_path / "a.npy", random_logits(0, 3))
    score(path, tmp_path / f"o{suffix}")
    assert read_table(tmp_path / f"o{suffix}")["entropy"].shape == (0,)


def test_equal_tables_are_equal_files(path: Path, tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        files = [tmp_path / f"{name}{suffix}" for name in "ab"]
        for file, threads in zip(files, (1, 3), strict=True):
            score(path, file, ignore_index=-1, threads=threads)
        assert files[0].read_bytes() == files[1].read_bytes(), suffix


@pytest.mark.skipif(sys.platform != "linux", reason="other systems demand names in Unicode")
def test_a_file_name_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"bad\xff.npy")
    write_npy(path, random_logits(2, 3))
    for suffix in SUFFIXES:
        score(path, tmp_path / f"o{suffix}")
        assert read_table(tmp_path / f"o{suffix}")["file"][0].endswith("bad\ufffd.npy")
    check_error(run("score", path, "-o", tmp_path / "o.csv"), 1, "--force")
    assert "bad\\udcff.npy" in run("info", path).stdout


def test_existing_output(path: Path, tmp_path: Path) -> None:
    output = tmp_path / "o.csv"
    output.write_text("precious")
    check_error(run("score", path, "-o", output), 1, output, "exists", "--force")
    assert output.read_text() == "precious"
    assert run("score", path, "-o", output, "--force", "--targets", "none").returncode == 0
    assert output.read_text().startswith("file,row,")


def test_output_that_appears_meanwhile(tmp_path: Path) -> None:
    output = tmp_path / "o.csv"
    with (
        pytest.raises(FileExistsError),
        open_sink(output, [Column("rank", np.dtype(np.int64))], 0),
    ):
        output.write_text("precious")
    assert output.read_text() == "precious"
    assert os.listdir(tmp_path) == ["o.csv"]


def test_output_through_a_link(path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "real.csv", tmp_path / "link.csv"
    target.write_text("old")
    link.symlink_to(target)
    score(path, link, targets="none", force=True)
    assert link.is_symlink()
    assert target.read_text().startswith("file,row,")


def test_permissions_are_those_of_any_new_file(path: Path, tmp_path: Path) -> None:
    score(path, tmp_path / "o.csv", targets="none")
    (tmp_path / "other").touch()
    assert (tmp_path / "o.csv").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_nothing_else_is_left(path: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for suffix in SUFFIXES:
        score(path, tmp_path / "out" / f"o{suffix}", targets="none")
    assert sorted(os.listdir(tmp_path / "out")) == sorted(f"o{suffix}" for suffix in SUFFIXES)
