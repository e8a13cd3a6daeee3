"""The peers: what users would reach for instead, one file each; those installed are measured."""

from .jax import Jax
from .numpy import NumPy, NumPyReference
from .peer import Peer
from .scipy import SciPy
from .torch import TorchCompiled, TorchEager

_PEERS: tuple[Peer, ...] = (
    NumPyReference(),
    NumPy(),
    SciPy(),
    TorchEager(),
    TorchCompiled(),
    Jax(),
)

__all__ = ["Peer", "installed_peers"]


def installed_peers() -> tuple[Peer, ...]:
    return tuple(peer for peer in _PEERS if peer.installed())
