"""`logitkit sparsify`: what is kept, what it tells of the rest, and in which files."""

import json
from pathlib import Path
from typing import Any

import logitkit
import numpy as np
import pyarrow.parquet
import pytest
from logitkit.jobs import blocks, sparsify

from .command import run

EXAMPLE = Path(__file__).parents[2] / "examples" / "lm" / "base.safetensors"
LOGITS = np.random.default_rng(1).normal(0, 3, (4, 6, 300)).astype(np.float32)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    np.save(tmp_path / "logits.npy", LOGITS)
    return tmp_path / "logits.npy"


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".parquet"])
@pytest.mark.parametrize("options", [{"top_n": 7}, {"top_p": 0.8}, {"top_n": 20, "top_p": 0.9}])
def test_what_is_kept(source: Path, tmp_path: Path, suffix: str, options: dict[str, Any]) -> None:
    path = tmp_path / f"kept{suffix}"
    summary = sparsify(source, path, **options)
    kept = logitkit.Candidates.load(path)
    keywords = {"top_k": options.get("top_n"), "top_p": options.get("top_p")}
    expected = logitkit.candidates(LOGITS, **keywords)
    for name in ("indptr", "ids", "logits", "log_probs", "log_kept_mass", "valid"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(expected, name))
    assert (kept.vocab, kept.axis, kept.shape) == (300, 2, LOGITS.shape)
    assert summary.kept == kept.ids.size
    assert summary.output_bytes == path.stat().st_size
    # What is left out can be told: log-probabilities and log-sum-exps of the full rows.
    exact = logitkit.logsumexp(LOGITS)
    rows = np.repeat(np.arange(24), np.diff(kept.indptr))
    mass = kept.log_kept_mass.reshape(-1)[rows]
    found = kept.logits - (kept.log_probs + mass)
    np.testing.assert_allclose(found, exact.reshape(-1)[rows], rtol=2e-6)


def test_entropies_and_narrow_ids(source: Path, tmp_path: Path) -> None:
    for suffix in (".npz", ".parquet"):
        sparsify(source, tmp_path / f"kept{suffix}", top_n=3, keep_entropy=True)
    held = np.load(tmp_path / "kept.npz")
    assert held["ids"].dtype == np.uint16
    np.testing.assert_array_equal(held["entropy"], logitkit.entropy(LOGITS))
    table = pyarrow.parquet.read_table(tmp_path / "kept.parquet")
    np.testing.assert_array_equal(table["entropy"], logitkit.entropy(LOGITS).reshape(-1))
    assert logitkit.Candidates.load(tmp_path / "kept.npz").ids.dtype == np.int32


def test_how_it_is_cut_does_not_matter(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sparsify(source, tmp_path / "a.npz", top_p=0.9, keep_entropy=True)
    for name, value in {"BATCH_ROWS": 7, "_BLOCK_BYTES": 2999, "_TASK_BYTES": 4000}.items():
        monkeypatch.setattr(blocks, name, value)
    sparsify(source, tmp_path / "b.npz", top_p=0.9, keep_entropy=True, threads=3)
    a, b = (np.load(tmp_path / name) for name in ("a.npz", "b.npz"))
    for name in a.files:
        np.testing.assert_array_equal(a[name], b[name])


def test_invalid_rows_and_single_rows(tmp_path: Path) -> None:
    broken = LOGITS[0].copy()
    broken[2, 5] = np.nan
    np.save(tmp_path / "logits.npy", broken)
    summary = sparsify(tmp_path / "logits.npy", tmp_path / "kept.npz", top_n=4)
    assert (summary.rows, summary.invalid_rows, summary.kept) == (6, 1, 20)
    json.dumps(summary.as_dict())
    np.save(tmp_path / "row.npy", LOGITS[0, 0])
    sparsify(tmp_path / "row.npy", tmp_path / "row.npz", top_n=4)
    assert logitkit.Candidates.load(tmp_path / "row.npz").ids.size == 4


def test_the_command(tmp_path: Path) -> None:
    done = run("sparsify", EXAMPLE, "-o", tmp_path / "top.parquet", "--top-n", 50, "--json")
    found = json.loads(done.stdout)
    assert (found["rows"], found["kept"]) == (32, 1600)
    assert found["output_bytes"] < found["input_bytes"] / 20
    assert run("sparsify", EXAMPLE, "-o", tmp_path / "top.parquet", "--top-n", 5).returncode == 1
    text = run("sparsify", EXAMPLE, "-o", tmp_path / "p.npz", "--top-p", 0.9).stdout
    assert "kept mass" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "neither top_n nor top_p"),
        ({"top_n": 0}, "top_n=0; expected an int >= 1"),
        ({"top_p": 1.0}, "top_p=1.0; expected a mass above 0 and below 1"),
    ],
)
def test_bad_arguments(source: Path, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sparsify(source, tmp_path / "kept.npz", **options)
    with pytest.raises(ValueError, match=r"is none of \.npz, \.safetensors, \.parquet"):
        sparsify(source, tmp_path / "kept.csv", top_n=2)
    assert [path.name for path in tmp_path.iterdir()] == ["logits.npy"]
