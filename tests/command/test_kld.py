"""llama.cpp's files of log-probabilities: the layout by hand, a round trip, what is unsound."""

import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from logitkit.io import DataError, open_logits, read_targets, write_kld
from logitkit.jobs import compare, score

from .command import run

RNG = np.random.default_rng(4)
CONTEXT, VOCAB, CHUNKS = 10, 37, 3
ROWS = CONTEXT - 1 - CONTEXT // 2
LOGITS = RNG.normal(0, 4, (CHUNKS, ROWS, VOCAB)).astype(np.float32)
TOKENS = RNG.integers(0, VOCAB, (CHUNKS, CONTEXT))


def by_hand(logits: Any = LOGITS, tokens: Any = TOKENS, cut: float = 16.0) -> bytes:
    """The file, number by number: an independent reading of what llama.cpp writes."""
    chunks, context = tokens.shape
    vocab = logits.shape[-1]
    parts = [b"_logits_", struct.pack("<3i", context, vocab, chunks)]
    parts += [struct.pack("<i", token) for token in tokens.reshape(-1).tolist()]
    f = np.float32
    for row in logits.reshape(-1, vocab):
        largest = max(row)
        least = max(min(row), f(largest - f(cut)))
        total = sum(float(np.exp(f(x - largest))) for x in row)
        scale = f(f(largest - least) / f(65535))
        parts.append(struct.pack("<2f", scale, f(f(least - largest) - f(np.log(total)))))
        for x in row:
            code = int(np.rint(f(f(f(1) / scale) * f(x - least)))) if x > least else 0
            parts.append(struct.pack("<H", code))
        if vocab % 2:
            parts.append(b"\0\0")
    return b"".join(parts)


def read(path: Path) -> Any:
    source = open_logits(path)
    return np.concatenate([rows.copy() for _, rows in source.blocks(max_bytes=500)])


def test_the_writer_writes_what_is_written_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "base.kld"
    write_kld(path, LOGITS, TOKENS)
    assert path.read_bytes() == by_hand()
    write_kld(path, iter(LOGITS.astype(np.float64)), TOKENS, force=True)
    assert path.read_bytes() == by_hand()


