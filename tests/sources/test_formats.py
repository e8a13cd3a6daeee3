"""Every format gives the logits that were written, bit for bit."""

from pathlib import Path
from typing import Any

import logitkit
import ml_dtypes
import numpy as np
import pytest
from logitkit.jobs import blocks, score
from numpy.typing import NDArray

from ..command.files import DTYPES, random_logits, random_targets, write_npy, write_safetensors
from ..command.tables import read_table
from .formats import FORMATS, IN_PLACE

VOCAB = 29


def as_bits(array: NDArray[Any]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(array).view(np.uint8)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FORMATS)
def test_reads_what_was_written(name: str, dtype: str, tmp_path: Path) -> None:
    logits, targets = random_logits(53, VOCAB, dtype=dtype), random_targets(53, vocab=VOCAB)
    path = FORMATS[name](tmp_path / "a", logits, targets)
    stated = "bfloat16" if (name, dtype) == ("npy", "bfloat16") else None
    source = logitkit.open_logits(path, dtype=stated)
    assert (source.shape, source.vocab, source.dtype) == (logits.shape, VOCAB, dtype)
    assert source.sequential == (name not in IN_PLACE)
    if name != "npy":
        np.testing.assert_array_equal(source.targets, targets)
    found = [(start, block.copy()) for start, block in source.blocks(max_bytes=11 * VOCAB)]
    assert [start for start, _ in found] == list(np.cumsum([0, *(len(b) for _, b in found[:-1])]))
    np.testing.assert_array_equal(as_bits(np.concatenate([b for _, b in found])), as_bits(logits))
    for start, stop in ((0, 53), (20, 41), (52, 53), (5, 5)):
        rows = source.rows(start, stop)
        np.testing.assert_array_equal(as_bits(rows), as_bits(logits[start:stop]))
        assert rows.shape == (stop - start, VOCAB)
        assert rows.dtype == (np.uint16 if source.bits else np.dtype(dtype)) or stated


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("name", FORMATS)
def test_scores(name: str, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logits, targets = random_logits(53, VOCAB), random_targets(53, vocab=VOCAB)
    path = FORMATS[name](tmp_path / "a", logits, targets)
    for setting, value in {"BATCH_ROWS": 20, "_BLOCK_BYTES": 500, "_TASK_BYTES": 900}.items():
        monkeypatch.setattr(blocks, setting, value)
    score(path, tmp_path / "o.npz", threads=threads)
    table = read_table(tmp_path / "o.npz")
    stats = logitkit.token_stats(logits, None if name == "npy" else targets)
    for column in ("entropy", "logsumexp", *(() if name == "npy" else ("log_prob", "rank"))):
        np.testing.assert_array_equal(table[column], getattr(stats, column))


@pytest.mark.parametrize("name", ["hdf5", "chunked hdf5", "zarr", "safetensors"])
def test_three_dimensions(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logits, targets = random_logits(3, 7, VOCAB), random_targets(3, 7, vocab=VOCAB)
    chunks = {"chunked hdf5": "hdf5", "zarr": "zarr"}
    if name in chunks:
        from .formats import _hdf5, _zarr

        write = {"hdf5": _hdf5, "zarr": _zarr}[chunks[name]](chunks=(2, 3, 10))
    else:
        write = FORMATS[name]
    path = write(tmp_path / "a", logits, targets)
    for piece in (1 << 24, 1, 800):
        monkeypatch.setattr("logitkit.io.decoded.PIECE_BYTES", piece)
        source = logitkit.open_logits(path)
        assert source.shape == (3, 7, VOCAB)
        np.testing.assert_array_equal(source.targets, targets)
        np.testing.assert_array_equal(source.rows(0, 21), logits.reshape(-1, VOCAB))
        np.testing.assert_array_equal(source.rows(9, 17), logits.reshape(-1, VOCAB)[9:17])
        together = np.concatenate([rows.copy() for _, rows in source.blocks(max_bytes=300)])
        np.testing.assert_array_equal(together, logits.reshape(-1, VOCAB))


# Lists that are not there have no length; of the others their packages write no empty ones.
@pytest.mark.parametrize(
    "name",
    [
        *("npy", "safetensors", "hdf5", "zarr"),
        *("parquet of fixed-size lists", "arrow of fixed-size lists", "compressed arrow"),
    ],
)
def test_no_rows(name: str, tmp_path: Path) -> None:
    path = FORMATS[name](tmp_path / "a", random_logits(0, VOCAB), random_targets(0, vocab=VOCAB))
    assert score(path, tmp_path / "o.npz").rows == 0


def test_rows_are_a_map_where_the_format_allows(tmp_path: Path) -> None:
    logits, targets = random_logits(7, VOCAB), random_targets(7, vocab=VOCAB)
    for name in ("npy", "safetensors", "hdf5", "arrow of lists"):
        rows = logitkit.open_logits(FORMATS[name](tmp_path / "a", logits, targets)).rows(2, 5)
        assert isinstance(rows, np.memmap)
        assert not rows.flags.writeable


def test_swapped_bytes(tmp_path: Path) -> None:
    logits = random_logits(9, VOCAB)
    path = write_npy(tmp_path / "a.npy", logits.astype(">f4"))
    np.testing.assert_array_equal(logitkit.open_logits(path).rows(2, 8), logits[2:8])


def test_wrong_rows(tmp_path: Path) -> None:
    source = logitkit.open_logits(write_npy(tmp_path / "a.npy", random_logits(9, VOCAB)))
    for start, stop in ((-1, 3), (3, 2), (0, 10)):
        with pytest.raises(IndexError, match="9, the number of rows"):
            source.rows(start, stop)


def test_going_back_and_skipping(tmp_path: Path) -> None:
    logits, targets = random_logits(53, VOCAB), random_targets(53, vocab=VOCAB)
    for name in ("parquet of lists", "zarr", "chunked hdf5", "compressed arrow"):
        source = logitkit.open_logits(FORMATS[name](tmp_path / "a", logits, targets))
        buffer = np.empty(53 * source.row_bytes, np.uint8)
        with source.reader() as reader:
            for start, stop in ((10, 20), (20, 21), (40, 53), (0, 3), (5, 6), (6, 33)):
                found = reader.read(start, stop, buffer)
                np.testing.assert_array_equal(found, logits[start:stop])


def test_bfloat16_of_a_package_that_knows_it(tmp_path: Path) -> None:
    logits = random_logits(3, VOCAB, dtype="bfloat16")
    path = write_safetensors(tmp_path / "a.safetensors", logits=logits)
    rows = logitkit.open_logits(path).rows(0, 3).view(ml_dtypes.bfloat16)
    np.testing.assert_array_equal(rows.astype(np.float32), logits.astype(np.float32))
