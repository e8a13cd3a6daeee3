"""The memory that one call needs beyond its input, measured in a process of its own.

    python -m benches.memory IMPLEMENTATION STATISTIC DTYPE NBYTES

prints the bytes by which the resident memory, at its highest during the call, exceeded that just
before it. A call on two rows goes first: what an import, a compiler or a thread pool takes once is
not the price of a large input. Linux only: it says through /proc what it gave.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import logitkit

from .machine import cores
from .peers import installed_peers
from .results import OURS
from .workloads import STATISTICS, Logits, Statistic, make_logits

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"
_VOCAB = 128_256


def available() -> bool:
    return _CLEAR_REFS.exists()


def peak_extra_memory(implementation: str, statistic: str, dtype: str, nbytes: int) -> int:
    """What `main` prints, from a fresh interpreter."""
    arguments = (implementation, statistic, dtype, str(nbytes))
    run = subprocess.run(
        [sys.executable, "-m", "benches.memory", *arguments],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
    )
    if run.returncode != 0:
        raise RuntimeError(f"benches.memory {' '.join(arguments)} failed:\n{run.stderr}")
    return int(run.stdout)


def main(implementation: str, statistic_name: str, dtype: str, nbytes: int) -> None:
    statistic = next(each for each in STATISTICS if each.name == statistic_name)
    itemsize = make_logits(2, _VOCAB, dtype).values.itemsize
    logits = make_logits(max(2, nbytes // (_VOCAB * itemsize)), _VOCAB, dtype)
    logits = statistic.rows(logits)
    _bind(implementation, statistic, logits.head(2 * _VOCAB * itemsize))()
    call = _bind(implementation, statistic, logits)
    _CLEAR_REFS.write_text(_RESET_PEAK)
    before = _kibibytes("VmRSS")
    call()
    print((_kibibytes("VmHWM") - before) << 10)


def _bind(implementation: str, statistic: Statistic, logits: Logits) -> Callable[[], object]:
    if implementation == OURS:
        return statistic.bind(logitkit, logits)
    peer = next(peer for peer in installed_peers() if peer.name == implementation)
    return peer.bind(statistic, logits, peer.thread_counts(cores())[-1])


def _kibibytes(field: str) -> int:
    for line in _STATUS.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0])
    raise RuntimeError(f"{_STATUS} has no {field}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
