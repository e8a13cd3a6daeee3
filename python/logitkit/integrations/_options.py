"""Options of filters that are kept for later: errors in them are to come at once."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from logitkit._arguments import as_threads
from logitkit._chains import ORDERS, as_chain
from logitkit._filtering import as_fill
from logitkit.steps import Step

_FILTERS: Final = frozenset({name for order in ORDERS.values() for name in order})
_CHAIN: Final = frozenset({"order", "joint", "ties", "min_keep", "on_invalid"})
_OTHERS: Final = frozenset({"fill", "threads"})


def check_options(steps: Sequence[Step] | None, options: Mapping[str, Any]) -> None:
    """Check keywords of `logitkit.filter_logits`, but for how they fit the scores."""
    known = _FILTERS | _CHAIN | _OTHERS
    if unknown := sorted(set(options) - known):
        raise TypeError(f"{unknown[0]} is no option; expected {', '.join(sorted(known))}")
    chain = {name: value for name, value in options.items() if name in _CHAIN}
    as_chain(steps, {k: v for k, v in options.items() if k in _FILTERS}, **chain)
    as_fill(options.get("fill", 0.0))
    as_threads(options.get("threads"))
