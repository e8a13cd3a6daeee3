"""The cases in peers' own tests: their rows and the sets that they demand, stated here anew.

transformers  tests/generation/test_logits_process.py
llama.cpp     tests/test-sampling.cpp
vLLM          tests/v1/sample/test_topk_topp_sampler.py
mlx-lm        tests/test_sample_utils.py
CTranslate2   tests/ops_test.cc
"""

from fractions import Fraction
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from logitkit.steps import DynamicTemperature, MinP, Step, Temperature, TopK, TopP
from numpy.typing import NDArray

from .test_definitions import logits_of

RNG = np.random.default_rng(42)


# transformers: probabilities as float32 logarithms, and ramps of ten logits. Ties stay together in
# its top-k and its typical filter.

RAMP = np.arange(10, dtype=np.float32)
CENTRED = RAMP - 5
TRANSFORMERS: list[tuple[str, list[float], dict[str, Any], set[int]]] = [
    ("top_p", [0.3, 0.1, 0.1, 0.5], {"top_p": 0.8}, {0, 3}),
    ("top_p", [0.15, 0.3, 0.3, 0.25], {"top_p": 0.8}, {1, 2, 3}),
    ("top_h", [0.97, 0.01, 0.01, 0.01], {"top_h": 0.3}, {0}),
    ("top_h", [0.4, 0.3, 0.2, 0.1], {"top_h": 0.7}, {0, 1}),
    ("top_h", [0.25] * 4, {"top_h": 1.0}, {0, 1, 2, 3}),
    ("top_h", [0.75, 0.25, 0.0, 0.0], {"top_h": 0.4}, {0}),
    ("min_p", [0.9, 0.0274, 0.047, 0.0274], {"min_p": 0.05}, {0, 2}),
    ("min_p", [0.15, 0.3, 0.3, 0.25], {"min_p": 0.05}, {0, 1, 2, 3}),
    ("min_p", [0.97, 0.01, 0.01, 0.01], {"min_p": 0.05}, {0}),
    ("typical", [0.97, 0.01, 0.01, 0.01], {"typical_p": 0.5}, {0}),
    ("typical", [0.4, 0.2, 0.2, 0.2], {"typical_p": 0.5}, {1, 2, 3}),
    ("epsilon", [0.87, 0.099, 0.001, 0.03], {"epsilon": 0.1}, {0}),
    ("epsilon", [0.4, 0.299, 0.101, 0.2], {"epsilon": 0.1}, {0, 1, 2, 3}),
    ("eta", [0.0, 0.1, 0.8, 0.1], {"eta": 0.0625}, {1, 2, 3}),
    ("eta", [0.01, 0.04, 0.9, 0.05], {"eta": 0.0625}, {2}),
]
# The second row of logits in each of these is a hundred times the first.
COUNTS: list[tuple[dict[str, Any], tuple[int, int]]] = [
    ({"top_p": 0.9, "min_keep": 2}, (3, 2)),
    ({"min_p": 0.9, "min_keep": 2}, (2, 2)),
    ({"typical_p": 0.7, "min_keep": 2}, (2, 2)),
    ({"epsilon": 5e-2, "min_keep": 2}, (3, 2)),
    ({"eta": 0.1, "min_keep": 2}, (2, 2)),
]


@pytest.mark.parametrize(("test", "probabilities", "keywords", "expected"), TRANSFORMERS)
def test_transformers(
    implementation: ModuleType,
    test: str,
    probabilities: list[float],
    keywords: dict[str, Any],
    expected: set[int],
) -> None:
    kept = implementation.candidates(logits_of(probabilities, np.float32), **keywords)
    assert set(kept.ids.tolist()) == expected


@pytest.mark.parametrize(("keywords", "expected"), COUNTS)
def test_transformers_extreme_ramps(
    implementation: ModuleType, keywords: dict[str, Any], expected: tuple[int, int]
) -> None:
    kept = implementation.candidates(np.stack([CENTRED, CENTRED * 100]), **keywords)
    assert tuple(kept.counts) == expected


