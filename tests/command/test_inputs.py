"""Every kind of input gives what `token_stats` gives for the same array."""

from pathlib import Path
from typing import Any

import logitkit
import numpy as np
import pytest
from logitkit.io import open_logits
from logitkit.jobs import blocks, score
from numpy.typing import NDArray

from .files import (
    DTYPES,
    random_logits,
    random_targets,
    write_npy,
    write_safetensors,
)
from .tables import read_table

STATISTICS = (
    "log_prob", "rank", "entropy", "varentropy", "logsumexp", "max", "argmax", "max_prob", "valid",
)  # fmt: skip


def check_table(
    path: Path, logits: NDArray[Any], targets: NDArray[Any] | None = None, **options: Any
) -> dict[str, NDArray[Any]]:
    table = read_table(path)
    stats = logitkit.token_stats(logits, targets, **options)
    for name in STATISTICS if targets is not None else STATISTICS[2:]:
        expected = getattr(stats, name).ravel()
        np.testing.assert_array_equal(table[name], expected, strict=True)
    if targets is None:
        assert not {"target", "log_prob", "rank"} & table.keys()
    else:
        np.testing.assert_array_equal(table["target"], targets.ravel())
    return table


@pytest.mark.parametrize("shape", [(40,), (7, 40), (3, 5, 40), (2, 1, 3, 40), (0, 40), (9, 1)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_safetensors(dtype: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    logits = random_logits(*shape, dtype=dtype)
    targets = random_targets(*shape[:-1], vocab=shape[-1])
    path = write_safetensors(tmp_path / "a.safetensors", targets=targets, logits=logits)
    summary = score(path, tmp_path / "o.npz")
    check_table(tmp_path / "o.npz", logits, targets)
    assert summary.dtype == dtype
    assert summary.rows == targets.size


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_npy(dtype: str, swapped: bool, order: Any, tmp_path: Path) -> None:
    logits = random_logits(7, 40, dtype=dtype)
    stored = np.asarray(logits, order=order)
    if swapped:
        stored = stored.astype(stored.dtype.newbyteorder())
    path = write_npy(tmp_path / "a.npy", stored)
    score(path, tmp_path / "o.npz")
    check_table(tmp_path / "o.npz", logits)


@pytest.mark.parametrize("kind", ["void", "uint16", "int16", "swapped"])
def test_npy_of_bfloat16(kind: str, tmp_path: Path) -> None:
    logits = random_logits(7, 40, dtype="bfloat16")
    bits = logits.view(np.uint16)
    stored = {
        "void": logits,
        "uint16": bits,
        "int16": bits.view(np.int16),
        "swapped": bits.astype(bits.dtype.newbyteorder()),
    }[kind]
    path = write_npy(tmp_path / "a.npy", stored)
    score(path, tmp_path / "o.npz", dtype="bfloat16")
    check_table(tmp_path / "o.npz", logits)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_npy_versions(version: tuple[int, int], tmp_path: Path) -> None:
    logits = random_logits(3, 5)
    with open(tmp_path / "a.npy", "wb") as file:
        np.lib.format.write_array(file, logits, version=version)
    score(tmp_path / "a.npy", tmp_path / "o.npz")
    check_table(tmp_path / "o.npz", logits)


def test_fortran_order_of_more_dimensions(tmp_path: Path) -> None:
    logits = random_logits(1, 6, 40)
    path = write_npy(tmp_path / "a.npy", np.asfortranarray(logits))
    score(path, tmp_path / "o.npz")
    check_table(tmp_path / "o.npz", logits)
    path = write_npy(tmp_path / "b.npy", np.asfortranarray(random_logits(2, 3, 40)))
    with pytest.raises(ValueError, match="ascontiguousarray"):
        score(path, tmp_path / "p.npz")


def test_index_columns(tmp_path: Path) -> None:
    for name, shape in {"2": (6, 4), "3": (2, 3, 4), "4": (2, 1, 3, 4)}.items():
        write_npy(tmp_path / f"{name}.npy", random_logits(*shape))
        score(tmp_path / f"{name}.npy", tmp_path / f"{name}.npz")
    flat, three, four = (read_table(tmp_path / f"{name}.npz") for name in "234")
    np.testing.assert_array_equal(flat["row"], np.arange(6))
    assert list(flat)[:3] == ["file", "row", "entropy"]
    np.testing.assert_array_equal(three["sequence"], [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(three["position"], [0, 1, 2, 0, 1, 2])
    np.testing.assert_array_equal(four["index_0"], [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(four["index_1"], [0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(four["index_2"], [0, 1, 2, 0, 1, 2])


def test_options_reach_the_statistics(tmp_path: Path) -> None:
    logits, targets = random_logits(9, 40), random_targets(9, vocab=40)
    targets[[2, 5]] = -100
    path = write_safetensors(tmp_path / "a.safetensors", logits=logits, targets=targets)
    options: dict[str, Any] = {"temperature": 0.7, "base": 2.0, "ignore_index": -100}
    score(path, tmp_path / "o.npz", **options)
    check_table(tmp_path / "o.npz", logits, targets, **options)


@pytest.mark.parametrize("order", ["C", "F"])
def test_cut_does_not_matter(order: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logits, targets = random_logits(1000, 33), random_targets(1000, vocab=33)
    path = write_npy(tmp_path / "a.npy", np.asarray(logits, order=order))
    write_npy(tmp_path / "t.npy", targets)
    for name, value in {"BATCH_ROWS": 300, "_BLOCK_BYTES": 999, "_TASK_BYTES": 9999}.items():
        monkeypatch.setattr(blocks, name, value)
    for threads in (1, 2, 5):
        score(path, tmp_path / "o.npz", targets=tmp_path / "t.npy", threads=threads, force=True)
        check_table(tmp_path / "o.npz", logits, targets)
    # Less memory than the threads' blocks need: fewer threads, each block with several.
    monkeypatch.setattr(blocks, "_BUFFER_BYTES", 1)
    score(path, tmp_path / "o.npz", targets=tmp_path / "t.npy", threads=5, force=True)
    check_table(tmp_path / "o.npz", logits, targets)


def test_several_files(tmp_path: Path) -> None:
    parts = [random_logits(rows, 20, seed=rows) for rows in (4, 1, 6)]
    targets = [random_targets(len(part), vocab=20) for part in parts]
    paths = [
        write_safetensors(tmp_path / f"part-{i}.safetensors", logits=part, targets=tokens)
        for i, (part, tokens) in enumerate(zip(parts, targets, strict=True))
    ]
    everything = np.concatenate(parts), np.concatenate(targets)
    summary = score(paths, tmp_path / "o.parquet")
    table = check_table(tmp_path / "o.parquet", *everything)
    np.testing.assert_array_equal(table["row"], [0, 1, 2, 3, 0, 0, 1, 2, 3, 4, 5])
    np.testing.assert_array_equal(table["file"], np.repeat([str(p) for p in paths], [4, 1, 6]))
    assert (summary.files, summary.rows) == (3, 11)

    score(tmp_path / "part-*.safetensors", tmp_path / "o.arrow")
    check_table(tmp_path / "o.arrow", *everything)
    score([paths[1], paths[0], paths[1]], tmp_path / "o.csv")
    assert list(read_table(tmp_path / "o.csv")["row"]) == [0, 0, 1, 2, 3, 0]


def test_a_name_that_looks_like_a_pattern(tmp_path: Path) -> None:
    path = write_npy(tmp_path / "a[1].npy", random_logits(2, 3))
    assert score(path, tmp_path / "o.npz").rows == 2
    assert score(tmp_path / "a[[]1].npy", tmp_path / "p.npz").rows == 2
    with pytest.raises(FileNotFoundError, match="no file matches"):
        score(tmp_path / "b*.npy", tmp_path / "q.npz")


def test_files_of_different_kinds(tmp_path: Path) -> None:
    first = write_npy(tmp_path / "a.npy", random_logits(2, 30))
    for name, other in {
        "vocab": random_logits(2, 31),
        "dtype": random_logits(2, 30, dtype="float64"),
        "axes": random_logits(2, 2, 30),
    }.items():
        path = write_npy(tmp_path / f"{name}.npy", other)
        with pytest.raises(ValueError, match="runs of their own"):
            score([first, path], tmp_path / "o.npz")


def test_which_tensor(tmp_path: Path) -> None:
    one, two = random_logits(4, 9), random_logits(5, 9)
    extra = np.arange(6, dtype=np.int32).reshape(2, 3)
    only = write_safetensors(tmp_path / "only.safetensors", a=one, b=extra, c=one[0])
    score(only, tmp_path / "o.npz")
    check_table(tmp_path / "o.npz", one)
    both = write_safetensors(tmp_path / "both.safetensors", a=one, b=two)
    score(both, tmp_path / "p.npz", logits="b")
    check_table(tmp_path / "p.npz", two)
    with pytest.raises(ValueError, match=r"'a', 'b'.* name the one with the logits"):
        score(both, tmp_path / "q.npz")
    with pytest.raises(ValueError, match="'a', 'b', not 'logits'"):
        score(both, tmp_path / "q.npz", logits="logits")
    with pytest.raises(ValueError, match="floating-point"):
        score(only, tmp_path / "q.npz", logits="b")


def test_dtype_must_fit(tmp_path: Path) -> None:
    path = write_npy(tmp_path / "a.npy", np.zeros((2, 3), np.uint16))
    with pytest.raises(ValueError, match="bits of bfloat16"):
        score(path, tmp_path / "o.npz")
    with pytest.raises(ValueError, match="32 bits"):
        score(path, tmp_path / "o.npz", dtype="float32")
    with pytest.raises(ValueError, match="must be one of"):
        score(path, tmp_path / "o.npz", dtype="float8")
    path = write_npy(tmp_path / "b.npy", random_logits(2, 3))
    with pytest.raises(ValueError, match="does not hold float64"):
        score(path, tmp_path / "o.npz", dtype="float64")


def test_blocks(tmp_path: Path) -> None:
    logits = random_logits(5, 7, 16, dtype="bfloat16")
    path = write_safetensors(tmp_path / "a.safetensors", logits=logits)
    source = open_logits(path)
    assert (source.shape, source.leading_shape) == ((5, 7, 16), (5, 7))
    assert (source.row_count, source.vocab, source.dtype) == (35, 16, "bfloat16")
    rows = [(start, block.copy()) for start, block in source.blocks(max_bytes=100)]
    assert [start for start, _ in rows] == list(range(0, 35, 3))
    together = np.concatenate([block for _, block in rows])
    np.testing.assert_array_equal(
        logitkit.entropy(together, dtype=source.bits), logitkit.entropy(logits).ravel()
    )


def test_the_example(tmp_path: Path) -> None:
    path = Path(__file__).parents[2] / "examples" / "lm" / "base.safetensors"
    summary = score(path, tmp_path / "o.parquet")
    assert (summary.rows, summary.vocab, summary.dtype) == (32, 32000, "bfloat16")
    assert summary.scored_tokens == 32
    # What `examples/lm/README.md` shows.
    assert summary.mean_negative_log_prob == pytest.approx(2.4535, abs=1e-4)
    assert summary.entropy_mean == pytest.approx(2.5515, abs=1e-4)
