"""The compact result itself: its methods, and files of it."""

import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import logitkit
import numpy as np
import pytest
from logitkit import Candidates, reference
from logitkit.io import DataError

NAN, INF = np.nan, np.inf
LOGITS = np.random.default_rng(6).normal(0, 2, (2, 3, 40))
SUFFIXES = (".npz", ".safetensors", ".parquet")
PARTS = ("indptr", "ids", "logits", "log_probs", "log_kept_mass", "valid")


def examples() -> dict[str, Candidates]:
    bad = LOGITS.copy()
    bad[0, 1, 3], bad[1, 2] = NAN, -INF
    return {
        "batch": reference.candidates(LOGITS, top_p=0.8),
        "axis 0": reference.candidates(LOGITS, top_k=4, axis=0),
        "single row": reference.candidates(LOGITS[0, 0], min_p=0.1),
        "invalid rows": reference.candidates(bad, top_p=0.5, on_invalid="mark"),
        "all invalid": reference.candidates(bad[1, 2:], on_invalid="mark"),
        "no rows": reference.candidates(LOGITS[:0], top_k=1),
        "float32": in_float32(reference.candidates(LOGITS, top_k=9, temperature=0.7)),
    }


def in_float32(kept: Candidates) -> Candidates:
    """What the core gives for logits that are not float64."""
    parts = {name: getattr(kept, name) for name in kept.__slots__}
    for name in ("logits", "log_probs", "log_kept_mass"):
        parts[name] = parts[name].astype(np.float32)
    return Candidates(**parts)


EXAMPLES = examples()
each_example = pytest.mark.parametrize("name", EXAMPLES)


def assert_same(found: Candidates, expected: Candidates) -> None:
    for part in PARTS:
        a, b = (np.asarray(getattr(each, part)) for each in (found, expected))
        assert (a.dtype, a.shape) == (b.dtype, b.shape), part
        np.testing.assert_array_equal(a, b, part)
    assert (found.vocab, found.axis, found.shape) == (expected.vocab, expected.axis, expected.shape)


def test_parts(implementation: ModuleType) -> None:
    kept = implementation.candidates(LOGITS.astype(np.float32), top_p=0.8)
    assert isinstance(kept, logitkit.Candidates)
    assert kept.indptr.dtype == np.int64
    assert kept.ids.dtype == np.int32
    assert kept.indptr.shape == (7,)
    assert kept.ids.shape == kept.logits.shape == kept.log_probs.shape == (kept.indptr[-1],)
    assert kept.valid.shape == kept.log_kept_mass.shape == kept.counts.shape == (2, 3)
    assert kept.shape == LOGITS.shape
    assert len(kept) == 6
    for i in range(6):
        row = kept.row(i)
        assert (np.diff(row.logits) <= 0).all()
        assert row.ids.size == kept.counts.flat[i]


def test_a_single_row_has_scalars(implementation: ModuleType) -> None:
    kept = implementation.candidates([1.0, 2.0, 3.0], top_k=2)
    assert kept.valid is np.True_ or kept.valid.shape == ()
    assert len(kept) == 1
    assert kept.counts == 2
    assert kept.row(0).ids.tolist() == kept.row(()).ids.tolist() == [2, 1]
    assert kept.mask().tolist() == [False, True, True]
    assert kept.to_dense().tolist() == [-INF, 2.0, 3.0]
    assert float(kept.entropy()) == pytest.approx(0.5822, abs=1e-4)


def test_rows_by_number_and_by_index(implementation: ModuleType) -> None:
    kept = implementation.candidates(LOGITS, top_p=0.8)
    for number, index in enumerate(np.ndindex(2, 3)):
        alone = implementation.candidates(LOGITS[index], top_p=0.8)
        for i in (number, number - 6, index, np.int64(number)):
            row = kept.row(i)
            assert row.ids.tolist() == alone.ids.tolist()
            np.testing.assert_array_equal(row.logits, alone.logits)
            np.testing.assert_array_equal(row.log_probs, alone.log_probs)
    assert kept.row(0).ids.base is not None
    for i in (6, -7, (2, 0)):
        with pytest.raises(IndexError):
            kept.row(i)


@each_example
def test_dense_and_mask_agree(name: str) -> None:
    kept = EXAMPLES[name]
    mask, dense = kept.mask(), kept.to_dense(fill=NAN)
    assert mask.shape == dense.shape == kept.shape
    assert mask.sum() == kept.ids.size
    np.testing.assert_array_equal(mask, ~np.isnan(dense))
    assert dense.dtype == kept.logits.dtype


@each_example
def test_entropy(name: str) -> None:
    kept = EXAMPLES[name]
    found = np.asarray(kept.entropy())
    assert found.shape == np.shape(kept.valid)
    assert found.dtype == kept.logits.dtype
    for i in range(len(kept)):
        log_p = kept.row(i).log_probs.astype(np.float64)
        expected = -(np.exp(log_p) * log_p).sum() if log_p.size else NAN
        np.testing.assert_allclose(found.flat[i], expected, rtol=1e-5)
    np.testing.assert_allclose(kept.entropy(base=2), found / np.log(2), rtol=1e-6)


def test_a_small_entropy_is_accurate() -> None:
    kept = reference.candidates([[60.0, 0.0], [0.0, 0.0]])
    np.testing.assert_allclose(kept.entropy(), [61 * np.exp(-60), np.log(2)], rtol=1e-13)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("single row", r"Candidates(1 row of 40 tokens: 13 kept)"),
        ("axis 0", r"Candidates(120 rows (3, 40) of 2 tokens: 240 kept, 2 to 2 in a row)"),
        ("no rows", r"Candidates(0 rows (0, 3) of 40 tokens: 0 kept)"),
    ],
)
def test_repr(name: str, expected: str) -> None:
    assert repr(EXAMPLES[name]) == expected


