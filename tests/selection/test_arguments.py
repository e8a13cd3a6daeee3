"""The arguments of topk, and those of token_stats that are about the largest logits."""

import re
from typing import Any

import logitkit
import numpy as np
import pytest
from logitkit import reference

both = pytest.mark.parametrize("module", [logitkit, reference], ids=["core", "reference"])

LOGITS = np.random.default_rng(5).normal(0, 2, (3, 4, 11))


@both
def test_result_is_a_named_tuple(module: Any) -> None:
    values, indices = result = module.topk(LOGITS, 3)
    assert type(result) is logitkit.TopK
    assert values is result.values
    assert indices is result.indices
    assert values.shape == indices.shape == (3, 4, 3)
    values, indices, log_probs = result = module.topk(LOGITS, 3, return_log_probs=True)
    assert type(result) is logitkit.TopKLogProbs
    assert log_probs.shape == (3, 4, 3)


@both
def test_values_are_the_logits_at_the_indices(module: Any) -> None:
    for ordered in (True, False):
        values, indices = module.topk(LOGITS, 5, sorted=ordered)
        np.testing.assert_array_equal(values, np.take_along_axis(LOGITS, indices, axis=-1))
        kept = np.sort(LOGITS, axis=-1)[..., -5:]
        np.testing.assert_array_equal(np.sort(values, axis=-1), kept)
        steps = np.diff(indices) if not ordered else -np.diff(values)
        assert (steps > 0).all()


@both
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2])
def test_the_results_take_the_place_of_the_axis(module: Any, axis: int) -> None:
    found = module.topk(LOGITS, 2, axis=axis, return_log_probs=True)
    moved = module.topk(np.moveaxis(LOGITS, axis, -1), 2, return_log_probs=True)
    for a, b in zip(found, moved, strict=True):
        np.testing.assert_array_equal(a, np.moveaxis(b, -1, axis))


@both
def test_a_single_row_and_no_rows(module: Any) -> None:
    assert module.topk([3.0, 1.0, 2.0], 2).indices.tolist() == [0, 2]
    assert module.topk(np.zeros((0, 5)), 2).values.shape == (0, 2)


@both
@pytest.mark.parametrize(
    ("k", "error", "message"),
    [
        (0, ValueError, "k=0; expected 1 <= k <= 11, the length of the vocabulary axis"),
        (-1, ValueError, "k=-1; expected"),
        (12, ValueError, "k=12; expected"),
        (2.0, TypeError, "k=2.0 is not an int; expected"),
        (None, TypeError, "k=None is not an int; expected"),
    ],
)
def test_bad_k(module: Any, k: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        module.topk(LOGITS, k)


@both
@pytest.mark.parametrize("k", [0, 12])
def test_bad_top_k(module: Any, k: int) -> None:
    with pytest.raises(ValueError, match=f"top_k={k}; expected 1 <= top_k <= 11"):
        module.token_stats(LOGITS, top_k=k)


@both
def test_bad_temperature(module: Any) -> None:
    with pytest.raises(ValueError, match="temperature"):
        module.topk(LOGITS, 2, temperature=0.0)


@both
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_token_stats_with_the_largest(module: Any, dtype: str, instruction_set: str) -> None:
    logits = LOGITS.astype(dtype)
    temperature = np.linspace(0.5, 2.0, 12).reshape(3, 4)
    targets = np.zeros((3, 4), np.int64)
    stats = module.token_stats(logits, targets, top_k=4, base=2, temperature=temperature)
    top = module.topk(logits, 4, return_log_probs=True, temperature=temperature)
    np.testing.assert_array_equal(stats.top_ids, top.indices)
    assert stats.top_log_probs.dtype == top.log_probs.dtype
    np.testing.assert_allclose(stats.top_log_probs, top.log_probs / np.log(2), 2e-6, 1e-7)
    np.testing.assert_array_equal(stats.top_ids[..., 0], stats.argmax)
    # Nothing else changes by it.
    plain = module.token_stats(logits, targets, base=2, temperature=temperature)
    assert plain.top_ids is plain.top_log_probs is None
    for name in ("max", "logsumexp", "entropy", "varentropy", "log_prob", "rank"):
        np.testing.assert_array_equal(getattr(stats, name), getattr(plain, name))


@both
def test_token_stats_of_rows_without_a_softmax(module: Any) -> None:
    logits = np.zeros((4, 6))
    logits[0, 2], logits[1, 5] = np.nan, np.inf
    logits[2] = -np.inf
    stats = module.token_stats(logits, top_k=2)
    assert stats.top_ids.tolist() == [[-1, -1], [5, 0], [0, 1], [0, 1]]
    assert np.isnan(stats.top_log_probs[:3]).all()
    np.testing.assert_allclose(stats.top_log_probs[3], -np.log(6))


def test_rows_without_end() -> None:
    logits = np.broadcast_to(np.float32(0), (1, 2**32))
    with pytest.raises(ValueError, match="expected at most 4294967295 logits"):
        logitkit.topk(logits, 1)


def test_the_logits_stay_as_they_are(instruction_set: str) -> None:
    logits = LOGITS.astype(np.float32)
    before = logits.copy()
    logitkit.topk(logits, 5, return_log_probs=True)
    np.testing.assert_array_equal(logits, before)
