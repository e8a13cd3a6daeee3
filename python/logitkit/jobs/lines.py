"""Summaries as text."""

from collections.abc import Sequence


def aligned(lines: Sequence[tuple[str, str]]) -> str:
    """Return labels and values, one pair a line, the values one below the other."""
    width = max(len(label) for label, _ in lines)
    return "\n".join(f"{label:<{width}}  {value}" for label, value in lines)
