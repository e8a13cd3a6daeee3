"""The other arguments of a statistic, checked and brought to the form the native core takes.

Whether a target lies inside the vocabulary is left to the core, which looks at every target anyway.
"""

import math
import operator
from collections.abc import Iterable
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit._arrays import Rows, as_array, as_rows, packed

_INT64 = np.iinfo(np.int64)

_Result = TypeVar("_Result")

# One temperature for both of two arrays, or one for each as a tuple.
Temperatures: TypeAlias = ArrayLike | tuple[ArrayLike, ArrayLike]


def as_temperature(temperature: ArrayLike, leading: tuple[int, ...]) -> float | NDArray[np.float64]:
    """Check the temperature: one for all rows, or one for each row in C order."""
    if type(temperature) is float and 0.0 < temperature < math.inf:
        return temperature
    array, holds = as_array(temperature, "temperature")
    if array.dtype.kind not in "fiu" or holds is not None:
        raise TypeError(
            f"temperature of dtype {holds or array.dtype}; expected a real number or an array of "
            "float64, float32, float16 or integers"
        )
    array = array.astype(np.float64, copy=False)
    allowed = (array > 0.0) & (array < math.inf)
    if not allowed.all():
        raise ValueError(
            f"{first_offender('temperature', ~allowed)} = {array[~allowed][0]} is not a "
            "temperature: expected a finite number > 0 (in the limit of 0 all probability is on "
            "the largest logit)"
        )
    if not array.ndim:
        return float(array)
    try:
        array = np.broadcast_to(array, leading)
    except ValueError:
        raise ValueError(
            f"temperature of shape {array.shape} does not broadcast to {leading}, the shape of "
            "logits without the vocabulary axis; expected one number, or one for each row"
        ) from None
    return packed(array).reshape(-1)


def as_temperatures(
    temperature: Temperatures, leading: tuple[int, ...]
) -> tuple[float | NDArray[np.float64], float | NDArray[np.float64]]:
    """Check the temperatures of two arrays: one for both, or a tuple of two."""
    if not isinstance(temperature, tuple):
        both = as_temperature(temperature, leading)
        return both, both
    if len(temperature) != 2:
        raise ValueError(
            f"temperature is a tuple of {len(temperature)}; expected one temperature for both "
            "arrays, or a tuple of two: pass one for each row as an array"
        )
    first, second = temperature
    return as_temperature(first, leading), as_temperature(second, leading)


def as_share(share: float, name: str) -> float:
    """Check a number from 0 to 1."""
    try:
        value = float(share)
    except (TypeError, ValueError):
        raise TypeError(f"{name}={share!r} is not a number; expected one from 0 to 1") from None
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name}={value}; expected 0 <= {name} <= 1: a share, from 0 to 1")
    return value


def as_order(order: float, name: str) -> float:
    """Check a number from 0 to infinity."""
    expected = "expected one from 0 to inf"
    try:
        value = float(order)
    except (TypeError, ValueError):
        raise TypeError(f"{name}={order!r} is not a number; {expected}") from None
    if not value >= 0.0:
        raise ValueError(f"{name}={value}; {expected}")
    return value


def as_pair(
    p_logits: ArrayLike, q_logits: ArrayLike, axis: int, dtype: str | None
) -> tuple[Rows, Rows]:
    """View two arrays of one shape as rows along `axis`; `dtype` is of those that need it."""
    arrays = [as_array(p_logits, "p_logits"), as_array(q_logits, "q_logits")]
    (p_array, _), (q_array, _) = arrays
    if p_array.shape != q_array.shape:
        raise ValueError(
            f"p_logits of shape {p_array.shape}, q_logits of shape {q_array.shape}; expected equal "
            "shapes: broadcast the smaller with numpy.broadcast_to, which copies nothing"
        )
    needs = [array.dtype.kind == "u" or array.dtype == np.dtype("V2") for array, _ in arrays]
    if dtype is not None and not any(needs):
        needs = [True, True]
    p, q = (
        as_rows(array, axis, holds or (dtype if need else None))
        for (array, holds), need in zip(arrays, needs, strict=True)
    )
    return p, q


def result_dtype(p: Rows, q: Rows) -> np.dtype[Any]:
    """Return the dtype of real-valued results for two arrays."""
    return np.promote_types(p.result_dtype, q.result_dtype)


def as_scale(base: float | None) -> float:
    """Return what turns nats into the unit that `base` stands for, as a factor."""
    if base is None:
        return 1.0
    try:
        base = float(base)
    except (TypeError, ValueError):
        raise TypeError(
            f"base={base!r} is not a number; expected None for nats, 2 for bits, or any base > 1"
        ) from None
    if not 1.0 < base < math.inf:
        raise ValueError(f"base={base}; expected None for nats, 2 for bits, or any finite base > 1")
    return 1.0 / math.log(base)


