"""What every peer has to say of itself."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib.util import find_spec
from typing import ClassVar

from ..workloads import Logits, Statistic


class Peer(ABC):
    """A package, and how its users write our statistics with it."""

    name: ClassVar[str]
    package: ClassVar[str]
    statistics: ClassVar[frozenset[str]]
    dtypes: ClassVar[tuple[str, ...]]

    def installed(self) -> bool:
        return find_spec(self.package) is not None

    def thread_counts(self, cores: int) -> tuple[int, ...]:
        """The numbers of threads it can be told to use; by default it has one and no say."""
        return (1,)

    @abstractmethod
    def bind(self, statistic: Statistic, logits: Logits, threads: int) -> Callable[[], object]:
        """A call ready to be timed: converted, compiled and run once."""
