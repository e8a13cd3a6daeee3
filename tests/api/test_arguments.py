"""Every argument of the statistics: what it does, and the error that a bad one gives."""

import dataclasses
import inspect
import math
import pickle
from typing import Any

import logitkit
import numpy as np
import pytest
from logitkit import reference

both = pytest.mark.parametrize("module", [logitkit, reference], ids=["core", "reference"])

LOGITS = np.random.default_rng(2).normal(0, 2, (3, 4, 11))
TARGETS = np.random.default_rng(3).integers(0, 11, (3, 4))
REDUCTIONS = ["logsumexp", "entropy", "varentropy"]


def log_softmax(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The textbook form, good enough for these logits."""
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


# The numbers themselves, from the textbook forms


@both
def test_statistics_are_what_their_formulas_say(module: Any) -> None:
    log_p = log_softmax(LOGITS)
    p = np.exp(log_p)
    entropy = -(p * log_p).sum(axis=-1)
    at_target = np.take_along_axis(log_p, TARGETS[..., None], axis=-1)
    expected = {
        "max": LOGITS.max(axis=-1),
        "argmax": LOGITS.argmax(axis=-1),
        "logsumexp": np.log(np.exp(LOGITS).sum(axis=-1)),
        "entropy": entropy,
        "varentropy": (p * (log_p + entropy[..., None]) ** 2).sum(axis=-1),
        "max_prob": p.max(axis=-1),
        "valid": np.full((3, 4), True),
        "log_prob": at_target[..., 0],
        "rank": 1 + (log_p > at_target).sum(axis=-1),
    }
    result = module.token_stats(LOGITS, TARGETS)
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(result, name), values, rtol=1e-12, err_msg=name)
    for name in REDUCTIONS:
        np.testing.assert_allclose(getattr(module, name)(LOGITS), expected[name], rtol=1e-12)
    for name in ("log_prob", "rank"):
        np.testing.assert_allclose(
            getattr(module, name)(LOGITS, TARGETS), expected[name], rtol=1e-12
        )
    assert module.perplexity(LOGITS, TARGETS) == pytest.approx(math.exp(-at_target.mean()))


@both
def test_rows_without_a_distribution(module: Any) -> None:
    nan, inf = math.nan, math.inf
    logits = [[0, nan, inf], [0, inf, inf], [-inf] * 3, [-inf, 1, 1]]
    result = module.token_stats(np.array(logits), [[0, 1]] * 4)
    expected = {
        "max": [nan, inf, -inf, 1],
        "argmax": [-1, 1, 0, 1],
        "logsumexp": [nan, inf, -inf, 1 + math.log(2)],
        "entropy": [nan, nan, nan, math.log(2)],
        "varentropy": [nan, nan, nan, 0],
        "max_prob": [nan, nan, nan, 0.5],
        "valid": [False, False, False, True],
        "log_prob": [[nan, nan], [nan, nan], [nan, nan], [-inf, -math.log(2)]],
        "rank": [[0, 0], [3, 1], [1, 1], [3, 1]],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(result, name), values, rtol=1e-12, err_msg=name)


# axis, keepdims


@both
@pytest.mark.parametrize("axis", [-3, -2, -1, 0, 1, 2, np.int8(1)])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_axis_and_keepdims(module: Any, axis: int, name: str) -> None:
    statistic = getattr(module, name)
    logits = np.moveaxis(LOGITS, -1, axis)
    expected = statistic(LOGITS)
    result = statistic(logits, axis=axis)
    np.testing.assert_array_equal(result, expected)
    kept = statistic(logits, axis=axis, keepdims=True)
    np.testing.assert_array_equal(kept, np.expand_dims(expected, axis))


@both
def test_axis_of_the_statistics_of_targets(module: Any) -> None:
    logits = np.moveaxis(LOGITS, -1, 0)
    several = np.stack([TARGETS, TARGETS[::-1]], axis=-1)
    for name in ("log_prob", "rank"):
        statistic = getattr(module, name)
        for targets in (TARGETS, several):
            np.testing.assert_array_equal(
                statistic(logits, targets, axis=0), statistic(LOGITS, targets)
            )
    assert module.perplexity(logits, several, axis=0) == module.perplexity(LOGITS, several)
    np.testing.assert_array_equal(
        module.token_stats(logits, several, axis=0).rank, module.rank(LOGITS, several)
    )


@both
def test_keepdims_of_a_single_row(module: Any) -> None:
    assert module.entropy(LOGITS[0, 0], keepdims=True).shape == (1,)


@both
@pytest.mark.parametrize("axis", [3, -4])
def test_an_axis_that_is_not_there(module: Any, axis: int) -> None:
    with pytest.raises(ValueError, match=rf"axis {axis} is out of bounds .* dimension 3"):
        module.entropy(LOGITS, axis=axis)


@both
@pytest.mark.parametrize("axis", [None, (0, 1), 1.0, -1.0, "vocab"])
def test_an_axis_that_is_no_int(module: Any, axis: Any) -> None:
    with pytest.raises(TypeError, match=r"axis=.* is not an int; expected the one axis"):
        module.entropy(LOGITS, axis=axis)


# out


@both
@pytest.mark.parametrize("name", REDUCTIONS)
def test_out_of_a_reduction(module: Any, name: str) -> None:
    statistic = getattr(module, name)
    for keepdims in (False, True):
        expected = statistic(LOGITS, keepdims=keepdims)
        out = np.empty_like(expected)
        assert statistic(LOGITS, keepdims=keepdims, out=out) is out
        np.testing.assert_array_equal(out, expected)
    strided = np.empty((4, 6)).T[::2]
    assert statistic(LOGITS, out=strided) is strided
    np.testing.assert_array_equal(strided, statistic(LOGITS))


@both
@pytest.mark.parametrize("targets", [TARGETS, np.stack([TARGETS] * 2, axis=-1)])
def test_out_of_the_statistics_of_targets(module: Any, targets: Any) -> None:
    for name in ("log_prob", "rank"):
        expected = getattr(module, name)(LOGITS, targets)
        out = np.empty_like(expected)
        assert getattr(module, name)(LOGITS, targets, out=out) is out
        np.testing.assert_array_equal(out, expected)


@both
def test_out_of_a_single_row_is_an_array_without_axes(module: Any) -> None:
    out = np.empty(())
    assert module.entropy(LOGITS[0, 0], out=out) is out
    assert out == module.entropy(LOGITS[0, 0])


@both
@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        (np.zeros((3, 5)), ValueError, r"out has shape \(3, 5\); expected .* \(3, 4\)"),
        (np.zeros((3, 4, 1)), ValueError, r"out has shape \(3, 4, 1\); expected .* \(3, 4\)"),
        (np.zeros((3, 4), np.float32), TypeError, "out has dtype float32; expected .* float64"),
        (np.zeros((3, 4), "S8"), TypeError, r"out has dtype \|S8; expected .* float64"),
        (np.broadcast_to(0.0, (3, 4)), ValueError, "out is read-only; expected a writeable"),
        ([[0.0] * 4] * 3, TypeError, r"out is a list; expected a writeable numpy\.ndarray"),
        (np.ma.zeros((3, 4)), TypeError, "out is a MaskedArray; expected"),
    ],
)
def test_an_out_that_does_not_fit(
    module: Any, out: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        module.entropy(LOGITS, out=out)


def test_out_has_the_dtype_of_the_result() -> None:
    logits = LOGITS.astype(np.float32)
    out = np.empty((3, 4), np.float32)
    assert logitkit.entropy(logits, out=out) is out
    with pytest.raises(TypeError, match=r"out has dtype float64; expected .* float32"):
        logitkit.entropy(logits, out=np.empty((3, 4)))
    with pytest.raises(TypeError, match=r"out has dtype int32; expected .* int64"):
        logitkit.rank(logits, TARGETS, out=np.empty((3, 4), np.int32))


# temperature


@both
@pytest.mark.parametrize(
    "temperature",
    [
        0.7,
        2,
        np.float32(0.5),
        np.array(3.0),
        [[0.5], [1.0], [2.0]],
        np.array([1, 2, 3, 4]),
        np.linspace(0.5, 1.5, 12, dtype=np.float16).reshape(3, 4),
        np.linspace(0.5, 1.5, 12).reshape(4, 3).T,
        np.full((1, 1), 0.25),
    ],
)
def test_temperature_divides_the_logits(module: Any, temperature: Any) -> None:
    each = np.broadcast_to(np.asarray(temperature, np.float64), (3, 4))
    plain = module.token_stats(LOGITS / each[..., None], TARGETS)
    result = module.token_stats(LOGITS, TARGETS, temperature=temperature)
    for name in ("logsumexp", "entropy", "varentropy", "max_prob", "log_prob", "rank"):
        np.testing.assert_allclose(
            getattr(result, name), getattr(plain, name), rtol=1e-12, err_msg=name
        )
    np.testing.assert_array_equal(result.max, LOGITS.max(axis=-1))
    for name in REDUCTIONS:
        np.testing.assert_allclose(
            getattr(module, name)(LOGITS, temperature=temperature),
            getattr(plain, name),
            rtol=1e-12,
        )
    assert module.perplexity(LOGITS, TARGETS, temperature=temperature) == pytest.approx(
        math.exp(-plain.log_prob.mean())
    )


@both
def test_temperature_broadcasts_to_the_logits_without_their_axis(module: Any) -> None:
    temperature = np.linspace(0.5, 1.5, 4)
    np.testing.assert_array_equal(
        module.entropy(np.moveaxis(LOGITS, -1, 0), axis=0, temperature=temperature),
        module.entropy(LOGITS, temperature=temperature),
    )


@both
@pytest.mark.parametrize(
    ("temperature", "named"),
    [
        (0, r"temperature = 0\.0"),
        (-1.0, r"temperature = -1\.0"),
        (math.nan, "temperature = nan"),
        (math.inf, "temperature = inf"),
        ([1, 2, 0, -1], r"temperature\[2\] = 0\.0"),
        ([[1.0], [math.nan], [1.0]], r"temperature\[1, 0\] = nan"),
    ],
)
def test_a_temperature_out_of_range(module: Any, temperature: Any, named: str) -> None:
    with pytest.raises(
        ValueError, match=named + " is not a temperature: expected a finite number > 0"
    ):
        module.entropy(LOGITS, temperature=temperature)


@both
@pytest.mark.parametrize("temperature", [True, 1j, "1", None, [1, None]])
def test_a_temperature_that_is_no_number(module: Any, temperature: Any) -> None:
    with pytest.raises(TypeError, match=r"temperature of dtype .*; expected a real number"):
        module.entropy(LOGITS, temperature=temperature)


@both
@pytest.mark.parametrize("shape", [(3,), (3, 4, 1), (1, 3, 4), (4, 3)])
def test_a_temperature_that_does_not_fit(module: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"temperature of shape .* does not broadcast to \(3, 4\)"):
        module.entropy(LOGITS, temperature=np.ones(shape))


# base


@both
def test_base_is_the_unit_of_all_but_the_log_sum_exp(module: Any) -> None:
    nats = module.token_stats(LOGITS, TARGETS)
    bits = module.token_stats(LOGITS, TARGETS, base=2)
    ln2 = math.log(2)
    np.testing.assert_allclose(bits.entropy, nats.entropy / ln2, rtol=1e-14)
    np.testing.assert_allclose(bits.varentropy, nats.varentropy / ln2**2, rtol=1e-14)
    np.testing.assert_allclose(bits.log_prob, nats.log_prob / ln2, rtol=1e-14)
    np.testing.assert_array_equal(bits.logsumexp, nats.logsumexp)
    np.testing.assert_allclose(module.entropy(LOGITS, base=2), bits.entropy, rtol=1e-12)
    np.testing.assert_allclose(module.varentropy(LOGITS, base=2), bits.varentropy, rtol=1e-12)
    np.testing.assert_allclose(module.log_prob(LOGITS, TARGETS, base=2), bits.log_prob, rtol=1e-12)


@both
@pytest.mark.parametrize("base", [1, 0.5, 0, -2, math.nan, math.inf])
def test_a_base_out_of_range(module: Any, base: float) -> None:
    with pytest.raises(ValueError, match=r"base=.*; expected None for nats"):
        module.entropy(LOGITS, base=base)


@both
@pytest.mark.parametrize("base", ["bits", 2j, [2]])
def test_a_base_that_is_no_number(module: Any, base: Any) -> None:
    with pytest.raises(TypeError, match=r"base=.* is not a number; expected None for nats"):
        module.entropy(LOGITS, base=base)


# targets, ignore_index


@both
@pytest.mark.parametrize("dtype", "bBhHiIqQ")
def test_targets_of_any_integer_dtype(module: Any, dtype: str) -> None:
    expected = module.rank(LOGITS, TARGETS)
    np.testing.assert_array_equal(module.rank(LOGITS, TARGETS.astype(dtype)), expected)
    swapped = TARGETS.astype(np.dtype(dtype).newbyteorder("S"))
    np.testing.assert_array_equal(module.rank(LOGITS, np.asfortranarray(swapped)), expected)
    np.testing.assert_array_equal(module.rank(LOGITS, TARGETS.tolist()), expected)


@both
@pytest.mark.parametrize("name", ["log_prob", "rank"])
def test_several_targets_in_each_row(module: Any, name: str) -> None:
    statistic = getattr(module, name)
    several = np.stack([TARGETS, TARGETS[::-1], TARGETS[:, ::-1]], axis=-1)
    result = statistic(LOGITS, several)
    assert result.shape == (3, 4, 3)
    for j in range(3):
        np.testing.assert_array_equal(result[..., j], statistic(LOGITS, several[..., j]))
    assert statistic(LOGITS, several[..., :1]).shape == (3, 4, 1)
    assert statistic(LOGITS, several[..., :0]).shape == (3, 4, 0)
    np.testing.assert_array_equal(
        getattr(module.token_stats(LOGITS, several), name), statistic(LOGITS, several)
    )


@both
def test_targets_of_a_single_row(module: Any) -> None:
    row = LOGITS[0, 0]
    alone = module.log_prob(row, 3)
    assert isinstance(alone, np.float64)
    np.testing.assert_array_equal(module.log_prob(row, [3, 5]), [alone, module.log_prob(row, 5)])
    assert isinstance(module.rank(row, 3), np.int64)
    stats = module.token_stats(row, 3)
    assert isinstance(stats.rank, np.int64)
    assert isinstance(stats.valid, np.bool_)
    assert module.perplexity(row, 3) == pytest.approx(math.exp(-alone))


@both
@pytest.mark.parametrize("shape", [(), (3,), (4, 3), (3, 4, 1, 1), (1, 4), (3, 1)])
def test_targets_are_not_broadcast(module: Any, shape: tuple[int, ...]) -> None:
    targets = np.zeros(shape, int)
    expected = r"targets of shape .*; expected \(3, 4\), .* or \(3, 4, m\)"
    for statistic in (module.log_prob, module.rank, module.perplexity, module.token_stats):
        with pytest.raises(ValueError, match=expected):
            statistic(LOGITS, targets)


@both
@pytest.mark.parametrize("dtype", [float, bool, object, "U1", complex])
def test_targets_that_are_no_integers(module: Any, dtype: Any) -> None:
    with pytest.raises(TypeError, match=r"targets of dtype .*; expected integers"):
        module.rank(LOGITS, TARGETS.astype(dtype))


@both
def test_targets_beyond_int64(module: Any) -> None:
    targets = TARGETS.astype(np.uint64)
    targets[1, 2] = 2**64 - 100
    with pytest.raises(ValueError, match=r"targets\[1, 2\] = 18446744073709551516.*ignore_index"):
        module.rank(LOGITS, targets)


@both
@pytest.mark.parametrize("wrong", [11, -1, -100, 2**62, -(2**63)])
@pytest.mark.parametrize("several", [False, True])
def test_the_first_target_out_of_range_is_named(module: Any, wrong: int, several: bool) -> None:
    targets = np.stack([TARGETS, TARGETS], axis=-1) if several else TARGETS.copy()
    targets[1, 3] = wrong
    targets[2, 0] = -7
    place = "1, 3, 0" if several else "1, 3"
    message = (
        rf"targets\[{place}\] = {wrong} is not a token id: expected 0 <= target < 11 .*"
        rf"ignore_index={wrong}"
    )
    for statistic in (module.log_prob, module.rank, module.perplexity, module.token_stats):
        with pytest.raises(ValueError, match=message):
            statistic(LOGITS, targets)


@both
@pytest.mark.parametrize("mark", [-100, 11, 3, np.int32(-1), -(2**63), 2**63 - 1])
def test_ignored_targets(module: Any, mark: int) -> None:
    targets = np.where(mark == TARGETS, 0, TARGETS)
    kept = module.token_stats(LOGITS, targets)
    marked = targets.copy()
    marked[1] = mark
    result = module.token_stats(LOGITS, marked, ignore_index=mark)
    assert np.isnan(result.log_prob[1]).all()
    assert (result.rank[1] == 0).all()
    others = [0, 2]
    np.testing.assert_array_equal(result.log_prob[others], kept.log_prob[others])
    np.testing.assert_array_equal(result.rank[others], kept.rank[others])
    np.testing.assert_array_equal(result.entropy, kept.entropy)
    np.testing.assert_array_equal(
        module.log_prob(LOGITS, marked, ignore_index=mark), result.log_prob
    )
    np.testing.assert_array_equal(module.rank(LOGITS, marked, ignore_index=mark), result.rank)
    assert module.perplexity(LOGITS, marked, ignore_index=mark) == pytest.approx(
        math.exp(-kept.log_prob[others].mean())
    )


@both
@pytest.mark.parametrize("mark", [1.5, "pad", [0]])
def test_an_ignore_index_that_is_no_int(module: Any, mark: Any) -> None:
    with pytest.raises(TypeError, match=r"ignore_index=.* is not an int; expected None, or"):
        module.rank(LOGITS, TARGETS, ignore_index=mark)


@both
def test_an_ignore_index_that_no_target_can_have(module: Any) -> None:
    with pytest.raises(ValueError, match="ignore_index=9223372036854775808 does not fit int64"):
        module.rank(LOGITS, TARGETS, ignore_index=2**63)


# perplexity


@both
def test_perplexity_of_special_rows(module: Any) -> None:
    logits = np.array([[0, 0], [0, -math.inf], [0, math.nan]], np.float32)
    assert type(module.perplexity(logits[:1], [0])) is float
    assert module.perplexity(logits[:1], [0]) == pytest.approx(2)
    assert module.perplexity(logits[:2], [0, 1]) == math.inf
    assert math.isnan(module.perplexity(logits, [0, 0, 0]))
    assert module.perplexity(logits, [0, 0, -1], ignore_index=-1) == pytest.approx(math.sqrt(2))
    assert math.isnan(module.perplexity(logits, [-1, -1, -1], ignore_index=-1))
    assert math.isnan(module.perplexity(logits[:0], np.zeros(0, int)))


@both
def test_perplexity_beyond_the_range_of_float_is_inf(module: Any) -> None:
    assert module.perplexity(np.array([0.0, 2000.0]), 0) == math.inf


# token_stats


@both
def test_token_stats_without_targets(module: Any) -> None:
    result = module.token_stats(LOGITS)
    assert result.log_prob is None
    assert result.rank is None
    assert result.entropy.shape == (3, 4)


@both
def test_token_stats_is_frozen_and_has_its_fields_in_order(module: Any) -> None:
    result = module.token_stats(LOGITS, TARGETS)
    assert type(result) is logitkit.TokenStats
    assert [field.name for field in dataclasses.fields(result)] == [
        "max",
        "argmax",
        "logsumexp",
        "entropy",
        "varentropy",
        "max_prob",
        "valid",
        "log_prob",
        "rank",
        "top_ids",
        "top_log_probs",
    ]
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.max = 0


@both
def test_token_stats_are_copied_as_any_dataclass_is(module: Any) -> None:
    result = module.token_stats(LOGITS, TARGETS)
    for copy in (pickle.loads(pickle.dumps(result)), dataclasses.replace(result)):
        for name, value in dataclasses.asdict(result).items():
            np.testing.assert_array_equal(getattr(copy, name), value)
        assert repr(copy) == repr(result)


# How arguments are passed


# Three numbers of one kind, in the order of llama.cpp's; and steps, in place of all options.
POSITIONAL = {"dynamic_temperature", "sample_without_replacement"}


@pytest.mark.parametrize("name", sorted({*reference.__all__} - POSITIONAL))
def test_options_are_given_by_name(name: str) -> None:
    is_of_two = "q_logits" in inspect.signature(getattr(logitkit, name)).parameters
    logits = (LOGITS, LOGITS) if is_of_two else (LOGITS,)
    with pytest.raises(TypeError, match="positional argument"):
        getattr(logitkit, name)(*logits, TARGETS, -1)
    with pytest.raises(TypeError, match="logits"):
        getattr(logitkit, name)(logits=LOGITS)
