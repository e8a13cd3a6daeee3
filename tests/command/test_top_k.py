"""The largest logits of each row in tables."""

from pathlib import Path

import logitkit
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from logitkit.jobs import blocks, score

from .command import check_error, run
from .files import random_logits, write_npy
from .tables import SUFFIXES, read_table


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_formats_hold_the_largest(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BATCH_ROWS", 8)
    logits = random_logits(20, 9)
    logits[3, 2] = np.nan
    path = write_npy(tmp_path / "a.npy", logits)
    score(path, tmp_path / f"o{suffix}", top_k=3, base=2)
    table = read_table(tmp_path / f"o{suffix}")
    expected = logitkit.token_stats(logits, top_k=3, base=2)
    for name in ("top_ids", "top_log_probs"):
        if suffix == ".csv":
            values = np.stack([table[f"{name}_{i}"] for i in range(3)], axis=-1)
        else:
            values = np.array(table[name].tolist(), np.float64)
        if name == "top_log_probs":
            values = values.astype(np.float32)
        np.testing.assert_array_equal(values, getattr(expected, name))


def test_lists_have_the_types_of_their_numbers(tmp_path: Path) -> None:
    path = write_npy(tmp_path / "a.npy", random_logits(3, 4))
    score(path, tmp_path / "o.parquet", top_k=4)
    schema = pyarrow.parquet.read_schema(tmp_path / "o.parquet")
    assert schema.field("top_ids").type == pyarrow.list_(pyarrow.field("element", pyarrow.int64()))
    assert schema.field("top_log_probs").type.value_type == pyarrow.float32()


def test_the_command_takes_the_number(tmp_path: Path) -> None:
    path = write_npy(tmp_path / "a.npy", random_logits(3, 4))
    assert run("score", path, "-o", tmp_path / "o.npz", "--top-k", 2).returncode == 0
    assert read_table(tmp_path / "o.npz")["top_ids"].shape == (3, 2)
    for bad in (0, 5):
        result = run("score", path, "-o", tmp_path / "p.npz", "--top-k", bad)
        check_error(result, 2, f"top_k={bad}; expected 1 <= top_k")
