"""Rows through the native filters, and what these leave to the definition itself."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from logitkit import _native
from logitkit._arrays import Rows
from logitkit._candidates import Candidates
from logitkit._chains import Chain, check_valid
from logitkit._dense import destination


def filtered(rows: Rows, chain: Chain, threads: int | None) -> Candidates:
    """Take every row through the chain."""
    counts, (ids, logits, log_probs), log_mass, largest, undecided = _native.candidates(
        rows.cells,
        rows.element,
        rows.swapped,
        chain.native(rows.leading),
        chain.joint,
        chain.ties_all,
        min_keep(rows, chain),
        threads,
    )
    valid = np.isfinite(largest).reshape(rows.leading)
    if not chain.mark:
        check_valid(valid, largest.reshape(rows.leading))
    log_mass = log_mass.astype(rows.result_dtype)
    kept = Candidates(
        indptr=_ends(counts),
        ids=ids,
        logits=logits,
        log_probs=log_probs,
        log_kept_mass=log_mass.reshape(rows.leading)[()],
        valid=valid[()],
        vocab=rows.cells.shape[-2],
        axis=rows.axis,
    )
    return _completed(kept, rows, chain, undecided) if undecided.size else kept


def _ends(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where rows of so many candidates begin, and where the last one ends."""
    ends = np.zeros(counts.size + 1, np.int64)
    counts.cumsum(out=ends[1:])
    return ends


def filter_rows(
    rows: Rows,
    chain: Chain,
    fill: float,
    out: NDArray[Any] | None,
    stated: str | None,
    threads: int | None,
) -> NDArray[Any]:
    """Write every row, what the chain leaves of it and `fill`, to `out` or to a new array."""
    place = destination(rows, out, stated, "out")
    steps = chain.native(rows.leading)
    largest, undecided = _native.filter_logits(
        place.cells,
        rows.element,
        rows.swapped,
        steps,
        chain.joint,
        chain.ties_all,
        min_keep(rows, chain),
        fill,
        chain.mark,
        place.out,
        place.element,
        threads,
    )
    largest = largest.reshape(rows.leading)
    if not chain.mark:
        check_valid(np.isfinite(largest), largest)
    flat = place.filled.reshape(-1, place.filled.shape[-1])
    for row in undecided.tolist():
        kept = defined(rows, chain, row)
        flat[row] = fill
        flat[row, kept.ids] = kept.logits
    return place.deliver()


def as_fill(fill: float) -> float:
    """Check what is to stand for tokens that are not kept."""
    try:
        return float(fill)
    except (TypeError, ValueError):
        raise TypeError(f"fill={fill!r} is not a number; expected one, such as -inf") from None


def min_keep(rows: Rows, chain: Chain) -> int:
    """Return how many tokens stay at least, which rows cannot have fewer of."""
    return min(chain.min_keep, int(rows.cells.shape[-2]))


def defined(rows: Rows, chain: Chain, row: int, coin: float = 0.0) -> Any:
    """Return what the definition itself leaves of a row.

    Where a decision hangs on the last bits of an exponential, that of NumPy counts.
    """
    # Imported here: few rows ever come to it.
    from logitkit.reference._filtering import run_chain
    from logitkit.reference._softmax import widened

    place = np.unravel_index(row, rows.leading)
    one = rows._replace(cells=rows.cells[place], leading=())
    laid = [
        (step, tuple(parameter[row].item() for parameter in parameters))
        for step, parameters in chain.beside_rows(rows.leading)
    ]
    return run_chain(widened(one), laid, chain, coin)


def _completed(
    kept: Candidates,
    rows: Rows,
    chain: Chain,
    undecided: NDArray[np.int64],
) -> Candidates:
    """Put the rows that are not decided where they belong, as the definition decides them."""
    left = {row: defined(rows, chain, row) for row in undecided.tolist()}
    counts = np.diff(kept.indptr)
    log_mass = np.atleast_1d(np.array(kept.log_kept_mass))
    for row, own in left.items():
        counts[row] = own.ids.size
        log_mass.reshape(-1)[row] = own.log_kept_mass
    places = kept.indptr[undecided]

    def spliced(column: NDArray[Any], name: str) -> NDArray[Any]:
        own = [getattr(each, name) for each in left.values()]
        at = np.repeat(places, [each.size for each in own])
        return np.insert(column, at, np.concatenate(own).astype(column.dtype))

    return Candidates(
        indptr=_ends(counts),
        ids=spliced(kept.ids, "ids"),
        logits=spliced(kept.logits, "logits"),
        log_probs=spliced(kept.log_probs, "log_probs"),
        log_kept_mass=log_mass.reshape(rows.leading)[()],
        valid=kept.valid,
        vocab=kept.vocab,
        axis=kept.axis,
    )
