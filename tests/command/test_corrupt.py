"""Corrupt files: one clear line, whatever is wrong."""

import json
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import logitkit
import numpy as np
import pytest
from logitkit.cli import main

from .command import check_error, run
from .files import header, packed, random_logits, random_targets, write_npy, write_safetensors
from .tables import read_table

LOGITS = random_logits(3, 4, 8)
TARGETS = random_targets(3, 4, vocab=8)
DATA = LOGITS.tobytes() + TARGETS.tobytes()
HEADER = header({"logits": LOGITS, "targets": TARGETS})
GOOD = packed(HEADER, DATA)


def changed(**fields: object) -> bytes:
    """The good file with other fields for the logits in its header."""
    return packed(HEADER | {"logits": HEADER["logits"] | fields}, DATA)


WRONG = {
    "empty": (b"", "0 bytes are too few"),
    "seven bytes": (GOOD[:7], "7 bytes are too few"),
    "header cut": (GOOD[:50], "truncated?"),
    "data cut": (GOOD[:-1], "truncated? 1 bytes are missing"),
    "data longer": (GOOD + b"x", "1 bytes after tensor 'targets' are no one's"),
    "length beyond the file": (struct.pack("<Q", len(GOOD)) + GOOD[8:], "truncated?"),
    "huge length": (struct.pack("<Q", 2**63) + GOOD[8:], "more than the allowed 100000000"),
    "no JSON": (packed(b"{" * 20, DATA), "not JSON"),
    "not UTF-8": (packed(b'{"\xff": 1}', DATA), "not JSON"),
    "deep": (packed(b"[" * 100_000, DATA), "not JSON"),
    "list": (packed([], DATA), "not a JSON object"),
    "number": (packed(3, DATA), "not a JSON object"),
    "null entry": (packed({"logits": None}, DATA), "not described by"),
    "field missing": (packed({"logits": {"dtype": "F32", "shape": [4]}}, DATA), "not described by"),
    "field too many": (changed(strides=[1]), "not described by"),
    "name twice": (packed(b'{"a": {}, "b": {}, "a": {}}', DATA), "the name 'a' stands twice"),
    "field twice": (
        packed(b'{"a": {"dtype": "F32", "dtype": "F32"}}', DATA),
        "the name 'dtype' stands twice",
    ),
    "metadata": (packed(HEADER | {"__metadata__": {"a": 1}}, DATA), "__metadata__"),
    "unknown dtype": (changed(dtype="F33"), "unknown dtype 'F33'"),
    "dtype no text": (changed(dtype=32), "unknown dtype 32"),
    "dtype of another size": (changed(dtype="F64"), "takes 768 bytes"),
    "negative length": (changed(shape=[-3, -4, 8]), "list of non-negative integers"),
    "broken length": (changed(shape=[3.0, 4, 8]), "list of non-negative integers"),
    "true length": (changed(shape=[3, 4, 8, True]), "list of non-negative integers"),
    "length as text": (changed(shape=["3", 4, 8]), "list of non-negative integers"),
    "shape no list": (changed(shape=96), "list of non-negative integers"),
    "lengths that overflow": (changed(shape=[2**62, 2**62, 8]), "takes 680564733841876926926749"),
    "length of 65 bits": (changed(shape=[2**64 + 3, 4, 8]), "list of non-negative integers"),
    "many lengths": (changed(shape=[1] * 65), "65 dimensions"),
    "not a number": (packed(b'{"a": NaN}', DATA), "NaN"),
    "long number": (packed(b'{"a": ' + b"9" * 5000 + b"}", DATA), "not JSON"),
    "three offsets": (changed(data_offsets=[0, 384, 0]), "not a begin and an end"),
    "offsets reversed": (changed(data_offsets=[384, 0]), "not a begin and an end"),
    "offsets out of the file": (changed(data_offsets=[9000, 9384]), "are no one's"),
    "offsets overlap": (
        packed(HEADER | {"targets": HEADER["targets"] | {"data_offsets": [383, 479]}}, DATA),
        "tensor 'targets' overlaps tensor 'logits'",
    ),
    "gap": (packed(HEADER | {"targets": HEADER["targets"] | {"data_offsets": [385, 481]}},
                   DATA + b"x"), "1 bytes between"),
    "offsets of another size": (changed(data_offsets=[0, 380]), "span 380"),
    "half a byte": (
        packed({"a": {"dtype": "F4", "shape": [3], "data_offsets": [0, 1]}}, b"x"),
        "takes 2 bytes",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_safetensors(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content, expected = WRONG[kind]
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    for arguments in (["info"], ["score", "-o", str(tmp_path / "o.csv")]):
        assert main([*arguments, str(path)]) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith(f"logitkit: {path}: ")
        assert printed.err.count("\n") == 1
        assert len(printed.err) < 1000
        assert expected in printed.err
    assert list(tmp_path.iterdir()) == [path]


def test_in_a_process_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(WRONG["data cut"][0])
    check_error(run("score", path, "-o", tmp_path / "o.csv"), 1, path, "truncated?")
    assert list(tmp_path.iterdir()) == [path]


def test_a_sound_but_unusual_safetensors(tmp_path: Path) -> None:
    entries = {
        "__metadata__": {"é": "\ud83d\ude00"},
        "empty": {"dtype": "F32", "shape": [0, 2**62], "data_offsets": [384, 384]},
        "scalar": {"dtype": "BOOL", "shape": [], "data_offsets": [480, 481]},
        "tiny": {"dtype": "F4", "shape": [2], "data_offsets": [481, 482]},
    }
    path = tmp_path / "a.safetensors"
    path.write_bytes(packed(json.dumps(entries | HEADER).encode() + b" " * 100, DATA + b"\0\0"))
    assert main(["score", str(path), "-o", str(tmp_path / "o.npz")]) == 0
    expected = logitkit.token_stats(LOGITS).entropy.ravel()
    np.testing.assert_array_equal(read_table(tmp_path / "o.npz")["entropy"], expected)
    assert main(["score", str(path), "-o", str(tmp_path / "p.npz"), "--logits", "empty"]) == 1


WRONG_NPY = {
    "empty": (b"", "not a sound .npy file"),
    "magic": (b"\x93NUMPX\x01\x00", "not a sound .npy file"),
    "version": (b"\x93NUMPY\x09\x00v\x00{}", "version"),
    "objects": (np.array([[1, "a"]], object), "Python objects"),
    "records": (np.zeros((2, 3), "f4,f4"), "not of a floating-point type"),
    "complex": (np.zeros((2, 3), np.complex64), "not of a floating-point type"),
    "integers": (np.zeros((2, 3), np.int32), "not of a floating-point type"),
    "extended": (np.zeros((2, 3), np.longdouble), "not of a floating-point type"),
    "scalar": (np.float32(1.0), "the last axis is empty"),
    "no vocabulary": (np.zeros((2, 0), np.float32), "the last axis is empty"),
}


@pytest.mark.parametrize("kind", WRONG_NPY)
def test_wrong_npy(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content, expected = WRONG_NPY[kind]
    path = tmp_path / "a.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content)
    assert main(["score", str(path), "-o", str(tmp_path / "o.csv")]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith(f"logitkit: {path}: ")
    assert printed.count("\n") == 1
    assert expected in printed
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("missing", [1, 100, 383, 384, 420])
def test_truncated_npy(missing: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_npy(tmp_path / "a.npy", LOGITS)
    path.write_bytes(path.read_bytes()[:-missing])
    assert main(["score", str(path), "-o", str(tmp_path / "o.csv")]) == 1
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    if missing <= 384:
        assert f"{missing} bytes are missing" in printed


def mutations(good: bytes, end: int, count: int) -> Iterator[bytes]:
    """The good file with its first `end` bytes damaged, in many ways but the same each time."""
    yield from (good[:size] for size in range(0, end, 3))
    dice = random.Random(20)
    tokens = [b"0", b"-1", b"9" * 30, b"[", b"]", b"{", b"}", b'"', b",", b":", b"null", b"\xff"]
    for _ in range(count):
        damaged = bytearray(good)
        for _ in range(dice.choice([1, 1, 1, 2, 5])):
            place = dice.randrange(end)
            match dice.randrange(5):
                case 0:
                    damaged[place] ^= 1 << dice.randrange(8)
                case 1:
                    damaged[place] = dice.randrange(256)
                case 2:
                    damaged[place : place + 1] = dice.choice(tokens)
                case 3:
                    del damaged[place : place + dice.randrange(1, 9)]
                case 4:
                    other = dice.randrange(end)
                    damaged[place:place] = damaged[other : other + dice.randrange(1, 30)]
        yield bytes(damaged)


def check_damaged(path: Path, capsys: pytest.CaptureFixture[str]) -> bool:
    """Score a damaged file; true if it went well, false if it failed as it should."""
    folder = path.parent
    status = main(["score", str(path), "-o", str(folder / "o.npz"), "--force"])
    printed = capsys.readouterr()
    if status == 0:
        assert printed.err == ""
        return True
    assert status == 1, printed
    assert printed.err.startswith("logitkit: ")
    assert printed.err.count("\n") == 1
    assert len(printed.err) < 1000
    return False


def test_damaged_safetensors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.safetensors"
    stats = logitkit.token_stats(LOGITS, TARGETS)
    sound = 0
    for content in mutations(GOOD, len(GOOD) - len(DATA), 600):
        path.write_bytes(content)
        if check_damaged(path, capsys):
            # Where the damage was harmless, as in a name, the numbers are right.
            sound += 1
            table = read_table(tmp_path / "o.npz")
            np.testing.assert_array_equal(table["entropy"], stats.entropy.ravel())
            if "log_prob" in table:
                np.testing.assert_array_equal(table["log_prob"], stats.log_prob.ravel())
    assert 0 < sound < 100
    assert {*tmp_path.iterdir()} == {path, tmp_path / "o.npz"}


def test_damaged_npy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_npy(tmp_path / "a.npy", LOGITS)
    good, sound = path.read_bytes(), 0
    for content in mutations(good, len(good) - LOGITS.nbytes, 600):
        path.write_bytes(content)
        if check_damaged(path, capsys):
            # It may be another array now, but then NumPy reads the same one.
            sound += 1
            expected = logitkit.token_stats(np.load(path)).entropy.ravel()
            np.testing.assert_array_equal(read_table(tmp_path / "o.npz")["entropy"], expected)
    assert sound > 0
    assert {*tmp_path.iterdir()} == {path, tmp_path / "o.npz"}


def test_changed_between_header_and_data(tmp_path: Path) -> None:
    from logitkit.io import open_logits

    path = write_safetensors(tmp_path / "a.safetensors", logits=LOGITS)
    source = open_logits(path)
    write_safetensors(path, other=TARGETS, logits=LOGITS)
    with pytest.raises(ValueError, match="changed after its header was read"):
        next(source.blocks())
