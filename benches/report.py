"""Results as Markdown tables.

    python -m benches.report benches/record/<cpu>/<date>.json

prints what the run printed at its end.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from .bandwidth import Scaler
from .results import OURS, Results, Throughput

_MEASURE = "read bandwidth; in place, of scaling"
_Row = tuple[str, ...]
_T = TypeVar("_T")


def tables(results: Results) -> Iterator[str]:
    """The lines of all tables."""
    machine = results.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    cache = machine["last_level_cache"]
    yield f"{machine['cpu']}, {machine['cores']} cores, {', '.join(machine['instruction_sets'])}"
    if cache is not None:
        yield f"last-level cache {cache / 2**20:.0f} MiB"
    yield versions
    for workload in _unique(entry.workload for entry in results.throughput):
        entries = [entry for entry in results.throughput if entry.workload == workload]
        ours = [entry for entry in entries if entry.implementation == OURS]
        if workload == "row":
            yield from _titled("One row in cache", _row_table(ours))
        else:
            yield from _titled(f"Read bandwidth: {workload}", _bandwidth_table(ours))
            for vocab in _unique(entry.vocab for entry in ours):
                title = f"{workload}, vocab {vocab:,}: GB/s (share of {_MEASURE})"
                chosen = [entry for entry in ours if entry.vocab == vocab]
                yield from _titled(title, _throughput_table(chosen))
        if len(entries) > len(ours):
            title = f"{workload}: times faster than peers (their GB/s)"
            yield from _titled(title, _peers_table(entries, machine["instruction_set"]))
    if results.memory:
        yield from _titled("Peak memory beyond the input", _memory_table(results))


def _titled(title: str, table: list[_Row]) -> Iterator[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    head, *body = (
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in table
    )
    yield from ("", f"### {title}", "", head)
    yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    yield from body


def _bandwidth_table(ours: list[Throughput]) -> list[_Row]:
    """The best reading of each array, whichever statistic it stood beside."""
    table: list[_Row] = [("dtype", "vocab", "array", "threads", "GB/s", "read with")]
    readings: dict[tuple[str, int, int], list[Throughput]] = {}
    for entry in (entry for entry in ours if entry.read_with != Scaler.way):
        readings.setdefault((entry.dtype, entry.vocab, entry.threads), []).append(entry)
    for (dtype, vocab, threads), entries in readings.items():
        best = max(entries, key=lambda entry: entry.read_rate)
        array = f"{best.nbytes / 1e6:,.1f} MB"
        rate = f"{best.read_rate:.1f}"
        table.append((dtype, f"{vocab:,}", array, str(threads), rate, best.read_with))
    return table


def _throughput_table(ours: list[Throughput]) -> list[_Row]:
    return _by_instruction_set(ours, lambda entry: f"{entry.rate:.1f} ({entry.share:.2f})")


def _row_table(ours: list[Throughput]) -> list[_Row]:
    return _by_instruction_set(
        ours, lambda entry: f"{entry.seconds_min * 1e6:.1f} µs ({1 / entry.share:.1f} numpy.max)"
    )


def _by_instruction_set(ours: list[Throughput], show: Callable[[Throughput], str]) -> list[_Row]:
    columns = _unique((entry.instruction_set, entry.threads) for entry in ours)
    heads = (f"{name}, {threads} thr." for name, threads in columns)
    table: list[_Row] = [("statistic", "dtype", *heads)]
    cells = {
        (each.statistic, each.dtype, each.instruction_set, each.threads): show(each)
        for each in ours
    }
    for dtype, statistic in _unique((entry.dtype, entry.statistic) for entry in ours):
        shown = (cells.get((statistic, dtype, *column), "") for column in columns)
        table.append((statistic, dtype, *shown))
    return table


def _peers_table(entries: list[Throughput], instruction_set: str) -> list[_Row]:
    """Ours on the best instruction set; a peer at the same threads, or at all it can use."""
    peers = _unique(entry.implementation for entry in entries if entry.implementation != OURS)
    heads = ("statistic", "dtype", "threads", f"{OURS} GB/s", "share")
    table: list[_Row] = [(*heads, *peers)]
    vocabs = {entry.vocab for entry in entries if entry.implementation != OURS}
    found: dict[tuple[str, str, str], list[Throughput]] = {}
    for entry in entries:
        found.setdefault((entry.implementation, entry.statistic, entry.dtype), []).append(entry)
    for ours in entries:
        if ours.instruction_set != instruction_set or ours.vocab not in vocabs:
            continue
        candidates = [found.get((peer, ours.statistic, ours.dtype), []) for peer in peers]
        if any(candidates):
            shown = (_times_faster(ours, measured) for measured in candidates)
            measured_ours = (str(ours.threads), f"{ours.rate:.1f}", f"{ours.share:.2f}")
            table.append((ours.statistic, ours.dtype, *measured_ours, *shown))
    return table


def _times_faster(ours: Throughput, peer: list[Throughput]) -> str:
    """At our number of threads; a peer that cannot be told how many says what it used."""
    if not peer:
        return ""
    for entry in peer:
        if entry.threads == ours.threads:
            return f"{ours.rate / entry.rate:.1f} ({entry.rate:.2f})"
    return f"{ours.rate / peer[0].rate:.1f} ({peer[0].rate:.2f}, {peer[0].threads} thr.)"


def _memory_table(results: Results) -> list[_Row]:
    table: list[_Row] = [("implementation", "statistic", "dtype", "input", "extra at the peak")]
    for entry in results.memory:
        sizes = (f"{entry.nbytes / 1e6:,.0f} MB", f"{entry.extra / 1e6:,.1f} MB")
        table.append((entry.implementation, entry.statistic, entry.dtype, *sizes))
    return table


def _unique(values: Iterable[_T]) -> list[_T]:
    return list(dict.fromkeys(values))


if __name__ == "__main__":
    for line in tables(Results.load(Path(sys.argv[1]))):
        print(line)
