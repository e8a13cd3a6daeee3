"""The bits of a row's result depend on that row alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import logitkit
import numpy as np
import pytest
from logitkit import _native
from numpy.typing import NDArray

from .layouts import LAYOUTS, keywords
from .rows import BLOCK, CHUNK, DTYPES, make_rows, make_targets
from .statistics import Result, assert_singly_as_together, fused_statistics, single_statistics

LENGTHS = [1, 5, 33, 130, BLOCK + 1, 2 * BLOCK - 1, 32000, CHUNK + BLOCK + 9]


def every_statistic(
    logits: NDArray[Any], targets: NDArray[np.int64], temperature: Any, **more: Any
) -> Result:
    return fused_statistics(logitkit, logits, targets, temperature, **more)


def assert_same_bits(got: Result, expected: Result, where: str) -> None:
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        a, b = np.asarray(got[name]), np.asarray(value)
        assert a.dtype == b.dtype, f"{name}, {where}"
        assert a.shape == b.shape, f"{name}, {where}"
        bits = f"u{a.dtype.itemsize}"
        np.testing.assert_array_equal(
            a.reshape(-1).view(bits), b.reshape(-1).view(bits), f"{name}, {where}"
        )


def pick(result: Result, rows: Any) -> Result:
    return {name: value[rows] for name, value in result.items()}


def join(parts: list[Result]) -> Result:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@contextmanager
def on(instruction_set: str) -> Iterator[None]:
    before = _native.instruction_sets()[1]
    _native.use_instruction_set(instruction_set)
    try:
        yield
    finally:
        _native.use_instruction_set(before)


def make_batch(length: int, dtype: str) -> tuple[Any, Any, Any]:
    logits = np.concatenate([make_rows(length, dtype, seed) for seed in range(2)])
    # A neighbour without a softmax must not touch anyone either.
    logits[5, length // 2], logits[11, 0] = np.nan, np.inf
    logits[14] = -np.inf
    targets = np.random.default_rng(length).integers(length, size=(len(logits), 2))
    return logits, targets, np.geomspace(0.1, 10.0, len(logits))


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_number_of_threads(instruction_set: str, dtype: str, length: int) -> None:
    batch = make_batch(length, dtype)
    alone = every_statistic(*batch, threads=1)
    for threads in (2, 3, 4, 40):
        assert_same_bits(every_statistic(*batch, threads=threads), alone, f"{threads} threads")


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_few_long_rows(instruction_set: str, dtype: str, rows: int) -> None:
    length = {1: 500_000, 3: 300_001}[rows]
    logits = make_rows(length, dtype)[:rows]
    targets, temperature = make_targets(logits), np.array([1.0, 0.3, 4.0])[:rows]
    alone = [
        every_statistic(logits[[i]], targets[[i]], temperature[[i]], threads=1) for i in range(rows)
    ]
    for threads in (1, 2, 4):
        together = every_statistic(logits, targets, temperature, threads=threads)
        assert_same_bits(together, join(alone), f"{threads} threads")


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_batch_and_any_place_in_it(instruction_set: str, dtype: str, length: int) -> None:
    logits, targets, temperature = make_batch(length, dtype)
    whole = every_statistic(logits, targets, temperature)
    for size in (1, 3, 7):
        parts = [
            every_statistic(logits[i : i + size], targets[i : i + size], temperature[i : i + size])
            for i in range(0, len(logits), size)
        ]
        assert_same_bits(join(parts), whole, f"batches of {size}")
    order = np.random.default_rng(1).permutation(len(logits))
    shuffled = every_statistic(logits[order], targets[order], temperature[order])
    assert_same_bits(shuffled, pick(whole, order), "rows in another order")
    vector = every_statistic(logits[3], targets[3], temperature[3])
    assert_same_bits(vector, pick(whole, 3), "one row without a batch axis")


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_one_temperature_for_all_or_one_each(instruction_set: str, dtype: str, length: int) -> None:
    logits, targets, _ = make_batch(length, dtype)
    each = every_statistic(logits, targets, np.full(len(logits), 0.7))
    assert_same_bits(every_statistic(logits, targets, 0.7), each, "temperature 0.7")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_layout(instruction_set: str, dtype: str, layout: str) -> None:
    for length in LENGTHS:
        logits, targets, temperature = make_batch(length, dtype)
        plain = every_statistic(logits, targets, temperature)
        view = LAYOUTS[layout](logits)
        laid_out = every_statistic(view, targets, temperature, **keywords(view))
        assert_same_bits(laid_out, plain, f"length {length}")


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_broadcast_over_a_batch(instruction_set: str, dtype: str) -> None:
    row = make_rows(1025, dtype)[0]
    view = np.broadcast_to(row, (5, 1025))
    assert view.strides[0] == 0
    targets = np.arange(5)
    copied = every_statistic(view.copy(), targets, 1.0)
    assert_same_bits(every_statistic(view, targets, 1.0), copied, "stride 0 over rows")
    constant = np.broadcast_to(row[:1], (5, 1025))
    copied = every_statistic(constant.copy(), targets, 1.0)
    assert_same_bits(every_statistic(constant, targets, 1.0), copied, "stride 0 over tokens")


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_together_or_singly(instruction_set: str, dtype: str, length: int) -> None:
    batch = make_batch(length, dtype)
    together = every_statistic(*batch)
    singly = single_statistics(logitkit, *batch)
    assert_singly_as_together(singly, together, f"length {length}")


def _without_targets(logits: Any, _: Any, temperature: Any) -> Result:
    stats = logitkit.token_stats(logits, temperature=temperature)
    assert stats.log_prob is None
    assert stats.rank is None
    names = (field.name for field in fields(stats))
    values = {name: getattr(stats, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _with_the_largest(logits: Any, targets: Any, temperature: Any) -> Result:
    stats = logitkit.token_stats(logits, targets, temperature=temperature, top_k=1)
    assert (stats.top_ids[:, 0] == stats.argmax).all()
    names = (field.name for field in fields(stats))
    return {name: getattr(stats, name) for name in names if not name.startswith("top_")}


def _with_one_target(logits: Any, targets: Any, temperature: Any) -> Result:
    return fused_statistics(logitkit, logits, targets[:, 0], temperature)


@pytest.mark.parametrize("ask", [_without_targets, _with_one_target, _with_the_largest])
@pytest.mark.parametrize("dtype", DTYPES)
def test_whatever_else_is_asked(
    instruction_set: str, dtype: str, ask: Callable[[Any, Any, Any], Result]
) -> None:
    for length in LENGTHS:
        batch = make_batch(length, dtype)
        together = every_statistic(*batch)
        answer = ask(*batch)
        expected = {name: together[name] for name in answer}
        for name in {"log_prob", "rank"} & answer.keys():
            if answer[name].ndim == 1:
                expected[name] = expected[name][:, 0]
        assert_same_bits(answer, expected, f"length {length}")


@pytest.mark.parametrize("dtype", DTYPES)
def test_avx2_or_avx512(dtype: str) -> None:
    found, _ = _native.instruction_sets()
    absent = {"avx2", "avx512"} - set(found)
    if absent:
        pytest.skip(f"this machine lacks {', '.join(sorted(absent))}: nothing here compared them")
    for length in [*range(1, 70), *LENGTHS, 3 * CHUNK + 1]:
        batch = make_batch(length, dtype)
        with on("avx2"):
            narrow = every_statistic(*batch)
        with on("avx512"):
            wide = every_statistic(*batch)
        assert_same_bits(wide, narrow, f"length {length}")
