"""Sparse files in place of logits: what is known is exact, and the rest between its bounds."""

from pathlib import Path
from typing import Any

import logitkit
import numpy as np
import pytest
from logitkit import reference
from logitkit.io import DataError, write_kld
from logitkit.jobs import compare, score, sparsify
from numpy.typing import NDArray

from .command import check_error, run
from .files import random_logits, random_targets, write_npy, write_safetensors
from .tables import read_table

SHAPE = (6, 25, 80)
SLACK = 3e-6
"""The rounding of float32, several times."""


def rows_of(kind: str, seed: int) -> NDArray[np.float32]:
    dice = np.random.default_rng(seed)
    logits = dice.normal(0, {"peaked": 6.0, "flat": 0.3}.get(kind, 2.5), SHAPE)
    if kind == "masked":
        logits[dice.random(SHAPE) < 0.6] = -np.inf
        logits[..., 0] = 1.0
    if kind == "ties":
        logits = np.round(logits)
    return logits.astype(np.float32)


KINDS = ("ordinary", "peaked", "flat", "masked", "ties")
KEPT: dict[str, dict[str, Any]] = {
    "one": {"top_n": 1}, "ten": {"top_n": 10}, "half": {"top_p": 0.5}, "most": {"top_p": 0.999},
    "all": {"top_n": 80},
}  # fmt: skip


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("kind", KINDS)
def test_divergences_are_between_their_bounds(kind: str, kept: str, tmp_path: Path) -> None:
    p = rows_of(kind, 1)
    q = (p + np.random.default_rng(2).normal(0, 0.7, SHAPE)).astype(np.float32)
    targets = random_targets(*SHAPE[:2], vocab=80)
    base = write_safetensors(tmp_path / "p.safetensors", logits=p, targets=targets)
    other = write_npy(tmp_path / "q.npy", q)
    sparsify(base, tmp_path / "p.npz", **KEPT[kept])
    found = compare(tmp_path / "p.npz", other, tmp_path / "o.npz")
    table, exact = np.load(tmp_path / "o.npz"), reference.compare_stats(p, q, targets)
    for name in ("kl", "js", "total_variation"):
        true = np.ravel(getattr(exact, name))
        slack = SLACK * (1 + np.where(np.isfinite(true), true, 0))
        assert (table[name] <= true + slack).all(), name
        assert (true <= table[f"{name}_upper"] + slack).all(), name
        if kept == "all":
            np.testing.assert_allclose(table[name], true, rtol=1e-5, atol=2e-6)
    entropy = np.ravel(exact.p_entropy)
    assert (table["base_entropy"] <= entropy + SLACK).all()
    assert (entropy <= table["base_entropy_upper"] + SLACK * (1 + entropy)).all()
    np.testing.assert_allclose(table["entropy"], np.ravel(exact.q_entropy), rtol=1e-6)
    if kind != "ties":
        np.testing.assert_array_equal(table["same_argmax"], np.ravel(exact.same_argmax))
    log_prob, known = np.ravel(exact.p_log_prob), table["base_exact"]
    np.testing.assert_allclose(table["base_log_prob"][known], log_prob[known], rtol=1e-5, atol=1e-6)
    assert (table["base_log_prob"][~known] >= log_prob[~known] - SLACK).all()
    np.testing.assert_allclose(table["log_prob"], np.ravel(exact.q_log_prob), rtol=1e-6, atol=1e-7)
    assert found.saturated_tokens == (~known).sum()
    if kept == "all":
        assert known.all()
    elif kept == "one":
        assert not known.all()
    assert found.kl_upper is not None
    assert "KL divergence, upper bound, mean" in str(found)


def test_kept_entropies_are_exact(tmp_path: Path) -> None:
    p = rows_of("ordinary", 1)
    base = write_npy(tmp_path / "p.npy", p)
    sparsify(base, tmp_path / "p.parquet", top_n=3, keep_entropy=True)
    compare(tmp_path / "p.parquet", base, tmp_path / "o.npz")
    table = np.load(tmp_path / "o.npz")
    np.testing.assert_array_equal(table["base_entropy"], logitkit.entropy(p).ravel())
    np.testing.assert_array_equal(table["base_entropy"], table["base_entropy_upper"])


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".parquet"])
@pytest.mark.parametrize("kept", KEPT)
def test_scores(kept: str, suffix: str, tmp_path: Path) -> None:
    p, targets = rows_of("ordinary", 3), random_targets(*SHAPE[:2], vocab=80)
    targets[1, 3] = -100
    p[2, 4, 7] = np.nan
    base = write_safetensors(tmp_path / "p.safetensors", logits=p, targets=targets)
    sparse = tmp_path / f"s{suffix}"
    sparsify(base, sparse, ignore_index=-100, **KEPT[kept])
    summary = score(sparse, tmp_path / "s.csv", ignore_index=-100)
    once = score(base, tmp_path / "p.csv", ignore_index=-100)
    found, exact = read_table(tmp_path / "s.csv"), read_table(tmp_path / "p.csv")
    for name in ("row", "sequence", "position", "target", "valid"):
        np.testing.assert_array_equal(found[name], exact[name])
    valid = exact["valid"]
    np.testing.assert_array_equal(found["argmax"][valid], exact["argmax"][valid])
    for name in ("logsumexp", "max", "max_prob"):
        np.testing.assert_allclose(found[name], exact[name], rtol=2e-6, atol=1e-6)
    assert (found["entropy"][valid] <= exact["entropy"][valid] + SLACK).all()
    assert (exact["entropy"][valid] <= found["entropy_upper"][valid] + 2 * SLACK).all()
    known = found["exact"]
    np.testing.assert_allclose(found["log_prob"][known], exact["log_prob"][known], rtol=1e-5)
    np.testing.assert_array_equal(found["rank"][known], exact["rank"][known])
    assert (found["log_prob"][~known] >= exact["log_prob"][~known] - SLACK).all()
    assert (found["rank"][~known] <= exact["rank"][~known]).all()
    assert summary.scored_tokens == once.scored_tokens == 148
    assert summary.saturated_tokens == (~known).sum()
    assert once.saturated_tokens is None


