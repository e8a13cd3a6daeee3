"""Damaged files of every format: each is read, or refused with one clear line.

    python -m tests.sources.fuzz --files 20000

damages so many, names what was neither and ends with 1 if there was any. With ``--keep DIRECTORY``
one file is kept there of each kind of refusal. `test_fuzz` does this for some, and for those in
`corpus`.
"""

import argparse
import faulthandler
import random
import re
import shutil
import signal
import struct
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import logitkit
import numpy as np
from logitkit.io import DataError, read_targets, write_kld
from logitkit.io.table import read_table
from logitkit.io.vocabulary import read_vocabulary
from logitkit.jobs import score, sparsify

from ..command.files import random_logits, random_targets, write_safetensors
from .formats import FORMATS

SECONDS = 20
"""What takes longer hangs."""

LOGITS, TARGETS = random_logits(9, 5), random_targets(9, vocab=5)
HOSTILE = [
    struct.pack(kind, value)
    for kind, value in (("<Q", 2**63), ("<Q", 2**64 - 1), ("<q", -1), ("<I", 2**31), ("<i", -1),
                        ("<H", 0xFFFF), ("<Q", 0), ("<I", 0))
]  # fmt: skip
TOKENS = [
    b"0",
    b"-1",
    b"9" * 30,
    b"[",
    b"]",
    b"{",
    b"}",
    b'"',
    b",",
    b":",
    b"null",
    b"\xff",
    b"NaN",
]


