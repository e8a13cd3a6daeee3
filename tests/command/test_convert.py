"""Every format into every other, and back."""

import sys
from pathlib import Path
from typing import Any

import logitkit
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from logitkit.io import DataError, write_kld
from logitkit.io.elements import convert_elements
from logitkit.io.logit_sink import LOGIT_SUFFIXES
from logitkit.jobs import convert

from ..sources.formats import FORMATS
from .command import check_error, run
from .files import DTYPES, random_logits, random_targets, write_npy, write_safetensors

# The function of that name hides its module.
MODULE = sys.modules["logitkit.jobs.convert"]
SHAPES = {"two": (23, 7), "three": (4, 5, 7)}


def read_with_its_own_package(path: Path) -> Any:
    """The logits, by what other programs read the file with."""
    import h5py
    import pyarrow.ipc
    import pyarrow.parquet
    import zarr

    match path.suffix:
        case ".npy":
            return np.load(path)
        case ".h5" | ".hdf5":
            with h5py.File(path) as file:
                return file["logits"][()]
        case ".zarr":
            return zarr.open_group(path, mode="r")["logits"][()]
        case ".parquet":
            column = pyarrow.parquet.read_table(path)["logits"].combine_chunks()
        case _:
            with pyarrow.ipc.open_file(path) as file:
                column = file.read_all()["logits"].combine_chunks()
    array = column if not hasattr(column, "chunk") else column.chunk(0)
    if hasattr(array, "to_numpy_ndarray"):
        return array.to_numpy_ndarray()
    return array.flatten().to_numpy().reshape(len(array), -1)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("suffix", LOGIT_SUFFIXES)
def test_there_and_back(
    suffix: str, dtype: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MODULE, "_BLOCK_BYTES", 150)
    monkeypatch.setattr("logitkit.io.zarr._CHUNK_BYTES", 400)
    shape = SHAPES[kind]
    logits = random_logits(*shape, dtype=dtype)
    targets = random_targets(*shape[:-1], vocab=7)
    source = write_safetensors(tmp_path / "a.safetensors", targets=targets, logits=logits)
    path = tmp_path / f"b{suffix}"
    named = suffix != ".npy"
    made = convert(source, path, targets=None if named else "none")
    assert (made.shape, made.dtype, made.targets) == (shape, dtype, named)
    stated = None if named or dtype != "bfloat16" else dtype
    found = logitkit.open_logits(path, dtype=stated)
    assert (found.shape, found.dtype) == (shape, dtype)
    if named:
        np.testing.assert_array_equal(found.targets, targets)
    if suffix != ".safetensors":
        stored = logits.view(np.uint16) if dtype == "bfloat16" else logits
        np.testing.assert_array_equal(read_with_its_own_package(path), stored)
    convert(path, tmp_path / "c.safetensors", dtype=stated)
    convert(source, tmp_path / "d.safetensors", targets=None if named else "none")
    again, once = ((tmp_path / f"{name}.safetensors").read_bytes() for name in "cd")
    assert again == once


@pytest.mark.parametrize("name", FORMATS)
def test_from_every_format(name: str, tmp_path: Path) -> None:
    logits, targets = random_logits(53, 29), random_targets(53, vocab=29)
    path = FORMATS[name](tmp_path / "a", logits, targets)
    convert(path, tmp_path / "b.npy", targets="none")
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), logits)


def test_rows_and_many_inputs(tmp_path: Path) -> None:
    logits, targets = random_logits(6, 5, 7), random_targets(6, 5, vocab=7)
    for i in range(3):
        some = slice(2 * i, 2 * i + 2)
        write_safetensors(tmp_path / f"{i}.safetensors", logits=logits[some], targets=targets[some])
    pattern = tmp_path / "?.safetensors"
    made = convert(pattern, tmp_path / "a.h5")
    assert made.shape == (6, 5, 7)
    np.testing.assert_array_equal(read_with_its_own_package(tmp_path / "a.h5"), logits)
    made = convert(pattern, tmp_path / "b.h5", rows="7:19")
    assert made.shape == (12, 7)
    source = logitkit.open_logits(tmp_path / "b.h5")
    np.testing.assert_array_equal(source.rows(0, 12), logits.reshape(-1, 7)[7:19])
    np.testing.assert_array_equal(source.targets, targets.reshape(-1)[7:19])


