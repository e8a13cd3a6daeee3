"""A record as a picture.

    python -m benches.plot benches/record/<cpu>/<date>.json

writes the `.svg` beside it: on one thread, the share of the read bandwidth per statistic and
instruction set, and the rates of the peers. Needs the `bench` extra.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .results import OURS, Results, Throughput

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DTYPES = ("float32", "bfloat16")


def plot(results: Results, path: Path) -> None:
    """Draw the first array of the run, the largest, at its largest vocabulary."""
    import matplotlib as mpl

    mpl.use("svg")
    # A record drawn again gives the same file, and its text can be searched.
    mpl.rcParams.update({"svg.hashsalt": "logitkit", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot as plt

    workload = results.throughput[0].workload
    vocab = max(entry.vocab for entry in results.throughput if entry.workload == workload)
    entries = [
        entry for entry in results.throughput if (entry.workload, entry.vocab) == (workload, vocab)
    ]
    figure, axes = plt.subplots(2, len(_DTYPES), figsize=(11, 7.5), layout="constrained")
    for column, dtype in enumerate(_DTYPES):
        chosen = [entry for entry in entries if entry.dtype == dtype]
        ours = [entry for entry in chosen if entry.implementation == OURS and entry.threads == 1]
        _shares(axes[0, column], ours)
        axes[0, column].set_title(f"{dtype}, vocab {vocab:,}, 1 thread")
        _rates(axes[1, column], _entropy_of_all(chosen, results.machine["instruction_set"]))
    figure.suptitle(f"{results.machine['cpu']}, {results.date}")
    figure.savefig(path, metadata={"Date": None})


def _shares(axes: "Axes", ours: list[Throughput]) -> None:
    statistics = list(dict.fromkeys(entry.statistic for entry in ours))
    names = list(dict.fromkeys(entry.instruction_set for entry in ours))
    height = 0.8 / len(names)
    for offset, name in enumerate(names):
        share = {each.statistic: each.share for each in ours if each.instruction_set == name}
        places = [index + offset * height for index in range(len(statistics))]
        axes.barh(places, [share[each] for each in statistics], height * 0.9, label=name)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks([index + 0.4 - height / 2 for index in range(len(statistics))], statistics)
    axes.invert_yaxis()
    axes.set_xlabel("share of the read bandwidth; in place, of scaling")
    axes.legend()


def _entropy_of_all(chosen: list[Throughput], instruction_set: str) -> list[Throughput]:
    """The entropy of each implementation, at the fewest threads it was measured with."""
    found: dict[str, Throughput] = {}
    for entry in chosen:
        if entry.statistic == "entropy" and entry.instruction_set in (None, instruction_set):
            found.setdefault(entry.implementation, entry)
    return list(found.values())


def _rates(axes: "Axes", entries: list[Throughput]) -> None:
    names = [f"{entry.implementation}, {entry.threads} thr." for entry in entries]
    bars = axes.barh(names, [entry.rate for entry in entries])
    axes.bar_label(bars, [f"{entry.rate:.2g}" for entry in entries], padding=3)
    axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.invert_yaxis()
    axes.set_xlabel("entropy, GB/s of logits (logarithmic)")


if __name__ == "__main__":
    source = Path(sys.argv[1])
    plot(Results.load(source), source.with_suffix(".svg"))