def test_transformers_top_k(implementation: ModuleType) -> None:
    turned = np.concatenate([RAMP[:5] + 10, RAMP[5:]])
    mask = implementation.candidates(np.stack([RAMP, turned]), top_k=3).mask()
    assert np.argwhere(mask).tolist() == [[0, 7], [0, 8], [0, 9], [1, 2], [1, 3], [1, 4]]
    uniform = np.full((2, 5), 0.2, np.float32)
    for keywords in ({"top_k": 1}, {"typical_p": 0.5}):
        kept = implementation.candidates(uniform, ties="all", min_keep=3, **keywords)
        assert kept.counts.tolist() == [5, 5]
    dense = implementation.filter_logits(RAMP[None, :5], top_k=1, min_keep=3, fill=0.0)
    assert dense.tolist() == [[0, 0, 2, 3, 4]]


# llama.cpp: probabilities as float32 logarithms; what is left, renormalised.

RISING = [0.1, 0.2, 0.3, 0.4]
ALL = dict(enumerate(RISING))
LLAMA: list[tuple[dict[str, Any], dict[int, float]]] = [
    ({"temperature": 1.0}, ALL),
    ({"temperature": 0.0}, {3: 1.0}),
    ({"top_k": 1}, {3: 1.0}),
    ({"top_k": 3}, {3: 0.44444, 2: 0.33333, 1: 0.22222}),
    ({"top_k": 4}, ALL),
    ({"top_k": 0}, ALL),
    ({"top_p": 0}, {3: 1.0}),
    ({"top_p": 0.7}, {3: 0.571429, 2: 0.428571}),
    ({"top_p": 0.8}, {3: 0.44444, 2: 0.33333, 1: 0.22222}),
    ({"top_p": 1.0}, ALL),
    ({"min_p": 0.0}, ALL),
    ({"min_p": 0.24}, ALL),
    ({"min_p": 0.26}, {1: 2 / 9, 2: 3 / 9, 3: 4 / 9}),
    ({"min_p": 0.49}, {1: 2 / 9, 2: 3 / 9, 3: 4 / 9}),
    ({"min_p": 0.51}, {2: 3 / 7, 3: 4 / 7}),
    ({"min_p": 0.74}, {2: 3 / 7, 3: 4 / 7}),
    ({"min_p": 0.76}, {3: 1.0}),
    ({"min_p": 1.0}, {3: 1.0}),
    ({"top_n_sigma": 1.0}, {2: 0.428571, 3: 0.571429}),
    ({"top_n_sigma": 0.0}, ALL),
    ({"top_n_sigma": 3.0}, ALL),
]


@pytest.mark.parametrize(("keywords", "expected"), LLAMA)
def test_llama_cpp(
    implementation: ModuleType, keywords: dict[str, Any], expected: dict[int, float]
) -> None:
    logits = logits_of(RISING, np.float32)
    kept = implementation.candidates(logits, order="llama.cpp", **keywords)
    found = dict(zip(kept.ids.tolist(), np.exp(kept.log_probs).tolist(), strict=True))
    assert found == pytest.approx(expected, abs=1e-5)


def test_llama_cpp_temp_ext(implementation: ModuleType) -> None:
    logits = logits_of(RISING, np.float32)
    # A temperature of 1, and of 0, that reaches nowhere.
    kept = implementation.candidates(logits, [DynamicTemperature(1, 1)])
    np.testing.assert_allclose(np.exp(kept.log_probs), [0.4, 0.3, 0.2, 0.1], atol=1e-5)
    assert implementation.candidates(logits, [DynamicTemperature(0, 0)]).ids.tolist() == [3]


def test_llama_cpp_typical(implementation: ModuleType) -> None:
    for probabilities, expected in (([0.97, *[0.01] * 3], [0]), ([0.4, *[0.2] * 3], [1, 2, 3])):
        logits = logits_of(probabilities, np.float32)
        kept = implementation.candidates(logits, typical_p=0.5, order="llama.cpp")
        assert kept.ids.tolist() == expected


def falling(weights: list[int], step: Step) -> list[int]:
    """What a step leaves of whole-number weights, the largest first, in exact arithmetic."""
    if isinstance(step, TopK):
        return weights[: int(step.k)]  # type: ignore[call-overload]
    if isinstance(step, MinP):
        return [each for each in weights if each >= Fraction(step.p) * weights[0]]  # type: ignore[arg-type]
    assert isinstance(step, TopP)
    wanted = Fraction(step.p) * sum(weights)  # type: ignore[arg-type]
    before = np.cumsum([0, *weights[:-1]]).tolist()
    return [w for w, mass in zip(weights, before, strict=True) if mass < wanted] or weights[:1]