def as_targets(targets: ArrayLike, leading: tuple[int, ...]) -> NDArray[np.int64]:
    """Check targets of shape `leading`, or with one more trailing axis for several in each row."""
    array, holds = (targets, None) if type(targets) is np.ndarray else as_array(targets, "targets")
    if array.dtype.kind not in "iu" or holds is not None:
        raise TypeError(
            f"targets of dtype {holds or array.dtype}; expected integers (token ids): convert with "
            "np.asarray(targets, dtype=np.int64)"
        )
    shape = array.shape
    if shape != leading and shape[:-1] != leading:
        raise ValueError(
            f"targets of shape {shape}; expected {leading}, the shape of logits without the "
            f"vocabulary axis, or {_several(leading)} for m targets in each row"
        )
    if array.dtype.kind == "u" and (beyond := array > _INT64.max).any():
        raise ValueError(
            f"{first_offender('targets', beyond)} = {array[beyond][0]} is not a token id: to "
            "skip such targets store them as -1 in a signed dtype and pass ignore_index=-1"
        )
    return packed(array, np.int64)


def as_ignore_index(ignore_index: int | None) -> int | None:
    """Check the target that marks a skipped one; None if there is no such."""
    if ignore_index is None:
        return None
    value = _as_int(ignore_index, "ignore_index", "None, or the target that marks a skipped one")
    if not _INT64.min <= value <= _INT64.max:
        raise ValueError(f"ignore_index={value} does not fit int64; targets cannot equal it")
    return value


def as_count(k: int, rows: Rows | None, name: str) -> int:
    """Check how many tokens of each row are wanted; `rows` are None if not yet known."""
    vocab = None if rows is None else rows.cells.shape[-2]
    up_to = "" if vocab is None else f" <= {vocab}, the length of the vocabulary axis"
    expected = f"1 <= {name}{up_to}"
    value = _as_int(k, name, f"an int, {expected}")
    if value < 1 or (vocab is not None and value > vocab):
        raise ValueError(f"{name}={value}; expected {expected}")
    return value


def as_threads(threads: int | None) -> int | None:
    """Check a number of threads; None for the package's setting."""
    if threads is None:
        return None
    value = _as_int(threads, "threads", "None for the package's setting, or an int >= 1")
    if not 1 <= value <= _INT64.max:
        raise ValueError(
            f"threads={value}; expected None for the package's setting, or an int >= 1"
        )
    return value


def result_shape(rows: Rows, keepdims: bool) -> tuple[int, ...]:
    """Return the shape of a result with one number for each row."""
    if not keepdims:
        return rows.leading
    return (*rows.leading[: rows.axis], 1, *rows.leading[rows.axis :])


def check_out(
    out: NDArray[Any] | None, shape: tuple[int, ...], dtype: np.dtype[Any] | type[np.generic]
) -> None:
    """Refuse an `out` that cannot take the result, before any work is done for it."""
    if out is None:
        return
    expected = f"expected a writeable numpy.ndarray of shape {shape} and dtype {np.dtype(dtype)}"
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise TypeError(f"out is a {type(out).__name__}; {expected}")
    if out.shape != shape:
        raise ValueError(f"out has shape {out.shape}; {expected}")
    if out.dtype != dtype:
        raise TypeError(f"out has dtype {out.dtype}; {expected}")
    if not out.flags.writeable:
        raise ValueError(f"out is read-only; {expected}")


def deliver(result: NDArray[Any], shape: tuple[int, ...], out: NDArray[Any] | None = None) -> Any:
    """Give the result its final shape, in `out` if given; a single number is a NumPy scalar."""
    if out is not None:
        out[...] = result.reshape(shape)
        return out
    if not shape:
        # Reshaped first, nine results of one row would take a microsecond more.
        return result[(0,) * result.ndim]
    return result if result.shape == shape else result.reshape(shape)


def as_numbers(results: Iterable[NDArray[Any] | None]) -> tuple[Any, ...]:
    """Make NumPy scalars of those that are single numbers."""
    return tuple(x[()] if x is not None and not x.ndim else x for x in results)


def filled(kind: type[_Result], **fields: Any) -> _Result:
    """Make one of a frozen dataclass without slots of these fields.

    All at once: one after another, as its own `__init__` has to, nine take a microsecond more.
    """
    result = object.__new__(kind)
    result.__dict__.update(fields)
    return result


def first_offender(name: str, offends: NDArray[np.bool_]) -> str:
    """Name the first element of an argument that offends, as one would index it."""
    index = np.argwhere(offends)[0].tolist()
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def _several(leading: tuple[int, ...]) -> str:
    return f"({''.join(f'{n}, ' for n in leading)}m)"


def _as_int(given: Any, name: str, expected: str) -> int:
    try:
        return operator.index(given)
    except TypeError:
        raise TypeError(f"{name}={given!r} is not an int; expected {expected}") from None
