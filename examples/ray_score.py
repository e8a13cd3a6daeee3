"""A directory of shards scored by Ray Data: one table, whoever computed which row.

    pip install 'logitkit[cli]' 'ray[data]'
    python examples/ray_score.py DIRECTORY -o scores.parquet

Each task reads some rows of a shard and scores them while they are in its memory: logits never
travel between processes, only scores do. A worker that dies is replaced, and its task done again.
The table is that of ``logitkit score DIRECTORY -o scores.parquet``, byte for byte.
"""

import argparse
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import logitkit
import numpy as np
import ray
from logitkit.io import Column, expand_inputs, open_sink
from numpy.typing import NDArray

Batch = Mapping[str, NDArray[Any]]

# Some 128 MB of float32 with a vocabulary of 128,256.
ROWS_OF_A_TASK = 256
INTEGERS = ("row", "target", "rank", "argmax")
COLUMNS = (
    *("row", "target", "log_prob", "rank", "entropy", "varentropy", "logsumexp", "max", "argmax"),
    *("max_prob", "valid"),
)


def tasks(files: list[str]) -> list[dict[str, Any]]:
    """Cut files into tasks: which rows of which file."""
    return [
        {"file": number, "path": path, "first": first, "last": min(first + ROWS_OF_A_TASK, rows)}
        for number, path in enumerate(files)
        for rows in [logitkit.open_logits(path).row_count]
        for first in range(0, rows, ROWS_OF_A_TASK)
    ]


def score_rows(task: dict[str, Any], die_once: str | None = None) -> dict[str, NDArray[Any]]:
    """Score the rows of a task."""
    if die_once is not None and task["file"] == 1:
        _die_once(die_once)
    source = logitkit.open_logits(task["path"])
    first, last = int(task["first"]), int(task["last"])
    assert source.targets is not None, "this example is about shards with targets"
    scorer = logitkit.RowScorer(targets="target", dtype=source.bits, threads=1)
    scores = scorer(
        {
            "file": np.full(last - first, task["file"]),
            "row": np.arange(first, last),
            "target": source.targets.reshape(-1)[first:last],
            "logits": source.rows(first, last),
        }
    )
    return dict(scores)


def _die_once(mark: str) -> None:
    """Die as a worker does that the system kills, the first time that this is called."""
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def each_row(score: Callable[[dict[str, Any]], Batch]) -> Callable[[Batch], Iterator[Batch]]:
    """Return what Ray Data calls: it hands over tasks as a batch, and takes batches of rows."""

    def run(batch: Batch) -> Iterator[Batch]:
        for place in range(len(batch["path"])):
            yield score({name: column[place] for name, column in batch.items()})

    return run


def score_shards(directory: str, output: str, die_once: str | None = None) -> int:
    """Score a directory of shards on the cluster that is connected; return the number of rows."""
    files = expand_inputs(directory)
    found = ray.data.from_items(tasks(files)).map_batches(
        each_row(lambda task: score_rows(task, die_once)), batch_size=1, num_cpus=1
    )
    batches = list(found.iter_batches(batch_size=None))
    table = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    # Tasks end in any order.
    order = np.lexsort((table["row"], table["file"]))
    columns = [Column("file", np.dtype(np.int32), tuple(files))] + [
        Column(name, np.dtype(np.int64) if name in INTEGERS else table[name].dtype)
        for name in COLUMNS
    ]
    with open_sink(output, columns, len(order), force=True) as write:
        for file in range(len(files)):
            rows = order[table["file"][order] == file]
            write({name: column[rows] for name, column in table.items()})
    return len(order)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("directory", help="files of logits with targets, all of one vocabulary")
    parser.add_argument("-o", "--output", required=True, help="the table")
    parser.add_argument("--workers", type=int, default=2, help="of the local cluster")
    options = parser.parse_args()
    ray.init(num_cpus=options.workers)
    rows = score_shards(options.directory, options.output)
    print(f"{rows} rows in {options.output}")
