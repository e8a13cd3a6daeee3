"""The text that was scored, each token coloured by how surprising it was."""

import math
from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np

from logitkit.io.vocabulary import TokenText
from logitkit.report.scores import Scores, same_tokens

MOST_TOKENS: Final = 1024
"""How many tokens of a sequence are shown."""

FULL_SCALE: Final = 10.0
"""The surprisal and entropy, in nats, that have the full colour."""

_ALTERNATIVES: Final = 5


def sequences_as_text(
    models: Sequence[Scores], text_of: TokenText, count: int, unit: str, scale: float
) -> list[tuple[str, str]]:
    """Return the worst sequences of the first model: a heading, and the tokens as HTML.

    Parameters
    ----------
    models : sequence of Scores
        The tables; the second is compared with, if it is of the same tokens.
    text_of : callable
        The texts of tokens.
    count : int
        How many sequences.
    unit : str
        That of the scores, with a space before it.
    scale : float
        How many of them are a nat.

    Returns
    -------
    list of (str, str)
        Headings are plain text.
    """
    first = models[0]
    if not first.with_targets:
        return []
    other = models[1] if len(models) > 1 and same_tokens(*models[:2]) else None
    found = []
    for sequence in first.sequences()[:count]:
        mean = (
            f"mean surprisal {sequence.surprisal:.3g}{unit}, entropy {sequence.entropy:.3g}{unit}"
        )
        rows = sequence.rows[:MOST_TOKENS]
        heading = f"{sequence.label}: {mean}"
        if len(rows) < len(sequence.rows):
            heading += f"; the first {len(rows)} of {len(sequence.rows)} tokens"
        shown = [_token(first, other, int(row), text_of, unit, scale) for row in rows]
        found.append((heading, "".join(shown)))
    return found


def _token(
    model: Scores, other: Scores | None, row: int, text_of: TokenText, unit: str, scale: float
) -> str:
    target = int(model.table["target"][row])
    if not model.scored[row]:
        return '<span class="t none" data-d="not scored">·</span>'
    surprisal, entropy = float(model.surprisal[row]), float(model.entropy[row])
    lines = [
        f"{_visible(text_of(target))}  (token {target})",
        f"log-probability {-surprisal:.4g}{unit}, rank {int(model.table['rank'][row])}",
        f"entropy {entropy:.4g}{unit}",
    ]
    change = 0.0
    if other is not None and other.scored[row]:
        change = float(other.surprisal[row]) - surprisal
        lines.append(f"surprisal in {other.name} {other.surprisal[row]:.4g}{unit} ({change:+.3g})")
    lines += _alternatives(model, row, text_of)
    detail = escape("\n".join(lines))
    levels = (surprisal / scale, entropy / scale, change / scale * 4)
    style = ";".join(f"--{name}:{_level(value)}" for name, value in zip("sed", levels, strict=True))
    text = text_of(target)
    body = escape(text).replace("\n", '<span class="nl">⏎</span>\n') or '<span class="nl">∅</span>'
    return f'<span class="t" style="{style}" data-d="{detail}">{body}</span>'


def _alternatives(model: Scores, row: int, text_of: TokenText) -> list[str]:
    if "top_ids" not in model.table:
        return []
    ids = model.table["top_ids"][row][:_ALTERNATIVES].tolist()
    log_probs = model.table["top_log_probs"][row][:_ALTERNATIVES].tolist()
    return ["likeliest:"] + [
        f"  {log_prob:8.3f}  {_visible(text_of(token))}"
        for token, log_prob in zip(ids, log_probs, strict=True)
    ]


def _visible(text: str) -> str:
    """Return a text so that its spaces and line ends are seen."""
    return text.replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥") or "∅"


def _level(value: float) -> str:
    if math.isnan(value):
        return "0"
    return f"{float(np.clip(value / FULL_SCALE, -1.0, 1.0)):.3g}"
