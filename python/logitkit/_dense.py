"""Where results go that have a value for every logit."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from logitkit._arguments import result_dtype
from logitkit._arrays import Element, Rows, element_of

_Bytes: TypeAlias = NDArray[np.uint8]


class Destination(NamedTuple):
    """An array for the native core to fill.

    Attributes
    ----------
    cells
        The bytes of the logits; None if they are those of `out`, to be written over.
    out
        The bytes to fill, C-contiguous, of shape ``leading + (vocab, itemsize)``.
    element
        What the bytes of one result are.
    filled
        The same memory as results, the vocabulary last.
    given
        What the caller wants them in, the vocabulary last; None if that is `filled`.
    result
        What to return once they are there.
    """

    cells: _Bytes | None
    out: _Bytes
    element: Element
    filled: NDArray[Any]
    given: NDArray[Any] | None
    result: NDArray[Any]

    def deliver(self) -> NDArray[Any]:
        """Return the results, where the caller wants them."""
        if self.given is not None:
            self.given[...] = self.filled
        return self.result


def destination(
    rows: Rows,
    out: NDArray[Any] | None,
    stated: str | None,
    name: str,
    *,
    other: Rows | None = None,
) -> Destination:
    """Check `out`, or make a new array of the results' dtype.

    An `out` that is not C-contiguous with the vocabulary last, or that overlaps the logits
    without being them, is filled from a temporary array of its size; one that overlaps `other`
    rows, which are read too, always.
    """
    vocab = rows.cells.shape[-2]
    shape = (*rows.leading, vocab)
    dtype = rows.result_dtype if other is None else result_dtype(rows, other)
    if out is None:
        filled = np.empty(shape, dtype)
        element: Element = "float64" if dtype == np.float64 else "float32"
        result = np.moveaxis(filled, -1, rows.axis)
        return Destination(rows.cells, _bytes(filled), element, filled, None, result)
    element = _check(rows, dtype, out, stated, name)
    last = np.moveaxis(out, rows.axis, -1)
    apart = other is None or not np.may_share_memory(out, other.cells)
    if last.flags.c_contiguous and apart:
        own = _bytes(last)
        if _is_same(own, rows.cells) and element == rows.element and not rows.swapped:
            return Destination(None, own, element, last, None, out)
        if not np.may_share_memory(own, rows.cells):
            return Destination(rows.cells, own, element, last, None, out)
    filled = np.empty(shape, out.dtype)
    return Destination(rows.cells, _bytes(filled), element, filled, last, out)


def _check(
    rows: Rows, dtype: np.dtype[Any], out: NDArray[Any], stated: str | None, name: str
) -> Element:
    vocab = rows.cells.shape[-2]
    shape = (*rows.leading[: rows.axis], vocab, *rows.leading[rows.axis :])
    allowed = sorted({dtype.name} if dtype == np.float64 else {rows.element, dtype.name})
    expected = (
        f"expected a writeable numpy.ndarray of shape {shape} and dtype {' or '.join(allowed)}"
    )
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise TypeError(f"{name} is a {type(out).__name__}; {expected}")
    if out.shape != shape:
        raise ValueError(f"{name} has shape {out.shape}; {expected}")
    bits = stated == "bfloat16" and out.dtype.kind in "uV" and out.dtype.itemsize == 2
    try:
        element, swapped = element_of(out.dtype, "bfloat16" if bits else None)
    except TypeError:
        element, swapped = rows.element, True
    if swapped or element not in allowed:
        raise TypeError(f"{name} has dtype {out.dtype}; {expected} in native byte order")
    if not out.flags.writeable:
        raise ValueError(f"{name} is read-only; {expected}")
    return element


def _bytes(array: NDArray[Any]) -> _Bytes:
    return array[..., None].view(np.uint8)


def _is_same(a: _Bytes, b: _Bytes) -> bool:
    where = (a.__array_interface__["data"][0], a.shape, a.strides)
    return where == (b.__array_interface__["data"][0], b.shape, b.strides)
