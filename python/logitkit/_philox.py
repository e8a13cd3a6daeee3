"""Random numbers by counter: a pure function of seed, row, draw and index, in any order.

Philox4x32-10 [1]_ maps a counter of four 32-bit words and a key of two to four random words. Here

    key     = (seed mod 2**32, seed >> 32)
    counter = (stream << 29 | index >> 1, draw, row mod 2**32, row >> 32)

where `row` is the caller's id of the row (64 bits), `draw` the number of the draw (32 bits),
`index` a number below 2**30 and `stream` says what for. The even of two indices has the first two
words of the block, the odd one the last two; with the second of them as the high word they are 64
bits, and the upper 53 the uniform number: ``(bits >> 11) * 2**-53``, in [0, 1).

NumPy's generator of that name is Philox4x64-10, the same rounds on words of 64 bits.

.. [1] J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as
   1, 2, 3", SC11 (2011).
"""

from enum import IntEnum
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Words: TypeAlias = NDArray[np.uint64]

# Python's integers, which leave arrays of uint64 what they are.
_LOW: Final = 0xFFFFFFFF
_MULTIPLIERS: Final = 0xD2511F53, 0xCD9E8D57
_KEY_STEPS: Final = 0x9E3779B9, 0xBB67AE85
_HALF: Final = 32


class Stream(IntEnum):
    """What a random number is for; numbers of different streams are independent."""

    SAMPLE = 0
    TOKEN = 1
    XTC = 2


def philox4x32(
    counter: tuple[Any, Any, Any, Any], key: tuple[Any, Any]
) -> tuple[Any, Any, Any, Any]:
    """Return the four random words of each counter; all are 32-bit words, in uint64."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _LOW, (p0 >> _HALF) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + _KEY_STEPS[0]) & _LOW, (k1 + _KEY_STEPS[1]) & _LOW
    return c0, c1, c2, c3


def random_bits(seed: Words, row: Words, draw: Words, stream: Stream, index: NDArray[Any]) -> Words:
    """Return the upper 53 of the 64 random bits for each index; all arguments broadcast."""
    number = index.astype(np.uint64)
    block = (np.uint64(stream) << np.uint64(29)) | (number >> np.uint64(1))
    words = philox4x32((block, draw, row & _LOW, row >> _HALF), (seed & _LOW, seed >> _HALF))
    odd = (number & np.uint64(1)) == 1
    low, high = np.where(odd, words[2], words[0]), np.where(odd, words[3], words[1])
    bits: Words = ((high << _HALF) | low) >> np.uint64(11)
    return bits


def uniform(
    seed: Words, row: Words, draw: Words, stream: Stream, index: NDArray[Any]
) -> NDArray[np.float64]:
    """Return numbers in [0, 1), multiples of 2**-53."""
    return random_bits(seed, row, draw, stream, index).astype(np.float64) * 2.0**-53


def exponential(
    seed: Words, row: Words, draw: Words, stream: Stream, index: NDArray[Any]
) -> NDArray[np.float64]:
    """Return numbers of the standard exponential distribution: -ln of a uniform in (0, 1]."""
    bits = random_bits(seed, row, draw, stream, index) + np.uint64(1)
    result: NDArray[np.float64] = -np.log(bits.astype(np.float64) * 2.0**-53)
    return result
