"""Every argument of the filters: what it does, and the error that a bad one gives."""

from types import ModuleType
from typing import Any

import logitkit
import ml_dtypes
import numpy as np
import pytest
from logitkit import reference, steps
from logitkit.steps import XTC, MinP, Step, Temperature, TopK, TopP

NAN, INF = np.nan, np.inf
LOGITS = np.random.default_rng(5).normal(0, 2, (3, 4, 60))

# Keyword, the shorthand of it, the step, a value and the one that turns it off.
FILTERS: list[tuple[str, str, type[Step], Any, Any]] = [
    ("top_k", "top_k_filter", steps.TopK, 7, 0),
    ("top_p", "top_p_filter", steps.TopP, 0.7, 1.0),
    ("min_p", "min_p_filter", steps.MinP, 0.1, 0.0),
    ("typical_p", "typical_filter", steps.Typical, 0.6, 1.0),
    ("epsilon", "epsilon_filter", steps.Epsilon, 0.02, 0.0),
    ("eta", "eta_filter", steps.Eta, 0.02, 0.0),
    ("top_n_sigma", "top_n_sigma_filter", steps.TopNSigma, 1.2, 0.0),
    ("top_h", "top_h_filter", steps.TopH, 0.5, INF),
    ("max_surprise", "", steps.MaxSurprise, 4.0, INF),
]
by_filter = pytest.mark.parametrize(("keyword", "shorthand", "step", "value", "off"), FILTERS)


def make(step: type[Step], value: Any) -> Step:
    return step(value)  # type: ignore[call-arg]


@by_filter
def test_every_form_of_a_filter_is_the_same(
    implementation: ModuleType, keyword: str, shorthand: str, step: type[Step], value: Any, off: Any
) -> None:
    kept = implementation.candidates(LOGITS, **{keyword: value})
    assert kept.counts.min() > 1
    assert kept.counts.max() < 60
    expected = np.where(kept.mask(), LOGITS, -INF)
    np.testing.assert_array_equal(kept.to_dense(), expected)
    for dense in (
        implementation.candidates(LOGITS, [make(step, value)]).to_dense(),
        implementation.filter_logits(LOGITS, **{keyword: value}),
        implementation.filter_logits(LOGITS, [make(step, value)]),
        *([getattr(implementation, shorthand)(LOGITS, value)] if shorthand else []),
    ):
        np.testing.assert_array_equal(dense, expected)
    np.testing.assert_array_equal(implementation.filter_logits(LOGITS, **{keyword: off}), LOGITS)


@by_filter
def test_one_parameter_for_each_row(
    implementation: ModuleType, keyword: str, shorthand: str, step: type[Step], value: Any, off: Any
) -> None:
    for values in ([[value], [off], [value]], [value, off, value, off]):
        values = np.broadcast_to(values, (3, 4))
        mask = implementation.candidates(LOGITS, **{keyword: values}).mask()
        for index in np.ndindex(3, 4):
            alone = implementation.candidates(LOGITS[index], **{keyword: values[index]})
            np.testing.assert_array_equal(mask[index], alone.mask())
    with pytest.raises(ValueError, match=r"shape \(5,\).* does not broadcast to \(3, 4\)"):
        implementation.candidates(LOGITS, **{keyword: [value] * 5})


def test_one_temperature_for_each_row(implementation: ModuleType) -> None:
    temperature = [1.0, 0.5, 2.0, 0.0]
    kept = implementation.candidates(LOGITS, temperature=temperature, top_p=0.9)
    for index in np.ndindex(3, 4):
        t = temperature[index[1]]
        alone = implementation.candidates(LOGITS[index], temperature=t, top_p=0.9)
        np.testing.assert_array_equal(kept.row(index).ids, alone.ids)
        np.testing.assert_array_equal(kept.row(index).logits, alone.logits)
    assert (kept.counts[:, 3] == 1).all()


