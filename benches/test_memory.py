"""The peak extra memory of every statistic, and of the peers' entropy."""

import pytest

from .memory import available, peak_extra_memory
from .peers import installed_peers
from .results import OURS, PeakMemory, Results
from .workloads import MEMORY_NBYTES, STATISTICS

_CALLS = [(OURS, statistic.name) for statistic in STATISTICS]
_CALLS += [(peer.name, "entropy") for peer in installed_peers()]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("implementation", "statistic"), _CALLS)
def test_memory(
    pytestconfig: pytest.Config, results: Results, implementation: str, statistic: str
) -> None:
    if not available():
        pytest.skip("peak memory is read from /proc, which this system does not have")
    nbytes = MEMORY_NBYTES[pytestconfig.option.size]
    extra = peak_extra_memory(implementation, statistic, "float32", nbytes)
    results.memory.append(PeakMemory(implementation, statistic, "float32", nbytes, extra))
