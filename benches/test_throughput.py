"""Each statistic on each array: ours on every instruction set, then the peers, in one run.

Before every timed call the same bytes are read once, as fast as the machine can (`Reader`), so the
share of the read bandwidth compares two things that were measured side by side. What works in place
is given the same logits every time, and compared with scaling them in place. Nothing is asserted of
any time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import logitkit
import numpy as np
import pytest
from logitkit import _native
from pytest_benchmark.fixture import BenchmarkFixture

from .bandwidth import Scaler, row_maximum
from .machine import cores
from .peers import Peer, installed_peers
from .results import OURS, Results, Throughput
from .workloads import (
    DTYPES,
    SIZES,
    STATISTICS,
    Logits,
    Statistic,
    Workload,
    make_logits,
)

# What peers warn of is theirs to mend, and does not touch what is measured.
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(1200)]


@dataclass(frozen=True)
class Case:
    """One measurement: `runner` is an instruction set of ours, or a peer."""

    workload: Workload
    vocab: int
    dtype: str
    statistic: Statistic
    threads: int
    runner: str | Peer

    @property
    def id(self) -> str:
        runner = self.runner if isinstance(self.runner, str) else self.runner.name
        parts = (self.workload.name, self.vocab, self.dtype, self.statistic.name, runner)
        return "-".join(str(part).replace(" ", "_") for part in (*parts, self.threads))


def cases(size: str) -> Iterator[Case]:
    """Every measurement of a size; those that share an array stand together."""
    threads = (1,) if cores() == 1 else (1, cores())
    for workload in SIZES[size]:
        for vocab in workload.vocabs:
            for dtype in DTYPES:
                about = partial(Case, workload, vocab, dtype)
                for statistic in STATISTICS:
                    if not _is_measured(statistic, workload, dtype):
                        continue
                    for name in reversed(_native.instruction_sets()[0]):
                        yield from (about(statistic, count, name) for count in threads)
                    # Peers do not work in place.
                    if vocab == workload.vocabs[-1] and not statistic.in_place:
                        yield from (
                            about(statistic, count, peer)
                            for peer in installed_peers()
                            if statistic.name in peer.statistics and dtype in peer.dtypes
                            for count in peer.thread_counts(cores())
                        )


def _is_measured(statistic: Statistic, workload: Workload, dtype: str) -> bool:
    """One row is no array to be scaled beside it."""
    return statistic.is_for(dtype) and not (statistic.in_place and workload.nbytes is None)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    every = list(cases(metafunc.config.option.size))
    metafunc.parametrize("case", every, ids=[case.id for case in every])


def test_throughput(benchmark: BenchmarkFixture, results: Results, case: Case) -> None:
    workload = case.workload
    logits = make_logits(workload.rows(case.vocab, case.dtype), case.vocab, case.dtype)
    original = case.statistic.rows(logits)
    logits = original.scratch if case.statistic.in_place else original
    if isinstance(case.runner, str):
        implementation, instruction_set, rounds = OURS, case.runner, workload.rounds
        _native.use_instruction_set(case.runner)
        call = case.statistic.bind(logitkit, logits, threads=case.threads)
    else:
        implementation, instruction_set, rounds = case.runner.name, None, workload.peer_rounds
        logits = logits.head(workload.peer_nbytes)
        call = case.runner.bind(case.statistic, logits, case.threads)
    if case.statistic.in_place:
        read, read_with = scaling(original, logits, case.threads)
    else:
        read, read_with = reading(case.statistic.arrays(logits), case.threads)
    read_seconds: list[float] = []
    benchmark.pedantic(
        call, setup=lambda: read_seconds.append(read()), rounds=rounds, warmup_rounds=1
    )
    times = benchmark.stats.stats
    ordered = sorted(read_seconds)
    results.throughput.append(
        Throughput(
            workload=workload.name,
            vocab=case.vocab,
            dtype=case.dtype,
            statistic=case.statistic.name,
            implementation=implementation,
            threads=case.threads,
            instruction_set=instruction_set,
            nbytes=case.statistic.nbytes(logits),
            rounds=rounds,
            seconds_min=times.min,
            seconds_median=times.median,
            read_seconds_min=ordered[0],
            read_seconds_median=ordered[len(ordered) // 2],
            read_with=read_with,
        )
    )


def reading(arrays: tuple[Logits, ...], threads: int) -> tuple[Callable[[], float], str]:
    """What to compare with: the read bandwidth; for one row, `numpy.max` of it as users call it."""
    if len(arrays[0].values) == 1:
        reads = [partial(row_maximum, each.values[0]) for each in arrays]
        return lambda: sum(read() for read in reads), "numpy.max of the row"
    readers = [each.reader(threads) for each in arrays]
    return lambda: sum(reader.seconds() for reader in readers), f"numpy.max as {readers[0].way}"


def scaling(original: Logits, logits: Logits, threads: int) -> tuple[Callable[[], float], str]:
    """What to compare with in place: scaling, after the logits have been put back."""
    scaler = Scaler(logits.values, threads)

    def seconds() -> float:
        np.copyto(logits.values, original.values)
        return scaler.seconds()

    return seconds, Scaler.way
