"""Rows on which a careless formula goes wrong, each named for what it asks."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from .rows import BLOCK, CHUNK, DTYPES, PIECE, make_row

SHORT = 2 * BLOCK + 77
LONG = 2 * CHUNK + 3 * BLOCK + 11

# What a row claims about itself: the statistic, the least and the largest exact value.
Claim = tuple[str, float, float]


class GoldenRow(NamedTuple):
    """A row before it is rounded to a dtype; the claim holds in every dtype that it fits."""

    name: str
    row: NDArray[np.float64]
    temperature: float = 1.0
    claim: Claim | None = None


def _normal(length: int, sigma: float = 1.0, mean: float = 0.0) -> NDArray[np.float64]:
    return np.random.default_rng(length).normal(mean, sigma, length)


def _with(row: NDArray[np.float64], index: int | slice | list[int], value: float) -> Any:
    changed = row.copy()
    changed[index] = value
    return changed


def _peaked() -> Iterator[GoldenRow]:
    # The gap that gives the same entropy grows with ln(length).
    for length, gaps in ((SHORT, (57.5, 41.5, 17.0)), (LONG, (63.0, 46.0, 22.0))):
        noise = _normal(length)
        for place, index in (("first", 0), ("middle", length // 2), ("last", length - 1)):
            name = f"peak {place} of {length}"
            tiny, confident, small = (_with(noise, index, gap) for gap in gaps)
            yield GoldenRow(f"{name}, H 1e-20", tiny, claim=("entropy", 1e-21, 1e-19))
            yield GoldenRow(f"{name}, H 1e-3", small, claim=("entropy", 1e-4, 1e-2))
            certain = ("log_prob", -9e-15, -1e-16)
            yield GoldenRow(f"{name}, log_prob -1e-15", confident, claim=certain)
        two = _with(noise, [1, length - 1], gaps[0])
        yield GoldenRow(f"two equal peaks of {length}", two, claim=("entropy", 0.6931, 0.6932))
        sorted_peak = np.sort(_with(noise, 0, gaps[1]))
        yield GoldenRow(f"peak after an ascent of {length}", sorted_peak)


def _offsets() -> Iterator[GoldenRow]:
    for offset in (3e4, -3e4, 1e6, -1e6):
        for length in (SHORT, LONG):
            row = make_row("like a language model", length)
            yield GoldenRow(f"offset {offset:g}, {length}", row + offset)
        yield GoldenRow(f"offset {offset:g}, T 0.1", row[:SHORT] + offset, 0.1)
    huge = 3e38 * np.linspace(-1, 1, SHORT)
    yield GoldenRow("from -3e38 to 3e38", huge)
    yield GoldenRow("from -3e38 to 3e38, T 1e38", huge, 1e38)
    poles = _with(np.full(SHORT, -3e38), [7, 907], 3e38)
    yield GoldenRow("two at 3e38, the rest at -3e38", poles)
    yield GoldenRow("two at -3e38, the rest -inf", _with(np.full(SHORT, -np.inf), [5, 900], -3e38))


def _equal_logits() -> Iterator[GoldenRow]:
    for length in (1, 2, 15, 17, SHORT, LONG):
        claim = ("entropy", np.log(length) * 0.999999, np.log(length) * 1.000001)
        for value in (0.0, -0.0, 3.5, -30000.0):
            yield GoldenRow(f"{length} equal at {value}", np.full(length, value), claim=claim)
    signs = np.where(np.arange(SHORT) % 3 == 0, -0.0, 0.0)
    yield GoldenRow("zeros of both signs", signs, claim=("varentropy", 0.0, 0.0))
    top_twice = _with(_normal(SHORT), [3, BLOCK + 3, 2 * BLOCK + 3], 5.0)
    yield GoldenRow("the maximum three times, one in each block", top_twice)
    yield GoldenRow("the maximum three times, T 10", top_twice, 10.0)
    by_piece = _with(_normal(SHORT), [BLOCK + 3, BLOCK + PIECE, BLOCK + 3 * PIECE + 9], 5.0)
    yield GoldenRow("the maximum three times, one in each of some pieces", by_piece)
    yield GoldenRow("half of all at the maximum", np.tile([1.0, 0.0], SHORT // 2))


def _masks() -> Iterator[GoldenRow]:
    for length in (1, 16, SHORT, LONG):
        for place, index in (("first", 0), ("last", length - 1)):
            row = _with(np.full(length, -np.inf), index, 0.0)
            yield GoldenRow(f"one-hot {place} of {length}", row, claim=("entropy", 0.0, 0.0))
    three = _with(np.full(LONG, -np.inf), [7, CHUNK + 9, LONG - 1], 2.0)
    yield GoldenRow("three equal tokens left", three, claim=("entropy", 1.0986122, 1.0986123))
    yield GoldenRow("a masked first chunk", _with(_normal(LONG), slice(0, CHUNK), -np.inf))
    yield GoldenRow("a masked last chunk", _with(_normal(LONG), slice(2 * CHUNK, None), -np.inf))
    yield GoldenRow("a masked block", _with(_normal(SHORT), slice(BLOCK, 2 * BLOCK), -np.inf))


def _spreads() -> Iterator[GoldenRow]:
    for length in (SHORT, LONG):
        narrow = _normal(length, 0.01)
        yield GoldenRow(f"+4 over sigma 0.01, {length}", _with(narrow, length // 3, 4.0))
        yield GoldenRow(f"-4 under sigma 0.01, {length}", _with(narrow, 0, -4.0))
        yield GoldenRow(f"sigma 1e-3 around 100, {length}", _normal(length, 1e-3, 100.0))
        yield GoldenRow(f"sigma 1e-3 around -10000, {length}", _normal(length, 1e-3, -1e4))
        clusters = narrow + np.where(np.arange(length) % 2 == 0, 8.0, 0.0)
        yield GoldenRow(f"two clusters, {length}", clusters)
        stages = _normal(length) + 10.0 * (np.arange(length) // BLOCK % 2)
        yield GoldenRow(f"clusters by block, {length}", stages)
        stages = _normal(length) + 10.0 * (np.arange(length) // PIECE % 2)
        yield GoldenRow(f"clusters by piece, {length}", stages)
        chasm = _with(_normal(length, 0.1, -60.0), 0, 20.0)
        yield GoldenRow(f"one peak 80 above the rest, {length}", chasm)
        # The first block says nothing about where the mass will lie.
        late = _normal(length, 1e-3)
        late[:BLOCK] = -np.inf
        late[:2] = -30.0
        yield GoldenRow(f"a narrow cluster after two low tokens, {length}", late)
        yield GoldenRow(f"a narrow cluster below one token, {length}", _with(late, 0, 1.0))
        drift = np.linspace(0.0, 3.0, length) + _normal(length, 1e-3)
        yield GoldenRow(f"a slow drift, {length}", drift)
    # The copies of a maximum are put to the rest once there is a larger one.
    for low in (-9.1, -7.1355, -4.18):
        runs = np.repeat([low, 1.438, 1.5259], 2000)
        yield GoldenRow(f"runs of equal logits, each above the last, from {low:g}", runs)
    yield GoldenRow("a climb of 500 binades", np.linspace(-200.0, 200.0, LONG))
    yield GoldenRow("a fall of 500 binades", np.linspace(200.0, -200.0, LONG))
    steps = -87.0 + 100.0 * (np.arange(SHORT) // BLOCK)
    yield GoldenRow("steps of 100 between blocks", steps + _normal(SHORT))
    steps = -87.0 + 25.0 * (np.arange(SHORT) // PIECE)
    yield GoldenRow("steps of 25 between pieces", steps + _normal(SHORT))
    yield GoldenRow("denormals", 1e-40 * _normal(SHORT))
    yield GoldenRow("float16 denormals", 1e-6 * _normal(SHORT))


def _temperatures() -> Iterator[GoldenRow]:
    row = make_row("like a language model", SHORT)
    for temperature in (1e-6, 1e-3, 1e3, 1e6):
        yield GoldenRow(f"T {temperature:g}", row, temperature)
        yield GoldenRow(f"offset 1000, T {temperature:g}", row + 1000.0, temperature)
    near = _with(_normal(SHORT), [10, 700], 1.0 + 2.0**-20)
    near = _with(near, [11, 900], 1.0)
    yield GoldenRow("near ties at T 1e-6", np.minimum(near, 1.0 + 2.0**-20), 1e-6)
    yield GoldenRow("T that no float holds exactly", row, 1 / 3)


def golden_rows() -> list[GoldenRow]:
    families = (_peaked, _offsets, _equal_logits, _masks, _spreads, _temperatures)
    return [case for family in families for case in family()]


def fits(row: NDArray[np.float64], dtype: str) -> bool:
    """Tell whether no finite logit of the row becomes infinite in this dtype."""
    largest = float(ml_dtypes.finfo(DTYPES[dtype]).max)
    return bool(np.abs(row[np.isfinite(row)]).max() <= largest)
