"""The numbers on standard output."""

import json
import math
import os
import statistics
import subprocess
from pathlib import Path

import numpy as np
import pytest
from logitkit.jobs import blocks, score

from .command import run
from .files import random_logits, random_targets, write_npy, write_safetensors
from .tables import read_table


@pytest.fixture
def path(tmp_path: Path) -> Path:
    logits, targets = random_logits(300, 12), random_targets(300, vocab=12)
    logits[7] = np.nan
    logits[8, 2] = np.inf
    targets[5:20] = -1
    return write_safetensors(tmp_path / "a.safetensors", logits=logits, targets=targets)


@pytest.mark.parametrize("base", [None, 2, 10.0])
def test_numbers(base: float | None, path: Path, tmp_path: Path) -> None:
    summary = score(path, tmp_path / "o.npz", base=base, ignore_index=-1)
    table = read_table(tmp_path / "o.npz")
    entropy = table["entropy"][table["valid"]].astype(float)
    scored = table["valid"] & (table["target"] >= 0)
    losses = [-value for value in table["log_prob"][scored].tolist()]
    nats = statistics.fmean(losses) * math.log(base or math.e)
    close = pytest.approx
    assert (summary.files, summary.rows, summary.vocab) == (1, 300, 12)
    assert (summary.invalid_rows, summary.scored_tokens) == (2, 285)
    assert summary.base == (base or math.e)
    assert summary.mean_negative_log_prob == close(statistics.fmean(losses), rel=1e-12)
    assert summary.standard_error == close(statistics.stdev(losses) / math.sqrt(285), rel=1e-12)
    assert summary.perplexity == close(math.exp(nats), rel=1e-12)
    assert summary.bits_per_token == close(nats / math.log(2), rel=1e-12)
    hits = (table["argmax"] == table["target"])[scored]
    assert summary.top1_accuracy == hits.mean()
    assert summary.entropy_mean == close(entropy.mean(), rel=1e-12)
    quantiles = np.quantile(entropy, [0.05, 0.5, 0.95])
    found = [summary.entropy_p5, summary.entropy_median, summary.entropy_p95]
    np.testing.assert_allclose(found, quantiles, rtol=1e-6)
    assert summary.gigabytes_per_second == close(300 * 12 * 4 / summary.seconds / 1e9)


def test_cut_does_not_matter(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def numbers(name: str) -> list[object]:
        values = score(path, tmp_path / name, ignore_index=-1).as_dict()
        return [values[key] for key in values if key not in ("output", "seconds")][:-1]

    whole = numbers("a.csv")
    monkeypatch.setattr(blocks, "BATCH_ROWS", 7)
    assert numbers("b.csv") == whole


def test_impossible_target(tmp_path: Path) -> None:
    logits = np.array([[0, -np.inf], [0, 0], [0, 1]], np.float32)
    path = write_safetensors(tmp_path / "a.safetensors", logits=logits, targets=np.ones(3, int))
    summary = score(path, tmp_path / "o.csv")
    assert summary.scored_tokens == 3
    assert summary.mean_negative_log_prob == math.inf
    assert summary.perplexity == math.inf
    assert math.isnan(summary.standard_error or 0)
    assert summary.as_dict()["perplexity"] is None


def test_nothing_to_average(tmp_path: Path) -> None:
    logits, targets = np.full((2, 3), np.nan, np.float32), np.zeros(2, np.int64)
    path = write_safetensors(tmp_path / "a.safetensors", logits=logits, targets=targets)
    summary = score(path, tmp_path / "o.csv")
    assert (summary.rows, summary.invalid_rows, summary.scored_tokens) == (2, 2, 0)
    fields = summary.as_dict()
    for name in ("perplexity", "top1_accuracy", "entropy_mean", "entropy_p95", "standard_error"):
        assert fields[name] is None
    one = write_safetensors(tmp_path / "b.safetensors", logits=logits[:0], targets=targets[:0])
    assert score(one, tmp_path / "p.csv").rows == 0


def test_printed(path: Path, tmp_path: Path) -> None:
    result = run("score", path, "-o", tmp_path / "o.csv", "--ignore-index", -1, "--base", 2)
    assert (result.returncode, result.stderr) == (0, "")
    labels = [line.split("  ")[0] for line in result.stdout.splitlines()]
    assert labels == [
        "output", "files", "rows", "vocab", "dtype", "invalid rows", "scored tokens",
        "mean negative log-probability", "perplexity", "bits per token", "top-1 accuracy",
        "entropy, mean", "entropy, median", "entropy, 5 %", "entropy, 95 %", "time",
    ]  # fmt: skip
    values = {line[:29].rstrip(): line[31:] for line in result.stdout.splitlines()}
    assert values["rows"] == "300"
    assert values["dtype"] == "float32"
    assert values["entropy, mean"].endswith(" bits")
    assert " ± " in values["mean negative log-probability"]


def test_printed_without_targets(path: Path, tmp_path: Path) -> None:
    result = run("score", path, "-o", tmp_path / "o.csv", "--targets", "none", "--base", "e")
    assert "perplexity" not in result.stdout
    assert "nats" in result.stdout


def test_json(path: Path, tmp_path: Path) -> None:
    arguments = ["score", path, "--ignore-index", -1, "--json", "-o"]
    result = run(*arguments, tmp_path / "o.csv")
    summary = score(path, tmp_path / "p.csv", ignore_index=-1)
    fields, expected = json.loads(result.stdout), summary.as_dict()
    for changing in ("output", "seconds", "gigabytes_per_second"):
        assert fields.pop(changing)
        del expected[changing]
    assert fields == expected


def test_quiet(path: Path, tmp_path: Path) -> None:
    result = run("score", path, "-o", tmp_path / "o.csv", "--ignore-index", -1, "--quiet")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert (tmp_path / "o.csv").exists()


def test_progress_bar_on_a_terminal(tmp_path: Path) -> None:
    termios = pytest.importorskip("termios", reason="this system has no terminals")
    path = write_npy(tmp_path / "a.npy", random_logits(1000, 1000))
    shown = {}
    for name, arguments in {"bar": [], "quiet": ["--quiet"]}.items():
        controller, terminal = os.openpty()
        termios.tcsetwinsize(terminal, (24, 100))
        command = ["score", path, "-o", tmp_path / f"{name}.csv", *arguments]
        assert (
            run(
                *command, capture_output=False, stdout=subprocess.DEVNULL, stderr=terminal
            ).returncode
            == 0
        )
        os.write(terminal, b"end")
        os.close(terminal)
        shown[name] = os.read(controller, 1 << 16).decode()
        os.close(controller)
    assert "B/s" in shown["bar"]
    assert shown["quiet"] == "end"