@pytest.mark.parametrize("vocab", [VOCAB, 36, 1])
def test_what_is_read(tmp_path: Path, vocab: int) -> None:
    logits = LOGITS[..., :vocab]
    tokens = TOKENS % vocab
    path = tmp_path / "base.kld"
    write_kld(path, logits, tokens)
    source = open_logits(path)
    assert (source.shape, source.dtype) == ((CHUNKS, ROWS, vocab), "float32")
    exact = logits - np.log(np.exp(logits.astype(float)).sum(axis=-1, keepdims=True))
    exact = exact.reshape(-1, vocab)
    got = read(path)
    far = logits.reshape(-1, vocab) < logits.max(axis=-1).reshape(-1, 1) - 16
    assert (np.abs(got - exact)[~far] <= 1.3e-4).all()
    assert (got >= exact - 1.3e-4).all()
    targets = read_targets(source)
    assert targets is not None
    expected = tokens[:, CONTEXT // 2 + 1 : CONTEXT // 2 + 1 + ROWS]
    np.testing.assert_array_equal(targets, expected.reshape(-1))


def test_codes_are_read_bit_for_bit(tmp_path: Path) -> None:
    # Other cuts than 16 are known; a reader must not assume it.
    raw = by_hand(cut=24.0)
    path = tmp_path / "base.kld"
    path.write_bytes(raw)
    row_bytes = 2 * (VOCAB + 1 + 4)
    begin = 20 + 4 * CHUNKS * CONTEXT
    expected = []
    for row in range(CHUNKS * ROWS):
        own = raw[begin + row * row_bytes :][:row_bytes]
        scale, least = (np.float32(x) for x in struct.unpack("<2f", own[:8]))
        codes = struct.unpack(f"<{VOCAB}H", own[8 : 8 + 2 * VOCAB])
        expected.append([np.float32(np.float32(scale * np.float32(c)) + least) for c in codes])
    np.testing.assert_array_equal(read(path), np.array(expected, np.float32))


def test_score_and_compare(tmp_path: Path) -> None:
    path, other = tmp_path / "base.kld", tmp_path / "other.npy"
    write_kld(path, LOGITS, TOKENS)
    np.save(other, LOGITS)
    summary = score(path, tmp_path / "scores.csv")
    assert summary.scored_tokens == CHUNKS * ROWS
    found = compare(path, other)
    assert found.kl.max < 1e-6
    assert found.scored_tokens == CHUNKS * ROWS
    listing = run("info", path).stdout
    assert "logits" in listing
    assert "targets" in listing


def test_equal_logits_have_no_scale(tmp_path: Path) -> None:
    path = tmp_path / "base.kld"
    write_kld(path, np.zeros((CHUNKS, ROWS, 4)), TOKENS % 4)
    np.testing.assert_allclose(read(path), -np.log(4), rtol=1e-6)


def test_masked_logits(tmp_path: Path) -> None:
    logits = LOGITS.copy()
    logits[:, :, 5] = -np.inf
    path = tmp_path / "base.kld"
    write_kld(path, logits, TOKENS)
    assert np.isfinite(read(path)).all()


@pytest.mark.parametrize("chunks", [1, 2])
def test_truncated_files(tmp_path: Path, chunks: int) -> None:
    raw = by_hand()
    chunk = ROWS * 2 * (VOCAB + 1 + 4)
    path = tmp_path / "base.kld"
    path.write_bytes(raw[: 20 + 4 * CHUNKS * CONTEXT + chunks * chunk + 7])
    with pytest.warns(UserWarning, match=rf"truncated: {chunks} of 3 chunks are whole, and read"):
        source = open_logits(path)
    assert source.shape == (chunks, ROWS, VOCAB)
    done = run("info", path, "--json")
    assert done.returncode == 0 or "truncated" in done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw[:12], "12 bytes are less than a header"),
        (lambda raw: b"_LOGITS_" + raw[8:], "it begins with b'_LOGITS_'"),
        (lambda raw: raw[:8] + struct.pack("<i", 2) + raw[12:], "a context of 2"),
        (lambda raw: raw[:12] + struct.pack("<i", -5) + raw[16:], "a vocabulary of -5"),
        (lambda raw: raw[:16] + struct.pack("<i", 0) + raw[20:], "and 0 chunks"),
        (lambda raw: raw[:12] + struct.pack("<i", 2**31 - 1) + raw[16:], "hold no chunk"),
        (lambda raw: raw[:8] + struct.pack("<3i", *[2**31 - 1] * 3) + raw[20:], "hold no chunk"),
        (lambda raw: raw[:200], "hold no chunk of 4 rows"),
    ],
)
def test_files_that_are_not_sound(tmp_path: Path, change: Any, message: str) -> None:
    path = tmp_path / "base.kld"
    path.write_bytes(change(by_hand()))
    with pytest.raises(DataError, match=message):
        open_logits(path)


@pytest.mark.parametrize(
    ("logits", "tokens", "message"),
    [
        (LOGITS[:, 1:], TOKENS, r"chunk 0 of logits has shape \(3, 37\); expected \(4, vocab\)"),
        (LOGITS[:2], TOKENS, "2 chunks of logits for 3 of tokens"),
        (LOGITS, TOKENS + 37, "tokens are not all in the vocabulary of 37"),
        (LOGITS, TOKENS[0], r"tokens of shape \(10,\)"),
        (LOGITS, TOKENS[:, :2], "n_ctx=2"),
        (LOGITS * np.nan, TOKENS, "a row of logits has nan"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, logits: Any, tokens: Any, message: str) -> None:
    path = tmp_path / "base.kld"
    with pytest.raises(ValueError, match=message):
        write_kld(path, logits, tokens)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match=r"ends in \.kld"):
        write_kld(tmp_path / "base.bin", LOGITS, TOKENS)


def test_random_changes_of_a_file_are_errors_or_numbers(tmp_path: Path) -> None:
    raw = by_hand()
    rng = np.random.default_rng(1)
    path = tmp_path / "base.kld"
    for _ in range(400):
        changed = bytearray(raw[: int(rng.integers(0, len(raw) + 1))])
        for at in rng.integers(0, max(1, min(len(changed), 60)), 3):
            if changed:
                changed[int(at)] = int(rng.integers(256))
        path.write_bytes(changed)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                read(path)
        except DataError:
            pass
