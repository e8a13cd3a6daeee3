"""Rows put together from stretches that hypothesis chooses, against the float64 reference.

What a row holds decides how it is read: runs of equal logits are counted, a new maximum has a piece
read again, sums are moved to where the mean is. Rows of one kind meet few of the turns that these
take from one to the next.
"""

from typing import Any

import logitkit
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logitkit import reference
from numpy.typing import NDArray

from .accuracy import EXACT, LIMITS
from .rows import DTYPES, result_dtype

pytestmark = pytest.mark.usefixtures("instruction_set")

# The same rows every time: a limit is asserted, and some row comes nearest to it.
chosen = settings(deadline=None, max_examples=300, derandomize=True)

STATISTICS = ("logsumexp", "entropy", "varentropy", "max_prob", "log_prob")
DIVERGENCES = ("kl", "js", "total_variation")
# Below this a result counts against it. Equal logits have a varentropy of 0.
SMALLEST = {"float64": 1e-12, "float32": 1e-20}
# Log-sum-exp's zero is arbitrary. Where one token is certain, total variation is far below the
# rounding of its probability.
UNITS = {"logsumexp": 1.0, "total_variation": 1e-3}

Row = NDArray[np.float64]


@st.composite
def stretch(draw: st.DrawFn) -> Row:
    kind = draw(
        st.sampled_from(["equal", "two values", "normal", "ascending", "descending", "-inf"])
    )
    length = draw(st.integers(1, 900))
    level = draw(st.integers(-320, 320)) / 8
    spread = draw(st.sampled_from([0.01, 0.5, 3.0, 20.0]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    match kind:
        case "equal":
            return np.full(length, level)
        case "two values":
            return level + spread * rng.integers(0, 2, length)
        case "normal":
            return rng.normal(level, spread, length)
        case "ascending":
            return level + np.linspace(0.0, spread, length)
        case "descending":
            return level - np.linspace(0.0, spread, length)
        case _:
            return np.full(length, -np.inf)


def rows() -> st.SearchStrategy[Row]:
    some = st.lists(stretch(), min_size=1, max_size=8).map(np.concatenate)
    return some.filter(lambda row: bool(np.isfinite(row).any()))


temperatures = st.sampled_from([0.25, 1.0, 3.0])


def close(name: str, got: Any, exact: Any, dtype: str) -> None:
    smallest = UNITS.get(name, SMALLEST[result_dtype(dtype).name])
    with np.errstate(invalid="ignore"):
        error = np.abs(np.float64(got) - exact) / np.maximum(np.abs(exact), smallest)
    same = np.asarray(got) == np.asarray(exact, np.asarray(got).dtype)
    assert np.all(same | (error <= LIMITS[dtype])), f"{name}: {got!r}, exact {exact!r}"


@chosen
@given(rows(), st.sampled_from(list(DTYPES)), temperatures, st.integers(0, 2**32))
def test_statistics(row: Row, dtype: str, temperature: float, place: int) -> None:
    logits = row.astype(DTYPES[dtype])
    exact_logits = logits.astype(np.float64)
    target = np.int64(place % row.size)
    got = logitkit.token_stats(logits, target, temperature=temperature)
    exact = reference.token_stats(exact_logits, target, temperature=temperature)
    for name in STATISTICS:
        close(name, getattr(got, name), getattr(exact, name), dtype)
    for name in EXACT:
        assert getattr(got, name) == getattr(exact, name), name


@chosen
@given(
    rows(),
    st.sampled_from(["float64", "float32"]),
    temperatures,
    st.sampled_from([1e-4, 0.02, 0.3, 2.0]),
    st.integers(0, 99),
)
def test_divergences(row: Row, dtype: str, temperature: float, noise: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = row.astype(DTYPES[dtype])
    q = (row + rng.normal(0.0, noise, row.size)).astype(DTYPES[dtype])
    wide = (p.astype(np.float64), q.astype(np.float64))
    got = logitkit.compare_stats(p, q, temperature=temperature)
    exact = reference.compare_stats(*wide, temperature=temperature)
    for name in DIVERGENCES:
        close(name, getattr(got, name), getattr(exact, name), dtype)
    alone = logitkit.kl_divergence(p, q, temperature=temperature)
    close("kl_divergence", alone, exact.kl, dtype)
