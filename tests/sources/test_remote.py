"""Files that have an address, through fsspec: those of memory and of this machine."""

from pathlib import Path

import fsspec
import logitkit
import numpy as np
import pytest
from logitkit.io import DataError
from logitkit.jobs import compare, score, sparsify

from ..command.files import random_logits, random_targets, write_npy
from ..command.tables import read_table
from .formats import FORMATS

LOGITS = random_logits(40, 11)
TARGETS = random_targets(40, vocab=11)


@pytest.mark.parametrize("name", [name for name in FORMATS if "zarr" not in name])
def test_in_memory(name: str, tmp_path: Path) -> None:
    path = FORMATS[name](tmp_path / "a", LOGITS, TARGETS)
    memory = fsspec.filesystem("memory")
    memory.pipe(f"/{name}/{path.name}", path.read_bytes())
    url = f"memory://{name}/{path.name}"
    if name in ("hdf5", "chunked hdf5"):
        source = logitkit.open_logits(url)
    else:
        source = logitkit.open_logits(f"memory://{name}")
    np.testing.assert_array_equal(source.rows(0, 40), LOGITS)
    np.testing.assert_array_equal(source.rows(7, 30), LOGITS[7:30])
    score(url, tmp_path / "o.npz")
    expected = logitkit.token_stats(LOGITS).entropy
    np.testing.assert_array_equal(read_table(tmp_path / "o.npz")["entropy"], expected)


@pytest.mark.parametrize("name", FORMATS)
def test_on_this_machine(name: str, tmp_path: Path) -> None:
    path = FORMATS[name](tmp_path / "a", LOGITS, TARGETS)
    for url in (f"file://{path}", f"file://{tmp_path}/*{path.suffix}", f"file://{tmp_path}"):
        np.testing.assert_array_equal(logitkit.open_logits(url).rows(0, 40), LOGITS)


def test_outputs(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    path = write_npy(tmp_path / "a.npy", LOGITS)
    score(path, "memory://out/scores.csv")
    score(path, tmp_path / "o.csv")
    assert memory.cat("/out/scores.csv") == (tmp_path / "o.csv").read_bytes()
    with pytest.raises(FileExistsError, match="--force"):
        score(path, "memory://out/scores.csv")
    assert score(path, "memory://out/scores.csv", force=True).rows == 40
    assert compare(path, path, "memory://out/pairs.parquet").rows == 40
    assert sparsify(path, f"file://{tmp_path}/s.npz", top_n=2).kept == 80
    assert (tmp_path / "s.npz").exists()
    with pytest.raises(ValueError, match="expected a local one"):
        score(path, "memory://out/more.csv", resume=True)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as error:
        logitkit.open_logits("memory://nowhere/a.npy")
    assert error.value.filename == "memory://nowhere/a.npy"
    with pytest.raises(FileNotFoundError, match="no file matches"):
        logitkit.open_logits("memory://nowhere/*.npy")
    with pytest.raises(DataError, match="nonsense"):
        logitkit.open_logits("nonsense://a/b.npy")


def test_changed_in_between(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    path = write_npy(tmp_path / "a.npy", LOGITS)
    memory.pipe("/changing/a.npy", path.read_bytes())
    source = logitkit.open_logits("memory://changing/a.npy")
    memory.pipe("/changing/a.npy", path.read_bytes() + b"more")
    with pytest.raises(DataError, match="was changed"):
        source.rows(0, 3)
