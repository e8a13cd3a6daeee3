"""Options that several commands have, and what they print."""

import argparse
import json
import os
import sys
from typing import Any, Final, Protocol

from logitkit.io.tensor import LOGIT_ELEMENTS
from logitkit.io.tensor_file import SUFFIXES

INPUTS: Final = f"{', '.join(SUFFIXES)}, an index, a directory of files, or a pattern"
"""What can be read."""


class Summary(Protocol):
    """What a command has done."""

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""


def add_which_tensor(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which tensor of a file has the logits."""
    parser.add_argument(
        "--logits",
        metavar="NAME",
        help="the tensor with the logits (default: 'logits', else the only one that can be)",
    )
    parser.add_argument(
        "--dtype", choices=LOGIT_ELEMENTS, help="what raw bits in the file are, such as bfloat16"
    )


def add_what_is_read(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is read, and how it is looked at."""
    add_which_tensor(parser)
    add_which_targets(parser)
    parser.add_argument("--temperature", type=float, default=1.0, metavar="T", help="default: 1")


def add_which_targets(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the targets are."""
    parser.add_argument(
        "--targets",
        metavar="NAME|FILE|none",
        help="the target tokens: a tensor beside the logits, a file, or none (default: the tensor "
        "'targets' if there is one)",
    )
    parser.add_argument(
        "--ignore-index", type=int, metavar="ID", help="the target of rows that have none"
    )


def add_which_rows(parser: argparse.ArgumentParser, *, resume: bool = True) -> None:
    """Add the options that say which rows are wanted, and whether a run can be continued."""
    parser.add_argument(
        "--rows", metavar="A:B", help="only these rows, counted from 0 through all inputs"
    )
    parser.add_argument(
        "--shard", metavar="I/N", help="only the I-th of N shares of the rows; 1/N is the first"
    )
    if resume:
        parser.add_argument(
            "--resume",
            action="store_true",
            help="keep finished parts beside the output while it grows, and continue from those "
            "that a run which was stopped has left",
        )


def add_how_it_runs(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how it runs, and how it ends."""
    parser.add_argument("--threads", type=int, metavar="N", help="default: all cores")
    add_how_it_ends(parser)


def of_the_run(given: argparse.Namespace) -> dict[str, Any]:
    """Return what was given of which rows are wanted and how it runs, as jobs take it."""
    names = ("rows", "shard", "resume", "threads", "force")
    return {name: getattr(given, name) for name in names} | {"progress": not given.quiet}


def add_how_it_ends(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what it prints, and whether it replaces."""
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.add_argument("--quiet", action="store_true", help="print no summary, show no progress")
    parser.add_argument("--force", action="store_true", help="replace the output if it exists")


def base(text: str) -> float | None:
    """Return the base of logarithms that a text says; None for e."""
    return None if text == "e" else float(text)


def print_out(text: str) -> None:
    """Print to standard output, and end as a shell expects where its reader has gone."""
    try:
        print(text, flush=True)
    except OSError as error:
        # Python flushes once more at exit, and must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            # What a shell reports of a command whose reader has gone.
            raise SystemExit(128 + 13) from None
        error.filename = "standard output"
        raise


def print_summary(summary: Summary, options: argparse.Namespace) -> None:
    """Print what a command has done, as is asked for."""
    if not options.quiet:
        print_out(json.dumps(summary.as_dict(), indent=2) if options.json else str(summary))
