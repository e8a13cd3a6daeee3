"""The sets that transformers and llama.cpp kept on the same rows.

The files hold their answers: those of transformers 5.23.0 with float64 logits, those of llama.cpp
(llama-cpp-python 0.3.36) in float32 and for rows without -inf. `x` are the logits; every sixth row
is rounded to bfloat16, so that it has ties.
"""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from logitkit.steps import DynamicTemperature
from numpy.typing import NDArray

DATA = Path(__file__).parent / "data"
VOCABS = (257, 2000)
TRANSFORMERS = {vocab: dict(np.load(DATA / f"transformers_v{vocab}.npz")) for vocab in VOCABS}
LLAMA = {vocab: dict(np.load(DATA / f"llama_v{vocab}.npz")) for vocab in VOCABS}


def cases(files: dict[int, dict[str, Any]]) -> Iterator[tuple[int, str]]:
    for vocab, file in files.items():
        for key in dict.fromkeys(name.split("|")[0] for name in file if name != "x"):
            yield vocab, key


def keywords(key: str) -> dict[str, Any]:
    """The filters that a key like "chain:top_k=25,top_p=.8" names."""
    parts = (part.split("=") for part in key.removeprefix("chain:").split(","))
    names = {"typical": "typical_p"}
    return {names.get(name, name): int(v) if v.isdigit() else float(v) for name, v in parts}


def assert_same_but_for_ties(
    kept: NDArray[np.bool_], expected: NDArray[np.bool_], logits: NDArray[Any], where: str
) -> None:
    """Assert that the sets differ at most in which of equal logits they hold."""
    np.testing.assert_array_equal(np.sort(logits[kept]), np.sort(logits[expected]), where)


@pytest.mark.parametrize(("vocab", "key"), list(cases(TRANSFORMERS)))
def test_transformers(implementation: ModuleType, vocab: int, key: str) -> None:
    file = TRANSFORMERS[vocab]
    x = file["x"].astype(np.float64)
    expected = np.unpackbits(file[key], axis=-1, count=vocab).astype(bool)
    # Its top-k and typical keep all ties; its top-p keeps those that its sort puts last.
    exact = not key.startswith("top_p")
    ties = "all" if exact else "index"
    kept = implementation.candidates(x, order="hf", ties=ties, **keywords(key)).mask()
    if exact:
        np.testing.assert_array_equal(kept, expected)
    for i in range(len(x)):
        assert_same_but_for_ties(kept[i], expected[i], x[i], f"row {i}")


@pytest.mark.parametrize(("vocab", "key"), list(cases(LLAMA)))
def test_llama_cpp(implementation: ModuleType, vocab: int, key: str) -> None:
    file = LLAMA[vocab]
    x, indptr = file["x"], file[f"{key}|indptr"]
    rows = np.flatnonzero(np.diff(indptr))
    assert rows.size >= 10
    if key.startswith("temp_ext"):
        # Its arguments are the middle and the reach.
        kept = implementation.candidates(x[rows], [DynamicTemperature(0.6, 1.4)])
    else:
        kept = implementation.candidates(x[rows], order="llama.cpp", **keywords(key))
    for place, i in enumerate(rows):
        part = slice(indptr[i], indptr[i + 1])
        ids, logits = file[f"{key}|ids"][part], file[f"{key}|logits"][part]
        # Its top-n-sigma leaves the tokens, at -inf.
        ids, logits = ids[np.isfinite(logits)], logits[np.isfinite(logits)]
        row = kept.row(place)
        expected, mask = np.zeros(vocab, bool), np.zeros(vocab, bool)
        expected[ids], mask[row.ids] = True, True
        assert_same_but_for_ties(mask, expected, x[i], f"row {i}")
        # Its entropy, and so its dynamic temperature, is of float32 sums.
        limit = 3e-5 if key.startswith("temp_ext") else 1e-6
        np.testing.assert_allclose(np.sort(row.logits), np.sort(logits), rtol=limit)


def test_the_orders_matter_on_these_rows(implementation: ModuleType) -> None:
    x = LLAMA[257]["x"]
    chain = keywords("top_k=25,top_p=.9,min_p=.1,temperature=.7")
    sets = {
        order: implementation.candidates(x, order=order, **chain).mask().tobytes()
        for order in ("hf", "vllm", "llama.cpp", "sglang", "mlx")
    }
    assert len(set(sets.values())) >= 4
