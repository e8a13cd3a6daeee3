"""Philox4x by plain integers, for words of either size, as its authors define it."""

MULTIPLIERS = {32: (0xD2511F53, 0xCD9E8D57), 64: (0xD2E7470EE14C6C93, 0xCA5A826395121157)}
KEY_STEPS = {32: (0x9E3779B9, 0xBB67AE85), 64: (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)}


def philox4x(bits: int, counter: list[int], key: list[int]) -> list[int]:
    mask = (1 << bits) - 1
    (m0, m1), (w0, w1) = MULTIPLIERS[bits], KEY_STEPS[bits]
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = m0 * c[0], m1 * c[2]
        c = [(b >> bits) ^ c[1] ^ k[0], b & mask, (a >> bits) ^ c[3] ^ k[1], a & mask]
        k = [(k[0] + w0) & mask, (k[1] + w1) & mask]
    return c


def random_bits(seed: int, row: int, draw: int, stream: int, index: int) -> int:
    """The 53 bits that make a uniform number, by the layout that the package documents."""
    low = 0xFFFFFFFF
    counter = [(stream << 29) | (index >> 1), draw, row & low, row >> 32]
    words = philox4x(32, counter, [seed & low, seed >> 32])
    first = 2 * (index & 1)
    return ((words[first + 1] << 32) | words[first]) >> 11
