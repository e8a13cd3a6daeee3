"""``logitkit compare``: two models over the same tokens."""

import argparse
from typing import Any

from logitkit import jobs
from logitkit.cli import options
from logitkit.io import OUTPUT_SUFFIXES


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "compare",
        allow_abbrev=False,
        help="compare the logits of two models for the same tokens",
        description="Compare the logits of two models for the same tokens: perplexities and their "
        "ratio, Kullback-Leibler divergence from the base, changes of the targets' probabilities, "
        "agreement of the top tokens. Files may be far larger than memory.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("base", metavar="BASE", help=f"the original: {options.INPUTS}")
    parser.add_argument("other", metavar="OTHER", help="a quantised one, say, of the same shape")
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="a table with one row for each token; its suffix says the format: "
        f"{', '.join(OUTPUT_SUFFIXES)}",
    )
    options.add_what_is_read(parser)
    options.add_which_rows(parser)
    options.add_how_it_runs(parser)


def run(given: argparse.Namespace) -> None:
    """Run the command."""
    comparison = jobs.compare(
        given.base,
        given.other,
        given.output,
        logits=given.logits,
        targets=given.targets,
        dtype=given.dtype,
        temperature=given.temperature,
        ignore_index=given.ignore_index,
        **options.of_the_run(given),
    )
    options.print_summary(comparison, given)
