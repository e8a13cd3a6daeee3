"""What was measured, and the JSON file that keeps it."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

OURS = "logitkit"


@dataclass(frozen=True)
class Throughput:
    """One implementation of one statistic on one array.

    Seconds are of a call, `read_*` of the readings of the same bytes made between the calls; of
    scaling them in place beside calls that work in place.
    """

    workload: str
    vocab: int
    dtype: str
    statistic: str
    implementation: str
    threads: int
    instruction_set: str | None
    nbytes: int
    rounds: int
    seconds_min: float
    seconds_median: float
    read_seconds_min: float
    read_seconds_median: float
    read_with: str

    @property
    def rate(self) -> float:
        """GB/s, from the best round."""
        return self.nbytes / self.seconds_min / 1e9

    @property
    def read_rate(self) -> float:
        return self.nbytes / self.read_seconds_min / 1e9

    @property
    def share(self) -> float:
        """Of the read bandwidth, both at their best."""
        return self.read_seconds_min / self.seconds_min


@dataclass(frozen=True)
class PeakMemory:
    """Bytes that a call needed at its peak beyond its input of `nbytes`."""

    implementation: str
    statistic: str
    dtype: str
    nbytes: int
    extra: int


@dataclass
class Results:
    """A whole run."""

    date: str
    size: str
    machine: dict[str, Any]
    throughput: list[Throughput] = field(default_factory=list)
    memory: list[PeakMemory] = field(default_factory=list)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Results":
        fields = json.loads(path.read_text())
        fields["throughput"] = [Throughput(**entry) for entry in fields["throughput"]]
        fields["memory"] = [PeakMemory(**entry) for entry in fields["memory"]]
        return cls(**fields)