QUEUES = [
    *(("k", k, 1.0, 1.0) for k in (10000, 100, 1)),
    *(("p", 10000, p, 1.0) for p in (1.0, 0.8, 0.0003, 0.0)),
    *(("m", 10000, 1.0, m) for m in (1.0, 9997.9 / 9999, 0.1, 1e-12)),
    *((queue, 100, 0.8, 0.1) for queue in ("kp", "km", "pk", "pm", "mk", "mp")),
    ("mp", 100, 0.8, 9997.9 / 9999),
    *((queue, 100, 0.8, 0.1) for queue in ("kpm", "kmp", "pkm", "pmk", "mkp", "mpk")),
]


@pytest.mark.parametrize(("queue", "k", "p", "m"), QUEUES)
def test_llama_cpp_sampler_queue(
    implementation: ModuleType, queue: str, k: int, p: float, m: float
) -> None:
    # Token i has probability i of 49995000; token 0 has none, and is no candidate here.
    logits = logits_of(np.arange(10000), np.float32)
    steps = [{"k": TopK(k), "p": TopP(p), "m": MinP(m)}[letter] for letter in queue]
    expected = list(range(9999, 0, -1))
    for step in steps:
        expected = falling(expected, step)
    assert implementation.candidates(logits, steps).ids.tolist() == expected


# vLLM: what must hold for rows with many -inf, few tokens or equal logits; of a smaller vocabulary.

VOCAB = 3000


def masked_rows(rows: int, share: float) -> NDArray[np.float32]:
    logits = RNG.standard_normal((rows, VOCAB)).astype(np.float32)
    logits[RNG.random((rows, VOCAB)) < share] = -np.inf
    return logits


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_vllm_masked_rows(implementation: ModuleType, share: float) -> None:
    logits = masked_rows(16, share)
    k, p = RNG.integers(1, 50, 16), RNG.uniform(0.1, 1.0, 16)
    finite = np.isfinite(logits).sum(axis=-1)
    for keywords in ({"top_k": k}, {"top_p": p}, {"top_k": k, "top_p": p}):
        dense = implementation.filter_logits(logits, order="vllm", **keywords)
        kept = (dense > -np.inf).sum(axis=-1)
        assert not np.isnan(dense).any()
        assert (kept >= 1).all()
        if "top_k" in keywords:
            assert (kept <= k).all()
        if "top_p" not in keywords:
            np.testing.assert_array_equal(kept, np.minimum(k, finite))


def test_vllm_rows_without_a_token(implementation: ModuleType) -> None:
    logits = np.full((4, VOCAB), -np.inf, np.float32)
    for keywords in ({"top_k": 5}, {"top_p": 0.9}, {"top_k": 5, "top_p": 0.9}):
        dense = implementation.filter_logits(logits, on_invalid="mark", **keywords)
        assert (dense == -np.inf).all()


@pytest.mark.parametrize("valid", [1, 2, 5, 10, 50])
def test_vllm_few_equal_tokens(implementation: ModuleType, valid: int) -> None:
    logits = np.full((8, VOCAB), -np.inf, np.float32)
    places = np.sort([RNG.choice(VOCAB, valid, replace=False) for _ in logits], axis=-1)
    np.put_along_axis(logits, places, 1.0, axis=-1)
    k = max(1, valid - 1)
    kept = implementation.candidates(logits, top_k=k)
    np.testing.assert_array_equal(kept.ids.reshape(8, -1), places[:, :k])
    whole = implementation.candidates(logits, top_k=k, ties="all")
    assert (whole.counts == valid).all()
    nucleus = implementation.candidates(logits, top_p=0.95)
    assert (nucleus.counts == int(np.ceil(0.95 * valid))).all()


def test_vllm_top_p_trims_rows_that_top_k_does_not(implementation: ModuleType) -> None:
    logits = np.full((6, VOCAB), -np.inf, np.float32)
    for row in logits[:3]:
        row[RNG.choice(VOCAB, 30, replace=False)] = RNG.standard_normal(30)
    logits[3:] = RNG.standard_normal((3, VOCAB))
    k = np.array([50, 50, 50, VOCAB, 0, 50])
    p = np.array([0.5, 0.5, 0.5, 0.9, 0.9, 0.9])
    kept = implementation.candidates(logits, top_k=k, top_p=p, order="vllm").counts
    assert (kept[:3] < 30).all()
    assert (kept[3:5] > 50).all()
    assert kept[5] < 50
    np.testing.assert_array_equal(
        kept,
        [
            implementation.candidates(x, top_k=a, top_p=b).counts
            for x, a, b in zip(logits, k, p, strict=True)
        ],
    )


