"""Which rows a job is about: a range of them, or a share for one of several machines."""

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeAlias

Bounds: TypeAlias = tuple[int | None, int | None]


def as_bounds(rows: "str | Bounds | range | None") -> Bounds:
    """Return the first row and the one after the last, None where that is not said.

    Parameters
    ----------
    rows : str, tuple, range or None
        ``"a:b"``, either of which may be left out, or a pair; None for all.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if rows is None:
        return None, None
    if isinstance(rows, range) and rows.step == 1:
        return rows.start, rows.stop
    if isinstance(rows, str) and (match := re.fullmatch(r"\s*(\d*)\s*:\s*(\d*)\s*", rows)):
        first, last = match.groups()
        return int(first) if first else None, int(last) if last else None
    if (
        isinstance(rows, tuple)
        and len(rows) == 2
        and all(end is None or (isinstance(end, int) and end >= 0) for end in rows)
    ):
        return rows
    raise ValueError(
        f"rows={rows!r}; expected 'a:b', rows counted from 0 through all inputs, b not included"
    )


def as_shard(shard: str | tuple[int, int] | None) -> tuple[int, int]:
    """Return which shard of how many.

    Parameters
    ----------
    shard : str, tuple or None
        ``"i/n"`` or a pair, 1 <= i <= n; None for all in one.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if shard is None:
        return 1, 1
    if isinstance(shard, str) and (match := re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", shard)):
        shard = int(match[1]), int(match[2])
    if (
        isinstance(shard, tuple)
        and len(shard) == 2
        and all(isinstance(part, int) for part in shard)
        and 1 <= shard[0] <= shard[1]
    ):
        return shard
    raise ValueError(f"shard={shard!r}; expected 'i/n' with 1 <= i <= n: 1/4 is the first of four")


def selected(
    counts: Sequence[int],
    rows: "str | Bounds | range | None",
    shard: str | tuple[int, int] | None,
) -> list[range]:
    """Return the rows of each input that a job is about.

    Parameters
    ----------
    counts : sequence of int
        How many rows each input has.
    rows, shard
        See `as_bounds` and `as_shard`. A shard is one of those of the rows: shards follow each
        other, together are all of them, and differ by at most one in length.

    Returns
    -------
    list of range
        For each input, of its own rows; perhaps empty.

    Raises
    ------
    ValueError
        If there are no such rows.

    Examples
    --------
    >>> from logitkit.jobs.rows import selected
    >>> selected([4, 3], "1:7", "2/2")
    [range(4, 4), range(0, 3)]
    """
    first, last = as_bounds(rows)
    number, shards = as_shard(shard)
    total = sum(counts)
    first, last = first or 0, total if last is None else last
    if not first <= last <= total:
        raise ValueError(
            f"rows={first}:{last}; expected 0 <= first <= last <= {total}, the rows there are"
        )
    size = last - first
    begin, end = first + (number - 1) * size // shards, first + number * size // shards
    starts = accumulate(counts, initial=0)
    # What lies before an input begins at its start, and what lies behind it at its end.
    return [
        range(*(min(max(place - start, 0), count) for place in (begin, end)))
        for start, count in zip(starts, counts, strict=False)
    ]
