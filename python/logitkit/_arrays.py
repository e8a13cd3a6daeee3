"""Any array-like to rows of logits, without a copy: the one list of what is accepted.

NumPy arrays pass as they are, whatever their strides, alignment, byte order or write permission,
because the native core takes bytes and strides rather than floats. Everything else is first made
an array that shares its memory. Nothing is imported for that: a bfloat16 array is known by the
name of its dtype, and a PyTorch tensor only comes from a process that has imported PyTorch.
"""

import sys
from functools import cache
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from numpy.typing import ArrayLike, NDArray

Element: TypeAlias = Literal["float32", "float16", "bfloat16", "float64"]

# By dtype.char, which is the same in either byte order and tells longdouble apart where it is
# 64 bits wide.
_FLOATS: dict[str, Element] = {"e": "float16", "f": "float32", "d": "float64"}

# The device types of DLPack that a CPU can read: CPU, CUDA pinned, ROCm pinned, CUDA managed.
_HOST_DEVICES = frozenset({1, 3, 11, 13})

_BYTE = np.dtype(np.uint8)


class Rows(NamedTuple):
    """Logits as the native core takes them: a view of the caller's memory.

    Attributes
    ----------
    cells
        The bytes of the array, uint8 of shape ``leading + (vocab, itemsize)``, any strides.
    element
        What the bytes of one logit are.
    swapped
        Whether they are in the other byte order than this machine's.
    leading
        The shape of the logits without the vocabulary axis.
    axis
        Where the vocabulary axis was, not negative.
    """

    cells: NDArray[np.uint8]
    element: Element
    swapped: bool
    leading: tuple[int, ...]
    axis: int

    @property
    def result_dtype(self) -> np.dtype[Any]:
        """The dtype of real-valued results for these logits."""
        return np.dtype(np.float64 if self.element == "float64" else np.float32)


def as_rows(logits: ArrayLike, axis: int = -1, dtype: str | None = None) -> Rows:
    """View logits as rows along `axis`; `dtype` says "bfloat16" where the array itself cannot."""
    if type(logits) is np.ndarray:
        array = logits
    else:
        array, holds = as_array(logits, "logits")
        if holds is not None and dtype is None:
            dtype = holds
    element, swapped = element_of(array.dtype, dtype)
    shape = array.shape
    if not shape:
        raise ValueError(
            "logits have no axes (one number was given); expected shape (..., vocab), "
            "(vocab,) for a single row"
        )
    last = len(shape) - 1
    if axis != -1 or type(axis) is not int:
        axis = _normalized_axis(axis, len(shape))
        if axis != last:
            array = np.moveaxis(array, axis, -1)
            shape = array.shape
    else:
        axis = last
    if not shape[-1]:
        raise ValueError(
            f"the vocabulary axis of logits is empty (axis {axis} of {_given_shape(shape, axis)}); "
            "expected at least one token: check `axis`"
        )
    # A new last axis of length one may be viewed as bytes whatever the strides of the others.
    return Rows(array[..., None].view(_BYTE), element, swapped, shape[:-1], axis)


def as_array(given: Any, name: str) -> tuple[NDArray[Any], Literal["bfloat16"] | None]:
    """Make `given` an array that shares its memory; say what a uint16 array stands for.

    An object that is no array yet, such as a list, is converted as `numpy.asarray` converts it.
    `name` is the argument, for messages.
    """
    if isinstance(given, np.ma.MaskedArray):
        raise TypeError(
            f"{name}: masked arrays are not supported; expected an ordinary array: pass "
            ".filled(...), with -inf for logits of tokens to leave out, or .data without the mask"
        )
    if isinstance(given, np.ndarray):
        return np.asarray(given), None
    # Where PyTorch is not imported nothing is a tensor; where it is being imported, not yet.
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(given, getattr(torch, "Tensor", ())):
        return _from_torch(given, torch, name)
    if hasattr(given, "__dlpack_device__"):
        _check_host_memory(given, name)
        if not hasattr(given, "__array__"):
            return np.from_dlpack(given), None
    return np.asarray(given), None


