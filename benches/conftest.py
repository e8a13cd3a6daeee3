"""Options of a run, and what becomes of its results: tables at the end, a record if asked for."""

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest
from logitkit import _native

from .machine import describe, slug
from .report import tables
from .results import Results
from .workloads import SIZES

_RESULTS = pytest.StashKey[Results]()
_RECORDS = Path(__file__).parent / "record"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("logitkit benchmarks")
    group.addoption("--size", choices=SIZES, default="cache", help="what to measure (README.md)")
    group.addoption("--record", action="store_true", help="keep the results in benches/record")


def pytest_configure(config: pytest.Config) -> None:
    # The tables below say the same as pytest-benchmark's own, in GB/s and side by side.
    config.option.benchmark_quiet = True
    today = datetime.date.today().isoformat()
    config.stash[_RESULTS] = Results(today, config.option.size, describe())


@pytest.fixture(scope="session")
def results(pytestconfig: pytest.Config) -> Results:
    return pytestconfig.stash[_RESULTS]


@pytest.fixture(scope="session", autouse=True)
def instruction_set_of_the_machine() -> Iterator[None]:
    yield
    _native.use_instruction_set(None)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    results = config.stash[_RESULTS]
    if not (results.throughput or results.memory):
        return
    terminalreporter.write_line("")
    for line in tables(results):
        terminalreporter.write_line(line)
    if config.option.record:
        path = _RECORDS / slug(results.machine["cpu"]) / f"{results.date}.json"
        results.save(path)
        terminalreporter.write_line(f"kept in {path.relative_to(config.rootpath)}")
