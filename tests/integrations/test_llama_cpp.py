"""The processor as llama-cpp-python calls it: ids and scores, of which it takes new ones."""

from typing import Any

import logitkit
import numpy as np
import pytest
from logitkit import steps
from logitkit.integrations.llama_cpp import logits_processor

SCORES = np.random.default_rng(3).normal(0, 3, 32000).astype(np.single)
IDS = np.array([1, 5, 9], np.intc)


def apply_as_llama_cpp(processor: Any, scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    # What Llama.sample does: the result is copied over its own row of scores.
    logits = scores.copy()
    logits[:] = processor(IDS, logits)
    return logits


@pytest.mark.parametrize(
    ("chain", "options"),
    [
        (None, {"top_k": 40, "top_p": 0.9, "min_p": 0.05, "order": "llama.cpp"}),
        ([steps.Temperature(0.7), steps.TopP(0.9)], {}),
        (None, {"temperature": 0.0}),
        (None, {}),
    ],
)
def test_scores_are_filtered(chain: Any, options: dict[str, Any]) -> None:
    got = apply_as_llama_cpp(logits_processor(chain, **options), SCORES)
    assert got.dtype == np.single
    np.testing.assert_array_equal(got, logitkit.filter_logits(SCORES, chain, **options))


def test_arguments_are_checked_at_once() -> None:
    with pytest.raises(ValueError, match="min_p"):
        logits_processor(min_p=2.0)
    with pytest.raises(TypeError, match="seed is no option; expected epsilon, eta, fill"):
        logits_processor(seed=1)
    with pytest.raises(ValueError, match="both steps and top_k"):
        logits_processor([steps.TopK(2)], top_k=3)


def test_scores_that_cannot_be_filtered() -> None:
    with pytest.raises(ValueError, match="logits hold a NaN"):
        logits_processor(top_k=3)(IDS, np.full(10, np.nan, np.single))