@pytest.mark.parametrize("wanted", DTYPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_element_types(dtype: str, wanted: str, tmp_path: Path) -> None:
    logits = random_logits(23, 7, dtype=dtype)
    logits[0, :3] = [np.inf, -np.inf, 1e-40 if dtype.startswith("float") else 0]
    source = write_safetensors(tmp_path / "a.safetensors", logits=logits)
    convert(source, tmp_path / "b.safetensors", to_dtype=wanted)
    found = logitkit.open_logits(tmp_path / "b.safetensors").rows(0, 23).view(DTYPES[wanted])
    with np.errstate(over="ignore"):
        expected = logits.astype(np.float64).astype(np.float32 if wanted == "bfloat16" else "f8")
        np.testing.assert_array_equal(found, expected.astype(DTYPES[wanted]))


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1))
def test_bfloat16_is_rounded_as_ml_dtypes_rounds_it(bits: list[int]) -> None:
    rows = np.array(bits, np.uint32).view(np.float32)
    found = convert_elements(rows, "float32", "bfloat16").view(ml_dtypes.bfloat16)
    with np.errstate(invalid="ignore"):
        expected = rows.astype(ml_dtypes.bfloat16).astype(np.float32)
    np.testing.assert_array_equal(found.astype(np.float32), expected)


def test_kld(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    tokens = rng.integers(13, size=(3, 8))
    logits = (3 * rng.standard_normal((3, 3, 13))).astype(np.float32)
    write_kld(tmp_path / "a.kld", logits, tokens)
    convert(tmp_path / "a.kld", tmp_path / "b.safetensors")
    source, copy = (logitkit.open_logits(tmp_path / n) for n in ("a.kld", "b.safetensors"))
    np.testing.assert_array_equal(copy.rows(0, 9), source.rows(0, 9))
    np.testing.assert_array_equal(copy.targets, tokens[:, 5:8])
    whole = write_safetensors(tmp_path / "c.safetensors", logits=logits, tokens=tokens)
    convert(whole, tmp_path / "d.kld")
    assert (tmp_path / "d.kld").read_bytes() == (tmp_path / "a.kld").read_bytes()
    with pytest.raises(DataError, match="needs logits of shape"):
        convert(tmp_path / "b.safetensors", tmp_path / "e.kld")
    with pytest.raises(ValueError, match="all rows of its chunks"):
        convert(whole, tmp_path / "e.kld", rows="0:2")
    assert not (tmp_path / "e.kld").exists()


@pytest.mark.parametrize("suffix", LOGIT_SUFFIXES)
def test_nothing_half_written(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "_BLOCK_BYTES", 150)
    source = write_npy(tmp_path / "a.npy", random_logits(23, 7))

    def fail(*arguments: Any) -> Any:
        fail.calls += 1  # type: ignore[attr-defined]
        if fail.calls == 4:  # type: ignore[attr-defined]
            raise OSError(5, "Input/output error")
        return convert_elements(*arguments)

    fail.calls = 0  # type: ignore[attr-defined]
    monkeypatch.setattr(MODULE, "convert_elements", fail)
    with pytest.raises(OSError, match="Input/output error"):
        convert(source, tmp_path / f"b{suffix}")
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("suffix", LOGIT_SUFFIXES)
def test_an_output_that_exists(suffix: str, tmp_path: Path) -> None:
    source = write_npy(tmp_path / "a.npy", random_logits(23, 7))
    path = tmp_path / f"b{suffix}"
    convert(source, path)
    with pytest.raises(FileExistsError, match="--force"):
        convert(source, path)
    write_npy(source, random_logits(20, 7, seed=3))
    convert(source, path, force=True)
    np.testing.assert_array_equal(
        logitkit.open_logits(path).rows(0, 20), random_logits(20, 7, seed=3)
    )
    assert {*tmp_path.iterdir()} == {source, path}


def test_the_command(tmp_path: Path) -> None:
    logits, targets = random_logits(9, 7), random_targets(9, vocab=7)
    source = write_safetensors(tmp_path / "a.safetensors", logits=logits, targets=targets)
    output = tmp_path / "b.parquet"
    result = run("convert", source, output, "--to-dtype", "float16", "--json")
    assert result.returncode == 0, result
    assert logitkit.open_logits(output).dtype == "float16"
    result = run("convert", source, tmp_path / "b.xyz")
    check_error(result, 2, "none of .npy, .safetensors")
    with pytest.warns(UserWarning, match="the targets are left out"):
        convert(source, tmp_path / "b.npy")