def _column(path: Path, name: str) -> list[str]:
    names, *rows = (line.split(",") for line in path.read_text().splitlines())
    return [row[names.index(name)] for row in rows]


def test_top_k_and_units(tmp_path: Path) -> None:
    p = rows_of("ordinary", 3).reshape(-1, 80)
    base = write_npy(tmp_path / "p.npy", p)
    sparsify(base, tmp_path / "s.npz", top_n=5)
    score(tmp_path / "s.npz", tmp_path / "s.csv", top_k=4, base=2)
    score(base, tmp_path / "p.csv", top_k=4, base=2)
    found, exact = read_table(tmp_path / "s.csv"), read_table(tmp_path / "p.csv")
    for place in range(4):
        name = f"top_ids_{place}"
        assert _column(tmp_path / "s.csv", name) == _column(tmp_path / "p.csv", name)
    np.testing.assert_allclose(found["top_log_probs_1"], exact["top_log_probs_1"], rtol=1e-5)
    with pytest.raises(DataError, match="fewer than top_k=6"):
        score(tmp_path / "s.npz", tmp_path / "t.csv", top_k=6)


def test_saturated_targets_of_kld(tmp_path: Path) -> None:
    dice = np.random.default_rng(4)
    tokens = dice.integers(50, size=(5, 12))
    logits = dice.normal(0, 9, (5, 5, 50)).astype(np.float32)
    write_kld(tmp_path / "a.kld", logits, tokens)
    targets = tokens[:, 7:12].reshape(-1)
    flat = logits.reshape(-1, 50)
    own = flat[np.arange(25), targets]
    # What is a half step or less above the cut is rounded onto it.
    expected = own - np.maximum(flat.max(1) - 16, flat.min(1)) <= 8.0 / 65535
    assert 3 < expected.sum() < 22
    other = write_npy(tmp_path / "b.npy", logits)
    found = compare(tmp_path / "a.kld", other, tmp_path / "o.npz")
    np.testing.assert_array_equal(np.load(tmp_path / "o.npz")["base_exact"], ~expected)
    assert found.saturated_tokens == expected.sum()
    summary = score(tmp_path / "a.kld", tmp_path / "p.npz")
    assert summary.saturated_tokens == expected.sum()
    np.testing.assert_array_equal(np.load(tmp_path / "p.npz")["exact"], ~expected)


def test_rows_shards_and_resumed_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logitkit.jobs.parts.PART_BYTES", 1 << 12)
    p, q = rows_of("ordinary", 5), rows_of("ordinary", 6)
    base, other = write_npy(tmp_path / "p.npy", p), write_npy(tmp_path / "q.npy", q)
    sparsify(base, tmp_path / "s.npz", top_p=0.9)
    compare(tmp_path / "s.npz", other, tmp_path / "all.npz")
    compare(tmp_path / "s.npz", other, tmp_path / "resumed.npz", resume=True)
    assert (tmp_path / "all.npz").read_bytes() == (tmp_path / "resumed.npz").read_bytes()
    compare(tmp_path / "s.npz", other, tmp_path / "some.npz", rows="33:90")
    whole, some = (np.load(tmp_path / f"{name}.npz") for name in ("all", "some"))
    for name in whole:
        np.testing.assert_array_equal(some[name], whole[name][33:90], err_msg=name)
    score(tmp_path / "s.npz", tmp_path / "a.csv")
    score(tmp_path / "s.npz", tmp_path / "b.csv", resume=True)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@pytest.mark.parametrize("suffix", [".safetensors", ".parquet"])
def test_they_are_no_logits(suffix: str, tmp_path: Path) -> None:
    base = write_npy(tmp_path / "p.npy", random_logits(9, 12))
    sparsify(base, tmp_path / f"s{suffix}", top_p=0.8)
    for wrong in ((base, tmp_path / f"s{suffix}"), (tmp_path / f"s{suffix}",) * 2):
        with pytest.raises(DataError, match=r"sparse rows, .* expected logits"):
            compare(*wrong)


def test_what_does_not_fit(tmp_path: Path) -> None:
    base = write_npy(tmp_path / "p.npy", random_logits(9, 12))
    other = write_npy(tmp_path / "q.npy", random_logits(8, 12))
    sparsify(base, tmp_path / "s.npz", top_n=3)
    check_error(run("compare", tmp_path / "s.npz", other), 1, "(9, 12)", "(8, 12)")
    result = run("compare", tmp_path / "s.npz", base, "--temperature", 2)
    check_error(result, 2, "with a sparse base; expected 1")
    result = run("score", tmp_path / "s.npz", "-o", tmp_path / "o.csv", "--temperature", 2)
    check_error(result, 2, "expected 1")
    result = run("score", tmp_path / "s.npz", base, "-o", tmp_path / "o.csv")
    check_error(result, 1, "sparse rows")
    result = run("score", tmp_path / "s.npz", "-o", tmp_path / "o.csv", "--targets", "t.npy")
    check_error(result, 2, "expected those that sparsify has put into it")
    # Other filters may leave likelier tokens out.
    kept = logitkit.candidates(random_logits(9, 12), typical_p=0.5)
    kept.save(tmp_path / "t.npz")
    check_error(run("compare", tmp_path / "t.npz", base), 1, "without 'tail_mass'")
    assert not (tmp_path / "o.csv").exists()
