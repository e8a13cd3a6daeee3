"""`logitkit compare` against the formulas of llama-perplexity, in plain NumPy and float64."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from logitkit.io import DataError
from logitkit.jobs import blocks, compare
from numpy.typing import NDArray

from .command import run
from .tables import read_table

EXAMPLES = Path(__file__).parents[2] / "examples" / "lm"
RNG = np.random.default_rng(0)
BASE = RNG.normal(0, 3, (5, 8, 40)).astype(np.float32)
OTHER = (BASE + RNG.normal(0, 0.4, BASE.shape)).astype(np.float32)
TARGETS = RNG.integers(0, 40, (5, 8))


def write(folder: Path, base: Any = BASE, other: Any = OTHER, targets: Any = TARGETS) -> list[Path]:
    paths = [folder / name for name in ("base.npy", "other.npy", "targets.npy")]
    for path, array in zip(paths, (base, other, targets), strict=True):
        np.save(path, array)
    return paths


def mean_and_uncertainty(values: NDArray[np.float64]) -> tuple[float, float]:
    # As llama-perplexity: population variance, by n - 1.
    mean = values.mean()
    return float(mean), float(np.sqrt(((values**2).mean() - mean**2) / (values.size - 1)))


def as_llama_perplexity(base: Any, other: Any, targets: Any) -> dict[str, float]:
    p, q = (x.reshape(-1, x.shape[-1]).astype(np.float64) for x in (base, other))
    ln_p, ln_q = (x - np.log(np.exp(x).sum(axis=1, keepdims=True)) for x in (p, q))
    rows = np.arange(len(p))
    nll_base, nll = (-x[rows, targets.reshape(-1)] for x in (ln_p, ln_q))
    kl = (np.exp(ln_p) * (ln_p - ln_q)).sum(axis=1)
    delta = np.exp(-nll) - np.exp(-nll_base)
    same = (p.argmax(axis=1) == q.argmax(axis=1)).astype(np.float64)
    n = len(p)
    mean, error = mean_and_uncertainty(nll)
    base_mean, base_error = mean_and_uncertainty(nll_base)
    covariance = ((nll * nll_base).mean() - mean * base_mean) / (n - 1)
    ratio_error = np.sqrt(error**2 + base_error**2 - 2 * covariance)
    ppl, base_ppl = np.exp(mean), np.exp(base_mean)
    square, square_error = mean_and_uncertainty(delta**2)
    figures = {
        "perplexity": (ppl, ppl * error),
        "base_perplexity": (base_ppl, base_ppl * base_error),
        "log_perplexity_ratio": (mean - base_mean, ratio_error),
        "perplexity_ratio": (ppl / base_ppl, ppl / base_ppl * ratio_error),
        "perplexity_difference": (
            ppl - base_ppl,
            np.sqrt(
                (ppl * error) ** 2 + (base_ppl * base_error) ** 2 - 2 * ppl * base_ppl * covariance
            ),
        ),
        "kl.mean": mean_and_uncertainty(kl),
        "delta_prob.mean": mean_and_uncertainty(delta),
        "delta_prob_rms": (np.sqrt(square), 0.5 / np.sqrt(square) * square_error),
        "same_argmax": (same.mean(), np.sqrt(same.mean() * (1 - same.mean()) / (n - 1))),
    }
    flat = {f"{name}.value": value for name, (value, _) in figures.items()}
    flat |= {f"{name}.error": error for name, (_, error) in figures.items()}
    flat["correlation"] = covariance / (error * base_error)
    for name, values in (("kl", kl), ("delta_prob", delta)):
        flat |= {f"{name}.max": values.max(), f"{name}.min": values.min()}
        for percent in (99.9, 99, 95, 90, 50, 10, 5, 1, 0.1):
            flat[f"{name}.quantiles.{percent:g}"] = np.percentile(values, percent)
    return {name: float(value) for name, value in flat.items()}


def figure(found: dict[str, Any], name: str) -> float:
    quantile = name.split(".quantiles.")
    value: Any = found
    for part in quantile[0].split("."):
        value = value[part]
    return float(value["quantiles"][quantile[1]] if len(quantile) > 1 else value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_figure_of_llama_perplexity(tmp_path: Path, dtype: Any) -> None:
    arrays = BASE.astype(dtype), OTHER.astype(dtype), TARGETS
    base, other, targets = write(tmp_path, *arrays)
    found = compare(base, other, targets=targets).as_dict()
    for name, expected in as_llama_perplexity(*arrays).items():
        assert figure(found, name) == pytest.approx(expected, rel=1e-6, abs=1e-9), name
    assert (found["rows"], found["scored_tokens"], found["invalid_rows"]) == (40, 40, 0)


def test_the_shipped_example(tmp_path: Path) -> None:
    done = run(
        "compare", EXAMPLES / "base.safetensors", EXAMPLES / "int4.safetensors",
        "-o", tmp_path / "tokens.csv", "--json",
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["rows"] == 32
    assert 1.0 < found["perplexity_ratio"]["value"] < 1.2
    assert 0.005 < found["kl"]["mean"]["value"] < 0.05
    assert found["kl"]["mean"]["by_sequence"] > 0
    table = read_table(tmp_path / "tokens.csv")
    assert list(table) == [
        "row", "sequence", "position", "target", "base_log_prob", "log_prob", "delta_prob", "kl",
        "js", "total_variation", "base_entropy", "entropy", "same_argmax", "valid",
    ]  # fmt: skip
    worst = found["worst"][0]
    assert worst["row"] == int(np.argmax(np.asarray(table["kl"], float)))
    text = run("compare", EXAMPLES / "base.safetensors", EXAMPLES / "int4.safetensors").stdout
    assert "same top token" in text
    assert "KL divergence, 99.9 %" in text


def test_a_model_with_itself(tmp_path: Path) -> None:
    base, _, targets = write(tmp_path)
    found = compare(base, base, targets=targets)
    assert found.kl.max == 0.0
    assert found.same_argmax.value == 1.0
    assert found.perplexity_ratio is not None
    assert (found.perplexity_ratio.value, found.perplexity_ratio.error) == (1.0, 0.0)


def test_errors_by_sequence(tmp_path: Path) -> None:
    # Tokens of a sequence that differ alike: their errors are those of as many sequences.
    base = np.repeat(BASE[:, :1], 8, axis=1)
    other = np.repeat(OTHER[:, :1], 8, axis=1)
    paths = write(tmp_path, base, other, np.repeat(TARGETS[:, :1], 8, axis=1))
    found = compare(paths[0], paths[1], targets=paths[2])
    one = compare(*write(tmp_path, base[:, 0], other[:, 0], TARGETS[:, 0])[:2])
    assert one.kl.mean.by_sequence is None
    assert found.kl.mean.by_sequence == pytest.approx(one.kl.mean.error, rel=1e-6)
    assert found.kl.mean.error < 0.5 * one.kl.mean.error


def test_without_targets_with_ignored_ones_and_invalid_rows(tmp_path: Path) -> None:
    broken = OTHER.copy()
    broken[0, 3, 7] = np.nan
    targets = TARGETS.copy()
    targets[1, 1] = -100
    base, other, ids = write(tmp_path, BASE, broken, targets)
    found = compare(base, other)
    assert found.perplexity is None
    assert (found.rows, found.invalid_rows) == (40, 1)
    assert np.isfinite(found.kl.mean.value)
    scored = compare(base, other, targets=ids, ignore_index=-100)
    assert scored.scored_tokens == 38
    json.dumps(found.as_dict())
    str(found)


def test_how_it_is_cut_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base, other, targets = write(tmp_path)
    whole = compare(base, other, tmp_path / "a.npz", targets=targets)
    for name, value in {"BATCH_ROWS": 7, "_BLOCK_BYTES": 999, "_TASK_BYTES": 2000}.items():
        monkeypatch.setattr(blocks, name, value)
    cut = compare(base, other, tmp_path / "b.npz", targets=targets, threads=3)
    assert cut.kl == whole.kl
    a, b = (np.load(tmp_path / name) for name in ("a.npz", "b.npz"))
    for name in a.files:
        np.testing.assert_array_equal(a[name], b[name])


def test_mixed_types(tmp_path: Path) -> None:
    base, other, targets = write(tmp_path, BASE, OTHER.astype(np.float64))
    found = compare(base, other, targets=targets)
    assert found.kl.mean.value == pytest.approx(compare(base, other).kl.mean.value)


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    base, other, _ = write(tmp_path, BASE, OTHER[:, :4])
    with pytest.raises(DataError, match=r"has logits of shape \(5, 4, 40\), .* of \(5, 8, 40\)"):
        compare(base, other)
    done = run("compare", base, tmp_path / "none.npy", check=False)
    assert done.returncode == 1
    assert "none.npy" in done.stderr
    assert run("compare", base, check=False).returncode == 2


def test_targets_that_differ(tmp_path: Path) -> None:
    raw = bytearray((EXAMPLES / "int4.safetensors").read_bytes())
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    begin = 8 + int.from_bytes(raw[:8], "little") + header["targets"]["data_offsets"][0]
    raw[begin] ^= 1
    (tmp_path / "other.safetensors").write_bytes(raw)
    with pytest.raises(DataError, match=r"has target \d+ in row 0, the base has"):
        compare(EXAMPLES / "base.safetensors", tmp_path / "other.safetensors")
    found = compare(
        EXAMPLES / "base.safetensors", tmp_path / "other.safetensors", targets="targets"
    )
    assert found.rows == 32
