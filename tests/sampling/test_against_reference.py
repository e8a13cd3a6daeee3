"""The core draws what the reference does, whatever way its sums have to be made."""

from typing import Any

import logitkit
import numpy as np
import pytest
from logitkit import reference
from logitkit.steps import XTC, Temperature, TopK, TopP

RNG = np.random.default_rng(17)

FILTERS: list[dict[str, Any]] = [
    {},
    {"temperature": 0.7},
    {"top_k": 1},
    {"top_k": 40, "temperature": 1.7},
    {"top_p": 0.9},
    {"temperature": 0.8, "top_k": 50, "top_p": 0.95, "min_p": 0.05},
    {"typical_p": 0.8},
    {"epsilon": 1e-3},
    {"top_n_sigma": 1.5, "order": "llama.cpp"},
]


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("num_samples", [None, 1, 8, 9, 100])
def test_with_replacement(filters: dict[str, Any], num_samples: int | None) -> None:
    """Few samples of a row, and many, are drawn in different ways."""
    logits = (RNG.standard_normal((60, 3000)) * 3).astype(np.float32)
    keywords = {**filters, "seed": 5, "draw": np.arange(60), "num_samples": num_samples}
    found = logitkit.sample(logits, **keywords, return_log_probs=True)
    expected = reference.sample(logits, **keywords, return_log_probs=True)
    np.testing.assert_array_equal(found[0], expected[0], strict=True)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("filters", FILTERS)
def test_without_replacement(filters: dict[str, Any]) -> None:
    logits = (RNG.standard_normal((40, 3000)) * 3).astype(np.float32)
    keywords = {
        **filters,
        "seed": 2**64 - 1,
        "row_ids": np.arange(40, dtype=np.uint64) + np.uint64(2**63),
    }
    found = logitkit.sample_without_replacement(logits, 12, **keywords)
    expected = reference.sample_without_replacement(logits, 12, **keywords)
    np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize("filters", [{"top_p": 0.9}, {"top_p": 0.9, "temperature": 1.3}])
@pytest.mark.parametrize("width", [2.0, 3.0])
def test_flat_rows(filters: dict[str, Any], width: float) -> None:
    """Thousands of tokens are left, and sums of 32-bit lanes do not tell where it ends."""
    logits = (RNG.standard_normal((12, 128_256)) * width).astype(np.float32)
    kept, expected = logitkit.candidates(logits, **filters), reference.candidates(logits, **filters)
    np.testing.assert_array_equal(kept.indptr, expected.indptr, strict=True)
    np.testing.assert_array_equal(kept.ids, expected.ids, strict=True)
    np.testing.assert_allclose(kept.log_probs, expected.log_probs, rtol=1e-6)
    np.testing.assert_allclose(kept.log_kept_mass, expected.log_kept_mass, rtol=1e-5)
    for num_samples in (3, 20):
        keywords = {**filters, "seed": 3, "num_samples": num_samples}
        np.testing.assert_array_equal(
            logitkit.sample(logits, **keywords), reference.sample(logits, **keywords), strict=True
        )


def test_what_was_looked_at_before_has_no_say() -> None:
    """How many tokens are looked at follows from the row before; no bit of a result does."""
    logits = (RNG.standard_normal((9, 128_256)) * 3).astype(np.float32)
    logits[::2] *= 4
    whole = logitkit.candidates(logits, top_p=0.9, threads=1)
    for i in range(9):
        own, alone = whole.row(i), logitkit.candidates(logits[i], top_p=0.9)
        np.testing.assert_array_equal(own.ids, alone.ids)
        np.testing.assert_array_equal(own.log_probs, alone.log_probs)
        np.testing.assert_array_equal(whole.log_kept_mass[i], alone.log_kept_mass)


def test_knife_edges_are_left_to_the_definition() -> None:
    """Where the mass before is p but for rounding the definition itself decides, then draws."""
    logits = np.log(np.tile([0.5, 0.3, 0.1, 0.1], (400, 1)))
    steps = [TopP(0.8)]
    for num_samples in (None, 5):
        keywords: dict[str, Any] = {"seed": 11, "num_samples": num_samples}
        found = logitkit.sample(logits, steps, **keywords, return_log_probs=True)
        expected = reference.sample(logits, steps, **keywords, return_log_probs=True)
        np.testing.assert_array_equal(found[0], expected[0], strict=True)
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-13)
    apart = logitkit.sample_without_replacement(logits, 4, steps, seed=11)
    np.testing.assert_array_equal(
        apart, reference.sample_without_replacement(logits, 4, steps, seed=11), strict=True
    )


def test_knife_edges_toss_the_coin_of_their_row() -> None:
    logits = np.log(np.tile([0.5, 0.3, 0.1, 0.1], (400, 1)))
    steps = [TopP(0.8), XTC(0.5, 0.05)]
    found = logitkit.sample(logits, steps, seed=4)
    np.testing.assert_array_equal(found, reference.sample(logits, steps, seed=4), strict=True)
    assert np.unique(found).size > 2


@pytest.mark.parametrize("temperature", [1e-300, 1e-5, 1e300])
@pytest.mark.parametrize("num_samples", [2, 30])
def test_far_temperatures(temperature: float, num_samples: int) -> None:
    """Tempered logits may overflow."""
    logits = RNG.standard_normal((50, 200)) * 10
    logits[:, ::7] = -np.inf
    steps = [TopK(20), Temperature(temperature)]
    keywords: dict[str, Any] = {"seed": 1, "num_samples": num_samples}
    found = logitkit.sample(logits, steps, **keywords)
    np.testing.assert_array_equal(found, reference.sample(logits, steps, **keywords), strict=True)


def test_marked_rows_have_no_token() -> None:
    logits = RNG.standard_normal((4, 100)).astype(np.float32)
    logits[1], logits[2, 5], logits[3, 7] = -np.inf, np.nan, np.inf
    for filters in ({}, {"top_k": 5}):
        ids, log_probs = logitkit.sample(
            logits, seed=0, num_samples=3, on_invalid="mark", return_log_probs=True, **filters
        )
        assert (ids[0] >= 0).all()
        assert (ids[1:] == -1).all()
        assert np.isnan(log_probs[1:]).all()
        assert np.isfinite(log_probs[0]).all()
