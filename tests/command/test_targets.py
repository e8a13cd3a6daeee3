"""Where targets come from, and what is wrong with them."""

from pathlib import Path

import numpy as np
import pytest
from logitkit.io import open_logits, read_targets
from logitkit.jobs import score

from .files import random_logits, random_targets, write_npy, write_safetensors
from .tables import read_table

LOGITS = random_logits(2, 3, 10)
TARGETS = random_targets(2, 3, vocab=10)


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    return write_safetensors(
        tmp_path / "a.safetensors", logits=LOGITS, targets=TARGETS, others=9 - TARGETS
    )


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    return write_npy(tmp_path / "a.npy", LOGITS)


def test_beside_the_logits(beside: Path) -> None:
    source = open_logits(beside)
    np.testing.assert_array_equal(read_targets(source), TARGETS.ravel())
    np.testing.assert_array_equal(read_targets(source, "others"), 9 - TARGETS.ravel())
    assert read_targets(source, "none") is None


def test_those_of_a_source_may_mark_rows_without_one(tmp_path: Path) -> None:
    targets = TARGETS.copy()
    targets[1, 2] = -100
    path = write_safetensors(tmp_path / "a.safetensors", logits=LOGITS, targets=targets)
    np.testing.assert_array_equal(open_logits(path).targets, targets)
    with pytest.raises(ValueError, match="ignore index -100"):
        read_targets(open_logits(path))


def test_absent(alone: Path, tmp_path: Path) -> None:
    assert read_targets(open_logits(alone)) is None
    summary = score(alone, tmp_path / "o.csv")
    assert summary.perplexity is None
    assert "rank" not in read_table(tmp_path / "o.csv")


@pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "uint8", "uint16", "uint64", ">i4"])
def test_in_a_file(dtype: str, alone: Path, tmp_path: Path) -> None:
    source = open_logits(alone)
    values = TARGETS.astype(dtype)
    for stored in (values, np.asfortranarray(values)):
        path = write_npy(tmp_path / "t.npy", stored)
        np.testing.assert_array_equal(read_targets(source, path), TARGETS.ravel())
    if not dtype.startswith(">"):
        one = write_safetensors(tmp_path / "one.safetensors", anything=values)
        two = write_safetensors(tmp_path / "two.safetensors", tokens=values[0], targets=values)
        np.testing.assert_array_equal(read_targets(source, one), TARGETS.ravel())
        np.testing.assert_array_equal(read_targets(source, two), TARGETS.ravel())


def test_in_a_file_of_several(alone: Path, tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "t.safetensors", a=TARGETS, b=TARGETS)
    with pytest.raises(ValueError, match=r"'a', 'b'; targets are read from"):
        read_targets(open_logits(alone), path)


def test_wrong_name(beside: Path, alone: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'logits', 'targets', 'others'; 'tragets' is none"):
        read_targets(open_logits(beside), "tragets")
    with pytest.raises(FileNotFoundError):
        read_targets(open_logits(alone), tmp_path / "t.npy")


@pytest.mark.parametrize("shape", [(6,), (3, 2), (2, 3, 1), (2, 2), ()])
def test_wrong_shape(shape: tuple[int, ...], alone: Path, tmp_path: Path) -> None:
    path = write_npy(tmp_path / "t.npy", np.zeros(shape, np.int64))
    with pytest.raises(ValueError, match=r"t\.npy: .*need the shape \[2, 3\]"):
        read_targets(open_logits(alone), path)


@pytest.mark.parametrize("dtype", [np.float32, np.bool_, "U3"])
def test_no_integers(dtype: str, alone: Path, tmp_path: Path) -> None:
    path = write_npy(tmp_path / "t.npy", np.zeros((2, 3), dtype))
    with pytest.raises(ValueError, match="cannot be targets, which are integers"):
        read_targets(open_logits(alone), path)


@pytest.mark.parametrize("value", [10, -1, -100, 2**63 - 1])
def test_out_of_range(value: int, alone: Path, tmp_path: Path) -> None:
    targets = TARGETS.copy()
    targets[1, 1:] = value
    path = write_npy(tmp_path / "t.npy", targets)
    expected = rf"t\.npy: .*target {value} at \[1, 1\] .*vocabulary of 10; .*ignore index {value}"
    with pytest.raises(ValueError, match=expected):
        score(alone, tmp_path / "o.csv", targets=path)
    assert not (tmp_path / "o.csv").exists()
    summary = score(alone, tmp_path / "o.csv", targets=path, ignore_index=value)
    assert summary.scored_tokens == 4


def test_some_files_only(beside: Path, tmp_path: Path) -> None:
    other = write_safetensors(tmp_path / "b.safetensors", logits=LOGITS)
    with pytest.raises(ValueError, match=r"a\.safetensors has targets, .*b\.safetensors has none"):
        score([beside, other], tmp_path / "o.csv")
    assert score([beside, other], tmp_path / "o.csv", targets="none").rows == 12


def test_one_file_for_several_inputs(alone: Path, tmp_path: Path) -> None:
    path = write_npy(tmp_path / "t.npy", TARGETS)
    with pytest.raises(ValueError, match="one file of targets"):
        score([alone, alone], tmp_path / "o.csv", targets=path)
