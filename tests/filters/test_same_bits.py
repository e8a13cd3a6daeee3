"""The same sets, numbers and draws whatever the threads, the batch, the layout, the machine."""

from collections.abc import Iterator
from typing import Any

import logitkit
import ml_dtypes
import numpy as np
import pytest
from logitkit import _native

RNG = np.random.default_rng(11)
LOGITS = RNG.normal(0, 3, (24, 9001)).astype(np.float32)
LOGITS[:, RNG.integers(0, 9001, 40)] += 8
CHAINS: list[dict[str, Any]] = [
    {"top_p": 0.9},
    {"temperature": 0.7, "top_k": 50, "top_p": 0.95, "min_p": 0.02},
    {"typical_p": 0.6},
    {"top_n_sigma": 1.5},
    {"eta": 0.002},
    {"max_surprise": 9.0},
    {"order": "sglang", "top_k": 40, "top_p": 0.8},
]


def parts(logits: Any, chain: dict[str, Any], **options: Any) -> Iterator[bytes]:
    kept = logitkit.candidates(logits, **chain, **options)
    for name in ("indptr", "ids", "logits", "log_probs", "log_kept_mass"):
        yield np.asarray(getattr(kept, name)).tobytes()
    yield logitkit.filter_logits(logits, **chain, **options).tobytes()
    yield logitkit.sample(logits, seed=5, **chain, **options).tobytes()


def assert_as_alone(kept: logitkit.Candidates, row: int, logits: Any, chain: Any) -> None:
    own, alone = kept.row(row), logitkit.candidates(logits, **chain)
    for name in ("ids", "logits", "log_probs"):
        np.testing.assert_array_equal(getattr(own, name), getattr(alone, name))
    assert kept.log_kept_mass[row] == alone.log_kept_mass


@pytest.fixture
def every_set() -> Iterator[list[str]]:
    yield list(_native.instruction_sets()[0])
    _native.use_instruction_set(None)


@pytest.mark.parametrize("chain", CHAINS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16])
def test_threads_and_layouts(chain: dict[str, Any], dtype: Any) -> None:
    logits = LOGITS.astype(dtype)
    expected = list(parts(logits, chain, threads=1))
    assert list(parts(logits, chain, threads=3)) == expected
    turned = np.asfortranarray(logits)
    assert list(parts(turned, chain)) == [
        *expected[:5],
        # A dense result is of the logits' own layout only if they are given as `out`.
        logitkit.filter_logits(logits, **chain).tobytes(),
        expected[6],
    ]


@pytest.mark.parametrize("chain", CHAINS, ids=str)
def test_batches(chain: dict[str, Any]) -> None:
    kept = logitkit.candidates(LOGITS, **chain)
    ids = logitkit.sample(LOGITS, seed=3, **chain)
    for row in (0, 7, 23):
        assert_as_alone(kept, row, LOGITS[row], chain)
        assert logitkit.sample(LOGITS[row], seed=3, row_ids=row, **chain) == ids[row]
    shuffled = RNG.permutation(24)
    again = logitkit.sample(LOGITS[shuffled], seed=3, row_ids=shuffled, **chain)
    np.testing.assert_array_equal(again, ids[shuffled])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "chain",
    [
        *CHAINS,
        {"top_p": 0.99},
        {"top_p": 0.5, "temperature": 2.0},
        {"min_p": 0.01},
        {"epsilon": 1e-4},
        {"typical_p": 0.9, "top_p": 0.9, "joint": True},
    ],
    ids=str,
)
def test_rows_of_every_size_of_nucleus(chain: dict[str, Any], dtype: Any) -> None:
    # How much of a row's order is looked at first is told by the rows before.
    spread = np.repeat([0.05, 3.0, 0.5, 6.0], 6)[:, None]
    logits = (np.random.default_rng(3).normal(0, 1, (24, 6000)) * spread).astype(dtype)
    kept = logitkit.candidates(logits, threads=1, **chain)
    for row in range(24):
        assert_as_alone(kept, row, logits[row], chain)


@pytest.mark.parametrize("chain", CHAINS, ids=str)
def test_instruction_sets(every_set: list[str], chain: dict[str, Any]) -> None:
    results = {}
    for name in every_set:
        _native.use_instruction_set(name)
        kept = logitkit.candidates(LOGITS, **chain)
        ids = logitkit.sample(LOGITS, seed=9, num_samples=20, **chain)
        results[name] = (kept.indptr.tobytes(), kept.ids.tobytes(), ids.tobytes())
        np.testing.assert_array_equal(
            ids,
            logitkit.reference.sample(LOGITS.astype(np.float64), seed=9, num_samples=20, **chain),
        )
    assert len(set(results.values())) == 1