def read_logits(path: Path) -> None:
    """All that a program does with a file of logits."""
    source = logitkit.open_logits(path)
    if source.row_count * source.vocab > 1 << 24:
        # A sound header of a file that is not as long as it says is found out when it is read.
        source.rows(source.row_count - 1, source.row_count)
        return
    rows = [block.copy() for _, block in source.blocks(max_bytes=64)]
    assert sum(map(len, rows)) == source.row_count
    assert source.rows(0, source.row_count).shape == (source.row_count, source.vocab)
    if source.row_count:
        source.rows(source.row_count // 2, source.row_count)
    read_targets(source)


def read_scores(path: Path) -> None:
    read_table(path)


def read_candidates(path: Path) -> None:
    logitkit.Candidates.load(path)


def read_words(path: Path) -> None:
    read_vocabulary(path)(3)


Read = Callable[[Path], None]


def good_files(folder: Path) -> Iterator[tuple[str, Path, Read]]:
    """One sound file of each kind, and what reads it."""
    for name, write in FORMATS.items():
        if "zarr" not in name and name != "chunked hdf5":
            yield name, write(folder / name.replace(" ", "-"), LOGITS, TARGETS), read_logits
    tokens = np.arange(12).reshape(2, 6) % 5
    write_kld(folder / "a.kld", random_logits(2, 2, 5), tokens)
    yield "kld", folder / "a.kld", read_logits
    from .formats import _hdf5

    chunked = _hdf5(chunks=(4, 5), compression="gzip")
    yield "chunked hdf5", chunked(folder / "chunked", LOGITS, TARGETS), read_logits
    index = folder / "m.safetensors.index.json"
    write_safetensors(folder / "m.safetensors", logits=LOGITS)
    index.write_text('{"metadata": {}, "weight_map": {"logits": "m.safetensors"}}')
    yield "index", index, read_logits
    source = write_safetensors(folder / "s.safetensors", logits=LOGITS, targets=TARGETS)
    for suffix in (".parquet", ".arrow", ".csv", ".jsonl", ".npz"):
        score(source, folder / f"scores{suffix}", top_k=2)
        yield f"scores{suffix}", folder / f"scores{suffix}", read_scores
    for suffix in (".parquet", ".safetensors", ".npz"):
        sparsify(source, folder / f"sparse{suffix}", top_n=2)
        yield f"sparse{suffix}", folder / f"sparse{suffix}", read_candidates
    (folder / "vocab.json").write_text('{"\\u0120a": 0, "b": 1}')
    yield "vocabulary", folder / "vocab.json", read_words


def damaged(good: bytes, dice: random.Random) -> bytes:
    """A file with one or a few things wrong."""
    data = bytearray(good)
    # Headers and footers are where what matters is.
    ends = [range(min(400, len(good))), range(max(0, len(good) - 900), len(good))]
    for _ in range(dice.choice([1, 1, 1, 2, 5])):
        if not data:
            break
        where = dice.choice([*ends, range(len(data))])
        place = min(dice.choice(where) if len(where) else 0, len(data) - 1)
        match dice.randrange(8):
            case 0:
                data[place] ^= 1 << dice.randrange(8)
            case 1:
                data[place] = dice.randrange(256)
            case 2:
                hostile = dice.choice(HOSTILE)
                data[place : place + len(hostile)] = hostile
            case 3:
                del data[place : place + dice.randrange(1, 40)]
            case 4:
                other = dice.randrange(len(data))
                data[place:place] = data[other : other + dice.randrange(1, 30)]
            case 5:
                del data[dice.randrange(len(data)) :]
            case 6:
                data[place : place + 1] = dice.choice(TOKENS)
            case 7:
                data[place : place + 8] = bytes(8)
    return bytes(data)


def outcome(path: Path, read: Read) -> str:
    """Read a file: "" if it went well, what was said of it if it was refused; else it raises."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(path)
    except DataError as error:
        text = str(error)
        assert "\n" not in text, f"more than a line: {text}"
        assert len(text) < 1200, f"too long: {text[:300]}"
        assert path.name in text or "safetensors" in text, f"does not name the file: {text}"
        return text
    except OSError as error:
        if error.errno is None:
            raise
        return f"{error.strerror}"
    return ""


def kind_of(text: str) -> str:
    """A refusal without what differs from file to file."""
    return re.sub(r"0x[0-9a-f]+|-?\d+|'[^']*'|\"[^\"]*\"", "#", text)[:120]


def _too_long(number: int, frame: FrameType | None) -> NoReturn:
    raise AssertionError(f"took longer than {SECONDS} s")


def fuzz(files: int, seed: int, keep: Path | None = None) -> list[str]:
    """Damage so many files of all kinds in turn; return what was neither read nor refused."""
    faulthandler.enable()
    # Windows has no alarm: there what hangs is for pytest's own limit to find.
    alarm = getattr(signal, "alarm", lambda seconds: None)
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, _too_long)
    wrong: list[str] = []
    count: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        goods = [
            (kind, path, read, path.read_bytes()) for kind, path, read in good_files(Path(name))
        ]
        seen: set[tuple[str, str]] = set()
        for number in range(files):
            kind, path, read, good = goods[number % len(goods)]
            content = damaged(good, random.Random(f"{seed} {number}"))
            path.write_bytes(content)
            alarm(SECONDS)
            try:
                said = outcome(path, read)
            except Exception as error:
                wrong.append(
                    f"{kind}, seed {seed}, number {number}: {type(error).__name__}: {error}"
                )
                said = "wrong"
            finally:
                alarm(0)
            count[f"{kind}: {'refused' if said else 'read'}"] += 1
            short = (kind, kind_of(said.replace(str(path), "")))
            if keep is not None and said and short not in seen and len(content) < 4000:
                seen.add(short)
                keep.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, keep / f"{number:05}-{path.name}")
            path.write_bytes(good)
    for line, times in sorted(count.items()):
        print(f"{line} {times}", file=sys.stderr)
    return wrong


def reader_of(path: Path) -> Read:
    """What reads a file of the corpus."""
    name = path.name.partition("-")[2]
    if name.startswith("scores"):
        return read_scores
    if name.startswith("sparse"):
        return read_candidates
    return read_words if name == "vocab.json" else read_logits


def main(arguments: Any = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args(arguments)
    wrong = fuzz(given.files, given.seed, given.keep)
    for line in wrong:
        print(line)
    print(f"{given.files} files, {len(wrong)} neither read nor refused")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
