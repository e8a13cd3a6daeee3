"""The texts of tokens."""

import json
import os
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from logitkit.io.errors import DataError
from logitkit.io.optional import import_optional

TokenText: TypeAlias = Callable[[int], str]
"""What gives the text of a token by its id."""

_MAX_BYTES: Final = 1 << 28


def read_vocabulary(path: str | os.PathLike[str]) -> TokenText:
    """Read the texts of tokens.

    Parameters
    ----------
    path : str or PathLike
        A ``vocab.json``, a list of texts by id or an object that gives the id of each text (those
        of a byte-level BPE as GPT-2's are turned back into what they stand for); or a
        ``tokenizer.json``, read with the package tokenizers.

    Returns
    -------
    callable
        The text of a token by its id; of one that is not there ``<id>``.

    Raises
    ------
    DataError
        If the file holds neither.
    OSError
        If it cannot be read.
    ModuleNotFoundError
        If it is a ``tokenizer.json`` and tokenizers is not installed.
    """
    path = os.fspath(path)
    if os.stat(path).st_size > _MAX_BYTES:
        raise DataError(f"{path}: larger than a vocabulary can be")
    with open(path, "rb") as file:
        content = file.read()
    try:
        found = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON: {error}") from None
    if isinstance(found, dict) and "model" in found:
        return _tokenizer(path, content)
    if isinstance(found, list) and all(isinstance(text, str) for text in found):
        return _lookup(dict(enumerate(found)))
    if isinstance(found, dict) and all(type(number) is int for number in found.values()):
        return _lookup(_from_bytes({number: text for text, number in found.items()}))
    raise DataError(
        f"{path}: no vocabulary; expected a list of texts, an object that maps texts to ids, or a "
        "tokenizer.json"
    )


def _lookup(texts: dict[int, str]) -> TokenText:
    return lambda token: texts.get(token, f"<{token}>")


def _tokenizer(path: str, content: bytes) -> TokenText:
    tokenizers = import_optional("tokenizers", f"reading {path}", "pip install 'logitkit[report]'")
    try:
        tokenizer: Any = tokenizers.Tokenizer.from_str(content.decode("utf-8"))
    # tokenizers raises plain Exception.
    except Exception as error:
        raise DataError(f"{path}: not a sound tokenizer.json: {error}") from None
    texts = {number: text for text, number in tokenizer.get_vocab().items()}
    # SentencePiece's mark of a space.
    return _lookup({n: t.replace("\u2581", " ") for n, t in _from_bytes(texts).items()})


def _from_bytes(texts: dict[int, str]) -> dict[int, str]:
    """Turn the texts of a byte-level BPE, a character for each byte, into what they stand for."""
    table = _byte_characters()
    # Its mark of a space is in every such vocabulary, and its characters are all texts are made of.
    if not any("\u0120" in text for text in texts.values()):
        return texts
    return {
        number: bytes(table[c] for c in text).decode("utf-8", "replace")
        if all(c in table for c in text)
        else text
        for number, text in texts.items()
    }


def _byte_characters() -> dict[str, int]:
    """Return the byte that each character of GPT-2's byte-level BPE stands for.

    Printable ones of Latin-1 stand for themselves, the others for 256, 257... in order.
    """
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    characters = {chr(byte): byte for byte in plain}
    return characters | {chr(256 + place): byte for place, byte in enumerate(others)}
