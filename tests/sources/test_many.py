"""Many files that are one source: directories, patterns, numbered tensors, an index."""

import json
from pathlib import Path

import logitkit
import numpy as np
import pytest
from logitkit.io import DataError, join_logits
from logitkit.jobs import compare, score, sparsify

from ..command.files import random_logits, random_targets, write_npy, write_safetensors
from ..command.tables import read_table
from .formats import FORMATS

LOGITS = random_logits(40, 11)
TARGETS = random_targets(40, vocab=11)
CUTS = ((0, 3), (3, 3), (3, 25), (25, 40))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory of shards, one of them empty, and what has nothing to do with them."""
    folder = tmp_path / "shards"
    folder.mkdir()
    for start, stop in CUTS:
        write_safetensors(
            folder / f"{start:02}-{stop:02}.safetensors",
            logits=LOGITS[start:stop],
            targets=TARGETS[start:stop],
        )
    (folder / "README.md").write_text("shards")
    (folder / ".hidden.npy").write_text("nothing")
    return folder


def test_a_directory_and_a_pattern(folder: Path) -> None:
    for path in (folder, folder / "*.safetensors"):
        source = logitkit.open_logits(path)
        assert source.shape == (40, 11)
        np.testing.assert_array_equal(source.rows(0, 40), LOGITS)
        np.testing.assert_array_equal(source.rows(2, 26), LOGITS[2:26])
        np.testing.assert_array_equal(source.targets, TARGETS)
        blocks = [block.copy() for _, block in source.blocks(max_bytes=300)]
        np.testing.assert_array_equal(np.concatenate(blocks), LOGITS)


def test_formats_may_be_mixed(tmp_path: Path) -> None:
    names = ["npy", "zarr", "parquet of lists", "hdf5", "compressed arrow"]
    paths = [
        FORMATS[name](tmp_path / str(i), LOGITS[8 * i : 8 * i + 8], TARGETS[8 * i : 8 * i + 8])
        for i, name in enumerate(names)
    ]
    source = join_logits(paths)
    np.testing.assert_array_equal(source.rows(0, 40), LOGITS)
    np.testing.assert_array_equal(logitkit.open_logits(tmp_path).rows(3, 29), LOGITS[3:29])


def test_shapes_add_up(tmp_path: Path) -> None:
    for name, shape in {"a": (2, 3, 5), "b": (1, 3, 5)}.items():
        write_npy(tmp_path / f"{name}.npy", random_logits(*shape))
    assert logitkit.open_logits(tmp_path).shape == (3, 3, 5)
    write_npy(tmp_path / "c.npy", random_logits(2, 2, 5))
    assert logitkit.open_logits(tmp_path).shape == (13, 5)


def test_more_files_than_are_open_at_a_time(tmp_path: Path) -> None:
    for row in range(40):
        write_npy(tmp_path / f"{row:02}.npy", LOGITS[row : row + 1])
    whole = write_npy(tmp_path / "whole.npy", LOGITS)
    found = compare(tmp_path / "[0-9]*.npy", whole, tmp_path / "o.csv", threads=4)
    assert (found.rows, found.kl.max) == (40, 0.0)


def test_what_does_not_fit_together(tmp_path: Path) -> None:
    write_npy(tmp_path / "a.npy", LOGITS)
    write_npy(tmp_path / "b.npy", LOGITS[:, :10])
    with pytest.raises(DataError, match=r"a vocabulary of 10, .* of 11"):
        logitkit.open_logits(tmp_path)
    write_npy(tmp_path / "b.npy", LOGITS.astype(np.float64))
    with pytest.raises(DataError, match=r"the element type of float64, .* of float32"):
        logitkit.open_logits(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"without files of logits .*; it holds none"):
        logitkit.open_logits(tmp_path / "empty")


def test_targets_in_some_files_only(folder: Path) -> None:
    write_safetensors(folder / "50.safetensors", logits=LOGITS[:2])
    with pytest.raises(DataError, match=r"has targets, .*50\.safetensors has none"):
        _ = logitkit.open_logits(folder).targets


def test_jobs_take_them(folder: Path, tmp_path: Path) -> None:
    whole = write_safetensors(tmp_path / "a.safetensors", logits=LOGITS, targets=TARGETS)
    score(folder, tmp_path / "o.npz")
    score(whole, tmp_path / "p.npz")
    many, one = read_table(tmp_path / "o.npz"), read_table(tmp_path / "p.npz")
    np.testing.assert_array_equal(many["log_prob"], one["log_prob"])
    assert sorted(set(many["file"])) == [
        str(folder / f"{start:02}-{stop:02}.safetensors") for start, stop in CUTS if start < stop
    ]
    compare(folder, whole, tmp_path / "o.csv")
    assert read_table(tmp_path / "o.csv")["kl"].max() == 0.0
    sparsify(folder, tmp_path / "s.npz", top_n=3)
    sparsify([whole], tmp_path / "t.npz", top_n=3)
    assert (tmp_path / "s.npz").read_bytes() == (tmp_path / "t.npz").read_bytes()


def write_index(path: Path, names: dict[str, str]) -> Path:
    path.write_text(json.dumps({"metadata": {}, "weight_map": names}))
    return path


def test_an_index(tmp_path: Path) -> None:
    write_safetensors(
        tmp_path / "1.safetensors", **{"logits.0": LOGITS[:9], "logits.1": LOGITS[9:]}
    )
    write_safetensors(
        tmp_path / "2.safetensors",
        **{"targets.0": TARGETS[:9], "targets.1": TARGETS[9:], "other": LOGITS[:3]},
    )
    names = {"logits.0": "1.safetensors", "logits.1": "1.safetensors"}
    names |= {"targets.0": "2.safetensors", "targets.1": "2.safetensors", "other": "2.safetensors"}
    index = write_index(tmp_path / "m.safetensors.index.json", names)
    # Its directory is the same, and not the files besides.
    for path in (index, tmp_path):
        source = logitkit.open_logits(path)
        np.testing.assert_array_equal(source.rows(0, 40), LOGITS)
        np.testing.assert_array_equal(source.targets, TARGETS)
    np.testing.assert_array_equal(logitkit.open_logits(index, key="other").rows(0, 3), LOGITS[:3])
    score(index, tmp_path / "o.npz")
    expected = logitkit.token_stats(LOGITS, TARGETS).log_prob
    np.testing.assert_array_equal(read_table(tmp_path / "o.npz")["log_prob"], expected)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "not a sound index"),
        (b"[]", "not a sound index"),
        (b'{"weight_map": []}', "not a sound index"),
        (b'{"weight_map": {"a": 3}}', "not a sound index"),
        (b'{"weight_map": {"a": "../b.safetensors"}}', "expected one beside it"),
        (b'{"weight_map": {"a": "b.npy"}}', "expected one beside it"),
        (b'{"weight_map": {"logits": "a.safetensors"}}', "a.safetensors has none"),
    ],
)
def test_a_wrong_index(content: bytes, expected: str, tmp_path: Path) -> None:
    write_safetensors(tmp_path / "a.safetensors", other=LOGITS)
    path = tmp_path / "m.safetensors.index.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=expected):
        logitkit.open_logits(path)


def test_numbers_that_are_missing(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "a.safetensors", **{"logits.0": LOGITS, "logits.2": LOGITS})
    with pytest.raises(DataError, match="from 0 to 1: some are missing"):
        logitkit.open_logits(path)


@pytest.mark.parametrize("suffix", [".pt", ".pkl", ".bin"])
def test_pickles_are_refused(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"runs whatever code is in them; .*\.safetensors"):
        logitkit.open_logits(path)
