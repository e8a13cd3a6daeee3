"""The generator: against the published answers, NumPy's, and plain integers."""

import numpy as np
import pytest
from logitkit._philox import Stream, exponential, philox4x32, random_bits, uniform

from . import philox

# counter, key, words: tests/kat_vectors of Random123, "philox4x32 10".
KNOWN = [
    ("0 0 0 0", "0 0", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    (" ".join(["ffffffff"] * 4), "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]
RNG = np.random.default_rng(3)


def words(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


def array(*values: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint64]]:
    return np.array(values, np.uint64)


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_published_answers(counter: str, key: str, expected: str) -> None:
    c0, c1, c2, c3 = (array(word) for word in words(counter))
    k0, k1 = (array(word) for word in words(key))
    found = philox4x32((c0, c1, c2, c3), (k0, k1))
    assert [int(word[0]) for word in found] == words(expected)
    assert philox.philox4x(32, words(counter), words(key)) == words(expected)


def test_plain_integers_are_numpys_generator_with_words_of_64_bits() -> None:
    for _ in range(20):
        counter = [int(word) for word in RNG.integers(0, 2**64, 4, dtype=np.uint64)]
        key = [int(word) for word in RNG.integers(0, 2**64, 2, dtype=np.uint64)]
        # NumPy steps its counter before it makes a block.
        before = (sum(word << (64 * i) for i, word in enumerate(counter)) - 1) % (1 << 256)
        generator = np.random.Philox(counter=before, key=key[0] | key[1] << 64)
        expected = [int(word) for word in generator.random_raw(4)]
        assert philox.philox4x(64, counter, key) == expected


@pytest.mark.parametrize("stream", Stream)
def test_bits_are_those_of_plain_integers(stream: Stream) -> None:
    seeds, rows = (RNG.integers(0, 2**64, 40, dtype=np.uint64) for _ in range(2))
    seeds[:2], rows[:2] = [0, 2**64 - 1], [2**64 - 1, 0]
    draws = RNG.integers(0, 2**32, 40, dtype=np.uint64)
    index = RNG.integers(0, 2**30, 40)
    index[:4] = [0, 1, 2, 2**30 - 1]
    found = random_bits(seeds, rows, draws, stream, index)
    given = zip(seeds.tolist(), rows.tolist(), draws.tolist(), index.tolist(), strict=True)
    assert found.tolist() == [philox.random_bits(s, r, d, stream, i) for s, r, d, i in given]


def test_uniform_and_exponential_numbers() -> None:
    index = np.arange(200_000)
    arguments = array(5), array(6), array(7), Stream.SAMPLE, index
    bits = random_bits(*arguments)
    u, e = uniform(*arguments), exponential(*arguments)
    assert u.min() >= 0.0
    assert u.max() < 1.0
    assert (u * 2.0**53 == bits).all()
    np.testing.assert_allclose(np.exp(-e), u, atol=1e-15)
    # Within five standard errors.
    assert abs(u.mean() - 0.5) < 5 / np.sqrt(12 * index.size)
    assert abs(e.mean() - 1.0) < 5 / np.sqrt(index.size)
    assert np.unique(bits).size == index.size
    # Bits are even, the last of them too.
    ones = (bits[:, None] >> np.arange(53, dtype=np.uint64)) & np.uint64(1)
    assert (np.abs(ones.mean(axis=0) - 0.5) < 5 / np.sqrt(4 * index.size)).all()


def test_streams_draws_rows_and_seeds_are_apart() -> None:
    index = np.arange(1000)
    numbers = [
        uniform(array(seed), array(row), array(draw), stream, index)
        for seed in (0, 1, 2**32)
        for row in (0, 1, 2**32)
        for draw in (0, 1)
        for stream in Stream
    ]
    assert np.unique(numbers).size == len(numbers) * 1000
    # Off the diagonal correlations are of the order of 1 / sqrt(1000).
    off = np.corrcoef(numbers) - np.eye(len(numbers))
    assert np.abs(off).max() < 5.5 / np.sqrt(1000)
