"""Arrays that go together number by number, laid out for the native core."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._arrays import as_array, element_of, number_type, widened

# Rows shorter than this cost more than copies of what is to be the same in all of them.
_SHORT = 256


class Numbers(NamedTuple):
    """An array, what its items are, and whether their bytes are in the other order."""

    array: NDArray[Any]
    element: str
    swapped: bool

    def cells(self, view: NDArray[Any]) -> tuple[NDArray[np.uint8], str, bool]:
        """Return a view of the array as the native core takes it."""
        return view[..., None].view(np.uint8), self.element, self.swapped

    def widened(self) -> NDArray[np.float64]:
        """Return the numbers as float64."""
        return widened(*self.cells(self.array))


def as_logits(logits: ArrayLike, dtype: str | None) -> Numbers:
    """Check logits that are each on their own."""
    array, holds = as_array(logits, "logits")
    return Numbers(array, *element_of(array.dtype, dtype if holds is None else holds))


def as_numbers(given: ArrayLike, name: str) -> Numbers:
    """Check an array of real numbers."""
    array, holds = as_array(given, name)
    if holds is not None or array.dtype.name == "bfloat16":
        return Numbers(array, "bfloat16", not array.dtype.isnative)
    if array.dtype.kind not in "fiu":
        raise TypeError(
            f"{name} of dtype {array.dtype}; expected real numbers: convert with "
            "np.asarray(..., dtype=np.float64)"
        )
    if array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    return Numbers(array, number_type(array.dtype), not array.dtype.isnative)


class Layout(NamedTuple):
    """Arrays as rows of one shape, and the way back to the shape that they broadcast to."""

    views: list[NDArray[Any]]
    shape: tuple[int, ...]
    order: list[int]

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return math.prod(self.shape)

    def restore(self, flat: NDArray[Any]) -> Any:
        """Give results, in the order of the rows, their shape."""
        ordered = flat.reshape([self.shape[axis] for axis in self.order])
        back = ordered.transpose(np.argsort(self.order)) if self.order else ordered
        return back[()]


def laid_out(arrays: dict[str, NDArray[Any]]) -> Layout:
    """Broadcast arrays to each other; the first says in which order their axes are gone through."""
    try:
        shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(
            f"shapes that do not broadcast: {shapes}; expected equal shapes, or lengths of 1 "
            "where they differ"
        ) from None
    views = [np.broadcast_to(array, shape) for array in arrays.values()]
    # As NumPy does: the axis with the shortest steps is the last.
    order = sorted(range(len(shape)), key=lambda axis: -abs(views[0].strides[axis]))
    views = [view.transpose(order) for view in views]
    if not all(_is_flat(view) for view in views) and views[0].shape[-1] < _SHORT:
        views = [view if _is_flat(view) else np.ascontiguousarray(view) for view in views]
    if all(_is_flat(view) for view in views):
        views = [_flattened(view) for view in views]
    return Layout(views, shape, order)


def _is_flat(view: NDArray[Any]) -> bool:
    """Whether all items lie together, or are the same one."""
    return bool(view.flags.c_contiguous) or not any(view.strides)


def _flattened(view: NDArray[Any]) -> NDArray[Any]:
    if view.flags.c_contiguous:
        return view.reshape(-1)
    return np.broadcast_to(view[(0,) * view.ndim], (view.size,))