@pytest.mark.parametrize("axis", [0, 1, -2, 2])
def test_axis(implementation: ModuleType, axis: int) -> None:
    logits = np.moveaxis(LOGITS, -1, axis)
    kept, expected = (
        implementation.candidates(x, axis=a, top_p=0.8) for x, a in ((logits, axis), (LOGITS, -1))
    )
    np.testing.assert_array_equal(kept.ids, expected.ids)
    np.testing.assert_array_equal(kept.indptr, expected.indptr)
    np.testing.assert_array_equal(kept.to_dense(), np.moveaxis(expected.to_dense(), -1, axis))
    np.testing.assert_array_equal(kept.mask(), np.moveaxis(expected.mask(), -1, axis))
    assert kept.shape == logits.shape
    dense = implementation.top_k_filter(logits, 3, axis=axis)
    np.testing.assert_array_equal(
        dense, np.moveaxis(implementation.top_k_filter(LOGITS, 3), -1, axis)
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16, ">f4", ">f8"])
def test_dtypes(implementation: ModuleType, dtype: Any) -> None:
    logits = LOGITS.astype(dtype)
    kept = implementation.candidates(logits, top_p=0.8, min_p=0.02)
    expected = implementation.candidates(logits.astype(np.float64), top_p=0.8, min_p=0.02)
    np.testing.assert_array_equal(kept.ids, expected.ids)
    np.testing.assert_array_equal(kept.indptr, expected.indptr)
    np.testing.assert_allclose(kept.log_probs, expected.log_probs, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(kept.log_kept_mass, expected.log_kept_mass, rtol=1e-6)


def test_bits_of_bfloat16(implementation: ModuleType) -> None:
    logits = LOGITS.astype(ml_dtypes.bfloat16)
    kept = implementation.candidates(logits.view(np.uint16), top_k=5, dtype="bfloat16")
    np.testing.assert_array_equal(kept.ids, implementation.candidates(logits, top_k=5).ids)


def test_logits_are_not_written_to(implementation: ModuleType) -> None:
    logits = LOGITS.copy()
    logits.flags.writeable = False
    implementation.filter_logits(logits, top_k=3, temperature=0.5)
    np.testing.assert_array_equal(logits, LOGITS)


def test_out_and_in_place(implementation: ModuleType) -> None:
    expected = implementation.filter_logits(LOGITS, top_k=3, fill=-1e4)
    out = np.empty_like(LOGITS)
    assert implementation.filter_logits(LOGITS, top_k=3, fill=-1e4, out=out) is out
    np.testing.assert_array_equal(out, expected)
    logits = LOGITS.copy()
    assert implementation.top_k_filter(logits, 3, fill=-1e4, out=logits) is logits
    np.testing.assert_array_equal(logits, expected)


@pytest.mark.parametrize(
    "keywords", [{"top_k": 3}, {"top_k": 3, "temperature": 0.5}, {"min_p": 0.01}]
)
def test_dense_results_larger_than_caches(keywords: dict[str, Any]) -> None:
    """They are filled around the cache where few tokens of a row are left."""
    logits = np.random.default_rng(4).standard_normal((520, 32_800), np.float32)
    expected = logitkit.candidates(logits, **keywords).to_dense()
    out = np.empty_like(logits)
    logitkit.filter_logits(logits, **keywords, out=out)
    np.testing.assert_array_equal(out, expected)
    logitkit.filter_logits(logits, **keywords, out=logits)
    np.testing.assert_array_equal(logits, expected)


@pytest.mark.parametrize("fill", [-INF, 0.0, -1e4, NAN])
def test_fill(implementation: ModuleType, fill: float) -> None:
    mask = implementation.candidates(LOGITS, min_p=0.3).mask()
    dense = implementation.min_p_filter(LOGITS, 0.3, fill=fill)
    np.testing.assert_array_equal(dense, np.where(mask, LOGITS, fill))


# Rows that cannot be filtered


BAD = np.array([[1.0, 2, NAN], [3, 2, 1], [0, INF, 1], [-INF] * 3, [-INF, 0, -INF]])


@pytest.mark.parametrize("keywords", [{}, {"top_k": 1}, {"top_p": 0.5, "temperature": 0}])
def test_invalid_rows_are_marked(implementation: ModuleType, keywords: dict[str, Any]) -> None:
    kept = implementation.candidates(BAD, on_invalid="mark", **keywords)
    assert kept.valid.tolist() == [False, True, False, False, True]
    assert (kept.counts == 0).tolist() == [True, False, True, True, False]
    assert np.isnan(kept.log_kept_mass).tolist() == [True, False, True, True, False]
    good = implementation.candidates(BAD[[1, 4]], **keywords)
    np.testing.assert_array_equal(kept.ids, good.ids)
    np.testing.assert_array_equal(kept.log_probs, good.log_probs)
    dense = implementation.filter_logits(BAD, on_invalid="mark", fill=-9, **keywords)
    assert (dense[[0, 2, 3]] == -9).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("valid", [slice(0, 500), slice(500, 1000), slice(3500, None)])
def test_tasks_of_invalid_rows_lose_nothing(dtype: Any, threads: int, valid: slice) -> None:
    """Rows enough for many tasks, of most of which nothing is left."""
    logits = np.full((4000, 512), NAN, dtype)
    logits[valid] = np.random.default_rng(3).standard_normal(logits[valid].shape)
    kept = logitkit.candidates(logits, top_k=3, on_invalid="mark", threads=threads)
    good = reference.candidates(logits[valid], top_k=3)
    assert kept.valid.nonzero()[0].tolist() == list(range(4000))[valid]
    np.testing.assert_array_equal(kept.ids, good.ids)
    np.testing.assert_array_equal(kept.logits, good.logits)
    np.testing.assert_allclose(kept.log_probs, good.log_probs, rtol=1e-6)


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        (
            BAD,
            r"logits\[0\], logits\[2\], logits\[3\] cannot be filtered \(the first holds a NaN\)",
        ),
        (BAD[1:], r"logits\[1\], logits\[2\] cannot .* holds \+inf\); .* on_invalid=\"mark\""),
        (BAD[3], r"^logits hold nothing but -inf"),
        (np.full((2, 3, 4), NAN), r"\[0, 0\], logits\[0, 1\], logits\[0, 2\] and 3 more rows"),
    ],
)
def test_invalid_rows_are_an_error(
    implementation: ModuleType, logits: np.ndarray[Any, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        implementation.candidates(logits, top_k=1)


# Errors


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"top_k": -2}, ValueError, r"top_k = -2; expected an int >= 1, or 0 or -1 for all tokens"),
        ({"top_k": [[3, 2, 1, -5]]}, ValueError, r"top_k\[0, 3\] = -5"),
        ({"top_k": 2.0}, TypeError, r"top_k of dtype float64; expected an int"),
        ({"top_k": "5"}, TypeError, r"top_k of dtype <U1; expected"),
        ({"top_k": True}, TypeError, r"top_k of dtype bool"),
        ({"top_p": NAN}, ValueError, r"top_p = nan; expected a number"),
        ({"top_p": "0.9"}, TypeError, r"top_p of dtype <U3"),
        ({"top_p": 0.5j}, TypeError, r"top_p of dtype complex128"),
        ({"min_p": 1.05}, ValueError, r"min_p = 1.05; expected a number from 0 \(off\) to 1"),
        ({"min_p": -0.1}, ValueError, r"min_p = -0.1"),
        ({"epsilon": 2}, ValueError, r"epsilon = 2.0; expected a number from 0"),
        ({"eta": -1e-9}, ValueError, r"eta = -1e-09"),
        ({"typical_p": [NAN] * 4}, ValueError, r"typical_p\[0\] = nan"),
        ({"top_n_sigma": NAN}, ValueError, r"top_n_sigma = nan"),
        ({"top_h": 1.5}, ValueError, r"top_h = 1.5; expected a number from 0 to 1, or inf"),
        ({"max_surprise": NAN}, ValueError, r"max_surprise = nan; expected a number of bits"),
        ({"temperature": -1}, ValueError, r"temperature = -1.0; expected a finite number >= 0"),
        ({"temperature": INF}, ValueError, r"temperature = inf"),
        ({"order": "HF"}, ValueError, r"order='HF' is not known; expected \"hf\", .* or \"mlx\""),
        ({"ties": "first"}, ValueError, r"ties='first' is not known; expected \"index\""),
        ({"on_invalid": "skip"}, ValueError, r"on_invalid='skip' is not known; expected"),
        ({"min_keep": 0}, ValueError, r"min_keep=0; expected an int >= 1"),
        ({"min_keep": 1.0}, TypeError, r"min_keep=1.0 is not an int"),
        ({"eta": 0.1, "order": "vllm"}, ValueError, r"eta has no place .* logitkit\.steps"),
        ({"axis": 3}, ValueError, r"axis 3 is out of bounds"),
    ],
)
def test_errors_of_keywords(
    implementation: ModuleType, keywords: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        implementation.candidates(LOGITS, **keywords)
    with pytest.raises(error, match=message):
        implementation.filter_logits(LOGITS, **keywords)


@pytest.mark.parametrize(
    ("given", "keywords", "error", "message"),
    [
        (TopK(5), {}, TypeError, r"TopK\(k=5\) is a single step; expected a list"),
        ("hf", {}, TypeError, r"steps='hf'; expected a list of steps from logitkit\.steps"),
        (50, {}, TypeError, r"steps=50; expected a list"),
        ([TopK(5), 0.9], {}, TypeError, r"steps\[1\] = 0.9 is no step; expected one of XTC, "),
        ([TopK], {}, TypeError, r"steps\[0\] = .* is no step"),
        ([XTC(0.5)], {}, ValueError, r"steps\[0\] = XTC\(.*\) draws at random; .* `sample` only"),
        ([TopK(5)], {"top_p": 0.9}, ValueError, r"both steps and top_p= .* add TopP\(\.\.\.\)"),
        ([], {"temperature": 0.5}, ValueError, r"both steps and temperature= were given"),
        ([TopK(5)], {"order": "mlx"}, ValueError, r"both steps and order='mlx' were given"),
        ([TopK([1, 2])], {}, ValueError, r"k of TopK\(.*\) has shape \(2,\).* to \(3, 4\)"),
    ],
)
def test_errors_of_steps(
    implementation: ModuleType,
    given: Any,
    keywords: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        implementation.candidates(LOGITS, given, **keywords)


# Steps and orders


def test_an_empty_list_of_steps_keeps_all(implementation: ModuleType) -> None:
    np.testing.assert_array_equal(implementation.filter_logits(LOGITS, []), LOGITS)
    np.testing.assert_array_equal(implementation.filter_logits(LOGITS), LOGITS)


ORDERS: dict[str, tuple[list[Step], bool]] = {
    "hf": ([Temperature(0.7), TopK(20), TopP(0.8), MinP(0.2)], False),
    "vllm": ([Temperature(0.7), MinP(0.2), TopK(20), TopP(0.8)], False),
    "llama.cpp": ([TopK(20), TopP(0.8), MinP(0.2), Temperature(0.7)], False),
    "sglang": ([Temperature(0.7), TopK(20), TopP(0.8), MinP(0.2)], True),
    "mlx": ([TopP(0.8), MinP(0.2), TopK(20), Temperature(0.7)], False),
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_named_order_is_a_list_of_steps(implementation: ModuleType, order: str) -> None:
    logits = LOGITS / 2
    chain = {"min_p": 0.2, "top_k": 20, "top_p": 0.8, "temperature": 0.7}
    listed, joint = ORDERS[order]
    kept = implementation.candidates(logits, order=order, **chain)
    same = implementation.candidates(logits, listed, joint=joint)
    np.testing.assert_array_equal(kept.ids, same.ids)
    np.testing.assert_array_equal(kept.log_probs, same.log_probs)


def test_steps_are_values() -> None:
    assert TopK(5) == TopK(np.int8(5))
    assert TopK([1, 2]) == TopK((1, 2))
    assert TopK(5) != TopK(6)
    assert TopP(1) != MinP(1)
    given = np.array([1, 2])
    step = TopK(given)
    given[0] = -7
    assert step == TopK([1, 2])
    with pytest.raises(AttributeError):
        step.k = 3  # type: ignore[misc]


@pytest.mark.parametrize("name", [name for name in steps.__all__ if name != "Step"])
def test_a_step_documents_its_parameters_and_has_an_example(name: str) -> None:
    step = getattr(steps, name)
    assert issubclass(step, Step)
    for field in step.__match_args__:
        assert f"\n    {field} : array_like of " in step.__doc__
    assert ">>> from logitkit.steps import" in step.__doc__


def test_numbers_that_are_equal_and_of_other_types(implementation: ModuleType) -> None:
    """Chains of plain numbers are kept, but not for numbers that other types forbid."""
    logits = np.zeros((2, 5), np.float32)
    implementation.candidates(logits, top_k=1, top_p=0.5)
    with pytest.raises(TypeError, match=r"k of dtype"):
        implementation.candidates(logits, top_k=1.0, top_p=0.5)
    with pytest.raises(TypeError, match="dtype bool"):
        implementation.candidates(logits, top_k=True, top_p=0.5)
    kept = implementation.candidates(logits, top_k=1, top_p=0.5)
    assert kept.ids.tolist() == [0, 0]
