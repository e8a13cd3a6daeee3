"""Every statistic against the float64 reference: lengths, temperatures, memory layouts."""

from functools import cache
from typing import Any, NamedTuple

import logitkit
import numpy as np
import pytest
from logitkit import reference
from numpy.typing import ArrayLike, NDArray

from .accuracy import Accuracy
from .layouts import LAYOUTS, keywords
from .rows import BLOCK, CHUNK, DTYPES, KINDS, PIECE, make_rows, make_targets
from .statistics import Result, fused_statistics, single_statistics


def _around(*boundaries: int) -> list[int]:
    return [boundary + step for boundary in boundaries for step in (-1, 0, 1)]


LENGTHS = {
    "1 to 130": list(range(1, 131)),
    "around a piece": _around(PIECE, 3 * PIECE, BLOCK + PIECE),
    "around a block": _around(BLOCK, 2 * BLOCK, 3 * BLOCK, 4 * BLOCK, 13 * BLOCK),
    "around a chunk": _around(CHUNK, 2 * CHUNK),
    "around a block after a chunk": _around(CHUNK + BLOCK, 2 * CHUNK - BLOCK),
    "vocabularies": [32000, 128256, 4 * CHUNK + 1],
}
PER_ROW = np.geomspace(0.1, 10.0, len(KINDS))


class Case(NamedTuple):
    """Logits, what to ask about them, and the answers of the reference."""

    logits: NDArray[Any]
    targets: NDArray[np.int64]
    temperature: ArrayLike
    expected: Result
    perplexity: float


# Every instruction set meets the same cases, and the reference is what takes the time.
@cache
def make_case(dtype: str, length: int, temperature: float | None) -> Case:
    logits = make_rows(length, dtype)
    targets = make_targets(logits)
    asked: ArrayLike = PER_ROW if temperature is None else temperature
    # The reference sees the logits as the dtype rounded them, and works in float64.
    exact = logits.astype(np.float64)
    expected = fused_statistics(reference, exact, targets, asked)
    perplexity = reference.perplexity(exact, targets[:, 0], temperature=asked)
    return Case(logits, targets, asked, expected, perplexity)


def compare(case: Case, logits: NDArray[Any], dtype: str, accuracy: Accuracy, where: str) -> None:
    more = keywords(logits)
    arguments = (logits, case.targets, case.temperature)
    for results in (
        single_statistics(logitkit, *arguments, **more),
        fused_statistics(logitkit, *arguments, **more),
    ):
        for statistic, got in results.items():
            accuracy.check(statistic, dtype, got, case.expected[statistic], where)
    perplexity = logitkit.perplexity(
        logits, case.targets[:, 0], temperature=case.temperature, **more
    )
    accuracy.check("perplexity", dtype, perplexity, case.perplexity, where)


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_length(instruction_set: str, dtype: str, lengths: str, accuracy: Accuracy) -> None:
    for length in LENGTHS[lengths]:
        for temperature in (1.0, None):
            case = make_case(dtype, length, temperature)
            where = f"{instruction_set}, length {length}, temperature {temperature or 'per row'}"
            compare(case, case.logits, dtype, accuracy, where)


@pytest.mark.parametrize("temperature", [0.1, 0.3, 0.7, 1.3, 3.0, 10.0])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_temperature(
    instruction_set: str, dtype: str, temperature: float, accuracy: Accuracy
) -> None:
    for length in (7, 130, 1025, CHUNK + BLOCK + 5):
        case = make_case(dtype, length, temperature)
        where = f"{instruction_set}, length {length}, temperature {temperature}"
        compare(case, case.logits, dtype, accuracy, where)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_layout(instruction_set: str, dtype: str, layout: str, accuracy: Accuracy) -> None:
    for length in (1, 37, 1025, CHUNK + BLOCK + 5):
        case = make_case(dtype, length, None)
        where = f"{instruction_set}, length {length}, {layout}"
        compare(case, LAYOUTS[layout](case.logits), dtype, accuracy, where)


@pytest.mark.parametrize("axis", [0, 1, 2, -2])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_axis(instruction_set: str, dtype: str, axis: int, accuracy: Accuracy) -> None:
    case = make_case(dtype, 130, None)
    # Eight rows as a 2 x 4 batch, the vocabulary on another axis.
    logits = np.moveaxis(case.logits.reshape(2, 4, -1), -1, axis)
    where = f"{instruction_set}, axis {axis}"
    stats = logitkit.token_stats(
        logits,
        case.targets.reshape(2, 4, -1),
        axis=axis,
        temperature=np.reshape(case.temperature, (2, 4)),
    )
    for statistic, expected in case.expected.items():
        got = getattr(stats, statistic).reshape(expected.shape)
        accuracy.check(statistic, dtype, got, expected, where)


@pytest.mark.parametrize("dtype", DTYPES)
def test_temperature_broadcasts_to_the_batch(
    instruction_set: str, dtype: str, accuracy: Accuracy
) -> None:
    logits = make_rows(300, dtype)[:6].reshape(2, 3, 300)
    temperature = np.array([[0.5], [2.0]])
    expected = reference.entropy(logits.astype(np.float64), temperature=temperature)
    got = logitkit.entropy(logits, temperature=temperature)
    accuracy.check("entropy", dtype, got, expected, f"{instruction_set}, broadcast temperature")
