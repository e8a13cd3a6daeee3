"""One array inside a file: where it lies and what its bytes are."""

import math
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from logitkit.io.errors import DataError, listed
from logitkit.io.random_access import RandomAccessFile

LOGIT_ELEMENTS: Final = ("float64", "float32", "float16", "bfloat16")
"""The element types that logits may have."""

_ITEM_SIZE: Final = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True)
class Tensor:
    """One array inside a file.

    Attributes
    ----------
    name : str or None
        Its name; None in a file that holds one array without a name.
    element : str
        The element type, by the name NumPy or ml_dtypes gives it.
    shape : tuple of int
        The shape.
    offset : int
        Where it begins, in bytes from the start of the file.
    dtype : numpy.dtype or None
        How NumPy sees an element, byte order included: uint16 for bfloat16, None for what NumPy
        knows nothing about.
    nbytes : int
        Its size.
    fortran_order : bool
        Whether the first index varies fastest instead of the last.
    """

    name: str | None
    element: str
    shape: tuple[int, ...]
    offset: int
    dtype: np.dtype[Any] | None
    nbytes: int
    fortran_order: bool = False

    @property
    def row_bytes(self) -> int:
        """How large a buffer has to be for each row that is read."""
        return self.shape[-1] * self.dtype.itemsize if self.dtype is not None else 0

    @property
    def stored_row_bytes(self) -> int:
        """How far rows are apart in the file."""
        return self.row_bytes

    @property
    def saturates(self) -> bool:
        """Whether the least number of a row stands for whatever is below it."""
        return False

    @property
    def sequential(self) -> bool:
        """Whether rows are best read in order and by one thread: they have to be decoded."""
        return False

    @property
    def as_stored(self) -> bool:
        """Whether rows lie in the file one after the other, as they are."""
        return not self.fortran_order

    def row_offset(self, row: int) -> int:
        """Return where a row begins, in bytes from the start of the file."""
        return self.offset + row * self.stored_row_bytes

    @property
    def is_float(self) -> bool:
        """Whether logits may be stored like this."""
        return self.element in LOGIT_ELEMENTS

    def __str__(self) -> str:
        name = "the array" if self.name is None else f"tensor {self.name!r}"
        return f"{name} ({self.element}, shape {list(self.shape)})"

    def reinterpret(self, element: str | None) -> "Tensor":
        """Return the same bytes under another element type.

        Parameters
        ----------
        element : {"float64", "float32", "float16", "bfloat16"}, optional
            What the bytes are; None for what the file says. It may differ from the file only
            where the file holds raw bits: integers or voids of the same width, as programs write
            them that have no bfloat16.

        Returns
        -------
        Tensor
            With that element type.

        Raises
        ------
        ValueError
            If `element` is none of these four.
        DataError
            If the file says otherwise.
        """
        if element is None or element == self.element:
            return self
        if element not in LOGIT_ELEMENTS:
            raise ValueError(f"dtype must be one of {listed(LOGIT_ELEMENTS)}, got {element!r}")
        raw = self.dtype is not None and self.dtype.kind in "uiV" and self.dtype.names is None
        if not raw or self.dtype is None or self.dtype.itemsize != _ITEM_SIZE[element]:
            raise DataError(
                f"{self} does not hold {element}; only integers or voids of "
                f"{8 * _ITEM_SIZE[element]} bits can be read as such"
            )
        stored = np.dtype(np.uint16 if element == "bfloat16" else element)
        return replace(self, element=element, dtype=stored.newbyteorder(self.dtype.byteorder))

    def read(self, file: RandomAccessFile) -> NDArray[Any]:
        """Return the array, whole."""
        assert self.dtype is not None
        buffer = np.empty(self.nbytes, np.uint8)
        file.read_into(buffer, self.offset)
        return buffer.view(self.dtype).reshape(self.shape, order="F" if self.fortran_order else "C")

    def read_rows(
        self, file: RandomAccessFile, start: int, stop: int, buffer: NDArray[np.uint8]
    ) -> NDArray[Any]:
        """Return the rows from `start` to `stop` as a view of `buffer`.

        A row is the last axis; rows count through all other axes, the last of them fastest.

        Parameters
        ----------
        file : RandomAccessFile
            The file, open.
        start, stop : int
            The rows.
        buffer : ndarray of uint8
            At least as large as the rows; its content is replaced.

        Returns
        -------
        ndarray, shape (stop - start, vocab)
            The rows; valid until the buffer is used again.
        """
        assert self.dtype is not None
        vocab, size, item = self.shape[-1], stop - start, self.dtype.itemsize
        used = buffer[: size * vocab * item]
        if not self.fortran_order:
            file.read_into(used, self.offset + start * vocab * item)
            return used.view(self.dtype).reshape(size, vocab)
        # One token after the other, each with all rows: a short read for each.
        rows = math.prod(self.shape[:-1])
        for token, piece in enumerate(used.reshape(vocab, size * item)):
            file.read_into(piece, self.offset + (token * rows + start) * item)
        return used.view(self.dtype).reshape(vocab, size).T


def write_array(file: BinaryIO, array: NDArray[Any]) -> None:
    """Write the bytes of an array, in C order, as they are."""
    file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