def test_repr_of_invalid_rows() -> None:
    assert repr(EXAMPLES["invalid rows"]).endswith(", 2 not valid)")


# Files


@each_example
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files(tmp_path: Path, suffix: str, name: str) -> None:
    path = tmp_path / f"kept{suffix}"
    EXAMPLES[name].save(path)
    assert_same(Candidates.load(path), EXAMPLES[name])
    assert_same(Candidates.load(str(path)), EXAMPLES[name])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_is_there_is_kept(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"kept{suffix.upper()}"
    EXAMPLES["batch"].save(path)
    with pytest.raises(FileExistsError, match="force=True"):
        EXAMPLES["single row"].save(path)
    assert_same(Candidates.load(path), EXAMPLES["batch"])
    EXAMPLES["single row"].save(path, force=True)
    assert_same(Candidates.load(path), EXAMPLES["single row"])
    assert os.listdir(tmp_path) == [path.name]


def test_equal_candidates_are_equal_files(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        for name in "ab":
            EXAMPLES["batch"].save(tmp_path / f"{name}{suffix}")
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize("path", ["kept", "kept.npy", "kept.csv"])
def test_an_unknown_suffix(tmp_path: Path, path: str) -> None:
    message = r"none of \.npz, \.safetensors, \.parquet"
    with pytest.raises(ValueError, match=message):
        EXAMPLES["batch"].save(tmp_path / path)
    with pytest.raises(ValueError, match=message):
        Candidates.load(tmp_path / path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_that_are_cut_off_or_of_something_else(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"kept{suffix}"
    EXAMPLES["batch"].save(path)
    whole = path.read_bytes()
    for size in (0, 1, 7, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=path.name):
            Candidates.load(path)
    with pytest.raises(FileNotFoundError):
        Candidates.load(tmp_path / f"absent{suffix}")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_corrupt_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"kept{suffix}"
    EXAMPLES["batch"].save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(len(suffix))
    refused = 0
    for _ in range(150):
        data = bytearray(whole)
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        try:
            Candidates.load(path)
        except DataError:
            refused += 1
    assert refused > 15


def test_files_of_other_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", x=np.arange(3))
    np.savez(tmp_path / "objects.npz", **dict.fromkeys(PARTS, np.array([{}], object)))
    np.save(tmp_path / "array.npy", np.arange(3))
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    for name in ("other", "objects", "array"):
        with pytest.raises(DataError, match=name):
            Candidates.load(tmp_path / f"{name}.npz")


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("indptr", [0, 2], "indptr of shape"),
        ("indptr", [1, 2, 4, 5], "does not ascend from 0"),
        ("indptr", [0, 3, 2, 5], "does not ascend from 0"),
        ("indptr", [0, 2, 4, 6], "not as long as indptr says"),
        ("indptr", [0, 0, 4, 5], "rows that are valid have candidates"),
        ("ids", np.array([0, 1, 2, 3, 40], np.int32), "a token outside a vocabulary of 40"),
        ("ids", np.array([0, 1, 2, -3, 4], np.int32), "a token outside"),
        ("ids", [0.0] * 5, "ids of dtype float64"),
        ("logits", np.zeros(5, np.float16), "logits of dtype float16"),
        ("log_kept_mass", 0.0, "of different shapes"),
        ("valid", [True, False, True], "rows that are valid"),
        ("axis", 2, "axis 2 of 2"),
        ("vocab", 4.5, "vocab is not one integer"),
    ],
)
def test_files_whose_parts_do_not_fit(tmp_path: Path, part: str, value: Any, message: str) -> None:
    path = tmp_path / "kept.npz"
    parts: dict[str, Any] = {
        "indptr": [0, 2, 4, 5],
        "ids": np.array([0, 1, 0, 1, 0], np.int32),
        "logits": [0.0] * 5,
        "log_probs": [0.0] * 5,
        "log_kept_mass": [0.0] * 3,
        "valid": [True] * 3,
        "vocab": 40,
        "axis": 1,
    }
    np.savez(path, **parts)
    assert len(Candidates.load(path)) == 3
    np.savez(path, **(parts | {part: value}))
    with pytest.raises(DataError, match=message):
        Candidates.load(path)


def test_a_safetensors_file_is_one(tmp_path: Path) -> None:
    path = tmp_path / "kept.safetensors"
    EXAMPLES["batch"].save(path)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    assert length % 8 == 0
    header = json.loads(data[8 : 8 + length])
    assert set(header) == {*PARTS, "vocab", "axis"}
    for entry in header.values():
        begin, end = entry["data_offsets"]
        assert begin % {"I64": 8, "F64": 8, "F32": 4, "U16": 2, "BOOL": 1}[entry["dtype"]] == 0
        assert end <= len(data) - 8 - length


def test_a_parquet_file_is_a_table_of_lists(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "kept.parquet"
    EXAMPLES["invalid rows"].save(path)
    table = parquet.read_table(path).to_pydict()
    assert list(table) == ["ids", "logits", "log_probs", "log_kept_mass", "valid"]
    assert table["valid"] == [True, False, True, True, True, False]
    assert table["ids"][1] == []
    assert table["ids"][2] == EXAMPLES["invalid rows"].row(2).ids.tolist()