def test_vllm_strided_rows(implementation: ModuleType) -> None:
    backing = np.full((16, 4096 + 8), -1000.0, np.float32)
    ramp = np.linspace(10, -10, 4096, dtype=np.float32)
    backing[:, :4096] = ramp + np.arange(16, dtype=np.float32)[:, None] / 1000
    view = backing[:, :4096]
    kept = implementation.candidates(view, top_k=154, top_p=0.95)
    same = implementation.candidates(view.copy(), top_k=154, top_p=0.95)
    np.testing.assert_array_equal(kept.ids, same.ids)
    assert (backing[:, 4096:] == -1000).all()


# mlx-lm: probabilities, zeros among them, in batches.

MLX: list[tuple[list[list[float]], dict[str, Any], list[list[float]]]] = [
    ([[0.9, 0, 0, 0.1]], {"top_p": 0.3}, [[1, 0, 0, 0]]),
    ([[0.9, 0, 0, 0.1]], {"top_p": 0.95}, [[0.9, 0, 0, 0.1]]),
    ([[0, 0.5, 0.4, 0.1]], {"top_p": 0.4}, [[0, 1, 0, 0]]),
    ([[0, 0.5, 0.4, 0.1]], {"top_p": 0.6}, [[0, 0.5556, 0.4444, 0]]),
    ([[0, 0.5, 0.4, 0.1]], {"top_p": 0.95}, [[0, 0.5, 0.4, 0.1]]),
    ([[0.9, 0, 0, 0.1], [0, 0.8, 0.1, 0.1]], {"top_p": 0.5}, [[1, 0, 0, 0], [0, 1, 0, 0]]),
    ([[0.9, 0, 0, 0.1]], {"min_p": 0.8}, [[1, 0, 0, 0]]),
    ([[0.9, 0, 0, 0.1]], {"min_p": 0.05}, [[0.9, 0, 0, 0.1]]),
    ([[0.9, 0, 0, 0.1], [0, 0.8, 0, 0.1]], {"min_p": 0.7}, [[1, 0, 0, 0], [0, 1, 0, 0]]),
    ([[0.9, 0, 0, 0.1]], {"top_k": 1}, [[1, 0, 0, 0]]),
    ([[0.6, 0, 0.1, 0.3]], {"top_k": 2}, [[0.6667, 0, 0, 0.3333]]),
    ([[0.9, 0, 0, 0.1], [0, 0.8, 0, 0.1]], {"top_k": 1}, [[1, 0, 0, 0], [0, 1, 0, 0]]),
]


@pytest.mark.parametrize(("probabilities", "keywords", "expected"), MLX)
def test_mlx_lm(
    implementation: ModuleType,
    probabilities: list[list[float]],
    keywords: dict[str, Any],
    expected: list[list[float]],
) -> None:
    logits = logits_of(probabilities, np.float32)
    kept = implementation.candidates(logits, order="mlx", **keywords)
    found = np.zeros(logits.shape)
    for i in range(len(kept)):
        row = kept.row(i)
        found[i, row.ids] = np.exp(row.log_probs)
    np.testing.assert_allclose(found, expected, atol=5e-5)


# CTranslate2: logits, in float32 and float16.


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_ctranslate2(implementation: ModuleType, dtype: Any) -> None:
    logits = np.array([[0.1, -0.5, 2, 0, 0.2, 0.6], [1, 1.1, 0.2, 0.3, -0.2, 0]], dtype)
    for k, expected in ((2, [[2, 5], [1, 0]]), (3, [[2, 5, 4], [1, 0, 3]])):
        values, indices = implementation.topk(logits, k)
        assert indices.tolist() == expected
        np.testing.assert_array_equal(values, np.take_along_axis(logits, indices, axis=-1))
    logits = np.array([[-0.2, 3, 1.2, -1.1, 0], [4.6, 3.3, 0.2, -1.6, 1]], dtype)
    mask = implementation.candidates(logits, [Temperature(1), TopP(0.97)]).mask()
    assert np.argwhere(~mask).tolist() == [[0, 3], [1, 2], [1, 3]]
