"""What a report says, and what is wrong with what it is given."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from logitkit.io.errors import DataError
from logitkit.io.table import read_table
from logitkit.io.vocabulary import read_vocabulary
from logitkit.jobs import report, score
from logitkit.report.scores import Scores, differences, interval, same_tokens

from ..command import tables
from ..command.command import check_error, run
from ..command.files import random_logits, random_targets, write_npy, write_safetensors
from ..command.tables import SUFFIXES


@pytest.fixture
def path(tmp_path: Path) -> Path:
    logits, targets = random_logits(4, 30, 12), random_targets(4, 30, vocab=12)
    targets[1, 3:7] = -100
    logits[2, 5] = np.nan
    logits[3, 1, targets[3, 1]] = -np.inf
    return write_safetensors(tmp_path / "a.safetensors", logits=logits, targets=targets)


def scores(path: Path, suffix: str = ".npz", **options: Any) -> Path:
    output = path.with_suffix(suffix)
    score(path, output, ignore_index=-100, force=True, **options)
    return output


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("top_k", [None, 3])
def test_tables_read_back(suffix: str, top_k: int | None, path: Path) -> None:
    output = scores(path, suffix, top_k=top_k)
    found, once = read_table(output), read_table(scores(path, ".npz", top_k=top_k))
    assert list(found) == list(once) or suffix == ".npz"
    for name, column in once.items():
        # Text has as many digits as float32 needs, and does not say that it is that.
        same = found[name].astype(column.dtype)
        np.testing.assert_array_equal(same, column, err_msg=name)
    if top_k is None:
        assert tables.read_table(output).keys() == found.keys()


def test_what_it_comes_to(path: Path) -> None:
    table = read_table(scores(path))
    model = Scores("a", table)
    scored = table["valid"] & (table["rank"] > 0)
    assert (model.valid.sum(), scored.sum()) == (119, 115)
    np.testing.assert_array_equal(model.scored, scored)
    assert math.isinf(model.mean(model.surprisal).value)
    right = (table["argmax"] == table["target"])[scored]
    assert model.mean(model.correct).value == pytest.approx(right.mean(), rel=1e-12)
    worst = [sequence.label for sequence in model.sequences()]
    assert worst[0].endswith("sequence 3")
    assert sorted(label[-1] for label in worst) == ["0", "1", "2", "3"]
    for sequence in model.sequences():
        own = table["sequence"] == int(sequence.label[-1])
        np.testing.assert_array_equal(sequence.rows, np.flatnonzero(own))
        expected = table["entropy"][own & table["valid"]].mean(dtype=float)
        assert sequence.entropy == pytest.approx(expected, rel=1e-12)


def test_calibration_by_hand() -> None:
    table = {
        "row": np.arange(6),
        "entropy": np.ones(6), "valid": np.ones(6, bool), "rank": np.array([1, 2, 1, 1, 2, 0]),
        "max_prob": np.array([0.05, 0.05, 0.95, 1.0, 0.92, 0.5]),
        "log_prob": np.full(6, -1.0), "target": np.arange(6),
        "argmax": np.array([0, 0, 2, 3, 0, 0]),
    }  # fmt: skip
    bins = Scores("a", table).calibration()
    assert bins is not None
    assert bins.count.tolist() == [2, 0, 0, 0, 0, 0, 0, 0, 0, 3]
    assert (bins.accuracy[0], bins.accuracy[9]) == (0.5, pytest.approx(2 / 3))
    gaps = 2 * abs(0.5 - 0.05) + 3 * abs(2 / 3 - 2.87 / 3)
    assert bins.error == pytest.approx(gaps / 5)


def test_differences_of_the_same_tokens(tmp_path: Path) -> None:
    logits, targets = random_logits(5, 30, 12), random_targets(5, 30, vocab=12)
    found = []
    for name, factor in (("a", 1.0), ("b", 1.3)):
        source = write_safetensors(
            tmp_path / f"{name}.safetensors", logits=logits * np.float32(factor), targets=targets
        )
        found.append(Scores(name, read_table(scores(source))))
    first, second = found
    assert same_tokens(first, second)
    surprisal, accuracy, entropy = differences(first, second)
    change = (second.surprisal - first.surprisal).reshape(5, 30)
    assert surprisal.paired
    assert surprisal.estimate == pytest.approx(change.mean(), rel=1e-9)
    centred = (change - change.mean()).sum(1)
    error = math.sqrt(5 / 4 * (centred**2).sum()) / 150
    assert surprisal.high - surprisal.estimate == pytest.approx(1.96 * error, rel=1e-3)
    assert (accuracy.estimate, accuracy.low, accuracy.high) == (0.0, 0.0, 0.0)
    assert entropy.high < 0.0


def test_differences_of_other_tokens(path: Path, tmp_path: Path) -> None:
    other = write_safetensors(
        tmp_path / "b.safetensors",
        logits=random_logits(40, 12),
        targets=random_targets(40, vocab=12),
    )
    first, second = (Scores(str(p), read_table(scores(p))) for p in (path, other))
    assert not same_tokens(first, second)
    *_, entropy = differences(first, second)
    assert not entropy.paired
    ends = [interval(m.mean(m.entropy)) for m in (first, second)]
    width = math.hypot(*(high - low for low, high in ends))
    assert entropy.high - entropy.low == pytest.approx(width)


def test_the_page(path: Path) -> None:
    table = scores(path, top_k=3)
    page = path.with_suffix(".html")
    report(table, page, title="A <title>")
    html = page.read_text(encoding="utf-8")
    assert "<h1>A &lt;title&gt;</h1>" in html
    assert html.count("<svg viewBox") == html.count('role="img"') == 4
    assert html.count('class="t"') == 115
    assert html.count('class="t none"') == 5
    assert "1 rows are not valid" in html
    # Nothing is fetched: not a reference but to the page itself.
    assert not re.findall(r'(?:src|href)="(?!#)[^"]*"', html)
    assert "url(" not in re.sub(r"url\(#", "", html)
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    report(table, page, title="A <title>", force=True)
    assert page.read_text(encoding="utf-8") == html


def test_without_targets(tmp_path: Path) -> None:
    source = write_npy(tmp_path / "a.npy", random_logits(300, 12))
    score(source, tmp_path / "a.csv", base=2)
    report(tmp_path / "a.csv", tmp_path / "a.html", base=2)
    html = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "The worst sequences" not in html
    assert html.count("<svg") == 1
    assert " bits" in html


def test_no_rows(tmp_path: Path) -> None:
    source = write_safetensors(
        tmp_path / "a.safetensors", logits=random_logits(0, 5), targets=random_targets(0, vocab=5)
    )
    for suffix in SUFFIXES:
        if suffix != ".jsonl":
            report(scores(source, suffix), tmp_path / "a.html", force=True)


def test_many_models(path: Path) -> None:
    table = scores(path)
    report([table] * 3, path.with_name("r.html"))
    assert "var(--series-2)" in path.with_name("r.html").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="7 tables; expected 1 to 6"):
        report([table] * 7, path.with_name("s.html"))


BYTE_LEVEL = {"\u0120the": 0, "\u010a": 1, "\u00c3\u00a9": 2, "a": 3}


def test_vocabularies(tmp_path: Path) -> None:
    path = tmp_path / "vocab.json"
    path.write_text(json.dumps(["a", " b"]))
    text_of = read_vocabulary(path)
    assert [text_of(token) for token in (0, 1, 2)] == ["a", " b", "<2>"]
    path.write_text(json.dumps(BYTE_LEVEL))
    text_of = read_vocabulary(path)
    assert [text_of(token) for token in range(4)] == [" the", "\n", "é", "a"]
    path.write_text(json.dumps({"\u0142": 0, "x": 1}))
    assert read_vocabulary(path)(0) == "\u0142"


def test_a_tokenizer(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    model = tokenizers.models.BPE(vocab=BYTE_LEVEL, merges=[])
    tokenizers.Tokenizer(model).save(str(tmp_path / "tokenizer.json"))
    text_of = read_vocabulary(tmp_path / "tokenizer.json")
    assert [text_of(token) for token in range(5)] == [" the", "\n", "é", "a", "<4>"]


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"a": "b"}', b"3", b'{"model": 3}', b"\xff"])
def test_wrong_vocabularies(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "vocab.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"vocab\.json: "):
        read_vocabulary(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_wrong_tables(suffix: str, path: Path, tmp_path: Path) -> None:
    good = scores(path, suffix).read_bytes()
    wrong = tmp_path / f"wrong{suffix}"
    for content in (b"", good[: len(good) // 2], b"nonsense", good[10:]):
        wrong.write_bytes(content)
        result = run("report", wrong, "-o", tmp_path / "r.html")
        check_error(result, 1, wrong)
    assert not (tmp_path / "r.html").exists()


def test_other_tables(path: Path, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("row,kl\n0,1.5\n")
    check_error(run("report", tmp_path / "b.csv", "-o", tmp_path / "r.html"), 1, "'entropy'")
    (tmp_path / "c.csv").write_text("a,b\n0,1.5\n")
    check_error(run("report", tmp_path / "c.csv", "-o", tmp_path / "r.html"), 1, "no table of")
    check_error(run("report", path, "-o", tmp_path / "r.html"), 1, "unknown kind of table")


def test_wrong_arguments(path: Path, tmp_path: Path) -> None:
    table = scores(path)
    check_error(run("report", table, "-o", tmp_path / "r.pdf"), 2, ".html")
    check_error(run("report", table, "-o", tmp_path / "r.html", "--base", "1"), 2, "base")
    result = run("report", table, "-o", tmp_path / "r.html", "--sequences", "-1")
    check_error(result, 2, "sequences=-1")
    (tmp_path / "r.html").write_text("precious")
    check_error(run("report", table, "-o", tmp_path / "r.html"), 1, "--force")
    assert (tmp_path / "r.html").read_text() == "precious"
