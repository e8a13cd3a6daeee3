"""Some rows only: ranges and shards."""

from pathlib import Path

import logitkit
import numpy as np
import pytest
from logitkit.jobs import compare, score, sparsify
from logitkit.jobs.rows import as_bounds, as_shard, selected

from .command import check_error, run
from .files import random_logits, random_targets, write_safetensors
from .tables import read_table

LOGITS = [random_logits(4, 5, 12, seed=1), random_logits(3, 5, 12, seed=2)]
TARGETS = [random_targets(4, 5, vocab=12), random_targets(3, 5, vocab=12)]


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return [
        write_safetensors(tmp_path / f"{i}.safetensors", logits=logits, targets=targets)
        for i, (logits, targets) in enumerate(zip(LOGITS, TARGETS, strict=True))
    ]


@pytest.mark.parametrize("seed", range(20))
def test_shards_are_all_rows_in_order(seed: int) -> None:
    dice = np.random.default_rng(seed)
    counts = dice.integers(0, 9, size=dice.integers(1, 5)).tolist()
    first, last = sorted(dice.integers(0, sum(counts) + 1, size=2).tolist())
    shards = int(dice.integers(1, 6))
    starts = np.cumsum([0, *counts])
    found, sizes = [], []
    for i in range(1, shards + 1):
        ranges = selected(counts, (first, last), (i, shards))
        assert all(0 <= r.start <= r.stop <= n for r, n in zip(ranges, counts, strict=True))
        rows = [start + row for start, r in zip(starts, ranges, strict=False) for row in r]
        sizes.append(len(rows))
        found += rows
    assert found == list(range(first, last))
    assert max(sizes) - min(sizes) <= 1


def test_what_is_said() -> None:
    assert as_bounds("3:") == (3, None)
    assert as_bounds(":7") == (None, 7)
    assert as_bounds(" 2 : 7 ") == (2, 7)
    assert as_bounds(range(2, 7)) == as_bounds((2, 7)) == (2, 7)
    assert as_bounds(None) == (None, None)
    assert as_shard("2/3") == as_shard((2, 3)) == (2, 3)
    assert as_shard(None) == (1, 1)


@pytest.mark.parametrize("rows", ["3", "a:b", "-1:3", "1:2:3", (1,), (-1, 3), (1.0, 3), 4])
def test_wrong_rows(rows: object) -> None:
    with pytest.raises(ValueError, match="expected 'a:b'"):
        as_bounds(rows)  # type: ignore[arg-type]


@pytest.mark.parametrize("shard", ["0/3", "4/3", "1", "1/0", "a/b", (0, 2), (1, 2, 3), 1])
def test_wrong_shards(shard: object) -> None:
    with pytest.raises(ValueError, match="expected 'i/n' with 1 <= i <= n"):
        as_shard(shard)  # type: ignore[arg-type]


def test_rows_that_are_not_there(paths: list[Path], tmp_path: Path) -> None:
    for rows in ("3:36", "30:20", "36:"):
        result = run("score", *paths, "-o", tmp_path / "o.csv", "--rows", rows)
        check_error(result, 2, "expected 0 <= first <= last <= 35")
    assert not (tmp_path / "o.csv").exists()


def test_score(paths: list[Path], tmp_path: Path) -> None:
    score(paths, tmp_path / "all.npz")
    whole = read_table(tmp_path / "all.npz")
    score(paths, tmp_path / "some.npz", rows="17:33")
    for name, column in read_table(tmp_path / "some.npz").items():
        np.testing.assert_array_equal(column, whole[name][17:33], err_msg=name)
    tables = []
    for i in (1, 2, 3):
        result = run("score", *paths, "-o", tmp_path / f"{i}.npz", "--shard", f"{i}/3", "--quiet")
        assert result.returncode == 0, result
        tables.append(read_table(tmp_path / f"{i}.npz"))
    for name, column in whole.items():
        together = np.concatenate([table[name] for table in tables])
        np.testing.assert_array_equal(together, column, err_msg=name)
    assert score(paths, tmp_path / "none.npz", rows="4:4").rows == 0


def test_compare(paths: list[Path], tmp_path: Path) -> None:
    other = write_safetensors(tmp_path / "other.safetensors", logits=LOGITS[0][::-1])
    compare(paths[0], other, tmp_path / "all.npz")
    found = compare(paths[0], other, tmp_path / "some.npz", rows=(3, 18))
    whole, some = (np.load(tmp_path / f"{name}.npz") for name in ("all", "some"))
    for name in whole:
        np.testing.assert_array_equal(some[name], whole[name][3:18], err_msg=name)
    kl = whole["kl"][3:18]
    assert found.rows == 15
    assert found.kl.mean.value == pytest.approx(kl.mean(), rel=1e-12)
    worst = 3 + int(kl.argmax())
    assert found.worst[0] == {
        "row": worst, "sequence": worst // 5, "position": worst % 5, "kl": kl.max(),
    }  # fmt: skip
    # Its sequences are those of the rows: 0 to 3, the first and the last of them in part.
    centred = kl - kl.mean()
    sums = np.bincount(np.arange(3, 18) // 5, weights=centred)
    error = np.sqrt(4 / 3 * (sums**2).sum()) / 15
    assert found.kl.mean.by_sequence == pytest.approx(error, rel=1e-9)


def test_sparsify(paths: list[Path], tmp_path: Path) -> None:
    sparsify(paths, tmp_path / "all.npz", top_n=2)
    sparsify(paths, tmp_path / "some.npz", top_n=2, shard=(2, 2))
    whole, some = (logitkit.Candidates.load(tmp_path / f"{n}.npz") for n in ("all", "some"))
    assert (whole.valid.shape, some.valid.shape) == ((7, 5), (18,))
    np.testing.assert_array_equal(some.ids, whole.ids[2 * 17 :])
    np.testing.assert_array_equal(some.log_probs, whole.log_probs[2 * 17 :])
