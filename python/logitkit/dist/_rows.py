"""Any array-like to rows of weights or numbers: the one list of what is accepted.

The native core takes rows of weights as they are, whatever their dtype and layout; what NumPy
computes it computes on blocks of float64, checked.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from numpy.typing import ArrayLike, NDArray

from logitkit._arguments import as_threads, deliver, first_offender
from logitkit._arrays import as_array, number_type

Real: TypeAlias = NDArray[np.float64]
Kind: TypeAlias = Literal["weight", "count", "number"]

# Numbers in a block, unless one row has more: a quarter of a megabyte, so that a block and what is
# computed from it stay in cache.
_BLOCK = 1 << 15

_EXPECTED: dict[Kind, str] = {
    "weight": "is not a probability or weight: expected finite numbers >= 0 (for logits there are "
    "logitkit.entropy and its kin)",
    "count": "is not a count: expected whole numbers >= 0 (for weights there is "
    "logitkit.dist.entropy)",
    "number": "is not finite: expected finite numbers",
}


@dataclass(frozen=True)
class Rows:
    """One argument as rows: a view of the caller's memory.

    Attributes
    ----------
    name
        The argument, for messages.
    kind
        What its numbers are, and so which of them are allowed.
    given
        The array as the caller knows it.
    axes
        The axes of a row, counted from the end; they are the last of `view`, in this order.
    shape
        The shape of all arguments together, which `view` is broadcast to.
    view
        Of shape ``leading + (length of each axis of a row)``.
    """

    name: str
    kind: Kind
    given: NDArray[Any]
    axes: tuple[int, ...]
    shape: tuple[int, ...]
    view: NDArray[Any]

    @property
    def leading(self) -> tuple[int, ...]:
        """The shape without the axes of a row."""
        return self.view.shape[: -len(self.axes)]

    def result_shape(self, keepdims: bool) -> tuple[int, ...]:
        """Return the shape of a result with one number for each row."""
        if not keepdims:
            return self.leading
        return tuple(
            1 if axis - len(self.shape) in self.axes else length
            for axis, length in enumerate(self.shape)
        )

    def cells(self) -> tuple[NDArray[np.uint8], Any, bool]:
        """Return the rows as the native core takes them: bytes, their dtype, whether swapped."""
        dtype = self.view.dtype
        return self.view[..., None].view(np.uint8), number_type(dtype), not dtype.isnative

    def blocks(self) -> Iterator[tuple[int | slice, ...]]:
        """Cut the leading axes into blocks of rows: yield an index of `view` for each."""
        leading = self.leading
        if not math.prod(leading):
            return
        rows = max(1, _BLOCK // math.prod(self.view.shape[len(leading) :]))
        # The axes from `whole` on fit a block together; the one before them is cut.
        whole, inner = len(leading), 1
        while whole and inner * leading[whole - 1] <= rows:
            whole -= 1
            inner *= leading[whole]
        if not whole:
            yield ()
            return
        step = rows // inner
        for outer in np.ndindex(*leading[: whole - 1]):
            for start in range(0, leading[whole - 1], step):
                yield (*outer, slice(start, start + step))

    def block(self, index: tuple[int | slice, ...] = ()) -> Real:
        """Check a block of rows and return a copy; the largest weight of a row is 0.5 to 1.

        Scaling weights by a power of two is exact, and keeps sums and products from overflow.
        """
        block: Real = np.array(self.view[index], np.float64, order="C")
        if not _allowed(self.kind, block).all():
            raise self._offender()
        if self.kind == "number":
            return block
        events = tuple(range(-len(self.axes), 0))
        largest = block.max(axis=events, keepdims=True)
        if not largest.all():
            raise self._row_of_zeros()
        if self.kind == "weight":
            np.ldexp(block, -np.frexp(largest)[1], out=block)
        return block

    def error(self) -> ValueError | None:
        """Say what is wrong with the first row that has no distribution, if there is one."""
        if not _allowed(self.kind, self.given).all():
            return self._offender()
        if not self.given.any(axis=self.axes).all():
            return self._row_of_zeros()
        return None

    def _offender(self) -> ValueError:
        offends = ~_allowed(self.kind, self.given)
        return ValueError(
            f"{first_offender(self.name, offends)} = {self.given[offends][0]} "
            f"{_EXPECTED[self.kind]}"
        )

    def _row_of_zeros(self) -> ValueError:
        zeros = ~self.given.any(axis=self.axes, keepdims=True)
        place: list[Any] = np.argwhere(zeros)[0].tolist()
        for axis in self.axes:
            place[axis] = ":"
        return ValueError(
            f"{self.name}[{', '.join(map(str, place))}] sums to 0 and has no distribution: "
            f"expected at least one {self.kind} > 0 in each row; leave such rows out"
        )


def as_rows(kind: Kind, axis: int | tuple[int, ...], /, **arguments: ArrayLike) -> list[Rows]:
    """View arguments, by name, as rows along `axis`, broadcast together."""
    arrays = {name: _as_real(given, name) for name, given in arguments.items()}
    names = " and ".join(arrays)
    shapes = " and ".join(str(array.shape) for array in arrays.values())
    try:
        shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError:
        raise ValueError(
            f"{names} of shapes {shapes} do not broadcast; expected one shape, or one row for all"
        ) from None
    if not shape:
        raise ValueError(
            f"{names}: one number was given; expected an array with a row of {kind}s along `axis`"
        )
    axes = tuple(each - len(shape) for each in _normalized_axes(axis, len(shape)))
    if not all(shape[each] for each in axes):
        raise ValueError(f"{names}: a row is empty (axis {axis} of shape {shape}): check `axis`")
    result = []
    for name, array in arrays.items():
        lengths = [array.shape[each] if each >= -array.ndim else 1 for each in axes]
        # A weight that stood for a whole row would be a distribution that nobody has given.
        if kind != "number" and lengths != [shape[each] for each in axes]:
            raise ValueError(
                f"{names} have rows of different lengths (shapes {shapes}); expected as many "
                f"{kind}s in a row of each: check `axis`"
            )
        view = np.moveaxis(np.broadcast_to(array, shape), axes, range(-len(axes), 0))
        result.append(Rows(name, kind, array, axes, shape, view))
    return result


def per_row(
    statistic: Callable[..., Real], rows: list[Rows], keepdims: bool, scale: float = 1.0
) -> Any:
    """Compute a statistic of each row from blocks of the arguments, and bring it to its unit."""
    first = rows[0]
    result = np.empty(first.leading)
    # Zeros give infinities and NaN on the way, which the statistics replace.
    with np.errstate(all="ignore"):
        for index in first.blocks():
            result[index] = statistic(*(each.block(index) for each in rows))
        result *= scale
    return deliver(result, first.result_shape(keepdims))


def per_row_natively(
    statistic: Callable[..., Real | None],
    rows: list[Rows],
    keepdims: bool,
    scale: float,
    threads: int | None,
) -> Any:
    """Compute a statistic of each row in the native core, which takes all rows at once."""
    threads = as_threads(threads)
    arguments = [part for each in rows for part in each.cells()]
    result = statistic(*arguments, scale, threads)
    if result is None:
        # The core has seen that a row has no distribution; which one, and why, takes a look here.
        errors = (each.error() for each in rows)
        raise next(filter(None, errors), ValueError("the weights were changed during the call"))
    return deliver(result, rows[0].result_shape(keepdims))


def per_element(statistic: Callable[..., Real], rows: list[Rows], scale: float) -> Any:
    """Compute a number for each number of the arguments, and bring it to its unit."""
    first = rows[0]
    result = np.empty(first.shape)
    moved = np.moveaxis(result, first.axes, range(-len(first.axes), 0))
    with np.errstate(all="ignore"):
        for index in first.blocks():
            moved[index] = statistic(*(each.block(index) for each in rows))
        result *= scale
    return result


def row_sums(x: Real) -> Real:
    """Sum each row."""
    result: Real = x.sum(axis=-1)
    return result


def as_numbers_of_outcomes(given: ArrayLike, name: str) -> NDArray[Any]:
    """Check how many outcomes there are: integers of at least 1."""
    array, holds = as_array(given, name)
    if array.dtype.kind not in "iu" or holds is not None:
        raise TypeError(f"{name} of dtype {holds or array.dtype}; expected integers >= 1")
    if (offends := array < 1).any():
        raise ValueError(
            f"{first_offender(name, offends)} = {array[offends][0]} is not a number of outcomes: "
            "expected integers >= 1"
        )
    return array


def _as_real(given: ArrayLike, name: str) -> NDArray[Any]:
    array, holds = as_array(given, name)
    if holds is not None or not (array.dtype.kind in "iu" or array.dtype.char in "efd"):
        raise TypeError(
            f"{name} of dtype {holds or array.dtype}; expected float64, float32, float16 or "
            "integers: convert to float64 first"
        )
    return array


def _allowed(kind: Kind, array: NDArray[Any]) -> NDArray[np.bool_]:
    allowed: NDArray[np.bool_] = np.isfinite(array)
    if kind != "number":
        allowed &= array >= 0
    if kind == "count":
        allowed &= array == np.floor(array)
    return allowed


def _normalized_axes(axis: Any, ndim: int) -> list[int]:
    try:
        axes = [
            normalize_axis_index(each, ndim)
            for each in (axis if isinstance(axis, tuple) else (axis,))
        ]
    except TypeError:
        raise TypeError(f"axis={axis!r} is not an int; expected the axis of a row") from None
    if len(set(axes)) != len(axes) or not axes:
        raise ValueError(f"axis={axis}; expected different axes, at least one")
    return axes
