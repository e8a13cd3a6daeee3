"""``logitkit score``: a table of statistics."""

import argparse
from typing import Any

from logitkit import jobs
from logitkit.cli import options
from logitkit.io import OUTPUT_SUFFIXES


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "score",
        allow_abbrev=False,
        help="write a table of statistics with one row for each token",
        description="Write a table with one row for each token: entropy, log-probability and rank "
        "of its target, and more. Files may be far larger than memory.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help=options.INPUTS)
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help=f"the table; its suffix says the format: {', '.join(OUTPUT_SUFFIXES)}",
    )
    options.add_what_is_read(parser)
    parser.add_argument(
        "--base",
        type=options.base,
        metavar="B",
        help="base of logarithms: e for nats (default), 2 for bits, or any number above 1",
    )
    parser.add_argument(
        "--top-k",
        type=int,
        metavar="K",
        help="also list the tokens with the K largest logits of each row and their "
        "log-probabilities (in .csv one column for each place)",
    )
    options.add_which_rows(parser)
    options.add_how_it_runs(parser)


def run(given: argparse.Namespace) -> None:
    """Run the command."""
    summary = jobs.score(
        given.inputs,
        given.output,
        logits=given.logits,
        targets=given.targets,
        dtype=given.dtype,
        temperature=given.temperature,
        base=given.base,
        ignore_index=given.ignore_index,
        top_k=given.top_k,
        **options.of_the_run(given),
    )
    options.print_summary(summary, given)
