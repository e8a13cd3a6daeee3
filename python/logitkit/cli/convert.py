"""``logitkit convert``: logits in another format."""

import argparse
from typing import Any

from logitkit import jobs
from logitkit.cli import options
from logitkit.io.logit_sink import LOGIT_SUFFIXES
from logitkit.io.tensor import LOGIT_ELEMENTS


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "convert",
        allow_abbrev=False,
        help="write logits in another format",
        description="Write logits, and the targets beside them, in another format. Bits stay what "
        "they are unless --to-dtype says otherwise.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("inputs", nargs="+", metavar="IN", help=options.INPUTS)
    parser.add_argument(
        "output",
        metavar="OUT",
        help=f"its suffix says the format: {', '.join((*LOGIT_SUFFIXES, '.kld'))}",
    )
    options.add_which_tensor(parser)
    options.add_which_targets(parser)
    parser.add_argument(
        "--to-dtype", choices=LOGIT_ELEMENTS, help="the element type to write (default: as it is)"
    )
    options.add_which_rows(parser, resume=False)
    options.add_how_it_ends(parser)


def run(given: argparse.Namespace) -> None:
    """Run the command."""
    summary = jobs.convert(
        given.inputs,
        given.output,
        logits=given.logits,
        targets=given.targets,
        dtype=given.dtype,
        to_dtype=given.to_dtype,
        ignore_index=given.ignore_index,
        rows=given.rows,
        shard=given.shard,
        force=given.force,
        progress=not given.quiet,
    )
    options.print_summary(summary, given)