@cache
def element_of(dtype: np.dtype[Any], stated: str | None) -> tuple[Element, bool]:
    """Tell what an array of `dtype` holds, and whether its bytes are swapped."""
    if stated is not None and stated != "bfloat16":
        raise ValueError(
            f"dtype={stated!r} is not known; expected None (what the array says) or "
            '"bfloat16" (for bits held as uint16 or as two-byte void)'
        )
    swapped = not dtype.isnative
    if dtype.name == "bfloat16":
        return "bfloat16", swapped
    is_two_bytes = dtype == np.dtype("V2") or (dtype.kind == "u" and dtype.itemsize == 2)
    if stated is not None:
        if is_two_bytes:
            return "bfloat16", swapped
        raise TypeError(
            f'dtype="bfloat16" was given with logits of dtype {dtype}; expected uint16 bits, '
            "two-byte void or a bfloat16 array: leave `dtype` out"
        )
    if dtype.kind == "f" and dtype.char in _FLOATS:
        return _FLOATS[dtype.char], swapped
    expected = "expected float32, float16, bfloat16 or float64"
    if is_two_bytes:
        raise TypeError(
            f"logits of dtype {dtype}; {expected}: if these are the bits of bfloat16 numbers pass "
            'dtype="bfloat16", otherwise convert with .astype(np.float32)'
        )
    if dtype.kind == "c":
        raise TypeError(f"logits of dtype {dtype}; {expected}: logits are real, pass .real")
    if dtype.kind == "f":
        raise TypeError(f"logits of dtype {dtype}; {expected}: convert with .astype(np.float64)")
    raise TypeError(
        f"logits of dtype {dtype}; {expected}: convert with np.asarray(logits, dtype=np.float32)"
    )


def packed(
    array: NDArray[Any], dtype: type[np.generic] | np.dtype[Any] | None = None
) -> NDArray[Any]:
    """Return `array`, or a copy, as the core takes what is no logits: in C order and aligned."""
    result = np.asarray(array, dtype, order="C")
    return result if result.flags.aligned else result.copy()


def number_type(dtype: np.dtype[Any]) -> str:
    """Name a dtype of real numbers: one name for each width on every platform."""
    kind = {"f": "float", "i": "int", "u": "uint"}[dtype.kind]
    return f"{kind}{8 * dtype.itemsize}"


def widened(cells: NDArray[np.uint8], element: str, swapped: bool) -> NDArray[np.float64]:
    """Return in float64 the numbers whose bytes these are."""
    order: Literal["S", "="] = "S" if swapped else "="
    if element == "bfloat16":
        bits = cells.view(np.dtype(np.uint16).newbyteorder(order))[..., 0]
        return (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return cells.view(np.dtype(element).newbyteorder(order))[..., 0].astype(np.float64)


def _normalized_axis(axis: Any, ndim: int) -> int:
    try:
        return normalize_axis_index(axis, ndim)
    except TypeError:
        raise TypeError(
            f"axis={axis!r} is not an int; expected the one axis that holds the vocabulary"
        ) from None


def _given_shape(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """Return the shape as the caller knows it, from the one with `axis` moved to the end."""
    return (*shape[:axis], shape[-1], *shape[axis:-1])


def _from_torch(
    tensor: Any, torch: Any, name: str
) -> tuple[NDArray[Any], Literal["bfloat16"] | None]:
    if tensor.device.type != "cpu":
        raise TypeError(
            f"{name}: the tensor is on device {tensor.device}; expected one in main memory: "
            "pass .cpu()"
        )
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        # Tensor.numpy() refuses bfloat16; int16, unlike uint16, is in every release of PyTorch.
        return tensor.view(torch.int16).numpy().view(np.uint16), "bfloat16"
    return tensor.numpy(), None


def _check_host_memory(given: Any, name: str) -> None:
    kind = type(given).__name__
    try:
        device, _ = given.__dlpack_device__()
    except BufferError as error:
        raise TypeError(
            f"{name}: the {kind} cannot be read in place ({error}); expected an array in main "
            "memory: pass np.asarray(...) of it to copy it there"
        ) from error
    if int(device) not in _HOST_DEVICES:
        raise TypeError(
            f"{name}: the {kind} is on a device of DLPack type {int(device)}; expected an array in "
            "main memory: copy it to the CPU first"
        )
