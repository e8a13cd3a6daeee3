"""The mass of what is kept, also where next to nothing goes."""

from typing import Any

import logitkit
import ml_dtypes
import numpy as np
import pytest
from logitkit import reference

CHAINS: list[dict[str, Any]] = [
    {"top_p": 0.9},
    {"top_p": 0.999},
    {"top_p": 0.999999},
    {"min_p": 1e-5},
    {"min_p": 1e-9},
    {"min_p": 1e-13},
    {"temperature": 1.7, "min_p": 1e-5},
    {"typical_p": 0.999},
    {"top_k": 700},
]


@pytest.mark.parametrize("chain", CHAINS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16])
def test_little_that_goes_has_its_digits(
    instruction_set: str, dtype: Any, chain: dict[str, Any]
) -> None:
    rng = np.random.default_rng(2)
    for vocab in (800, 5000, 40_001):
        logits = rng.normal(0, 1, (4, vocab)) * np.array([[0.5], [1], [3], [8]])
        # Copies of the largest, and a zero that is the last to stay.
        logits[1, 17:20] = logits[1].max()
        logits[2] -= np.sort(logits[2])[-40]
        logits = logits.astype(dtype)
        kept = logitkit.candidates(logits, **chain)
        expected = reference.candidates(logits, **chain)
        np.testing.assert_array_equal(kept.ids, expected.ids)
        absolute, relative = (1e-12, 1e-10) if dtype == np.float64 else (1e-7, 1e-6)
        # The reference takes differences from 1.
        little = relative * np.abs(expected.log_kept_mass) + 1e-14
        limit = np.where(expected.log_kept_mass > -5e-7, little, absolute)
        assert (np.abs(kept.log_kept_mass - expected.log_kept_mass) <= limit).all()


@pytest.mark.parametrize("kept", [1, 30, 2999])
def test_ties_that_are_cut_apart(instruction_set: str, kept: int) -> None:
    # 3000 zeros of both signs behind the largest, and what is nothing beside them.
    logits = np.full((1, 6000), -30.0, dtype=np.float32)
    logits[0, 100:3100] = np.where(np.arange(3000) % 2, -0.0, 0.0)
    logits[0, 5000] = 20.0
    found = logitkit.candidates(logits, top_k=kept + 1)
    total = np.exp(20.0) + 3000 + 2999 * np.exp(-30.0)
    gone = ((3000 - kept) + 2999 * np.exp(-30.0)) / total
    np.testing.assert_allclose(found.log_kept_mass, np.log1p(-gone), rtol=1e-6)
    assert found.ids.tolist() == [5000, *range(100, 100 + kept)]
