"""The worst error of every statistic, kept over the session and printed at its end."""

import pytest

from .accuracy import Accuracy

_ACCURACY = pytest.StashKey[Accuracy]()


@pytest.fixture(scope="session")
def accuracy(pytestconfig: pytest.Config) -> Accuracy:
    return pytestconfig.stash.setdefault(_ACCURACY, Accuracy())


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    seen = config.stash.get(_ACCURACY, None)
    if seen is not None and seen.worst:
        terminalreporter.section("worst error against the exact value (relative)")
        for line in seen.table():
            terminalreporter.write_line(line)
